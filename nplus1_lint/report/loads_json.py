"""A matrix of eager loads as JSON, version 1: other programs rely on it, so a change of meaning is a new version."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nplus1_lint.version import __version__

if TYPE_CHECKING:
    from nplus1_lint.load_matrix import LoadMatrix
    from nplus1_lint.report import View


def write(matrix: LoadMatrix, view: View) -> str:
    """Return the matrix as a JSON document; ``loads_v1.schema.json`` beside this file describes it.

    Args:
        matrix: relationships by routers.
        view: without effect.

    Returns:
        The document; equal matrices give equal text.
    """
    document: dict[str, Any] = {
        "version": 1,
        "tool": {"name": "nplus1-lint", "version": __version__},
        **asdict(matrix),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
