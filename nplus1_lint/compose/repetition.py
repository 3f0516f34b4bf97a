"""The queries that repeat: each with its code, what it costs which endpoint, and the change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.analysis_report import Bullets, Cell, Code, Column, Line, Paragraph, Section, Table, prose
from nplus1_lint.compose.words import (
    advice,
    anchor,
    count,
    duration,
    excerpt,
    least,
    link,
    name_of,
    place,
    plural,
    rewritten,
    severity,
    text,
)
from nplus1_lint.remedies import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nplus1_lint.analysis_report import Block
    from nplus1_lint.findings import Finding
    from nplus1_lint.remedies import Assessment, Gain, Remedy

REPEATED: Final = (Kind.COUNTS, Kind.LOOPS, Kind.WRITES)
_ENDPOINTS: Final = 4


def repetition(assessment: Assessment) -> Section:
    """Write the section on N+1 queries, those that cost most first."""
    found = by_cost([one for one in assessment.remedies if one.kind in REPEATED], assessment)
    if not found:
        return Section(("Queries that repeat (N+1)",), "repetition", (Paragraph(("No query repeats needlessly.",)),))
    intro = prose(
        f"{plural(len(found), 'place sends', 'places send')} a statement per iteration of a loop, in the open or "
        "behind calls. Formulas count the statements of one request in the sizes of its loops; a gain is that of the "
        "one change by itself."
    )
    columns = (
        Column("severity"),
        Column("where"),
        Column("rule"),
        Column("endpoints", numeric=True),
        Column("saved statements", numeric=True),
        Column("what"),
    )
    rows = tuple(_row(one, assessment) for one in found)
    sections = tuple(_section(one, assessment) for one in found)
    return Section(("Queries that repeat (N+1)",), "repetition", (Paragraph(intro), Table(columns, rows)), sections)


def by_cost(remedies: Sequence[Remedy], assessment: Assessment) -> list[Remedy]:
    """Return remedies by falling severity and gain, then by place."""
    return sorted(remedies, key=lambda one: (-one.severity, -one.saved(assessment.assumed), one.first.sort_key))


def _row(remedy: Remedy, assessment: Assessment) -> tuple[Cell, ...]:
    finding = remedy.first
    return (
        Cell((severity(finding),), int(finding.severity)),
        Cell((link(finding),)),
        text(f"{finding.code} {finding.name}"),
        count(len(remedy.gains)),
        count(remedy.saved(assessment.assumed)),
        text(finding.message),
    )


def _section(remedy: Remedy, assessment: Assessment) -> Section:
    finding = remedy.first
    title: Line = (severity(finding), " ", Code(f"{finding.function}()"), f": {finding.name}")
    blocks: list[Block] = [
        Paragraph((place(finding.path, finding.span.line), f" ({finding.code}): ", *prose(f"{finding.message}."))),
        Bullets(tuple(impact(remedy, assessment))),
    ]
    shown = excerpt(finding, assessment.report.sources)
    blocks += [shown] if shown is not None else []
    blocks.append(Paragraph(("Change: ", *advice(finding.suggestion))))
    blocks += rewritten(finding.suggestion)
    blocks += [Paragraph(("On the way:",)), Bullets(tuple(evidence(finding)))]
    return Section(title, anchor(finding), tuple(blocks))


def evidence(finding: Finding) -> Iterator[Line]:
    """Write the steps of a finding."""
    for step in finding.evidence:
        yield (place(step.path, step.line), " ", *prose(step.message))


def impact(remedy: Remedy, assessment: Assessment) -> Iterator[Line]:
    """Say what endpoints send today and with the change alone; of the function itself where no endpoint has it."""
    assumed = assessment.assumed
    gains = sorted(remedy.gains, key=lambda gain: (-gain.saved(assumed), gain.entry.route or "", gain.entry.path))
    for gain in gains[:_ENDPOINTS]:
        yield _gain(gain, assessment)
    rest = gains[_ENDPOINTS:]
    if rest:
        saved = sum(gain.saved(assumed) for gain in rest)
        yield (f"and {plural(len(rest), 'more endpoint')}, {saved:,} statements less in all.",)
    if gains:
        return
    finding = remedy.first
    own = [e for e in assessment.functions if e.path == finding.path and e.function == finding.function]
    for entry in own[:1]:
        statements = assumed.statements(entry.polynomial)
        yield (
            *prose(f"No endpoint is seen to pay for it. One call of `{name_of(entry)}` sends `{entry.formula}`"),
            f" statements: {least(entry)}{statements:,}, {duration(statements, assessment)} of waiting.",
        )
    if not own:
        yield ("No endpoint is seen to pay for it, and what the function costs is not known.",)


def _gain(gain: Gain, assessment: Assessment) -> Line:
    assumed, entry = assessment.assumed, gain.entry
    before, after = assumed.statements(entry.polynomial), assumed.statements(gain.after)
    return (
        Code(name_of(entry)),
        ": ",
        Code(entry.formula),
        " becomes ",
        Code(str(gain.after)),
        f": {least(entry)}{before:,} statements become {after:,}, "
        f"{duration(before, assessment)} of waiting {duration(after, assessment)}.",
    )
