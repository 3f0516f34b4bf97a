"""Rows that are fetched for less than they hold: to be counted, asked for, filtered or cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.analysis_report import Paragraph, Section
from nplus1_lint.compose.loading import details
from nplus1_lint.compose.words import plural

if TYPE_CHECKING:
    from nplus1_lint.remedies import Assessment


def fetching(assessment: Assessment) -> Section:
    """Write the section on rows that travel for nothing."""
    codes = ("NP205", "NP301", "NP302", "NP303")
    found = [one for one in assessment.report.findings if one.code in codes]
    title = "Rows fetched for less than they hold"
    if not found:
        return Section((title,), "fetching", (Paragraph(("No rows are fetched only to be counted or cut.",)),))
    intro = (
        f"{plural(len(found), 'place fetches', 'places fetch')} rows that are only counted, asked for, filtered, "
        "summed, sorted or cut in Python. That costs memory and transfer rather than statements, "
        "and grows with the table.",
    )
    return Section((title,), "fetching", (Paragraph(intro),), details(found, assessment))
