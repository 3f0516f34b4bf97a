"""Values that differ by what has been read of their rows, and by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.expiry import map_rows
from nplus1_lint.infer.joins import marks

if TYPE_CHECKING:
    from nplus1_lint.infer.values import Value


def differ_by_reads(left: Value, right: Value) -> bool:
    """True for the same rows, of which more has been read on one side: nobody has assigned them."""
    if left == right:
        return False
    unmarked, other = _unmarked(left), _unmarked(right)
    return (unmarked is not left or other is not right) and unmarked == other


def _unmarked(value: Value) -> Value:
    return map_rows(value, lambda atom: atom._replace(loads=atom.loads - marks(atom.loads)) if atom.loads else atom)
