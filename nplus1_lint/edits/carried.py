"""What was said of a project, with its places as they are after an edit that has only moved things."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final

from nplus1_lint.edits.moves import Moved
from nplus1_lint.findings import Pos, Step
from nplus1_lint.index.modules import module_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nplus1_lint.edits.moves import Moves
    from nplus1_lint.findings import Suspect

_IN_WORDS: Final = re.compile(r"\bline \d")
_IN_ID: Final = re.compile(r":\d+:\d+")  # of a function that stands in another one
_FIELDS: dict[type, tuple[str, ...]] = {}


def carried(suspects: tuple[Suspect, ...], moves: Mapping[str, Moves]) -> tuple[Suspect, ...]:
    """Return suspects with the places of now.

    Args:
        suspects: with those of then.
        moves: of each edited file, by path.

    Raises:
        Moved: one of them stands where no node stands any more, or says a place in a way that is not understood.
    """
    moving = {path: one for path, one in moves.items() if one.moves_any}
    if not moving:
        return suspects
    carrier = _Carrier(moving)
    return tuple(carrier.object(suspect, "") for suspect in suspects)


class _Carrier:
    """Replaces places.

    Args:
        moves: of files in which something has moved, by path.
    """

    def __init__(self, moves: Mapping[str, Moves]) -> None:
        self._moves = moves
        self._ids = tuple(f"{module_name(path)}:" for path in moves)
        self._named = re.compile(rf"(?<![\w./-])({'|'.join(re.escape(path) for path in sorted(moves))}):(\d+)\b")

    def object(self, value: Any, path: str) -> Any:
        """Return an object of `nplus1_lint.findings` with other places; the nearest path around one is its file."""
        kind = type(value)
        fields = _FIELDS.get(kind)
        if fields is None:
            fields = _FIELDS[kind] = tuple(field.name for field in dataclasses.fields(kind))
        path = getattr(value, "path", path)
        changed = {}
        for field in fields:
            old = getattr(value, field)
            new = self._part(old, path)
            if new is not old:
                changed[field] = new
        if kind is Step and path in self._moves:
            changed["line"] = self._moves[path].line(value.line)
        return dataclasses.replace(value, **changed) if changed else value

    def _part(self, value: Any, path: str) -> Any:
        if type(value) is str:
            return self._text(value, path)
        if type(value) is Pos:
            return Pos(*self._moves[path].place(value)) if path in self._moves else value
        if type(value) is tuple:
            return self._parts(value, path)
        return self.object(value, path) if dataclasses.is_dataclass(value) else value

    def _parts(self, value: tuple[Any, ...], path: str) -> tuple[Any, ...]:
        if len(value) == 2 and type(value[0]) is str and type(value[1]) is Pos:
            path = value[0]
        parts = tuple(self._part(part, path) for part in value)
        return parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value

    def _text(self, text: str, path: str) -> str:
        if path in self._moves and _IN_WORDS.search(text):
            raise Moved
        if ":" not in text:
            return text
        if _IN_ID.search(text) and any(one in text for one in self._ids):
            raise Moved
        return self._named.sub(lambda found: self._place(found, text), text)

    def _place(self, found: re.Match[str], text: str) -> str:
        """Return a path and a line in a text, with the line of now."""
        if text.startswith("loop: ") or text.count("`", 0, found.start()) % 2:
            raise Moved  # it is code that is quoted
        return f"{found[1]}:{self._moves[found[1]].line(int(found[2]))}"
