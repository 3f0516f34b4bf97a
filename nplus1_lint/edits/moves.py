"""Where the nodes of a file stand after an edit that has not changed them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nplus1_lint.index import facts as f

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from nplus1_lint.index.facts import Place


class Moved(Exception):
    """Something cannot be told from the places alone: two nodes have changed places, or one has become another."""


class Moves:
    """The places of a file's nodes before and after an edit.

    Args:
        before: the facts of the file then.
        after: those of now.
        rewritten: qualified names of functions that are not the same; they are left out.

    Raises:
        Moved: other things are not the same either, or not in the same order.
    """

    def __init__(self, before: f.ModuleFacts, after: f.ModuleFacts, rewritten: Collection[str]) -> None:
        self._rewritten = rewritten
        self._places: dict[Place, Place] = {}
        self._pair_suites(before.body.body, after.body.body)
        self._lines: dict[int, int] = {}
        last = (0, 0)
        for old in sorted(self._places):
            new = self._places[old]
            if new[:2] < last or self._lines.setdefault(old[0], new[0]) != new[0]:
                raise Moved
            last = new[:2]
        if len({*self._lines.values()}) < len(self._lines):  # rules count what stands in one line once
            raise Moved
        self.moves_any = any(old != new for old, new in self._places.items())

    def place(self, old: Place) -> Place:
        """Return where a node stands now.

        Raises:
            Moved: none of the nodes stood there.
        """
        try:
            return self._places[old]
        except KeyError:
            raise Moved from None

    def line(self, old: int) -> int:
        """Return the line in which what began in a line begins now.

        Raises:
            Moved: none of the nodes began there.
        """
        try:
            return self._lines[old]
        except KeyError:
            raise Moved from None

    def _pair_suites(self, before: Iterable[f.Stmt], after: Iterable[f.Stmt]) -> None:
        """Pair the statements of a file's or a class' top level."""
        old, new = self._parted(before), self._parted(after)
        if old.keys() != new.keys():
            raise Moved
        for name, statements in old.items():
            self._pair(statements, new[name])

    def _parted(self, body: Iterable[f.Stmt]) -> dict[str, list[f.Stmt]]:
        """Functions by name, and all else in order under an empty name."""
        found: dict[str, list[f.Stmt]] = {"": []}
        for statement in body:
            name = statement.function.qualname if isinstance(statement, f.Def) else ""
            if name not in self._rewritten:
                found.setdefault(name, []).append(statement)
        return found

    def _pair(self, old: Any, new: Any) -> None:
        if isinstance(old, (tuple, list)):
            if not isinstance(new, (tuple, list)) or len(old) != len(new):
                raise Moved
            for one, other in zip(old, new, strict=True):
                self._pair(one, other)
        elif isinstance(old, f.Suite):
            self._pair_places((old.pos,), (new.pos,))
            self._pair(old.statements, new.statements)
        elif isinstance(old, msgspec.Struct):
            self._pair_nodes(old, new)
        elif old != new:
            raise Moved

    def _pair_nodes(self, old: Any, new: Any) -> None:
        if type(old) is not type(new):
            raise Moved
        for field in old.__struct_fields__:
            one, other = getattr(old, field), getattr(new, field)
            if field == "pos":
                self._pair_places((one,), (other,))
            elif field == "places":
                self._pair_places(one, other)
            elif field == "body" and isinstance(old, f.ClassFacts):
                self._pair_suites(one, other)
            else:
                self._pair(one, other)

    def _pair_places(self, old: tuple[Place, ...], new: tuple[Place, ...]) -> None:
        for one, other in zip(old, new, strict=True):
            if self._places.setdefault(one, other) != other:
                raise Moved
