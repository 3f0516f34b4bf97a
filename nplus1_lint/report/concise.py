"""One line per finding, for editors and grep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.config import CANNOT_PARSE

if TYPE_CHECKING:
    from nplus1_lint.findings import Report
    from nplus1_lint.report import View


def write(report: Report, view: View) -> str:
    """Return ``path:line:column: code message`` lines, sorted by place.

    Args:
        report: what the scan found.
        view: has no influence.

    Returns:
        The lines; empty when there is nothing to say.
    """
    findings = [(f.path, f.span.line, f.span.column, f.code, f.message) for f in report.findings]
    errors = [(error.path, error.line, 1, CANNOT_PARSE, error.message) for error in report.errors]
    lines = (f"{path}:{line}:{column}: {code} {text}" for path, line, column, code, text in sorted(findings + errors))
    return "".join(" ".join(line.splitlines()) + "\n" for line in lines)


def write_statistics(report: Report) -> str:
    """Return how often each rule was found, the most frequent first.

    Args:
        report: what the scan found.

    Returns:
        One line per rule; empty when there is nothing to count.
    """
    counts: dict[tuple[str, str], int] = {}
    for finding in report.findings:
        counts[finding.code, finding.name] = counts.get((finding.code, finding.name), 0) + 1
    if report.errors:
        counts[CANNOT_PARSE, "cannot-parse"] = len(report.errors)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "".join(f"{count:>5}  {code}  {name}\n" for (code, name), count in ordered)
