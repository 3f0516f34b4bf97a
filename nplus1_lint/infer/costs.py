"""What each function costs when nothing is known of its caller, route handlers with what is injected into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.infer.binding import providers
from nplus1_lint.infer.spent import FunctionCost, dearest_run
from nplus1_lint.query_costs import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function as Definition


class RunCost(NamedTuple):
    """A function and what one call of it costs.

    Attributes:
        definition: the function.
        cost: of its own body.
        injected: what the framework calls before it, each once per request.
        handles: it answers a route.
    """

    definition: Definition
    cost: FunctionCost
    injected: tuple[FunctionCost, ...]
    handles: bool


def run_costs(
    engine: Engine, entries: Iterable[tuple[Definition, Key, bool]], idle: Iterable[Definition]
) -> tuple[RunCost, ...]:
    """Return what functions cost, by path and place.

    Args:
        engine: has run them.
        entries: functions that may query, each with its context and whether it answers a route.
        idle: handlers that cannot query themselves.
    """
    if not engine.counts:
        return ()
    found = []
    for definition, key, handles in entries:
        cost = engine.cost(key)
        if cost is not None:
            found.append(RunCost(definition, cost, _injected(engine, definition) if handles else (), handles))
    known = {run.definition.id for run in found}
    called: dict[str, list[FunctionCost]] = {}
    for function_id, cost in engine.costs():
        if cost.total.terms and function_id not in known and function_id in engine.project.hierarchy.functions:
            called.setdefault(function_id, []).append(cost)
    for function_id, costs in called.items():  # nothing in it shows that it queries; its callers' arguments do
        found.append(RunCost(engine.definition(function_id), dearest_run(costs), (), False))
    for definition in idle:
        nothing = FunctionCost(definition.id, (), ZERO, frozenset(), False, (), ())
        found.append(RunCost(definition, nothing, _injected(engine, definition), True))
    return tuple(sorted(found, key=lambda run: (run.definition.path, run.definition.facts.pos)))


def _injected(engine: Engine, handler: Definition) -> tuple[FunctionCost, ...]:
    """A framework calls each dependency once per request, however many parameters want it."""
    found: dict[str, FunctionCost] = {}
    for target, key in providers(engine, handler):
        cost = engine.cost(key)
        if cost is not None and cost.total.terms:
            found[target.id] = cost
    return tuple(found[name] for name in sorted(found))
