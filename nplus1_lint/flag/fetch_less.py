"""Rows that are fetched only to be counted, or to learn whether there is one: the query gives the number, or a key.

Of an ordered select whose first row is taken, the query gives one row. Safe: it is the same row.
Safe: no row is used, so a key in its place, or the number, tells the same. A sentence where the query stands elsewhere,
is joined, limited, locked or carries loader options, or its rows have a name that is counted later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Applicability, Edit
from nplus1_lint.flag.chain import Link, links, outermost
from nplus1_lint.flag.imports import import_of
from nplus1_lint.flag.rewrite import Context, Rewrite, flat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.findings import FetchPlan, Suggestion
    from nplus1_lint.flag.visitor import Region

_CONDITIONS: Final = frozenset({"filter", "filter_by", "where"})
_ORDERED: Final = _CONDITIONS | {"order_by"}


def rewrite(context: Context, plan: FetchPlan) -> Suggestion | None:
    """Suggest the lighter query.

    Args:
        context: the expression that fetches.
        plan: what its rows are needed for.

    Returns:
        The changed query; None when it is not understood well enough.
    """
    region = context.region
    node = context.found.node
    if not isinstance(node, cst.Call):
        return None
    if plan.what == "first":
        return _limited(context, node)
    outer = outermost(region, node)
    while isinstance(outer, cst.Call) and isinstance(outer.func, cst.Name) and outer.args:
        outer = outer.args[0].value
    _, chain = links(outer)
    imports: list[str] = []
    if plan.what == "number":
        edits = _number(region, outer, chain, imports)
    else:
        edits = _existence(region, outer, chain, plan.key)
    if not edits:
        return None
    made = Rewrite(
        title="Let the database count" if plan.what == "number" else "Fetch a key in the place of whole rows",
        anchor=region.source.index(region.place(outer)[0]) or region.first,
        before=(),
        edits=tuple(edits),
        imports=tuple(imports),
        applicability=Applicability.SAFE,
    )
    return made.suggestion(context)


def _limited(context: Context, execute: cst.Call) -> Suggestion | None:
    """``session.scalars(select(M).order_by(…).limit(1))``, also where a name or an attribute holds the statement."""
    region = context.region
    first = execute.args[0] if execute.args else None
    if first is None or first.star or first.keyword is not None:
        return None
    if not isinstance(first.value, (cst.Call, cst.Name, cst.Attribute)):
        return None
    end = region.outer_offsets(first.value)[1]
    made = Rewrite(
        title="Fetch one row",
        anchor=region.source.index(region.place(execute)[0]) or region.first,
        before=(),
        edits=(Edit(end, end, ".limit(1)"),),
        imports=(),
        applicability=Applicability.SAFE,
    )
    return made.suggestion(context)


def _legacy(chain: Sequence[Link], steps: frozenset[str]) -> tuple[cst.BaseExpression, Link] | None:
    """The one entity of ``session.query(M)…`` and the link that takes the result, when nothing else stands between."""
    if len(chain) < 2 or chain[0].call is None:
        chain = [link for at, link in enumerate(chain) if any(one.name == "query" for one in chain[: at + 1])]
    if len(chain) < 2 or chain[0].name != "query" or chain[0].call is None or len(chain[0].call.args) != 1:
        return None
    entity = chain[0].call.args[0].value
    between = {link.name for link in chain[1:-1]}
    if not between <= steps or any(link.call is None for link in chain) or not isinstance(entity, cst.Name):
        return None
    return (entity, chain[-1]) if not chain[-1].call or not chain[-1].call.args else None


def _modern(
    chain: Sequence[Link], steps: frozenset[str]
) -> tuple[Link, cst.Call, cst.BaseExpression, list[Link]] | None:
    """``session.scalars(select(M)…)``: the executing link, the ``select()``, its entity and the links behind."""
    at = next((number for number, link in enumerate(chain) if link.name == "scalars" and link.call is not None), None)
    execute = chain[at].call if at is not None else None
    if at is None or execute is None or chain[at].value is execute or len(execute.args) != 1:
        return None
    _, inner = links(execute.args[0].value)
    if not inner or inner[0].name != "select" or inner[0].call is None or len(inner[0].call.args) != 1:
        return None
    entity = inner[0].call.args[0].value
    if any(link.call is None or link.name not in steps for link in inner[1:]) or not isinstance(entity, cst.Name):
        return None
    return chain[at], inner[0].call, entity, list(chain[at + 1 :])


def _existence(region: Region, outer: cst.BaseExpression, chain: Sequence[Link], key: str) -> list[Edit]:
    legacy = _legacy(chain, _ORDERED)
    if legacy is not None:
        entity, last = legacy
        edits = [Edit(*region.offsets(entity), f"{flat(region, entity)}.{key}")]
        if last.name == "first":
            return edits
        if last.name in ("count", "all") and _asked(region, outer) and last.call is not None:
            func = last.call.func
            return [*edits, Edit(*region.offsets(func.attr), "first")] if isinstance(func, cst.Attribute) else []
        return []
    modern = _modern(chain, _ORDERED)
    if modern is None or [link.name for link in modern[3]] != ["first"] or isinstance(outer, cst.Await):
        return []
    execute, _, selected, _ = modern
    called = execute.call.func if execute.call is not None else None
    if not isinstance(called, cst.Attribute):
        return []
    # A row is true whatever it holds; a key of 0 is not.
    key_only = Edit(*region.offsets(selected), f"{flat(region, selected)}.{key}")
    return [key_only, Edit(*region.offsets(called.attr), "execute")]


def _asked(region: Region, outer: cst.BaseExpression) -> bool:
    """True where an expression stands as a condition, so that only its truth is used."""
    parent = region.located(outer).ancestors[-1]
    if isinstance(parent, cst.UnaryOperation):
        return isinstance(parent.operator, cst.Not)
    return isinstance(parent, (cst.If, cst.While)) or (isinstance(parent, cst.IfExp) and parent.test is outer)


def _number(region: Region, outer: cst.BaseExpression, chain: Sequence[Link], imports: list[str]) -> list[Edit]:
    ancestors = region.located(outer).ancestors
    call = ancestors[-2] if len(ancestors) > 1 else None
    counted = isinstance(call, cst.Call) and isinstance(call.func, cst.Name) and call.func.value == "len"
    if not isinstance(call, cst.Call) or not counted:
        return []
    around = (region.offsets(call)[0], region.outer_offsets(outer)[0])
    end = (region.outer_offsets(outer)[1], region.offsets(call)[1])
    unwrapped = [Edit(*around, ""), Edit(*end, "")]
    legacy = _legacy(chain, _CONDITIONS)
    if legacy is not None and legacy[1].name == "all" and legacy[1].call is not None:
        func = cst.ensure_type(legacy[1].call.func, cst.Attribute)
        return [*unwrapped, Edit(*region.offsets(func.attr), "count")]
    modern = _modern(chain, _CONDITIONS)
    if modern is None or [link.name for link in modern[3]] != ["all"]:
        return []
    execute, select, entity, behind = modern
    func_node = execute.call.func if execute.call is not None else None
    if not isinstance(func_node, cst.Attribute) or execute.call is None or behind[0].call is None:
        return []
    name, line = import_of(region.source, "sqlalchemy", "func", region.source.index(region.place(select)[0]))
    imports += [line] if line else []
    after = region.offsets(select)[1]
    start, stop = region.outer_offsets(behind[0].value)[1], region.offsets(behind[0].call)[1]
    return [
        *unwrapped,
        Edit(*region.offsets(entity), f"{name}.count()"),
        Edit(after, after, f".select_from({flat(region, entity)})"),
        Edit(*region.offsets(func_node.attr), "scalar"),
        Edit(start, stop, ""),
    ]
