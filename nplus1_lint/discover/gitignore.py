"""The patterns of .gitignore, as ``pathspec`` compiles them.

``pathspec`` answers for a path and everything below it. A walk needs git's own question, which is about one entry by
itself: else ``data/**`` with ``!data/a.py``, or a folder let in again by a deeper file, would come out wrong. So the
patterns are asked one by one, and a match that a folder above the entry has earned does not count.

Not as in git: a named class such as ``[[:alpha:]]`` is unknown, and a range that runs backwards makes its pattern void.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


# All folders below: pathspec reads it as everything below.
_ALL_FOLDERS: Final = re.compile(r"/\*\*/ *$")

# How pathspec begins the group of an expression; two groups of one expression must not share a name.
_GROUP: Final = re.compile(r"(?<!\\)\(\?P<\w+>")
_NOTHING: Final = r"(?!)"


class PatternError(ValueError):
    """A pattern that means nothing, such as ``!``."""


class Patterns:
    """The patterns of one place; they speak for the folder in which they stand."""

    def __init__(self, folder: str, lines: Iterable[str], *, strict: bool = False) -> None:
        """Compile patterns.

        Args:
            folder: the absolute folder that they are relative to.
            lines: one pattern each; blank lines and comments are passed over.
            strict: refuse a pattern that means nothing; git passes over it.

        Raises:
            PatternError: With *strict*, a pattern means nothing.
        """
        self._skip = len(os.path.join(folder, ""))
        self._rules = [rule for line in lines for rule in _compiled(line, strict)]
        self._rules.reverse()  # the last pattern that matches decides
        self._any = _union([regex for regex, _ in self._rules])

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """Ask about one entry, whatever holds for the folders around it.

        Args:
            path: its absolute path, inside the folder of the patterns.
            is_folder: the entry is a folder.

        Returns:
            True to ignore it, False to let it in, None without an opinion.
        """
        name = path[self._skip :].replace(os.sep, "/")
        if not (self._any.search(name) or (is_folder and self._any.search(name + "/"))):
            return None  # what most entries come to, and a question to one expression is cheaper than one to each
        return next((ignores for regex, ignores in self._rules if _means(regex, name, is_folder)), None)


def _compiled(line: str, strict: bool) -> Iterator[tuple[re.Pattern[str], bool]]:
    if not line.strip() or line.startswith("#"):
        return
    from pathspec import GitIgnoreSpec  # a project without patterns need not wait for it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # odd brackets
            patterns = GitIgnoreSpec.from_lines([_ALL_FOLDERS.sub("/**/*/", line)]).patterns
    except (ValueError, re.error):
        patterns = []
    compiled = [(p.regex, p.include) for p in patterns if p.regex is not None and p.include is not None]
    if strict and not compiled:
        raise PatternError(f"{line!r} matches nothing")
    yield from compiled


def _union(expressions: list[re.Pattern[str]]) -> re.Pattern[str]:
    """Return an expression that finds something wherever one of several does."""
    return re.compile("|".join(f"(?:{_GROUP.sub('(?:', one.pattern)})" for one in expressions) or _NOTHING)


def _means(regex: re.Pattern[str], name: str, is_folder: bool) -> bool:
    """True if an expression matches this entry itself; its one group is the slash after the folder that it matched."""
    found = regex.search(name)
    if found is not None and found.lastindex is None:
        return True
    return is_folder and any(match.end(1) == len(name) + 1 for match in regex.finditer(name + "/") if match.lastindex)
