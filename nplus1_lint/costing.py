"""The stages in order for ``cost``: those of `front`, then infer with counting, rules and flag for the fixes, cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nplus1_lint.front import Clock, find, no_collection, read
from nplus1_lint.query_costs import CostTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.config import Config, Workspace
    from nplus1_lint.front import Progress


@dataclass(frozen=True, slots=True)
class CostsOutcome:
    """What functions cost and what was wrong on the way to it.

    Attributes:
        table: endpoints and functions.
        warnings: sentences about paths that hold nothing to read.
    """

    table: CostTable
    warnings: tuple[str, ...]


def costs(
    paths: Sequence[str],
    config: Config,
    workspace: Workspace,
    *,
    cwd: str,
    progress: Progress | None = None,
    mended: bool = True,
) -> CostsOutcome:
    """Say how many statements each function sends.

    Args:
        paths: files and folders, absolute or relative to *cwd*, whose functions are asked about.
        config: the exclusions.
        workspace: the project around the paths.
        cwd: the absolute working directory; the paths of the table are relative to it.
        progress: as for `check`.
        mended: also say what is left once the findings are mended.

    Returns:
        The table; the order of *paths* and the number of jobs change nothing in it.

    Raises:
        ConfigError: A pattern of the exclusions is invalid.
        InternalError: The linter contradicts itself.
    """
    from nplus1_lint.cost import appraise
    from nplus1_lint.flag import flag
    from nplus1_lint.infer import infer
    from nplus1_lint.rules import NAMES, find_suspects

    clock = Clock(progress)
    with no_collection():
        found = find(paths, config, workspace, cwd=cwd, clock=clock)
        front = read(found, config, workspace, cwd=cwd, clock=clock).linked(clock)
        with clock("infer"):
            analysis = infer(front.project, counts=True)
        places = None
        if mended:
            with clock("rules"):
                suspects = [suspect for suspect in find_suspects(analysis) if suspect.code.startswith("NP1")]
            with clock("flag"):
                findings = flag(suspects, front.index.sources, NAMES)
            places = frozenset((f.path, f.span.line, f.span.column) for f in findings if f.suggestion is not None)
        with clock("cost"):
            entries = appraise(analysis, front.reported, front.names.shown, places)
    return CostsOutcome(CostTable(entries, front.errors()), found.warnings)
