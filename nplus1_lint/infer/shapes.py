"""What a loop's syntax says of it, whatever it iterates."""

from __future__ import annotations

from typing import Final, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, names
from nplus1_lint.infer.periodic import NO_GROWTH, Growth

_NONE: Final[frozenset[str]] = frozenset()


class Shape(NamedTuple):
    """What a loop's syntax says, read once however often it runs.

    Attributes:
        text: its header in short.
        chunked: an iteration handles a batch.
        sleeps: it waits between its iterations.
        targets: names that its head binds.
        assigned: names that the body assigns or changes in place.
        resets: names that it assigns elsewhere than where it has found them empty.
        growth: what the body adds to.
        tries: it only counts how often it tries: ``for n in range(limit)`` where *n* fetches no item of anything.
        windows: it is a ``while`` that moves on by more than one.
    """

    text: str
    chunked: bool
    sleeps: bool
    targets: frozenset[str]
    assigned: frozenset[str]
    resets: frozenset[str]
    growth: Growth
    tries: bool = False
    windows: bool = False


_OF_TEXT: Final = frozenset({"format", "sleep", "append"})
NO_SHAPE: Final = Shape("", False, False, _NONE, _NONE, _NONE, NO_GROWTH)
"""That of a comprehension, or of a helper that calls what it is given: a body that assigns nothing."""


def only_tries(iterable: f.Expr, inside: tuple[f.Expr, ...], targets: frozenset[str]) -> bool:
    """True for a ``range`` whose numbers are no positions: they may make part of a name, or wait for a while.

    Args:
        iterable: what the loop iterates.
        inside: every expression of its body.
        targets: names that its head binds.
    """
    if not isinstance(iterable, f.Call) or not isinstance(iterable.func, f.Name) or iterable.func.id != "range":
        return False
    if any(call_name(one) == "len" for argument in iterable.args for one in (argument, *_parts(argument))):
        return False
    for expr in inside:
        if isinstance(expr, f.Subscript) and not targets.isdisjoint(names(expr.index)):
            return False
        if isinstance(expr, f.Call) and isinstance(expr.func, f.Attr) and len(expr.args) == 1:
            only = expr.args[0]
            if isinstance(only, f.Name) and only.id in targets and expr.func.name not in _OF_TEXT:
                return False  # `sheet.row(n)`
    return True


def _parts(expr: f.Expr) -> tuple[f.Expr, ...]:
    return (expr.left, expr.right) if isinstance(expr, f.Binary) else ()
