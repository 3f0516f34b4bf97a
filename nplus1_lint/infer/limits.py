"""Bounds on the work of an analysis, so that it ends soon on any code: on an interpreter too, all one recursion.

Each is beyond what twenty applications were met with. Where one is met, what is found depends on the order in which
functions are run, so nothing of it is kept for the next run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.cells import Cells
    from nplus1_lint.infer.effects import Key
    from nplus1_lint.link import Project

MAX_DEPTH = 100  # calls on the stack; one application meets it, the next has 55
MAX_ACTIVE = 2  # runs of one function on the stack
MAX_ROUNDS = 3  # runs of a function that reads its own result
MAX_CONTEXTS = 2000  # contexts of one function; a handler's constructor was met with 900
MAX_RECURSION = 200  # contexts of one recursion; the largest has 142
_FEW: Final = 4  # contexts of one function where there are too many in its recursion, or in all
_SOON: Final = 0.95  # nearer to a bound than this, another order of the runs may meet it


def are_enough(contexts: int, cells: Cells, project: Project) -> bool:
    """Return True if a function shall have no more contexts: few in a recursion, or a project, with too many in all."""
    if contexts < _FEW:
        return False
    in_all = len(cells.done) + cells.unfinished
    too_many = cells.unfinished > MAX_RECURSION or in_all > _contexts_in_all(project)
    return too_many or contexts >= MAX_CONTEXTS


def are_near(keys: Iterable[Key], project: Project) -> bool:
    """Return True if the bounds on contexts may have been met in another order of the runs.

    Args:
        keys: all contexts that were asked for.
        project: the linked project.
    """
    counts: dict[str, int] = {}
    for function, _, _ in keys:
        counts[function] = counts.get(function, 0) + 1
    in_all = sum(counts.values()) > _SOON * _contexts_in_all(project)
    return in_all or max(counts.values(), default=0) > _SOON * MAX_CONTEXTS


def _contexts_in_all(project: Project) -> int:
    """Applications have at most 5 for each function."""
    return 2000 + 7 * len(project.hierarchy.functions)
