"""A loader option that does harm is dropped or replaced, and a result that must be made unique is.

``unique()`` and the change to ``selectinload`` are safe: what raised no longer does, or fewer statements give the same.
To drop an option that nobody is seen to read is unsafe: a read that was not seen would query, and on a row without a
session it would raise. A sentence where the option does not stand in a call of ``options()``.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import libcst as cst

from nplus1_lint.findings import Applicability, Edit, FileChange
from nplus1_lint.flag.imports import import_of
from nplus1_lint.flag.rewrite import Context, Rewrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.findings import StrategyPlan, Suggestion
    from nplus1_lint.flag.visitor import Region

_UNSEEN = "a read of what the option loads that was not seen queries, or raises on a row without a session"


def rewrite(context: Context, plan: StrategyPlan) -> Suggestion | None:
    """Suggest the change.

    Args:
        context: the executing call.
        plan: the options, and what is to be done with them.

    Returns:
        The changed query; None when an option is not found as it should stand.
    """
    title = context.suspect.advice.partition("\n")[0]
    if plan.what == "unique":
        made = _unique(context)
        whole = context
    else:
        found = _options(context, plan)
        if found is None:
            return None
        whole, made = found
    anchor = whole.region.source.index(whole.region.source.line_of(made.edits[0].start))
    behaviour = plan.behaviour or (_UNSEEN if plan.what == "drop" else "")
    return Rewrite(
        title="Call unique() on the result" if plan.what == "unique" else title,
        anchor=anchor if anchor is not None else whole.region.first,
        before=(),
        edits=made.edits,
        imports=made.imports,
        applicability=Applicability.UNSAFE if behaviour else Applicability.SAFE,
        behaviour=behaviour,
    ).suggestion(whole)


def _unique(context: Context) -> FileChange:
    region, node = context.region, context.found.node
    parent = context.found.ancestors[-1]
    path = region.source.path
    if not isinstance(parent, cst.Await):
        end = region.offsets(node)[1]
        return FileChange(path, (Edit(end, end, ".unique()"),))
    start, end = region.outer_offsets(parent)
    if parent.lpar:
        return FileChange(path, (Edit(end, end, ".unique()"),))
    return FileChange(path, (Edit(start, start, "("), Edit(end, end, ").unique()")))


def _options(context: Context, plan: StrategyPlan) -> tuple[Context, FileChange] | None:
    """The changes of the options, all of one file."""
    edits: dict[Edit, None] = {}
    imports: list[str] = []
    shown: Region | None = None
    for path, pos in plan.options:
        if path != plan.options[0][0]:
            return None
        region, found = context.elsewhere(path, pos, "a relationship", (cst.Attribute,))
        call = found.ancestors[-2] if len(found.ancestors) > 1 else None
        if not isinstance(found.ancestors[-1], cst.Arg) or not isinstance(call, cst.Call) or len(call.args) != 1:
            return None
        edit = _dropped(region, call, found.ancestors) if plan.what == "drop" else _swapped(region, call, plan, imports)
        if edit is None:
            return None
        edits[edit] = None
        shown = region
    if shown is None or _overlap(list(edits)):
        return None
    return Context(context.suspect, context.found, shown, context.files), FileChange(
        shown.source.path, tuple(edits), tuple(imports)
    )


def _overlap(edits: Sequence[Edit]) -> bool:
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    return any(one.end > other.start for one, other in itertools.pairwise(ordered))


def _swapped(region: Region, call: cst.Call, plan: StrategyPlan, imports: list[str]) -> Edit | None:
    func = call.func
    if isinstance(func, cst.Attribute):
        return Edit(*region.offsets(func.attr), plan.what)
    if not isinstance(func, cst.Name):
        return None
    at = region.source.index(region.place(call)[0])
    name, line = import_of(region.source, "sqlalchemy.orm", plan.what, at)
    imports += [line] if line else []
    return Edit(*region.offsets(func), name)


def _dropped(region: Region, call: cst.Call, ancestors: Sequence[cst.CSTNode]) -> Edit | None:
    """Take an option out, with what goes on from it."""
    top: cst.CSTNode = call
    above = list(ancestors[: ancestors.index(call)])
    while len(above) > 1 and isinstance(above[-1], cst.Attribute) and isinstance(above[-2], cst.Call):
        top = above[-2]
        del above[-2:]
    end = region.offsets(top)[1]
    if isinstance(call.func, cst.Attribute) and isinstance(call.func.value, cst.Call):
        start = region.outer_offsets(call.func.value)[1]
        return Edit(start, end, "") if "#" not in region.source.text[start:end] else None
    if len(above) > 1 and isinstance(above[-1], cst.Element) and isinstance(above[-2], cst.List):
        return _taken_out(region, above[-2], above[-1])
    if len(above) < 2 or not isinstance(above[-1], cst.Arg) or not isinstance(above[-2], cst.Call):
        return None
    options = above[-2]
    if not isinstance(options.func, cst.Attribute) or options.func.attr.value != "options":
        return None
    assign = above[-3] if len(above) > 2 else None
    if len(options.args) == 1 and isinstance(assign, cst.Assign) and isinstance(options.func.value, cst.Name):
        target = assign.targets[0].target
        if len(assign.targets) == 1 and isinstance(target, cst.Name) and target.value == options.func.value.value:
            return Edit(*region.offsets(assign), "pass")
    return _without(region, options, options.func, above[-1])


def _taken_out(region: Region, written: cst.List, element: cst.Element) -> Edit | None:
    """A list of options without one of them."""
    elements = written.elements
    at = next(number for number, one in enumerate(elements) if one is element)
    start, end = region.offsets(written)
    if len(elements) == 1:
        start, end = start + 1, end - 1
    elif at + 1 < len(elements):
        start, end = region.outer_offsets(element.value)[0], region.outer_offsets(elements[at + 1].value)[0]
    else:
        start, end = region.outer_offsets(elements[at - 1].value)[1], region.outer_offsets(element.value)[1]
    return Edit(start, end, "") if "#" not in region.source.text[start:end] else None


def _without(region: Region, options: cst.Call, func: cst.Attribute, arg: cst.Arg) -> Edit | None:
    """An ``options()`` without one of its arguments; gone when that is the only one."""
    at = next(number for number, one in enumerate(options.args) if one is arg)
    if len(options.args) == 1:
        start, end = region.outer_offsets(func.value)[1], region.offsets(options)[1]
    elif at + 1 < len(options.args):
        start, end = region.outer_offsets(arg.value)[0], region.outer_offsets(options.args[at + 1].value)[0]
    else:
        start, end = region.outer_offsets(options.args[at - 1].value)[1], region.outer_offsets(arg.value)[1]
    return Edit(start, end, "") if "#" not in region.source.text[start:end] else None
