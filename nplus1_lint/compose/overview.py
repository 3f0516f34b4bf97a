"""The executive summary: how much is wrong, where it is worst, and what the changes are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.analysis_report import (
    Badge,
    Bar,
    Bullets,
    Cell,
    Chart,
    Column,
    Line,
    Link,
    Paragraph,
    Section,
    Table,
    Tone,
    prose,
)
from nplus1_lint.compose.titles import TITLES
from nplus1_lint.compose.words import TONES, count, duration, least, name_of, plural
from nplus1_lint.findings import Severity
from nplus1_lint.load_matrix import Use
from nplus1_lint.remedies import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nplus1_lint.analysis_report import Block
    from nplus1_lint.remedies import Assessment, Estimate

_WORST: Final = 5
_BARS: Final = 12


def overview(assessment: Assessment) -> Section:
    """Write the executive summary."""
    findings = assessment.report.findings
    blocks: list[Block] = []
    if not findings:
        blocks.append(Paragraph(("Nothing was found that costs more statements than it must.",)))
    else:
        blocks += [Paragraph(_verdict(assessment)), _by_severity(assessment)]
    blocks.append(Bullets(tuple(_key_points(assessment))))
    ranked = worst(assessment)
    bars = tuple(
        Bar(name_of(one.entry), *(assessment.assumed.statements(f) for f in (one.entry.polynomial, one.lean)))
        for one in ranked[:_BARS]
    )
    if bars:
        blocks.append(Chart("Statements per request, today and with all suggested changes", bars))
    return Section(("Executive summary",), "summary", tuple(blocks))


def worst(assessment: Assessment) -> Sequence[Estimate]:
    """Return the endpoints by falling number of statements; those that send none are left out."""
    assumed = assessment.assumed
    found = [one for one in assessment.estimates if one.entry.polynomial.terms]
    return sorted(
        found,
        key=lambda one: (
            -assumed.statements(one.entry.polynomial),
            -one.entry.degree,
            one.entry.path,
            one.entry.line,
            one.entry.route or "",
        ),
    )


def _verdict(assessment: Assessment) -> Line:
    assumed = assessment.assumed
    before = sum(assumed.statements(one.entry.polynomial) for one in assessment.estimates)
    looped = sum(assumed.statements(one.looped) for one in assessment.estimates)
    lean = sum(assumed.statements(one.lean) for one in assessment.estimates)
    grows = sum(one.entry.degree > 0 for one in assessment.estimates)
    steeply = sum(one.entry.degree > 1 for one in assessment.estimates)
    line = prose(
        f"{plural(len(assessment.report.findings), 'finding')}. "
        f"{plural(grows, 'endpoint sends', 'endpoints send')} more statements the more rows there are"
        + (f", {steeply} of them with the product of two or more sizes. " if steeply else ". ")
    )
    loads = f", and {lean:,} once the eager loads are gone too that nobody reads" if lean != looped else ""
    if not assessment.estimates:
        return (*line[:-1], "No endpoint was found, so there are no costs per request; see the findings below.")
    return (
        *line,
        f"One request to each endpoint sends {before:,} statements today, {looped:,} once the loops are mended{loads}: "
        f"{duration(before, assessment)} of waiting for the database against {duration(lean, assessment)} (see ",
        Link("the estimates", "estimates"),
        " for what is assumed).",
    )


def _by_severity(assessment: Assessment) -> Table:
    rows = []
    for severity in sorted(Severity, reverse=True):
        found = [one for one in assessment.report.findings if one.severity is severity]
        codes = sorted({(one.code, one.name) for one in found})
        counts = [(sum(one.code == code for one in found), code, name) for code, name in codes]
        words = ", ".join(f"{number} × {name} ({code})" for number, code, name in counts)
        badge = Badge(str(severity), TONES[severity])
        rows.append((Cell((badge,), int(severity)), count(len(found)), Cell((words or "none",))))
    return Table((Column("severity"), Column("findings", numeric=True), Column("what")), tuple(rows))


def _key_points(assessment: Assessment) -> Iterator[Line]:
    assumed = assessment.assumed
    for one in worst(assessment)[:_WORST]:
        entry = one.entry
        before, after = (assumed.statements(formula) for formula in (entry.polynomial, one.lean))
        change = f", {after:,} with the changes" if after != before else ""
        grows = "" if entry.degree else " whatever the number of rows"
        words = f"`{name_of(entry)}` sends `{entry.formula}` statements{grows}: {least(entry)}{before:,}{change}."
        yield prose(words)
    for step in assessment.plan:
        if step.remedies[0].saved(assumed) and step.kind is not Kind.LOADING:
            best = step.remedies[0]
            yield (
                f"{TITLES[step.kind]}: {plural(len(step.remedies), 'place')}. The one that is worth most for its "
                f"effort stands at ",
                Link(
                    f"{best.first.path}:{best.first.span.line}", f"{best.first.code.lower()}-{best.first.fingerprint}"
                ),
                f" and saves {best.saved(assumed):,} statements.",
            )
    cells = [cell for row in assessment.matrix.relationships for cell in row.cells]
    if cells:
        wasted = sum(cell.use is Use.WASTED for cell in cells)
        yield (
            f"The mapping loads {plural(len(assessment.matrix.relationships), 'relationship')} eagerly; of "
            f"{plural(len(cells), 'pair')} of relationship and router {wasted} are never read (",
            Link("eager loading", "loading"),
            ").",
        )
    yield _of_indexes(assessment)
    constant = sum(one.entry.degree == 0 and one.entry.complete for one in assessment.estimates)
    if constant:
        yield (
            Badge("good", Tone.GOOD),
            f" {plural(constant, 'endpoint sends', 'endpoints send')} a number of statements that does not depend on "
            "the rows, so far as everything on the way is known.",
        )


def _of_indexes(assessment: Assessment) -> Line:
    serving = sum(index.queries > 0 for index in assessment.indexes)
    missing = sum(finding.code == "NP401" for finding in assessment.report.findings)
    return (
        Badge("good", Tone.GOOD),
        f" {plural(serving, 'index or key serves', 'indexes and keys serve')} queries; "
        f"{plural(missing, 'column is', 'columns are')} searched without one (",
        Link("indexes", "indexes"),
        ").",
    )
