"""What every rewriter gets and gives: the flagged node in its region, and edits that are shown or applied.

A rewrite is kept as edits of files, so that what is printed and what is applied are the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Applicability, Edit, FileChange, InternalError, Pos, Suggestion, Suspect
from nplus1_lint.flag.diff import edited, unified
from nplus1_lint.flag.imports import add_imports, merged, unusable
from nplus1_lint.flag.names import Names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.flag.source import SourceFiles, SourceText
    from nplus1_lint.flag.visitor import Located, Region

WIDTH: Final = 96


@dataclass(frozen=True, slots=True)
class Context:
    """A confirmed suspect with the syntax around it.

    Attributes:
        suspect: what the rule said.
        found: the flagged node.
        region: the parsed statements that hold the node and all places of its plan.
        files: the texts of all files of the project, for rewrites that change several.
    """

    suspect: Suspect
    found: Located
    region: Region
    files: SourceFiles

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
        return self._found(self.region, pos, what, kinds)

    def elsewhere(
        self, path: str, pos: Pos, what: str, kinds: tuple[type[cst.CSTNode], ...] = (cst.BaseExpression,)
    ) -> tuple[Region, Located]:
        """The node at a place of another file (or of the same, outside the region), and the statement around it.

        Args:
            path: project path of the file.
            pos: the place.
            what: what should stand there, for the message.
            kinds: the types allowed.

        Returns:
            The parsed statement and the node.

        Raises:
            InternalError: no such node stands there.
            OSError: the file can no longer be read.
        """
        source = self.files[path]
        run = source.statements(pos.line, pos.end_line) if 0 < pos.line <= len(source.starts) else None
        if run is None:
            raise self._missing(path, pos, what)
        region = source.region(*run)
        return region, self._found(region, pos, what, kinds)

    def _found(self, region: Region, pos: Pos, what: str, kinds: tuple[type[cst.CSTNode], ...]) -> Located:
        found = region.find(pos, kinds)
        if found is None:
            raise self._missing(region.source.path, pos, what)
        return found

    def _missing(self, path: str, pos: Pos, what: str) -> InternalError:
        return InternalError(
            f"{path}:{pos.line}: the plan of {self.suspect.code} names {what} at column {pos.column + 1}, but none "
            "stands there; please report this as a bug of nplus1-lint"
        )

    def names(self) -> Names:
        """Fresh names for the function around the node."""
        source = self.region.source
        return Names(source.identifiers(*source.function(self.region.first)))


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A change of the suspect's file, and of others where it takes more.

    It is applied as a whole or not at all. What it does to the flagged code must silence the finding: a rewrite that
    does not, or that brings another finding, is dropped when it is applied.

    Attributes:
        title: one line, imperative.
        anchor: index of the logical line of the suspect's file before which the new statements go; the excerpt that the
            reader sees begins there.
        before: the new statements, not indented.
        edits: changes of what is there, in the suspect's file.
        imports: import lines that the new code of the suspect's file needs, as `imports.import_of` gives them.
        applicability: ``SAFE`` where the program provably does the same afterwards, ``UNSAFE`` where it may do
            something else in a way that can be named, ``DISPLAY`` where it is an example rather than a change.
        behaviour: for ``UNSAFE``, one clause in the present tense without a full stop that names what may differ
            (``a key of None finds no rows``); empty otherwise.
        elsewhere: changes of other files, each path once. Their imports are given and placed as those of this file.
    """

    title: str
    anchor: int
    before: tuple[str, ...]
    edits: tuple[Edit, ...]
    imports: tuple[str, ...] = ()
    applicability: Applicability = Applicability.DISPLAY
    behaviour: str = ""
    elsewhere: tuple[FileChange, ...] = ()

    def __post_init__(self) -> None:
        if (self.applicability is Applicability.UNSAFE) != bool(self.behaviour):
            raise ValueError(f"{self.title!r}: an unsafe rewrite names what may differ, and no other does")

    def applied(self, source: SourceText) -> str:
        """The suspect's file with the change made, imports included."""
        change = self._here(source)
        return edited(source.text, [*add_imports(source, change.imports), *change.edits])

    def _here(self, source: SourceText) -> FileChange:
        """The change of the suspect's own file."""
        line = source.logical[self.anchor]
        start = source.starts[line.first - 1]
        text = source.line(line.first)
        indent = text[: len(text) - len(text.lstrip())]
        ending = source.lines(line.first, line.last)[len(source.lines(line.first, line.last).rstrip("\r\n")) :] or "\n"
        new = "".join(f"{indent}{statement}{ending}" for statement in self.before)
        inserted = (Edit(start, start, new),) if new else ()
        return FileChange(source.path, (*inserted, *self.edits), merged(self.imports))

    def suggestion(self, context: Context) -> Suggestion:
        """The change as the reader sees it: the new statements, the loop's header and each changed statement.

        Args:
            context: the suspect, and the files that change.

        Returns:
            The suggestion with its edits and their diff. It is for display only when a name that it must import is
            taken, or when the import could be circular.
        """
        source = context.region.source
        here = self._here(source)
        code = [*here.imports, *([""] if here.imports else []), *self.before, *_excerpt(self, context.region)]
        changes = tuple(sorted((here, *self.elsewhere), key=lambda change: change.path))
        hindered = unusable(source, here.imports, self.anchor) or any(
            unusable(context.files[change.path], change.imports, _first_line(context.files[change.path], change))
            for change in self.elsewhere
        )
        return Suggestion(
            title=self.title,
            code="\n".join(code),
            applicability=Applicability.DISPLAY if hindered else self.applicability,
            diff="".join(diff_of(context.files[change.path], change) for change in changes),
            behaviour="" if hindered else self.behaviour,
            changes=changes,
        )


def diff_of(source: SourceText, change: FileChange) -> str:
    """The unified diff of one file's change.

    Args:
        source: the file.
        change: its edits and imports.

    Returns:
        The diff.
    """
    return unified(source.path, source.diffed, [*add_imports(source, change.imports), *change.edits])


def _first_line(source: SourceText, change: FileChange) -> int | None:
    """The logical line of a change's first edit; None where no statement stands."""
    return source.index(source.line_of(change.edits[0].start)) if change.edits else None


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
        broken = [f"    {arg}," for arg in args]
        lines += [f".{name}(", *broken, ")"] if len(call) > WIDTH - 8 and args else [call]
    return lines
