"""Calls that cost no query whatever the callee does: it is cached, or a comment says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer import library as lib
from nplus1_lint.infer.classes import decorator_names
from nplus1_lint.infer.decorated import project_decorators
from nplus1_lint.infer.values import External, Function, of

if TYPE_CHECKING:
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function as Definition


def why_free(engine: Engine, definition: Definition) -> str:
    """Return why a call to a function costs no query.

    Args:
        engine: knows the interfaces that the function may implement.
        definition: the called function, as dispatch has found it.

    Returns:
        A clause that begins with what the function is, or an empty string when its calls cost what it does.
    """
    facts = definition.facts
    if facts.no_query:
        return "it is marked `# nplus1: no-query`"
    caches = (lib.CACHES & set(decorator_names(facts))) or _applied(engine, definition)
    if caches:
        return f"it is cached by {min(caches)}"
    for interface in engine.marked.get(facts.name, ()) if definition.cls is not None else ():
        declared = interface.methods[facts.name].facts
        if engine.classes.implements(definition, interface):
            return f"{declared.qualname}, which it implements, is marked `# nplus1: no-query`"
    return ""


def _applied(engine: Engine, definition: Definition) -> set[str]:
    """The caches that decorators of the project apply: ``return cache.memoize(timeout)(function)``."""
    found: set[str] = set()
    itself = of(Function("function", definition.id, None, (), ()))
    for decorator in project_decorators(engine, definition):
        for atom in engine.apply(decorator, definition, itself).atoms:
            if type(atom) is External:
                found |= lib.CACHES & {
                    part.removesuffix("()") for part in atom.name.replace("()()", "()").split(".")[1:]
                }
            elif type(atom) is Function and atom.id != definition.id:
                found |= lib.CACHES & set(decorator_names(engine.definition(atom.id).facts))
    return found
