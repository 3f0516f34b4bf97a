"""Rows that names hold: while they are held, the weak identity map answers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.values import Atom, Many, Mapping, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.frame import Frame


def held_rows(frame: Frame, model: str | None) -> Iterator[tuple[Atom, Row]]:
    """Yield the rows of a class in queried collections and in dictionaries, each with what holds it.

    Args:
        frame: the running function.
        model: id of the mapped class.
    """
    for binding in frame.state.env.values():
        for atom in binding.value.atoms:
            held = atom.item if type(atom) is Many and atom.kind == "rows" else (
                atom.value if type(atom) is Mapping else None)  # fmt: skip
            for row in held.only(Row) if held is not None else ():
                if row.model == model:
                    yield atom, row
