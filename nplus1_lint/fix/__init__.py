"""Fix: suggestions are made in memory, scanned again, and only those that keep their promise are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from nplus1_lint.fix.candidates import Candidate, Refusal, candidates, compatible, edits_of
from nplus1_lint.fix.judge import offenders
from nplus1_lint.fix.write import replace_content, unchanged
from nplus1_lint.flag.diff import compared, edited
from nplus1_lint.index.syntax import fault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from nplus1_lint.findings import Applicability, Edit, FileChange, Finding, Suspect
    from nplus1_lint.flag.source import SourceFiles

__all__ = ["Refusal", "Settled", "changes_of", "diff", "sentence", "settle", "write"]


Scanned = TypeVar("Scanned", bound="Scan")


class Scan(Protocol):
    """What a scan found, and how to scan what a fix would make of it."""

    @property
    def suspects(self) -> Sequence[Suspect]:
        """All suspects of the project, whatever is asked for, those of low confidence aside."""

    @property
    def findings(self) -> Sequence[Finding]:
        """The findings that are shown, in report order, with project paths; silenced ones are not among them."""

    @property
    def files(self) -> SourceFiles:
        """The texts of the project."""

    def encoded(self, path: str, text: str) -> bytes:
        """Return a new text as the content of a file, in the encoding that the file has."""

    def over(self: Scanned, changed: Mapping[str, bytes]) -> Scanned:
        """Scan the project with other contents of some files, by project path."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What remains when nothing more can be fixed.

    Attributes:
        contents: the new contents of the files that change, by project path.
        groups: paths that a fix changes together, each in one group.
        fixed: the findings that are gone, as they were found.
        refused: the findings whose fix is not made.
    """

    contents: dict[str, bytes]
    groups: tuple[frozenset[str], ...]
    fixed: tuple[Finding, ...]
    refused: tuple[Refusal, ...]


def settle(scan: Scanned, wanted: Collection[Applicability], editable: Collection[str]) -> tuple[Scanned, Settled]:
    """Make fixes until none is left that can be made; nothing is written.

    Each round makes all fixes that do not meet, scans once, takes back those that do not silence their finding or bring
    another, and scans again until all is well. The next round works on what the last one left, where rewrites that met
    are written anew. It ends with a round in which nothing is fixed, so a second run fixes nothing.

    Args:
        scan: what is there.
        wanted: how far a suggestion may go.
        editable: project paths of the files that may be changed.

    Returns:
        The last scan, and what was done.
    """
    contents: dict[str, bytes] = {}
    groups: list[frozenset[str]] = []
    fixed: list[Finding] = []
    met: dict[str, str] = {}
    while True:
        possible, refused = candidates(scan.findings, wanted, editable)
        attempt = _round(scan, possible)
        met |= attempt.met
        if attempt.scan is None:
            refused += [Refusal(one, why) for fix, why in attempt.refused.items() for one in fix.findings]
            told = {refusal.finding.fingerprint for refusal in refused}
            rest = (one for one in scan.findings if one.fingerprint in met and one.fingerprint not in told)
            refused += [Refusal(one, met[one.fingerprint]) for one in rest]
            refused.sort(key=lambda refusal: refusal.finding.sort_key)
            return scan, Settled(contents, _joined(groups), tuple(fixed), tuple(refused))
        scan = attempt.scan
        contents.update(attempt.contents)
        groups += [fix.paths for fix in attempt.made]
        fixed += [finding for fix in attempt.made for finding in fix.findings]


@dataclass(frozen=True, slots=True)
class _Attempt(Generic[Scanned]):
    """A round.

    Attributes:
        scan: the scan afterwards, or None when nothing could be fixed.
        contents: the new contents, by path.
        made: the fixes.
        refused: why others were not made.
        met: by fingerprint, why findings had to wait.
    """

    scan: Scanned | None
    contents: dict[str, bytes]
    made: tuple[Candidate, ...]
    refused: dict[Candidate, str]
    met: dict[str, str]


def _round(scan: Scanned, possible: Sequence[Candidate]) -> _Attempt[Scanned]:
    refused: dict[Candidate, str] = {}
    while True:
        chosen, clashes = compatible([one for one in possible if one not in refused], scan.files)
        if not chosen:
            return _Attempt(None, {}, (), refused, {})
        edits = edits_of(chosen, scan.files)
        contents, broken = _contents(scan, chosen, edits)
        if not broken:
            after = scan.over(contents)
            broken = offenders(chosen, edits, (scan.suspects, scan.files), (after.suspects, after.files))
            if not broken:
                return _Attempt(after, contents, chosen, refused, _waiting(clashes))
        refused |= broken


def _waiting(clashes: Mapping[Candidate, Candidate]) -> dict[str, str]:
    found: dict[str, str] = {}
    for loser, winner in clashes.items():
        first = winner.findings[0]
        for finding in loser.findings:
            found[finding.fingerprint] = (
                f"its edits overlap those for {first.code} in {first.function}, which comes first"
            )
    return found


def _contents(
    scan: Scan, chosen: Sequence[Candidate], edits: Mapping[str, Sequence[Edit]]
) -> tuple[dict[str, bytes], dict[Candidate, str]]:
    """The new contents; and the fixes by which a file would no longer compile."""
    contents: dict[str, bytes] = {}
    broken: dict[Candidate, str] = {}
    for path, made in edits.items():
        text = scan.files[path].text
        try:
            contents[path] = scan.encoded(path, edited(text, made))
            wrong = fault(contents[path], path, scan.encoded(path, text))
        except UnicodeEncodeError as error:
            wrong = f"{error.object[error.start]!r} cannot be written in {error.encoding}"
        if wrong:
            broken |= dict.fromkeys(_culprits(scan, path, chosen), f"{path} would not compile: {wrong}")
    return contents, broken


def _culprits(scan: Scan, path: str, chosen: Sequence[Candidate]) -> list[Candidate]:
    """Those by whose change alone a file does not compile; else all that change it."""
    here = [one for one in chosen if path in one.paths]
    text = scan.files[path].text
    found: list[Candidate] = []
    for one in here:
        try:
            changed = edited(text, edits_of([one], scan.files)[path])
            wrong = fault(scan.encoded(path, changed), path, scan.encoded(path, text))
        except UnicodeEncodeError as error:
            wrong = str(error)
        if wrong:
            found.append(one)
    return found or here


def _joined(groups: Iterable[frozenset[str]]) -> tuple[frozenset[str], ...]:
    """Join groups that share a path."""
    found: list[frozenset[str]] = []
    for group in groups:
        apart = [other for other in found if not other & group]
        found = [*apart, group.union(*(other for other in found if other & group))]
    return tuple(sorted(found, key=min))


def changes_of(finding: Finding) -> tuple[FileChange, ...]:
    """Return what a finding's suggestion changes."""
    return finding.suggestion.changes if finding.suggestion else ()


def sentence(refusal: Refusal, shown: Callable[[str], str]) -> str:
    """Say that a finding is not fixed, and why.

    Args:
        refusal: the finding.
        shown: gives a project path as the reader knows it.

    Returns:
        The sentence, without a full stop.
    """
    finding = refusal.finding
    place = f"{shown(finding.path)}:{finding.span.line}"
    return f"{place}: {finding.code} in {finding.function} is not fixed: {refusal.reason}"


def diff(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> bytes:
    """Show changes of files as one unified diff for ``git apply`` in the project's root.

    Args:
        before: contents by project path.
        after: the new contents of the same files.

    Returns:
        The diff, each file in its own encoding.
    """
    return b"".join(compared(path, before[path], after[path]) for path in sorted(after))


def write(
    settled: Settled, before: Mapping[str, bytes], locations: Mapping[str, str]
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Write what was settled.

    Files that a fix changes together are written together: where one of them is no longer what was read, or cannot be
    written, none is, as far as that is known beforehand.

    Args:
        settled: the new contents.
        before: what was read, by project path.
        locations: the absolute path of each.

    Returns:
        What was written, by project path; and the files left alone, each with a clause that says why.
    """
    written: dict[str, bytes] = {}
    failed: dict[str, str] = {}
    for group in settled.groups:
        changed = [path for path in sorted(group) if not unchanged(locations[path], before[path])]
        if changed:
            reason = "it was changed while it was scanned"
            others = f"it belongs to a change of {changed[0]}, which was changed while it was scanned"
            failed |= {path: reason if path in changed else others for path in group}
            continue
        for path in sorted(group):
            try:
                replace_content(locations[path], settled.contents[path])
                written[path] = settled.contents[path]
            except OSError as error:
                failed[path] = f"it cannot be written: {error.strerror or error}"
    return written, failed
