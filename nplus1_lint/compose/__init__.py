"""The performance analysis of a project as a document, from what the stages before have found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.analysis_report import Code, Document
from nplus1_lint.compose.estimates import estimates
from nplus1_lint.compose.fetching import fetching
from nplus1_lint.compose.loading import loading
from nplus1_lint.compose.method import method
from nplus1_lint.compose.overview import overview
from nplus1_lint.compose.plan import plan, recommendations, summary_table
from nplus1_lint.compose.repetition import repetition
from nplus1_lint.compose.schema import caching, indexes
from nplus1_lint.compose.words import plural

if TYPE_CHECKING:
    from nplus1_lint.remedies import Assessment

__all__ = ["compose"]


def compose(assessment: Assessment) -> Document:
    """Write the analysis.

    Args:
        assessment: all that it tells.

    Returns:
        The document; the same assessment gives the same one.
    """
    summary = assessment.report.summary
    scope = [part for path in assessment.scope for part in (", ", Code(path))][1:]
    sizes = ", ".join(
        (
            plural(summary.files, "file"),
            plural(summary.functions, "function"),
            plural(summary.models, "mapped class", "mapped classes"),
            plural(len(assessment.estimates), "endpoint"),
        )
    )
    lead = ("What ", *scope, f" sends to its database: {sizes}. Found by reading the source; nothing was run.")
    return Document(
        title="Database performance analysis",
        lead=lead,
        sections=(
            overview(assessment),
            repetition(assessment),
            loading(assessment),
            indexes(assessment),
            fetching(assessment),
            caching(assessment),
            estimates(assessment),
            recommendations(assessment),
            summary_table(assessment),
            plan(assessment),
            method(assessment),
        ),
        stamp=assessment.stamp,
    )
