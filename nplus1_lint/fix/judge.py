"""Whether fixes did what they promised: their findings are gone and none has come."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from nplus1_lint.fix.shift import Shift

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from nplus1_lint.findings import Edit, Finding, Suspect
    from nplus1_lint.fix.candidates import Candidate
    from nplus1_lint.flag.source import SourceFiles, SourceText

Place: TypeAlias = tuple[int, ...]
"""Offsets of the first character and behind the last, or lines and columns in a file that no fix concerns."""
Key: TypeAlias = tuple[str, str, tuple[str, ...], Place]
"""Path, code, further paths, place: what makes two suspects of two scans the same."""

Gist: TypeAlias = tuple[str, str, tuple[str, ...], str]
"""What a suspect says, wherever it stands."""

_NUMBER: Final = re.compile(r"\d+")


def offenders(
    chosen: Sequence[Candidate],
    edits: Mapping[str, Sequence[Edit]],
    before: tuple[Sequence[Suspect], SourceFiles],
    after: tuple[Sequence[Suspect], SourceFiles],
) -> dict[Candidate, str]:
    """Find the fixes that do not keep their promise.

    Args:
        chosen: the fixes that were made.
        edits: all their edits, by path.
        before: the suspects of the whole project and its texts before.
        after: the same afterwards.

    Returns:
        For each fix that must be taken back a clause that says why; empty when all is well.
    """
    concerned = set(edits) | {finding.path for one in chosen for finding in one.findings}
    shifts = {path: Shift(made) for path, made in edits.items()}
    fixed = {_key_of(finding, before[1]): one for one in chosen for finding in one.findings}
    expected, gone, moved = _expected(before, concerned, shifts, fixed)
    bad: dict[Candidate, str] = {}
    fresh: list[tuple[Key, Suspect]] = []
    for suspect in after[0]:
        key = _key(suspect, after[1], concerned)
        there = expected.get(key)
        if not there:
            fresh.append((key, suspect))
        elif (fix := there.pop(0).fix) is not None:
            bad.setdefault(fix, _STILL)
    gone.update(_gist(stay.suspect) for stays in expected.values() for stay in stays if stay.fix is None)
    for key, suspect in fresh:
        gist = _gist(suspect)
        if gone[gist] or suspect.code == _SCHEMA:
            gone[gist] -= 1
        elif gist in moved:
            bad.setdefault(moved[gist], _STILL)
        else:
            told = f"it would bring another finding, {suspect.code} in {suspect.function}: {suspect.message}"
            bad |= {one: bad.get(one, told) for one in _blamed(chosen, suspect, key, shifts)}
    return bad


_SCHEMA: Final = "NP401"
"""An index that is missing was missing before: the new query finds its rows by the same columns as the old one."""
_STILL: Final = "the finding would still be there"


@dataclass(frozen=True, slots=True)
class _Stay:
    """A suspect that should be found at a place again, unless a fix was to silence it."""

    suspect: Suspect
    fix: Candidate | None = field(default=None)


def _expected(
    before: tuple[Sequence[Suspect], SourceFiles],
    concerned: Collection[str],
    shifts: Mapping[str, Shift],
    fixed: Mapping[Key, Candidate],
) -> tuple[dict[Key, list[_Stay]], Counter[Gist], dict[Gist, Candidate]]:
    """Where each suspect would stand if it were still there.

    Those whose place is no more follow by their gist: the ones that may stand elsewhere, and the ones to be silenced.
    """
    expected: dict[Key, list[_Stay]] = {}
    gone: Counter[Gist] = Counter()
    silenced: dict[Gist, Candidate] = {}
    for suspect in before[0]:
        key = _key(suspect, before[1], concerned)
        fix = fixed.get(key)
        path, code, also_in, place = key
        moved: Place | None = place
        if path in shifts:
            moved = shifts[path].moved(*place)
        if moved is not None:
            expected.setdefault((path, code, also_in, moved), []).append(_Stay(suspect, fix))
        elif fix is None:
            gone[_gist(suspect)] += 1
        else:
            silenced[_gist(suspect)] = fix
    return expected, gone, silenced


def _gist(suspect: Suspect) -> Gist:
    """What a suspect says, wherever it stands; one of several places is told by what they have in common."""
    if suspect.one_of_many:
        return "", suspect.code, (), suspect.discriminator
    return suspect.path, suspect.code, suspect.also_in, _NUMBER.sub("", suspect.message)


def _key(suspect: Suspect, files: SourceFiles, concerned: Collection[str]) -> Key:
    pos: Place = suspect.pos
    if suspect.path in concerned:
        source = files[suspect.path]
        pos = (
            _offset(source, suspect.pos.line, suspect.pos.column),
            _offset(source, suspect.pos.end_line, suspect.pos.end_column),
        )
    return suspect.path, suspect.code, suspect.also_in, pos


def _offset(source: SourceText, line: int, byte_column: int) -> int:
    return source.starts[line - 1] + (source.column(line, byte_column) or 0)


def _key_of(finding: Finding, files: SourceFiles) -> Key:
    source, span = files[finding.path], finding.span
    start = source.starts[span.line - 1] + span.column - 1
    return finding.path, finding.code, finding.also_in, (start, source.starts[span.end_line - 1] + span.end_column - 1)


def _blamed(
    chosen: Sequence[Candidate],
    suspect: Suspect,
    key: Key,
    shifts: Mapping[str, Shift],
) -> Iterable[Candidate]:
    """The fixes that may have brought a suspect: the nearest ones."""
    path, place = key[0], key[3]
    here = [one for one in chosen if path in one.paths]
    within = [one for one in here if _wrote(one, path, place, shifts[path])] if here else []
    same = [one for one in here if any(f.path == path and f.function == suspect.function for f in one.findings)]
    told = {step.path for step in suspect.evidence}
    related = [one for one in chosen if one.paths & told]
    return within or same or here or related or chosen


def _wrote(one: Candidate, path: str, place: Place, shift: Shift) -> bool:
    ranges = (shift.written(edit) for change in one.changes if change.path == path for edit in change.edits)
    return any(start < place[1] and place[0] < end for start, end in ranges)
