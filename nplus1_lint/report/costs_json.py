"""Costs as JSON, version 1: other programs rely on it, so a change of meaning is a new version."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nplus1_lint.version import __version__

if TYPE_CHECKING:
    from nplus1_lint.query_costs import Assumptions, CostDiff, CostEntry, CostTable, Polynomial
    from nplus1_lint.report import View


def write(table: CostTable, assumed: Assumptions, view: View) -> str:
    """Return costs as a JSON document; ``costs_v1.schema.json`` beside this file describes it.

    Args:
        table: endpoints or functions.
        assumed: sizes.
        view: without effect.

    Returns:
        The document; equal tables give equal text.
    """
    return _document(
        {
            "assumed": _assumed(assumed),
            "entries": [_entry(entry, assumed) for entry in table.entries],
            "errors": [asdict(error) for error in table.errors],
        }
    )


def write_diff(diff: CostDiff, assumed: Assumptions, view: View) -> str:
    """Return changes of costs as a JSON document; ``cost_diff_v1.schema.json`` beside this file describes it.

    Args:
        diff: what has changed.
        assumed: sizes.
        view: without effect.

    Returns:
        The document; equal changes give equal text.
    """
    changes = [
        {
            "verdict": change.verdict.value,
            "before": _entry(change.before, assumed) if change.before else None,
            "after": _entry(change.after, assumed) if change.after else None,
        }
        for change in diff.changes
    ]
    return _document(
        {
            "base": diff.base,
            "assumed": _assumed(assumed),
            "changes": changes,
            "errors": [asdict(error) for error in diff.errors],
        }
    )


def _document(content: dict[str, Any]) -> str:
    document = {"version": 1, "tool": {"name": "nplus1-lint", "version": __version__}, **content}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _assumed(assumed: Assumptions) -> dict[str, Any]:
    return {"default": assumed.default, "sizes": dict(sorted(assumed.sizes.items()))}


def _entry(entry: CostEntry, assumed: Assumptions) -> dict[str, Any]:
    return {
        "path": entry.path,
        "line": entry.line,
        "function": entry.function,
        "route": entry.route,
        "formula": entry.formula,
        "degree": entry.degree,
        "constant": entry.constant,
        "statements": assumed.statements(entry.polynomial),
        "after": _after(entry.after, assumed) if entry.after is not None else None,
        "terms": [asdict(term) for term in entry.terms],
        "complete": entry.complete,
        "notes": [asdict(note) for note in entry.notes],
    }


def _after(polynomial: Polynomial, assumed: Assumptions) -> dict[str, Any]:
    return {
        "formula": str(polynomial),
        "degree": polynomial.degree,
        "constant": polynomial.fixed,
        "statements": assumed.statements(polynomial),
    }
