"""What could be fixed: suggestions with edits, and which of them can be made at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nplus1_lint.flag.imports import add_imports, merged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from nplus1_lint.findings import Applicability, Edit, FileChange, Finding
    from nplus1_lint.flag.source import SourceFiles

_WORD: Final = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One change, made as a whole or not at all; equal only to itself.

    Attributes:
        findings: those that propose it; the first gives it its place in the order.
        changes: the files that it changes.
    """

    findings: tuple[Finding, ...]
    changes: tuple[FileChange, ...]

    @property
    def paths(self) -> frozenset[str]:
        """Project paths of the files that it changes."""
        return frozenset(change.path for change in self.changes)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A fix that is not made.

    Attributes:
        finding: what remains.
        reason: a clause that says why.
    """

    finding: Finding
    reason: str


def candidates(
    findings: Iterable[Finding], wanted: Collection[Applicability], editable: Collection[str]
) -> tuple[list[Candidate], list[Refusal]]:
    """Pick the findings that a machine may fix.

    Args:
        findings: in report order.
        wanted: how far their suggestions may go.
        editable: project paths of the files that may be changed.

    Returns:
        The changes in report order, equal ones together, and those that would change other files.
    """
    groups: dict[tuple[FileChange, ...], list[Finding]] = {}
    refused: list[Refusal] = []
    for finding in findings:
        made = finding.suggestion
        if made is None or not made.changes or made.applicability not in wanted:
            continue
        outside = next((change.path for change in made.changes if change.path not in editable), None)
        if outside is not None:
            refused.append(
                Refusal(finding, f"it would change {outside}, which is not among the paths that are checked")
            )
        else:
            groups.setdefault(made.changes, []).append(finding)
    return [Candidate(tuple(group), changes) for changes, group in groups.items()], refused


def compatible(
    wanted: Sequence[Candidate], files: SourceFiles
) -> tuple[tuple[Candidate, ...], dict[Candidate, Candidate]]:
    """Choose changes that do not meet: of two that do, the first in the order wins.

    Changes meet where they touch the same characters, and where both bring the same new name into a file.

    Args:
        wanted: in the order.
        files: the texts that they change.

    Returns:
        Those to make, and each of the others with the one that it meets.
    """
    chosen: list[Candidate] = []
    clashes: dict[Candidate, Candidate] = {}
    names = {one: _new_names(one, files) for one in wanted}
    for one in wanted:
        other = next((c for c in chosen if c.paths & one.paths and (_touch(c, one) or names[c] & names[one])), None)
        if other is None:
            chosen.append(one)
        else:
            clashes[one] = other
    return tuple(chosen), clashes


def _touch(one: Candidate, other: Candidate) -> bool:
    return any(
        max(a.start, b.start) <= min(a.end, b.end)
        for mine in one.changes
        for theirs in other.changes
        if mine.path == theirs.path
        for a in mine.edits
        for b in theirs.edits
    )


def _new_names(candidate: Candidate, files: SourceFiles) -> set[tuple[str, str]]:
    """Words that a change brings into a file, with its path; what it imports may be brought twice."""
    found: set[tuple[str, str]] = set()
    for change in candidate.changes:
        known = set(_WORD.findall(files[change.path].text)) | set(_WORD.findall(" ".join(change.imports)))
        words = {word for edit in change.edits for word in _WORD.findall(edit.text)}
        found |= {(change.path, word) for word in words - known}
    return found


def edits_of(chosen: Iterable[Candidate], files: SourceFiles) -> dict[str, tuple[Edit, ...]]:
    """Put changes together.

    Args:
        chosen: changes that do not meet.
        files: the texts that they change.

    Returns:
        By path, the edits of the file; what several of them import is imported once.
    """
    edits: dict[str, list[Edit]] = {}
    imports: dict[str, list[str]] = {}
    for candidate in chosen:
        for change in candidate.changes:
            edits.setdefault(change.path, []).extend(change.edits)
            imports.setdefault(change.path, []).extend(change.imports)
    return {path: (*add_imports(files[path], merged(imports[path])), *edits[path]) for path in sorted(edits)}
