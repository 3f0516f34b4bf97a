"""Numbers, places and pieces of code as the sections of the analysis write them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from nplus1_lint.analysis_report import Badge, Cell, Code, Line, Link, Listing, Tone, prose
from nplus1_lint.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nplus1_lint.findings import Finding, Suggestion
    from nplus1_lint.query_costs import Assumptions, CostEntry, Polynomial
    from nplus1_lint.remedies import Assessment

TONES: Final = {Severity.ERROR: Tone.BAD, Severity.WARNING: Tone.WARN, Severity.INFO: Tone.CALM}
_LONGEST: Final = 36  # lines of a listing that begins with its loop
_AROUND: Final = 2


def plural(count: int, one: str, many: str = "") -> str:
    """Write a number with its noun."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def duration(statements: int, assessment: Assessment) -> str:
    """Write how long some statements wait for their answers, one after the other."""
    milliseconds = statements * assessment.round_trip
    if milliseconds < 1000:
        return f"{milliseconds:.3g} ms"
    seconds = milliseconds / 1000
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:,.1f} min"


def name_of(entry: CostEntry) -> str:
    """Name an endpoint by its route, a function by its name."""
    return entry.route or f"{entry.function}()"


def least(entry: CostEntry) -> str:
    """Precede the number of an entry of which not everything is known."""
    return "" if entry.complete else "≥ "


def number(entry: CostEntry, formula: Polynomial, assumed: Assumptions) -> Cell:
    """Write how many statements a formula of an endpoint comes to."""
    statements = assumed.statements(formula)
    return Cell((f"{least(entry)}{statements:,}",), statements)


def count(number: int, *, tone: Tone | None = None) -> Cell:
    """Write a number in a cell."""
    return Cell((f"{number:,}",), number, tone)


def text(words: str) -> Cell:
    """Write words in a cell; what stands between backticks is code."""
    return Cell(prose(words))


def code(words: str) -> Cell:
    """Write code in a cell."""
    return Cell((Code(words),))


def place(path: str, line: int) -> Code:
    """Say where something stands."""
    return Code(f"{path}:{line}")


def severity(finding: Finding) -> Badge:
    """Say how much a finding matters."""
    return Badge(str(finding.severity), TONES[finding.severity])


def anchor(finding: Finding) -> str:
    """Return the anchor of a finding's section."""
    return f"{finding.code.lower()}-{finding.fingerprint}"


def link(finding: Finding) -> Link:
    """Refer to a finding's section by its place."""
    return Link(f"{finding.path}:{finding.span.line}", anchor(finding))


def excerpt(finding: Finding, sources: Mapping[str, str], *, title: str = "Today") -> Listing | None:
    """Show the lines of a finding, from its loop on where that is near.

    Args:
        finding: stands in one of the sources.
        sources: text by path.
        title: precedes the place.
    """
    lines = sources.get(finding.path, "").splitlines()
    last = min(finding.span.end_line, len(lines), finding.span.line + _LONGEST)
    if not 0 < finding.span.line <= last:
        return None
    loops = [s.line for s in finding.evidence if s.path == finding.path and s.message.startswith("loop: ")]
    near = [line for line in loops if line <= finding.span.line and last - line < _LONGEST]
    first = min(near, default=max(1, finding.span.line - _AROUND))
    shown = textwrap.dedent("\n".join(line.rstrip() for line in lines[first - 1 : last]))
    marked = tuple(range(finding.span.line, last + 1))
    return Listing((f"{title}: ", place(finding.path, first)), shown, "python", first, marked)


def rewritten(suggestion: Suggestion | None, title: str = "With the change") -> tuple[Listing, ...]:
    """Show what a suggestion writes, as code or else as a diff."""
    if suggestion is None or not (suggestion.code or suggestion.diff):
        return ()
    if suggestion.code:
        return (Listing((title,), suggestion.code),)
    return (Listing((title,), suggestion.diff, "diff"),)


def advice(suggestion: Suggestion | None) -> Line:
    """Say what a suggestion does, and what may differ then."""
    if suggestion is None:
        return ("There is no mechanical change for it.",)
    line = prose(f"{suggestion.title}.")
    return (*line, *prose(f" It may change: {suggestion.behaviour}.")) if suggestion.behaviour else line
