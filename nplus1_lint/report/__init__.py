"""A :class:`~nplus1_lint.findings.Report` to text: one writer per format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from nplus1_lint.findings import Report

if TYPE_CHECKING:
    from nplus1_lint.analysis_report import Document
    from nplus1_lint.load_matrix import LoadMatrix
    from nplus1_lint.query_costs import Assumptions, CostDiff, CostTable
    from nplus1_lint.traces import Trace

# name of the format -> module with `write`; a module is imported when its format is asked for
FORMATS: Final = {"text": "terminal", "concise": "concise", "json": "json_v1"}
TRACE_FORMATS: Final = {"text": "trace_text", "json": "trace_json"}
LOADS_FORMATS: Final = {"text": "loads_text", "json": "loads_json", "markdown": "loads_markdown"}
COSTS_FORMATS: Final = {"text": "costs_text", "json": "costs_json", "markdown": "costs_markdown"}

ANALYSIS_FORMATS: Final = {"markdown": "analysis_markdown", "html": "analysis_html"}


@dataclass(frozen=True, slots=True)
class View:
    """How a person sees the report; formats for machines ignore it.

    Attributes:
        colour: the text may carry escape sequences.
        width: columns for prose; code and places are never wrapped.
        hidden_low: how many findings of low confidence the report leaves out.
        details: also show what a table sums up.
    """

    colour: bool = False
    width: int = 110
    hidden_low: int = 0
    details: bool = False


Writer = Callable[[Report, View], str]


def writer(name: str) -> Writer:
    """Return the function that writes a format.

    Args:
        name: one of ``FORMATS``.

    Returns:
        A function from a report and a view to the whole text; it ends with a newline unless it is empty.
    """
    return cast("Writer", import_module(f"nplus1_lint.report.{FORMATS[name]}").write)


def trace_writer(name: str) -> Callable[[Trace], str]:
    """Return the function that writes a trace in a format.

    Args:
        name: one of ``TRACE_FORMATS``.

    Returns:
        A function from a trace to the whole text, which ends with a newline.
    """
    return cast("Callable[[Trace], str]", import_module(f"nplus1_lint.report.{TRACE_FORMATS[name]}").write)


def loads_writer(name: str) -> Callable[[LoadMatrix, View], str]:
    """Return the function that writes a matrix of eager loads in a format.

    Args:
        name: one of ``LOADS_FORMATS``.

    Returns:
        A function from a matrix and a view to the whole text, which ends with a newline.
    """
    return cast("Callable[[LoadMatrix, View], str]", import_module(f"nplus1_lint.report.{LOADS_FORMATS[name]}").write)


def costs_writer(name: str) -> Callable[[CostTable, Assumptions, View], str]:
    """Return the function that writes what endpoints cost in a format.

    Args:
        name: one of ``COSTS_FORMATS``.

    Returns:
        A function from a table, assumed sizes and a view to the whole text, which ends with a newline.
    """
    module = import_module(f"nplus1_lint.report.{COSTS_FORMATS[name]}")
    return cast("Callable[[CostTable, Assumptions, View], str]", module.write)


def cost_diff_writer(name: str) -> Callable[[CostDiff, Assumptions, View], str]:
    """Return the function that writes how costs have changed in a format.

    Args:
        name: one of ``COSTS_FORMATS``.

    Returns:
        A function from the changes, assumed sizes and a view to the whole text, which ends with a newline.
    """
    module = import_module(f"nplus1_lint.report.{COSTS_FORMATS[name]}")
    return cast("Callable[[CostDiff, Assumptions, View], str]", module.write_diff)


def analysis_writer(name: str) -> Callable[[Document], str]:
    """Return the function that writes the performance analysis in a format.

    Args:
        name: one of ``ANALYSIS_FORMATS``.

    Returns:
        A function from a document to the whole text, which ends with a newline.
    """
    return cast("Callable[[Document], str]", import_module(f"nplus1_lint.report.{ANALYSIS_FORMATS[name]}").write)
