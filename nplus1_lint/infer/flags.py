"""Flags that a function tests more than once: what one test has decided, the next decides alike.

A function that loads what its flag asks for and reads it under the same flag is run for both outcomes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions, statements, targets
from nplus1_lint.infer.effects import Effect, Summary
from nplus1_lint.infer.instantiate import kept_by_either
from nplus1_lint.infer.joins import join, join_all
from nplus1_lint.infer.spent import dearest_run
from nplus1_lint.infer.values import FALSE, TRUE, Const, Scalar, ScalarOf, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.link.hierarchy import Function as Definition

MAX_FLAGS = 2  # each doubles the contexts of a function


def outcomes(flags: tuple[int, ...], values: tuple[Value, ...]) -> list[tuple[Value, ...]]:
    """Return the arguments with each flag that is not known true and false; none when all are known.

    Args:
        flags: positions of a function's flags.
        values: its arguments.
    """
    unknown = [position for position in flags if _is_open(values[position])]
    found = [values] if unknown else []
    for position in unknown:
        found = [(*one[:position], outcome, *one[position + 1 :]) for one in found for outcome in (TRUE, FALSE)]
    return found


def _is_open(value: Value) -> bool:
    plain = all(type(a) in (Scalar, ScalarOf, Const) for a in value.atoms)
    return plain and not (value.atoms and all(type(a) is Const for a in value.atoms) and len(value.atoms) == 1)


def flags_of(definition: Definition) -> tuple[int, ...]:
    """Return the positions of the parameters that are tested twice or more and stand for true or false."""
    facts = definition.facts
    if not any(map(_may_be_flag, facts.params)):
        return ()
    tested: dict[str, int] = {}
    for name in _tested(facts.body):
        tested[name] = tested.get(name, 0) + 1
    if not any(count > 1 for count in tested.values()):
        return ()
    assigned = {t.id for s in statements(facts.body) for t in targets(s) if isinstance(t, f.Name)}
    found = [
        position
        for position, param in enumerate(facts.params)
        if tested.get(param.name, 0) > 1 and param.name not in assigned and _is_flag(facts.body, param, tested)
    ]
    return tuple(found[:MAX_FLAGS])


def _may_be_flag(param: f.Param) -> bool:
    """True unless its declaration alone says that a parameter is no flag."""
    if isinstance(param.annotation, f.Name):
        return param.annotation.id == "bool"
    if isinstance(param.default, f.Const):
        return isinstance(param.default.value, bool)
    return param.annotation is None and param.default is None and param.name not in ("self", "cls")


def _is_flag(body: tuple[f.Stmt, ...], param: f.Param, tested: dict[str, int]) -> bool:
    if isinstance(param.annotation, f.Name):
        return param.annotation.id == "bool"
    if isinstance(param.default, f.Const):
        return isinstance(param.default.value, bool)
    if param.annotation is not None or param.default is not None or param.kind not in ("positional", "keyword"):
        return False
    # Without a word on its type it is one if it is tested and nothing else.
    named = sum(isinstance(expr, f.Name) and expr.id == param.name for expr in expressions(body))
    return named == tested[param.name]


def _tested(body: tuple[f.Stmt, ...]) -> Iterator[str]:
    """The names whose truth conditions ask for, each as often as they do."""
    for statement in statements(body):
        if isinstance(statement, f.If):
            yield from _asked(statement.test)
    for expr in expressions(body):
        if type(expr) is f.Conditional:
            yield from _asked(expr.test)
        elif type(expr) is f.Comprehension:
            for generator in expr.generators:
                for condition in generator.conditions:
                    yield from _asked(condition)


def _asked(test: f.Expr) -> Iterator[str]:
    if isinstance(test, f.Name):
        yield test.id
    elif isinstance(test, f.Not):
        yield from _asked(test.operand)
    elif isinstance(test, f.BoolOp):
        for operand in test.operands:
            yield from _asked(operand)


def together(summaries: list[Summary]) -> Summary:
    """Return what one of several runs of a function does: each effect that any has."""
    merged: dict[tuple[object, ...], Effect] = {}
    fields: dict[str, Value] = {}
    mask = 0
    for summary in summaries:
        mask |= summary.mask
        for effect in summary.effects:
            key = (effect.kind, effect.site, effect.subject, effect.attribute)
            present = merged.get(key)
            if present is not None:
                effect = present._replace(
                    deps=present.deps | effect.deps,
                    session=present.session & effect.session,
                    loops=max(present.loops, effect.loops),
                    keeper=kept_by_either(present, effect),
                )
            merged[key] = effect
        for name, value in summary.fields:
            fields[name] = join(fields[name], value) if name in fields else value
    loaded = tuple(one for one in summaries[0].loaded if all(one in other.loaded for other in summaries[1:]))
    returns = join_all([summary.returns for summary in summaries])
    costs = [summary.cost for summary in summaries if summary.cost is not None]
    cost = dearest_run(costs) if costs else None
    stored: dict[int, int] = {}
    for position, one in [pair for summary in summaries for pair in summary.stored]:
        stored[position] = stored.get(position, 0) | one
    left, kept = tuple(sorted(fields.items())), tuple(sorted(stored.items()))
    given = tuple(dict.fromkeys(pair for summary in summaries for pair in summary.given))
    return Summary(returns, mask, tuple(merged.values()), left, loaded, cost, kept, given)
