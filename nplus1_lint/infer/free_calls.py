"""Calls that cost no query whatever the callee does: it is cached, or a comment says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer import library as lib
from nplus1_lint.infer.classes import decorator_names

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
    caches = lib.CACHES & set(decorator_names(facts))
    if caches:
        return f"it is cached by {min(caches)}"
    for interface in engine.marked.get(facts.name, ()) if definition.cls is not None else ():
        declared = interface.methods[facts.name].facts
        if engine.classes.implements(definition, interface):
            return f"{declared.qualname}, which it implements, is marked `# nplus1: no-query`"
    return ""
