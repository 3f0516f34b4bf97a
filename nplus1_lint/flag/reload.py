"""Rows that are reloaded one by one, refreshed or expired by a commit, are selected once more before the loop.

Unsafe: the query runs anew, so that rows which no longer match its conditions keep their state of before. A sentence
where the rows do not come from one query in the same function, given to a name once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Applicability
from nplus1_lint.flag.chain import EXECUTORS, links
from nplus1_lint.flag.construction import constructions
from nplus1_lint.flag.names import reads, targets, walk
from nplus1_lint.flag.rewrite import Context, Rewrite, flat
from nplus1_lint.flag.variant import taken_out
from nplus1_lint.flag.visitor import COMPREHENSIONS, REPEATERS, Region

if TYPE_CHECKING:
    from nplus1_lint.findings import Edit, LoopPlan, Suggestion

_ANEW: Final = "populate_existing"


def rewrite(context: Context, plan: LoopPlan) -> Suggestion | None:
    """Suggest the query before the loop.

    Args:
        context: the refresh, or the read of an expired row.
        plan: its loop; ``refresh`` or ``expired``.

    Returns:
        The changed loop; None when the query behind its rows is not found.
    """
    region = _function(context.region)
    if region is None:
        return None
    loop = region.find(plan.loop, REPEATERS)
    found = region.find(context.suspect.pos, (cst.Call, cst.Attribute, cst.Name))
    scope = next((n for n in reversed(loop.ancestors) if isinstance(n, cst.FunctionDef)), None) if loop else None
    if loop is None or found is None or scope is None:
        return None
    iterable = _iterable(loop.node)
    removed: list[Edit] = []
    if plan.what == "refresh":
        taken = (
            taken_out(region, found.node) if isinstance(found.node, cst.Call) and _only(found.node, loop.node) else None
        )
        if taken is None:
            return None
        removed = [taken]
    queried = _queried(region, scope, iterable) if iterable is not None else None
    run = region.source.statements(region.place(loop.node)[0], region.place(loop.node)[2])
    if queried is None or run is None:
        return None
    name, again, assign = queried
    present = region.place(assign)[0] < region.source.logical[run[0]].first and _is_last(region, assign)
    made = Rewrite(
        title="Select the rows once more before the loop instead of reloading each",
        anchor=run[0],
        before=() if present else (f"{name} = {again}",),
        edits=tuple(removed),
        applicability=Applicability.UNSAFE,
        behaviour="rows that no longer match the query are left out",
    )
    return made.suggestion(Context(context.suspect, found, region, context.files))


def _function(region: Region) -> Region | None:
    source = region.source
    first, last = source.function(region.first)
    at = source.index(first)
    run = source.statements(source.logical[at].first, last) if at is not None else None
    return source.region(*run) if run is not None else None


def _iterable(loop: cst.CSTNode) -> cst.BaseExpression | None:
    """What a loop iterates, through ``sorted()`` and the like."""
    node: cst.BaseExpression | None = None
    if isinstance(loop, cst.For):
        node = loop.iter
    elif isinstance(loop, COMPREHENSIONS):
        node = loop.for_in.iter
    elif isinstance(loop, cst.Call):
        node = loop
    while isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.args:
        node = node.args[0].value
    return node


def _only(call: cst.Call, loop: cst.CSTNode) -> bool:
    """True for ``refresh(row)`` of the loop's own variable, all of it."""
    around = loop.target if isinstance(loop, cst.For) else None
    return around is not None and len(call.args) == 1 and reads(call.args[0].value) == targets(around)


def _queried(
    region: Region, scope: cst.FunctionDef, iterable: cst.BaseExpression
) -> tuple[str, str, cst.Assign] | None:
    """The name that holds the rows, its query as it populates rows anew, and its last assignment."""
    if not isinstance(iterable, cst.Name):
        return None
    name, line = iterable.value, region.place(iterable)[0]
    every = [
        node
        for node in walk(scope)
        if isinstance(node, cst.Assign) and any(name in targets(target.target) for target in node.targets)
    ]
    assigns = sorted((node for node in every if region.place(node)[0] <= line), key=region.place)
    if len(assigns) != len(every) or not assigns:
        return None
    if len(assigns) == 2 and _ANEW in region.code(assigns[1].value):
        return name, flat(region, assigns[1].value), assigns[1]
    built = constructions(region, scope, iterable) if len(assigns) == 1 else None
    return (name, again, assigns[0]) if built and (again := _again(region, assigns[0].value)) else None


def _again(region: Region, value: cst.BaseExpression) -> str:
    """A query's code with the option that populates the rows in hand; empty where it does not take all rows."""
    _, chain = links(value)
    if not chain or chain[-1].name != "all":
        return ""
    execute = next((link.call for link in chain if link.name in EXECUTORS and link.call is not None), None)
    text, start = flat(region, value), region.offsets(value)[0]
    if execute is None:
        return f"{text.removesuffix('.all()')}.{_ANEW}().all()" if text.endswith(".all()") else ""
    end = region.outer_offsets(execute.args[0].value)[1] if execute.args else start
    head = "" if end == start else flat(region, execute.args[0].value)
    return text.replace(head, f"{head}.execution_options({_ANEW}=True)", 1) if head and text.count(head) == 1 else ""


def _is_last(region: Region, assign: cst.Assign) -> bool:
    """True if the last assignment of the name is the very query already."""
    return _ANEW in region.code(assign.value)
