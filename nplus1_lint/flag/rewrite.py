"""What every rewriter gets and gives: the flagged node in its region, and edits that are shown or applied.

A rewrite is kept as edits of the file, so that what is printed and what could be applied are the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Applicability, InternalError, Pos, Suggestion, Suspect
from nplus1_lint.flag.names import Names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.flag.source import SourceText
    from nplus1_lint.flag.visitor import Located, Region

WIDTH: Final = 96


@dataclass(frozen=True, slots=True)
class Context:
    """A confirmed suspect with the syntax around it.

    Attributes:
        suspect: what the rule said.
        found: the flagged node.
        region: the parsed statements that hold the node and all places of its plan.
    """

    suspect: Suspect
    found: Located
    region: Region

    def at(self, pos: Pos, what: str, kinds: tuple[type[cst.CSTNode], ...] = (cst.BaseExpression,)) -> Located:
        """The node at a place of the plan.

        Args:
            pos: the place.
            what: what should stand there, for the message.
            kinds: the types allowed.

        Returns:
            The node.

        Raises:
            InternalError: no such node stands there.
        """
        found = self.region.find(pos, kinds)
        if found is None:
            raise InternalError(
                f"{self.suspect.path}:{pos.line}: the plan of {self.suspect.code} names {what} at column "
                f"{pos.column + 1}, but none stands there; please report this as a bug of nplus1-lint"
            )
        return found

    def names(self) -> Names:
        """Fresh names for the function around the node."""
        source = self.region.source
        return Names(source.identifiers(*source.function(self.region.first)))


@dataclass(frozen=True, slots=True)
class Edit:
    """Text to put in the place of some characters of the file."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A change of one file.

    Attributes:
        title: one line, imperative.
        anchor: logical line before which the new statements go.
        before: the new statements, not indented.
        edits: changes of what is there.
        imports: import lines that the new code needs.
    """

    title: str
    anchor: int
    before: tuple[str, ...]
    edits: tuple[Edit, ...]
    imports: tuple[str, ...] = ()

    def applied(self, source: SourceText) -> str:
        """The file's text with the change made, imports left out."""
        line = source.logical[self.anchor]
        start = source.starts[line.first - 1]
        text = source.line(line.first)
        indent = text[: len(text) - len(text.lstrip())]
        ending = source.lines(line.first, line.last)[len(source.lines(line.first, line.last).rstrip("\r\n")) :] or "\n"
        new = "".join(f"{indent}{statement}{ending}" for statement in self.before)
        return edited(source.text, [Edit(start, start, new), *self.edits])

    def suggestion(self, region: Region) -> Suggestion:
        """The change as the reader sees it: the new statements, the loop's header and each changed statement.

        Args:
            region: the parsed statements around the loop.

        Returns:
            A suggestion to display.
        """
        code = [*self.imports, *([""] if self.imports else []), *self.before, *_excerpt(self, region)]
        return Suggestion(self.title, "\n".join(code), Applicability.DISPLAY)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Make some edits, none of which overlaps another."""
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def advise(title: str) -> Suggestion:
    """A suggestion that speaks in its title only."""
    return Suggestion(title, "", Applicability.DISPLAY)


def _excerpt(rewrite: Rewrite, region: Region) -> list[str]:
    """The statements that change, under the headers around them, all else as ``...``."""
    source = region.source
    last = source.index(region.last_line)
    shown = _shown(rewrite, region)
    lines: list[str] = []
    skipped = False
    base = source.logical[rewrite.anchor].indent
    for at in range(rewrite.anchor, (last if last is not None else region.last) + 1):
        line = source.logical[at]
        if line.indent < base:
            break
        if at not in shown:
            if not skipped:
                lines.append(" " * (line.indent - base) + "...")
            skipped = True
            continue
        text = _with_edits(rewrite, source, at)
        if text:
            skipped = False
            lines.extend(_dedented(text, source, at, rewrite.anchor))
    return _without_tail(lines)


def _shown(rewrite: Rewrite, region: Region) -> set[int]:
    source = region.source
    shown: set[int] = {rewrite.anchor}
    for edit in rewrite.edits:
        first = source.index(source.line_of(edit.start))
        at = first
        while at is not None and at >= rewrite.anchor:
            # The other clauses of a shown header keep a ``try`` or ``else`` complete.
            shown.update({at} if at == first and source.logical[at].word not in _HEADERS else source.clauses(at))
            at = source.parent(at)
    return shown


_HEADERS: Final = frozenset({"if", "elif", "else", "for", "while", "try", "except", "finally", "with", "async"})


def _with_edits(rewrite: Rewrite, source: SourceText, at: int) -> str:
    line = source.logical[at]
    start = source.starts[line.first - 1]
    text = source.lines(line.first, line.last)
    inside = [
        Edit(edit.start - start, edit.end - start, edit.text)
        for edit in rewrite.edits
        if start <= edit.start and edit.end <= start + len(text)
    ]
    return edited(text, inside).rstrip()


def _dedented(text: str, source: SourceText, at: int, anchor: int) -> list[str]:
    first = source.line(source.logical[anchor].first)
    indent = first[: len(first) - len(first.lstrip())]
    number = source.logical[at].first
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [
        line if number + offset in source.in_string else line.removeprefix(indent) for offset, line in enumerate(lines)
    ]


def _without_tail(lines: list[str]) -> list[str]:
    """Drop a closing ``...`` of the loop's own block, unless a header needs it."""
    if len(lines) > 1 and lines[-1].strip() == "..." and not lines[-2].rstrip().endswith(":"):
        return lines[:-1]
    return lines


def flat(region: Region, node: cst.CSTNode) -> str:
    """A node's source on one line where that changes nothing, else as it stands."""
    text = region.code(node)
    if "\n" not in text.replace("\r", "\n") or "#" in text or "\\" in text or '"""' in text or "'''" in text:
        return text
    pieces = [piece.strip() for piece in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    joined = pieces[0]
    for piece in filter(None, pieces[1:]):
        if piece[0] in ")]}":
            joined = joined.removesuffix(",") + piece
        else:
            joined += piece if piece[0] == "." or joined[-1] in "([{" else f" {piece}"
    return joined


def wrap(prefix: str, inner: Sequence[str], suffix: str) -> list[str]:
    """Put brackets around lines: on one line where it fits, else indented between them."""
    if len(inner) == 1 and len(prefix) + len(inner[0]) + len(suffix) <= WIDTH:
        return [prefix + inner[0] + suffix]
    return [prefix, *(f"    {line}" for line in inner), suffix]


def chain(root: str, steps: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Lay out a chain of calls, to stand between brackets.

    Args:
        root: what the first method is called on.
        steps: each method with its arguments.

    Returns:
        One line where it fits, else one per call.
    """
    calls = [f".{name}({', '.join(args)})" for name, args in steps]
    line = root + "".join(calls)
    if len(line) <= WIDTH - 20 or not steps:
        return [line]
    lines = [root]
    for call, (name, args) in zip(calls, steps, strict=True):
        lines += wrap(f".{name}(", [f"{arg}," for arg in args], ")") if len(call) > WIDTH - 8 and args else [call]
    return lines
