"""Rows fetched per iteration become one ``IN`` query before the loop, held by key or grouped by it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.flag.imports import import_of
from nplus1_lint.flag.key_types import misses
from nplus1_lint.flag.rewrite import Context, Rewrite, advise, chain, wrap
from nplus1_lint.flag.site import Site, read_site
from nplus1_lint.flag.visitor import REPEATERS

if TYPE_CHECKING:
    from nplus1_lint.findings import BatchPlan, Key, Suggestion

_FIRST: Final = frozenset({"first", "fetchone", "scalar", "one_or_none", "scalar_one_or_none", "get"})
_EXACT: Final = frozenset({"one", "scalar_one"})
_MANY: Final = frozenset({"all", "fetchall", "scalars", "list", "unique"})


def rewrite(context: Context, plan: BatchPlan) -> Suggestion | None:
    """Suggest the batched query.

    Args:
        context: the flagged node.
        plan: a plan without an aggregate.

    Returns:
        The rewritten code; a sentence only where the query is not understood well enough to write code.

    Raises:
        InternalError: the plan names places at which nothing fitting stands.
    """
    made = plan_rewrite(context, plan)
    if made is not None:
        return made.suggestion(context)
    named = (
        f"{plan.model}.{key.column}" if key.refers is not None else f"the key of {plan.model}.{key.column}"
        for key in plan.keys
    )
    columns = ", ".join(dict.fromkeys(named))
    if isinstance(context.at(plan.loop, "a loop", REPEATERS).node, (cst.While, cst.FunctionDef)):
        return advise(
            f"Fetch {plan.model} level by level with one IN query on {columns} per level, or the whole chain with one "
            "recursive common table expression"
        )
    others = [key for key in plan.keys if _misses(context, plan, key)]
    if others:
        kind = "UUIDs" if others[0].text else "integers"
        columns += f" (which holds {kind}: make {kind} of keys that are text, for Python they differ)"
    held = "keep them in a dict by key" if plan.unique else "group them by key"
    return advise(f"Fetch all {plan.model} rows before the loop with one IN query on {columns} and {held}")


def _misses(context: Context, plan: BatchPlan, key: Key) -> bool:
    loop, value = context.at(plan.loop, "a loop", REPEATERS).node, context.at(key.value, "a compared value").node
    return misses(context.region, loop, key, value)


def plan_rewrite(context: Context, plan: BatchPlan) -> Rewrite | None:
    """Work out the change; None when the query is not understood well enough."""
    site = read_site(context, plan)
    return site_rewrite(site) if site is not None else None


def site_rewrite(site: Site) -> Rewrite | None:
    """Work out the change for a query that has been read; None when its shape is not understood well enough."""
    if site.query.step("distinct", "select_from"):
        return None
    shape = _shape(site)
    if shape is None:
        return None
    limit = site.query.step("limit")
    if limit is not None and not (shape == "first" or (shape == "many" and site.query.results)):
        return None
    within, imports = site.within()
    query, needed = _statement(site, within)
    target, key = _key(site)
    if shape == "many":
        return _many(site, query, target, key, [*imports, *needed])
    return _single(site, query, target, key, shape, [*imports, *needed])


def _shape(site: Site) -> str | None:
    """How the loop takes the rows: ``many``, ``first`` (None when missing) or ``exact`` (an error when missing)."""
    results = [result for result in site.query.results if result not in ("unique", "tuples")]
    if len(site.query.entities) != 1 or isinstance(site.query.entities[0], cst.Call) or "mappings" in results:
        return None
    executor = site.query.executor
    last = results[-1] if results else executor
    scalars = executor in ("scalar", "scalars", "exec") or "scalars" in results or (last or "").startswith("scalar")
    # Rows of one column are tuples unless a scalar is asked for.
    if not scalars and (_is_column(site) or not (site.legacy or site.query.style == "get")):
        return None
    if last in _FIRST:
        return "first"
    if last in _EXACT:
        return "exact"
    return "many" if last in _MANY or (last is None and site.legacy) or last == "exec" else None


def _is_column(site: Site) -> bool:
    """True for ``M.name``, False for a class, also one written with its module."""
    entity = site.query.entities[0]
    return isinstance(entity, cst.Attribute) and not entity.attr.value[:1].isupper()


def _key(site: Site) -> tuple[str, str]:
    """The loop target over the fetched rows, and a row's key."""
    row = site.names.fresh("row", "item")
    attributes = [f"{row}.{term.attribute}" for term in site.terms]
    if _foreign(site):
        keys = [site.names.fresh(term.attribute, f"{term.attribute}_key") for term in site.terms]
        return f"{row}, {', '.join(keys)}", keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
    return row, attributes[0] if len(attributes) == 1 else f"({', '.join(attributes)})"


def _foreign(site: Site) -> bool:
    """True if a row does not carry its key: a column is fetched, or the key stands on another class."""
    return _is_column(site) or any(term.column.rpartition(".")[0] != site.entity for term in site.terms)


def _statement(site: Site, within: str) -> tuple[list[str], list[str]]:
    """An expression that iterates the rows, and imports."""
    entities = [site.entity, *(site.columns if _foreign(site) else [])]
    order = [step for step in site.steps if step[0] == "order_by"]
    steps = [step for step in site.steps if step[0] not in ("order_by", "limit")]
    condition = ("filter" if site.legacy else "where", (within, *site.filters))
    if site.legacy:
        flask = site.query.style == "legacy-flask"
        root = f"{site.entity}.query" if flask else f"{site.session}.query({', '.join(entities)})"
        extra = [("with_entities", tuple(entities))] if flask and len(entities) > 1 else []
        return chain(root, [*extra, *steps, condition, *order]), []
    select, line = import_of(site.region.source, "sqlalchemy", "select", site.anchor)
    statement = chain(f"{select}({', '.join(entities)})", [*steps, condition, *order])
    method = "exec" if site.query.executor == "exec" else "execute" if len(entities) > 1 else "scalars"
    executed = wrap(f"{'await ' if site.plan.is_async else ''}{site.session}.{method}(", statement, ")")
    if "unique" in site.query.results:
        if site.plan.is_async:
            executed = [f"({executed[0]}", *executed[1:]] if len(executed) > 1 else [f"({executed[0]}"]
            executed[-1] += ")"
        executed[-1] += ".unique()"
    return executed, [line] if line else []


def _snake(model: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model.rpartition(".")[2]).lower()


def _held(site: Site, what: str) -> str:
    """A name for the fetched rows that says what they are held by."""
    by = "_and_".join(term.attribute for term in site.terms)
    return f"{_snake(site.entity)}{what}_by_{by if len(by) <= 24 else 'key'}"


def _loop(target: str, query: list[str]) -> list[str]:
    if len(query) == 1:
        return [f"for {target} in {query[0]}:"]
    if "(" in query[0] and query[0].endswith("("):
        return [f"for {target} in {query[0]}", *query[1:-1], f"{query[-1]}:"]
    return [f"for {target} in (", *(f"    {line}" for line in query), "):"]


def _single(site: Site, query: list[str], target: str, key: str, shape: str, imports: list[str]) -> Rewrite:
    plan = site.plan
    name = site.names.fresh(_held(site, ""))
    row = target.partition(",")[0]
    ordered = site.query.step("order_by") is not None
    if plan.unique or shape == "exact":
        loop = _loop(target, query)
        loop[-1] = loop[-1].removesuffix(":")
        one = f"{name} = {{{key}: {row} {' '.join(loop)}}}"
        before = (
            [one]
            if len(loop) == 1 and len(one) <= 96
            else [
                f"{name} = {{",
                f"    {key}: {row}",
                *(f"    {line}" for line in loop),
                "}",
            ]
        )
    else:
        before = [f"{name} = {{}}", *_loop(target, query), f"    {name}.setdefault({key}, {row})"]
    title = f"Fetch all {site.entity} {'values' if _is_column(site) else 'rows'} with one IN query before the loop"
    if shape == "exact":
        new = f"{name}[{site.key()}]"
        title += "; a missing row now raises KeyError, not NoResultFound"
    else:
        new = f"{name}.get({site.key()})"
    if ordered and not plan.unique and shape == "first":
        title += "; to fetch only the first row of each key, rank with row_number() or use a lateral join"
    return site.rewrite(title, before, new, imports)


def _many(site: Site, query: list[str], target: str, key: str, imports: list[str]) -> Rewrite:
    name = site.names.fresh(_held(site, "_rows"))
    written, line = import_of(site.region.source, "collections", "defaultdict", site.anchor)
    row = target.partition(",")[0]
    before = [f"{name} = {written}(list)", *_loop(target, query), f"    {name}[{key}].append({row})"]
    new = f"{name}.get({site.key()}, [])"
    title = f"Fetch all {site.entity} rows with one IN query before the loop and group them by key"
    limit = next((args for step, args in site.steps if step == "limit"), None)
    if limit is not None:
        new += f"[:{limit[0]}]"
        title += "; to fetch only the first rows of each key, rank with row_number() or use a lateral join"
    return site.rewrite(title, before, new, [*imports, line] if line else imports)
