"""Findings that a comment silences: ``# noqa: NP101`` and ``# nplus1: ignore[NP101] reason``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nplus1_lint.findings import Finding
    from nplus1_lint.index.facts import Suppression


def apply_suppressions(
    findings: Iterable[Finding], suppressions: Mapping[str, Sequence[Suppression]]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Set apart what comments silence.

    A comment silences a finding when it stands on the finding's first or last line, or belongs to a statement whose
    lines hold the start of the finding.

    Args:
        findings: in any order, which is kept.
        suppressions: the comments of each file, by the path that the findings carry.

    Returns:
        The findings that remain, and the silenced ones with ``suppressed_by`` naming the comment.
    """
    shown: list[Finding] = []
    silenced: list[Finding] = []
    for finding in findings:
        comment = next((s for s in suppressions.get(finding.path, ()) if _silences(s, finding)), None)
        if comment is None:
            shown.append(finding)
        else:
            silenced.append(replace(finding, suppressed_by=_words(comment)))
    return tuple(shown), tuple(silenced)


def _silences(comment: Suppression, finding: Finding) -> bool:
    if comment.kind == "no-query" or (comment.codes and finding.code not in comment.codes):
        return False
    return covers(comment, finding.span.line, finding.span.end_line)


def covers(comment: Suppression, first: int, last: int) -> bool:
    """True if a comment stands on one of two lines, or belongs to a statement that holds the first.

    Args:
        comment: the comment.
        first: the line on which a finding begins.
        last: the line on which it ends.
    """
    return comment.comment_line in (first, last) or comment.line <= first <= comment.last_line


def _words(comment: Suppression) -> str:
    """The comment as one would write it."""
    codes = ", ".join(comment.codes)
    if comment.kind == "noqa":
        return f"noqa: {codes}" if codes else "noqa"
    return " ".join(filter(None, [f"nplus1: ignore[{codes}]" if codes else "nplus1: ignore", comment.reason]))
