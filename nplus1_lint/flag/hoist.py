"""A query that every iteration runs alike moves before the loop.

Unsafe: it runs once even where the loop has nothing to iterate, and an exception is raised before the first iteration.
A sentence where it stands in a condition that decides whether it runs, uses something that the loop gives a value, or
gives a result that can be iterated only once.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Applicability, Edit
from nplus1_lint.flag.chain import links, outermost
from nplus1_lint.flag.keys import changed
from nplus1_lint.flag.names import bindings, reads
from nplus1_lint.flag.rewrite import Context, Rewrite, flat, wrap
from nplus1_lint.flag.variant import held_names
from nplus1_lint.flag.visitor import COMPREHENSIONS, REPEATERS, Region

if TYPE_CHECKING:
    from nplus1_lint.findings import LoopPlan, Suggestion

_DECIDING: Final = (cst.If, cst.IfExp, cst.BooleanOperation, cst.Try, cst.Lambda, cst.FunctionDef, cst.CompIf)
_KEPT: Final = frozenset(
    {"all", "count", "exists", "fetchall", "fetchone", "first", "get", "one", "one_or_none", "scalar", "scalar_one"}
    | {"scalar_one_or_none"}
)
"""Results that may be used again and again."""


def rewrite(context: Context, plan: LoopPlan) -> Suggestion | None:
    """Suggest the query before the loop.

    Args:
        context: the query, in the loop's own function.
        plan: its loop.

    Returns:
        The changed loop; None when it is not understood well enough.
    """
    region = context.region
    loop = context.at(plan.loop, "a loop", REPEATERS).node
    if not isinstance(loop, (cst.For, *COMPREHENSIONS)) or not isinstance(context.found.node, cst.Call):
        return None
    outer = outermost(region, context.found.node)
    start = _start(region, loop)
    bound = set(bindings(start)) | changed(start)
    _, chain = links(outer)
    if reads(outer) & bound or not chain or chain[-1].name not in _KEPT or _decided(region, loop, outer):
        return None
    moved = _moved(region, start, outer)
    names = context.names()
    held = held_names(region, outer, "result", "once")
    name = names.fresh(held[0].replace("_by_once", "_once"), "result_once")
    edit = Edit(*region.outer_offsets(outer), name)
    if moved is not None:
        name, edit = moved
    run = region.source.statements(region.place(start)[0], region.place(start)[2])
    made = Rewrite(
        title="Run the query once before the loop",
        anchor=run[0] if run else region.first,
        before=tuple(wrap(f"{name} = ", [flat(region, outer)], "")),
        edits=(edit,),
        applicability=Applicability.UNSAFE,
        behaviour="the query runs once even where the loop has nothing to iterate",
    )
    return made.suggestion(context) if len(made.before) == 1 else None


def _moved(region: Region, loop: cst.CSTNode, outer: cst.CSTNode) -> tuple[str, Edit] | None:
    """The name that the query alone gives a value, directly in the loop's body, and the removal of its statement."""
    path = region.located(outer).ancestors
    parent, line, block = path[-1], path[-2], path[-3]
    if not isinstance(loop, cst.For) or block is not loop.body or len(loop.body.body) < 2:
        return None
    if not isinstance(parent, cst.Assign) or not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return None
    target = parent.targets[0].target
    if len(parent.targets) != 1 or not isinstance(target, cst.Name) or bindings(loop)[target.value] != 1:
        return None
    first, _, last, _ = region.place(parent)
    starts = region.source.starts
    end = starts[last] if last < len(starts) else len(region.source.text)
    return target.value, Edit(starts[first - 1], end, "")


def _start(region: Region, loop: cst.CSTNode) -> cst.CSTNode:
    """The outermost comprehension around a loop in the same statement."""
    start = loop
    for node in reversed(region.located(loop).ancestors):
        if isinstance(node, cst.BaseSuite):
            break
        if isinstance(node, COMPREHENSIONS):
            start = node
    return start


def _decided(region: Region, loop: cst.CSTNode, outer: cst.CSTNode) -> bool:
    """True if a condition, a handler or a function inside the loop decides whether the query runs."""
    path = (*region.located(outer).ancestors, outer)
    inside = path[path.index(loop) + 1 :]
    for node, child in itertools.pairwise(inside):
        first = (isinstance(node, cst.BooleanOperation) and child is node.left) or (
            isinstance(node, (cst.If, cst.IfExp)) and child is node.test
        )
        if isinstance(node, _DECIDING) and not first:
            return True
    return False
