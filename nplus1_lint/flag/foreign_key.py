"""``hero.team.id`` becomes ``hero.team_id``: the row holds the key of the row that it refers to.

Safe where the column holds no NULL and nothing is changed in between: the same value, and no statement for it. The
loader option is added where a read wants more of the other row than its key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from nplus1_lint.findings import Applicability, Edit
from nplus1_lint.flag import options
from nplus1_lint.flag.names import bindings, walk
from nplus1_lint.flag.rewrite import Rewrite
from nplus1_lint.flag.visitor import REPEATERS

if TYPE_CHECKING:
    from nplus1_lint.findings import ForeignKeyPlan, Suggestion
    from nplus1_lint.flag.rewrite import Context
    from nplus1_lint.flag.visitor import Located, Region


def rewrite(context: Context, plan: ForeignKeyPlan) -> Suggestion | None:
    """Suggest the foreign key, or the loader options.

    Args:
        context: the flagged read.
        plan: all reads of the relationship.

    Returns:
        The rewritten reads, or what `options.rewrite` makes.
    """
    region = options.function_at(context.region.source, context.suspect.pos)
    edits: list[Edit] = []
    for read in _reads(region, plan) if region is not None else ():
        made = _edits(region, read, plan) if region is not None and read is not None else None
        if made is None:
            return options.rewrite(context, plan.otherwise) if plan.otherwise is not None else None
        edits += made
    if region is None or not edits:
        return None
    source = region.source
    made_of = Rewrite(
        title=f"Read the row's own {plan.column}: it holds the same value, and the other row is not loaded for it",
        anchor=source.index(source.line_of(min(edit.start for edit in edits))) or 0,
        before=(),
        edits=tuple(sorted(edits, key=lambda edit: edit.start)),
        applicability=Applicability.UNSAFE if plan.behaviour else Applicability.SAFE,
        behaviour=plan.behaviour,
    )
    return made_of.suggestion(replace(context, region=region))


def _reads(region: Region, plan: ForeignKeyPlan) -> list[Located | None]:
    """All reads of the relationship on these rows; None among them for one of which that is not certain.

    Inference follows a row's attribute once and knows its value from then on, so the later reads are found by name.
    """
    found = [region.find(pos, (cst.Attribute,)) for pos in plan.reads]
    known = [read.node for read in found if read is not None]
    texts = {_text(region, node) for node in known}
    loop = region.find(plan.loop, REPEATERS)
    inside = list(walk(loop.node)) if loop is not None else []
    bound = bindings(loop.node) if loop is not None else {}
    for node in walk(region.module):
        if isinstance(node, cst.Attribute) and node not in known and (text := _text(region, node)) in texts:
            name = text.partition(".")[0]
            certain = node in inside and name.isidentifier() and bound.get(name, 0) <= 1
            found.append(region.located(node) if certain else None)
    return found


def _text(region: Region, node: cst.CSTNode) -> str:
    return "".join(region.code(node).split())


def _edits(region: Region, found: Located, plan: ForeignKeyPlan) -> tuple[Edit, ...] | None:
    """Turn one read into that of the column, a comment inside it kept; None for a read of another kind."""
    around = found.ancestors[-1]
    if not isinstance(around, cst.Attribute) or around.value is not found.node:
        return None
    if around.attr.value != plan.referred or isinstance(
        found.ancestors[-2], (cst.AssignTarget, cst.AugAssign, cst.AnnAssign, cst.Del)
    ):
        return None
    inner = cst.ensure_type(found.node, cst.Attribute)
    start, end = region.outer_offsets(inner)[1], region.offsets(around)[1]
    between = region.source.text[start:end]
    if "#" in between:
        dot = region.offsets(around.dot)[0]
        if "#" in region.source.text[dot:end]:
            return None
        start = dot
    return Edit(*region.offsets(inner.attr), plan.column), Edit(start, end, "")
