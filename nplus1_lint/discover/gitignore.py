"""The patterns of .gitignore, one regular expression per file.

``pathspec`` answers for a path and everything below it; a walk needs git's own question, which is about one entry by
itself, for otherwise ``data/**`` with ``!data/a.py`` and a folder let in again by a deeper file come out wrong. It
would also cost more to import than a small scan takes.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# Stands at the end of a folder's name: no file name can have it, and unlike a slash no pattern can mean it.
_FOLDER: Final = "\0"
_ANY: Final = f"[^/{_FOLDER}]"
_CLASSES: Final = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\s",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


class PatternError(ValueError):
    """A pattern that can match nothing, such as an unclosed bracket."""


class Patterns:
    """The patterns of one place; they speak for the folder in which they stand."""

    def __init__(self, folder: str, lines: Iterable[str], *, strict: bool = False) -> None:
        """Compile patterns.

        Args:
            folder: the absolute folder that they are relative to.
            lines: one pattern each; blank lines and comments are passed over.
            strict: refuse a pattern that can match nothing; git passes over it.

        Raises:
            PatternError: With *strict*, a pattern can match nothing.
        """
        self._skip = len(os.path.join(folder, ""))
        rules = [rule for line in lines if (rule := _rule(line, strict)) is not None]
        rules.reverse()  # the last pattern that matches decides, and an alternation takes the first
        self._ignores = [ignores for ignores, _ in rules]
        self._match = re.compile("|".join(f"({expression})" for _, expression in rules), re.DOTALL).fullmatch

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """Ask about one entry, whatever holds for the folders around it.

        Args:
            path: its absolute path, inside the folder of the patterns.
            is_folder: the entry is a folder.

        Returns:
            True to ignore it, False to let it in, None without an opinion.
        """
        name = path[self._skip :].replace(os.sep, "/")
        found = self._match(name + _FOLDER if is_folder else name) if self._ignores else None
        return self._ignores[found.lastindex - 1] if found and found.lastindex else None


def _rule(line: str, strict: bool) -> tuple[bool, str] | None:
    pattern = re.sub(r"(?<!\\)((?:\\\\)*) +$", r"\1", line.rstrip("\r\n"))
    if not pattern or pattern.startswith("#"):
        return None
    negated = pattern.startswith("!")
    pattern = pattern[negated:]
    tail = _FOLDER if pattern.endswith("/") else f"{_FOLDER}?"
    pattern = pattern.removesuffix("/")
    try:
        return not negated, _expression(pattern) + tail
    except PatternError as error:
        if strict:
            raise PatternError(f"{line!r} {error}") from None
        return None


def _expression(pattern: str) -> str:
    """Translate a pattern, which names either a path from its folder or, without a slash inside, any entry below."""
    if not pattern:
        raise PatternError("names nothing")
    parts = ["" if "/" in pattern else "(?:.*/)?"]
    rest = pattern.removeprefix("/")
    if rest.startswith("**/"):
        parts, rest = ["(?:.*/)?"], rest[3:]
    position = 0
    while position < len(rest):
        if rest.startswith("/**/", position):
            parts.append("/(?:.*/)?")
            position += 4
        elif rest[position:] == "/**":
            parts.append("/.+")
            position += 3
        else:
            expression, position = _token(rest, position)
            parts.append(expression)
    return "".join(parts)


def _token(pattern: str, position: int) -> tuple[str, int]:
    char = pattern[position]
    if char == "*":
        return _ANY + "*", position + 1
    if char == "?":
        return _ANY, position + 1
    if char == "[":
        return _bracket(pattern, position + 1)
    if char == "\\":
        position += 1
        if position == len(pattern):
            raise PatternError("ends in a backslash")
    return re.escape(pattern[position]), position + 1


def _bracket(pattern: str, position: int) -> tuple[str, int]:
    """Translate ``[a-z]``; *position* is that of the first character inside."""
    negated = pattern[position : position + 1] in ("!", "^")
    position += negated
    parts: list[str] = []
    while position < len(pattern) and (pattern[position] != "]" or not parts):
        named = re.compile(r"\[:([a-z]+):\]").match(pattern, position)
        if named and named[1] in _CLASSES:
            parts.append(_CLASSES[named[1]])
            position = named.end()
            continue
        first, position = _member(pattern, position)
        if pattern[position : position + 1] == "-" and pattern[position + 1 : position + 2] not in ("", "]"):
            last, position = _member(pattern, position + 1)
            parts.append(f"{re.escape(first)}-{re.escape(last)}" if first <= last else "")
        else:
            parts.append(re.escape(first))
    if position >= len(pattern):
        raise PatternError("has an unclosed bracket")
    inside = "".join(parts)
    if not inside:  # only ranges that run backwards
        return _ANY if negated else "(?!)", position + 1
    return f"(?![/{_FOLDER}])[{'^' if negated else ''}{inside}]", position + 1


def _member(pattern: str, position: int) -> tuple[str, int]:
    if pattern[position] == "\\" and position + 1 < len(pattern):
        position += 1
    return pattern[position], position + 1
