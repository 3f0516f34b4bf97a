"""Nested functions and lambdas by their ids, for those that no run of this process has come upon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nplus1_lint.index import facts as f
from nplus1_lint.link.hierarchy import Function as Definition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.symbols import Module

_TOP = ":<module>"


def top_level(module: Module) -> Definition:
    """Return a module's top level as a function."""
    return Definition(f"{module.name}{_TOP}", module.path, module.facts.body, None)


def name_of(engine: Engine, function_id: str) -> str:
    """Return the name of a function by its id, a nested one's without a look at it."""
    head, nested, _ = function_id.rpartition("@")
    return head.rpartition(".")[2] if nested else engine.definition(function_id).facts.name


def nested_definition(engine: Engine, function_id: str) -> Definition:
    """Return a nested function, a lambda or a module's top level.

    Args:
        engine: knows the functions around it.
        function_id: ``outer.name@line:column``, as `Engine.register_nested` gives it, or ``module:<module>``.

    Raises:
        KeyError: there is none of this name there.
    """
    if function_id.endswith(_TOP):
        name = function_id.removesuffix(_TOP)
        return next(top_level(one) for one in engine.project.symbols.modules.values() if one.name == name)
    head, _, place = function_id.rpartition("@")
    if not head:
        raise KeyError(function_id)
    outer = engine.definition(head.rpartition(".")[0])
    if outer.id not in engine.inside:
        inside = _functions(outer.facts.body, whole=outer.id.endswith(_TOP))
        engine.inside[outer.id] = {(facts.name, facts.pos[:2]): facts for facts in inside}
    line, _, column = place.partition(":")
    facts = engine.inside[outer.id][head.rpartition(".")[2], (int(line), int(column))]
    return Definition(function_id, outer.path, facts, None)


def _functions(node: Any, *, whole: bool = False) -> Iterator[f.FunctionFacts]:
    """Yield the functions and lambdas in some syntax, those inside of them excepted.

    Args:
        node: statements, an expression, or a part of one.
        whole: look also at what stands around functions: defaults, decorators.
    """
    if isinstance(node, f.FunctionFacts):
        yield node
        if whole:
            yield from _functions((node.params, node.decorators), whole=True)
    elif isinstance(node, msgspec.Struct):
        for name in node.__struct_fields__:
            yield from _functions(getattr(node, name), whole=whole)
    elif isinstance(node, tuple):
        for one in node:
            yield from _functions(one, whole=whole)
