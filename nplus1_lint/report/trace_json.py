"""A trace as JSON, version 1: other programs rely on it, so a change of meaning is a new version."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nplus1_lint.version import __version__

if TYPE_CHECKING:
    from nplus1_lint.traces import Trace


def write(trace: Trace) -> str:
    """Return the trace as a JSON document; ``trace_v1.schema.json`` beside this file describes it.

    Args:
        trace: what is known of a function.

    Returns:
        The document; equal traces give equal text.
    """
    document: dict[str, Any] = {
        "version": 1,
        "tool": {"name": "nplus1-lint", "version": __version__},
        **asdict(trace),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
