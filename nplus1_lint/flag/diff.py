"""Unified diffs made from edits, which say where the changes are: no file is compared with another."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nplus1_lint.findings import Edit

_CONTEXT: Final = 3
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines *first* to *last* (exclusive, from 0) of the old text give way to new ones."""

    first: int
    last: int
    new: tuple[str, ...]


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Make some edits, none of which overlaps another; of insertions at one place the first given stands first."""
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end))[::-1]:
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


class Lines:
    """A text by its lines as a diff knows them: nothing but a line feed ends one.

    Args:
        text: the text.

    Attributes:
        text: the text.
        lines: each with its end.
        starts: the offset at which each begins, and one past the last where that ends.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = _split(text)
        self.starts = [0, *accumulate(map(len, self.lines))]
        if text and not text.endswith("\n"):
            self.starts.pop()  # nothing begins behind a line that does not end


def unified(path: str, before: Lines, edits: Sequence[Edit]) -> str:
    """Return a unified diff that ``git apply`` takes in the folder to which *path* is relative.

    Args:
        path: forward slashes.
        before: the file's text before.
        edits: none of which overlaps another.

    Returns:
        The diff; an empty string when the edits change nothing.
    """
    changes = [change for block in _blocks(edits, before) for change in _changes(*block, before)]
    return _written(path, changes, before.lines)


def compared(path: str, before: bytes, after: bytes) -> bytes:
    """Return a unified diff of two contents, byte by byte, for ``git apply`` in the folder of *path*.

    Args:
        path: forward slashes.
        before: the old content.
        after: the new one.

    Returns:
        The diff; empty when nothing differs.
    """
    # Latin-1 gives each byte a character of its own, whatever the file's encoding is.
    old, new = (_split(content.decode("latin-1")) for content in (before, after))
    changes = list(_differences(old, new, 0))
    name = path.encode("utf-8", "surrogateescape").decode("latin-1")
    return _written(name, changes, old).encode("latin-1")


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _differences(old: Sequence[str], new: Sequence[str], first: int) -> Iterator[_Change]:
    """The changes between runs of lines of which the old one begins at line *first*."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    old, new = old[head : len(old) - tail], new[head : len(new) - tail]
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield _Change(first + head + i1, first + head + i2, tuple(new[j1:j2]))


def _written(path: str, changes: list[_Change], old: Sequence[str]) -> str:
    if not changes:
        return ""
    return f"--- {_name('a/', path)}\n+++ {_name('b/', path)}\n" + "".join(_hunks(changes, old))


def _blocks(edits: Sequence[Edit], before: Lines) -> Iterator[tuple[int, int, list[Edit]]]:
    """Runs of whole lines, first and last (exclusive), with the edits in them."""
    starts = before.starts
    runs: list[tuple[int, int, list[Edit]]] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        first, last = bisect_right(starts, edit.start) - 1, min(bisect_right(starts, edit.end), len(before.lines))
        if runs and first < runs[-1][1]:
            begin, end, inside = runs.pop()
            runs.append((begin, max(end, last), [*inside, edit]))
        else:
            runs.append((first, last, [edit]))
    yield from runs


def _changes(first: int, last: int, edits: list[Edit], before: Lines) -> Iterator[_Change]:
    begin = before.starts[first]
    end = before.starts[last] if last < len(before.starts) else len(before.text)
    moved = [replace(edit, start=edit.start - begin, end=edit.end - begin) for edit in edits]
    yield from _differences(before.lines[first:last], _split(edited(before.text[begin:end], moved)), first)


def _hunks(changes: list[_Change], old: Sequence[str]) -> Iterator[str]:
    group: list[_Change] = []
    shift = 0
    for change in changes:
        if group and change.first - group[-1].last > 2 * _CONTEXT:
            text, shift = _hunk(group, old, shift)
            yield text
            group = []
        group.append(change)
    yield _hunk(group, old, shift)[0]


def _hunk(group: list[_Change], old: Sequence[str], shift: int) -> tuple[str, int]:
    """A hunk's text, and by how many lines what follows it has moved."""
    first, last = max(group[0].first - _CONTEXT, 0), min(group[-1].last + _CONTEXT, len(old))
    body: list[str] = []
    at = first
    for change in group:
        body += [f" {line}" for line in old[at : change.first]]
        body += [f"-{line}" for line in old[change.first : change.last]]
        body += [f"+{line}" for line in change.new]
        at = change.last
    body += [f" {line}" for line in old[at:last]]
    grown = sum(len(change.new) - (change.last - change.first) for change in group)
    count, after = last - first, last - first + grown
    head = f"@@ -{_range(first, count)} +{_range(first + shift, after)} @@\n"
    text = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in body)
    return head + text, shift + grown


def _range(first: int, count: int) -> str:
    start = first + 1 if count else first
    return f"{start}" if count == 1 else f"{start},{count}"


def _name(prefix: str, path: str) -> str:
    """A file's name as git writes it: quoted where it must be; a tab ends one with spaces."""
    name = prefix + path
    if any(char in _ESCAPES or ord(char) < 32 for char in name):
        return (
            '"' + "".join(_ESCAPES.get(char, char if ord(char) >= 32 else f"\\{ord(char):03o}") for char in name) + '"'
        )
    return f"{name}\t" if " " in name else name
