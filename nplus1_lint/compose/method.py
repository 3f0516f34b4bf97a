"""How the figures are made, and what they do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.analysis_report import Bullets, Line, Paragraph, Section, prose
from nplus1_lint.compose.words import place, plural, severity
from nplus1_lint.remedies import kind_of

if TYPE_CHECKING:
    from nplus1_lint.remedies import Assessment


def _others(assessment: Assessment) -> tuple[Section, ...]:
    """Findings that no change of a query mends, such as comments that silence nothing."""
    others = [one for one in assessment.report.findings if kind_of(one) is None]
    if not others:
        return ()
    items = tuple(
        (severity(one), " ", place(one.path, one.span.line), f" ({one.code}): ", *prose(one.message)) for one in others
    )
    return (Section(("Findings that are not about queries",), "others", (Bullets(items),)),)


def method(assessment: Assessment) -> Section:
    """Write what the numbers count and where they end."""
    points: list[Line] = [
        prose(
            "A formula counts the statements of one request as the database sees them: no `BEGIN`, no `COMMIT`; an "
            "`executemany` is one. Statements one after the other add up, loops multiply, calls bring in what the "
            "callee costs, eager loads count once per query."
        ),
        prose(
            "How many rows there are is not in the source: the names in a formula stand for it. A process-wide cache "
            "counts as filled."
        ),
        (
            "What a change saves is what the formula loses when the statements of the loop are sent once, or when the "
            "loads are not made that nobody reads; the changes were not executed.",
        ),
    ]
    report = assessment.report
    unsure = sum(not one.entry.complete for one in assessment.estimates)
    if unsure:
        points.append((f"{plural(unsure, 'endpoint has', 'endpoints have')} something on the way that is not known.",))
    if report.suppressed:
        points.append((f"{plural(len(report.suppressed), 'finding is', 'findings are')} silenced by comments.",))
    sections = _others(assessment)
    if report.errors:
        missing = tuple((place(error.path, error.line), f" {error.message}") for error in report.errors)
        sections = (
            *sections,
            Section(
                ("Files that could not be read",),
                "errors",
                (Paragraph(("Nothing above knows of them.",)), Bullets(missing)),
            ),
        )
    return Section(("How the figures are made",), "method", (Bullets(tuple(points)),), sections)
