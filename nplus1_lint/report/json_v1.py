"""JSON, version 1: other programs rely on it, so a change of meaning is a new version beside this one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nplus1_lint.version import __version__

if TYPE_CHECKING:
    from nplus1_lint.findings import Cost, Finding, Report, Suggestion
    from nplus1_lint.report import View


def write(report: Report, view: View) -> str:
    """Return the report as a JSON document; ``json_v1.schema.json`` beside this file describes it.

    Silenced findings stand among the others with the comment in ``suppressed``; ``summary.findings`` leaves them out.

    Args:
        report: what the scan found.
        view: has no influence.

    Returns:
        The document; equal reports give equal text.
    """
    findings = sorted((*report.findings, *report.suppressed), key=lambda finding: finding.sort_key)
    summary = report.summary
    document = {
        "version": 1,
        "tool": {"name": "nplus1-lint", "version": __version__},
        "findings": [_finding(finding) for finding in findings],
        "errors": [{"path": e.path, "line": e.line, "message": e.message} for e in report.errors],
        "summary": {
            "files": summary.files,
            "functions": summary.functions,
            "models": summary.models,
            "findings": summary.findings,
            "suppressed": summary.suppressed,
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "path": finding.path,
        "line": finding.span.line,
        "column": finding.span.column,
        "end_line": finding.span.end_line,
        "end_column": finding.span.end_column,
        "function": finding.function,
        "message": finding.message,
        "fingerprint": finding.fingerprint,
        "suppressed": finding.suppressed_by,
        "evidence": [{"path": s.path, "line": s.line, "message": s.message} for s in finding.evidence],
        "cost": _cost(finding.cost),
        "suggestion": _suggestion(finding.suggestion),
    }


def _cost(cost: Cost | None) -> dict[str, str] | None:
    return None if cost is None else {"before": cost.before, "after": cost.after}


def _suggestion(suggestion: Suggestion | None) -> dict[str, str] | None:
    if suggestion is None:
        return None
    return {
        "title": suggestion.title,
        "applicability": suggestion.applicability.value,
        "code": suggestion.code,
        "diff": suggestion.diff,
    }
