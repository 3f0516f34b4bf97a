"""A count, sum, minimum, maximum, average or existence test per iteration becomes one grouped query before the loop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.flag.imports import import_of
from nplus1_lint.flag.rewrite import Context, Rewrite, advise, chain, flat, wrap
from nplus1_lint.flag.site import Site, read_site

if TYPE_CHECKING:
    from nplus1_lint.findings import BatchPlan, Suggestion

_NAMES: Final = {"count": "counts", "sum": "totals", "min": "minimums", "max": "maximums", "avg": "averages"}


def rewrite(context: Context, plan: BatchPlan) -> Suggestion | None:
    """Suggest the grouped query.

    Args:
        context: the flagged node.
        plan: a plan with an aggregate.

    Returns:
        The rewritten code; a sentence only where the query is not understood well enough to write code.

    Raises:
        InternalError: the plan names places at which nothing fitting stands.
    """
    made = plan_rewrite(context, plan)
    if made is not None:
        return made.suggestion(context)
    columns = ", ".join(f"{plan.model}.{key.column}" for key in plan.keys)
    if plan.aggregate == "exists":
        return advise(
            f"Fetch the {columns} that exist with one IN query before the loop and test membership in the set"
        )
    return advise(
        f"Compute the {plan.aggregate} for all iterations before the loop: one query with IN and GROUP BY {columns}, "
        "then look each key up"
    )


def plan_rewrite(context: Context, plan: BatchPlan) -> Rewrite | None:
    """Work out the change; None when the query is not understood well enough."""
    site = read_site(context, plan)
    return site_rewrite(site) if site is not None else None


def site_rewrite(site: Site) -> Rewrite | None:
    """Work out the change for a query that has been read; None when its shape is not understood well enough."""
    if site.query.step("limit"):
        return None
    return _exists(site) if site.plan.aggregate == "exists" else _grouped(site)


def _grouped(site: Site) -> Rewrite | None:
    plan = site.plan
    function, default, imports = _function(site)
    within, more = site.within()
    if function is None:
        return None
    query, needed = _statement(site, [*site.columns, function], within, site.columns)
    name = site.names.fresh(_NAMES[plan.aggregate or "count"], f"{_NAMES[plan.aggregate or 'count']}_by_key")
    if len(site.terms) == 1:
        before = wrap(f"{name} = dict(", query, ")")
    else:
        before = [f"{name} = {{", "    tuple(key): value", *_for("*key, value", query), "}"]
    outer, new = _value(site, f"{name}.get({site.key()}{', ' + default if default else ''})")
    if outer is None:
        return None
    title = f"Run one GROUP BY query before the loop instead of one {plan.aggregate} per iteration"
    return _with_outer(site, outer).rewrite(title, before, new, [*imports, *more, *needed])


def _with_outer(site: Site, outer: cst.BaseExpression) -> Site:
    return replace(site, outer=outer)


def _for(target: str, query: list[str]) -> list[str]:
    lines = (
        wrap(f"for {target} in ", query, "")
        if len(query) == 1
        else [f"for {target} in (", *(f"    {q}" for q in query), ")"]
    )
    return [f"    {line}" for line in lines]


def _statement(site: Site, entities: list[str], within: str, group_by: list[str]) -> tuple[list[str], list[str]]:
    """The executed query, laid out, and the imports that it needs."""
    skipped = {"distinct", "options", "order_by"}
    steps = [(name, args) for name, args in site.steps if name not in skipped]
    has_from = any(name == "select_from" for name, _ in steps)
    joined = any(name in ("join", "outerjoin") for name, _ in steps)
    if joined and not has_from and site.entity.isidentifier():
        steps.insert(0, ("select_from", (site.entity,)))
    condition = ("filter" if site.legacy else "where", (within, *site.filters))
    tail = [("group_by", tuple(group_by))] if group_by else []
    if site.legacy:
        flask = site.query.style == "legacy-flask"
        root = f"{site.entity}.query" if flask else f"{site.session}.query({', '.join(entities)})"
        first = [("with_entities", tuple(entities))] if flask else []
        return chain(root, [*first, *steps, condition, *tail, ("all", ())]), []
    select, line = import_of(site.region.source, "sqlalchemy", "select", site.anchor)
    statement = chain(f"{select}({', '.join(entities)})", [*steps, condition, *tail])
    method = "exec" if site.query.executor == "exec" else "execute"
    executed = wrap(f"{site.session}.{method}(", statement, ")")
    if site.plan.is_async:
        executed = (
            wrap("(await ", executed, ")") if len(executed) == 1 else [f"(await {executed[0]}", *executed[1:-1], "))"]
        )
    executed[-1] += ".all()"
    return executed, [line] if line else []


def _function(site: Site) -> tuple[str | None, str, list[str]]:
    """The aggregate's code, what a missing key gets, and imports."""
    plan, query = site.plan, site.query
    func, line = import_of(site.region.source, "sqlalchemy", "func", site.anchor)
    if query.entities and len(query.entities) == 1:
        entity = query.entities[0]
        called = _called(entity)
        if called == "coalesce":
            call = cst.ensure_type(entity, cst.Call)
            return flat(site.region, call), flat(site.region, call.args[-1].value), []
        if called is not None:
            return flat(site.region, entity), "0" if plan.aggregate == "count" else "", []
    if plan.aggregate != "count":
        return None, "", []
    distinct = query.step("distinct") is not None or ("len" in query.results and query.step("join", "outerjoin"))
    imports = [line] if line else []
    owner = site.entity if site.entity.replace(".", "").isidentifier() and len(query.entities) == 1 else None
    if owner and isinstance(query.entities[0], cst.Attribute) and not owner.rpartition(".")[2][:1].isupper():
        # A selected column: count(*) counts its NULLs too, as the rows did.
        return (f"{func}.count({owner}.distinct())" if distinct else f"{func}.count()"), "0", imports
    if plan.primary_key is None or owner is None:
        return (None if distinct else f"{func}.count()"), "0", imports
    column = f"{owner}.{plan.primary_key}"
    return f"{func}.count({column}{'.distinct()' if distinct else ''})", "0", imports


def _called(entity: cst.BaseExpression) -> str | None:
    """The SQL function that an entity calls (through ``.label()`` and the like)."""
    while isinstance(entity, cst.Call):
        func = entity.func
        if isinstance(func, cst.Name):
            return func.value
        if not isinstance(func, cst.Attribute):
            return None
        if not isinstance(func.value, cst.Call):
            return func.attr.value
        entity = func.value
    return None


def _value(site: Site, looked_up: str) -> tuple[cst.BaseExpression | None, str]:
    """What to replace, and by what: a row of one value gives way together with its ``[0]``."""
    last = site.query.results[-1] if site.query.results else site.query.executor
    if last in ("count", "scalar", "scalar_one", "scalar_one_or_none", "len"):
        return site.outer, looked_up
    of_function = len(site.query.entities) == 1 and _called(site.query.entities[0]) is not None
    if last in ("first", "one", "one_or_none", "fetchone") and of_function:
        if "scalars" in site.query.results or site.query.executor in ("scalars", "exec"):
            return site.outer, looked_up
        parent = site.region.located(site.outer).ancestors[-1]
        if isinstance(parent, cst.Subscript) and flat(site.region, parent).endswith("[0]"):
            return parent, looked_up
        return site.outer, f"({looked_up},)"
    return None, ""


def _exists(site: Site) -> Rewrite | None:
    within, imports = site.within()
    query, needed = _statement(site, [*site.columns], within, [])
    name = site.names.fresh("present", "present_keys")
    item = "key" if len(site.terms) == 1 else "tuple(key)"
    target = "(key,)" if len(site.terms) == 1 else "key"
    if site.query.executor == "exec" and len(site.terms) == 1:
        target = "key"
    before = [f"{name} = {{", f"    {item}", *_for(target, query), "}"]
    outer, new = _membership(site, name)
    title = "Fetch the keys that exist with one IN query before the loop instead of one query per iteration"
    return _with_outer(site, outer).rewrite(title, before, new, [*imports, *needed]) if outer is not None else None


def _membership(site: Site, name: str) -> tuple[cst.BaseExpression | None, str]:
    """The test that replaces the query, together with a comparison or negation around it."""
    ancestors = site.region.located(site.outer).ancestors
    parent, grand = ancestors[-1], ancestors[-2]
    exists, missing = f"{site.key()} in {name}", f"{site.key()} not in {name}"
    if isinstance(parent, cst.UnaryOperation) and isinstance(parent.operator, cst.Not):
        return parent, missing
    if isinstance(parent, cst.Comparison) and parent.left is site.outer and len(parent.comparisons) == 1:
        target = parent.comparisons[0]
        against = flat(site.region, target.comparator)
        if isinstance(target.operator, (cst.Is, cst.Equal)) and against in ("None", "0"):
            return parent, missing
        positive = isinstance(target.operator, (cst.IsNot, cst.NotEqual, cst.GreaterThan)) and against in ("None", "0")
        return (parent, exists) if positive else (None, "")
    last = site.query.results[-1] if site.query.results else site.query.executor
    condition = isinstance(parent, (cst.If, cst.While, cst.CompIf)) or (
        isinstance(parent, cst.IfExp) and parent.test is site.outer
    )
    if condition:
        return site.outer, exists
    if "exists" in site.query.results or last == "bool":
        return site.outer, f"({exists})" if not isinstance(parent, (cst.Assign, cst.Arg, cst.Return)) else exists
    if isinstance(parent, cst.BooleanOperation) and isinstance(grand, (cst.If, cst.CompIf)):
        return site.outer, exists
    return None, ""
