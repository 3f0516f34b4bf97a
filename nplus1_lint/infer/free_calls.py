"""Calls that cost no query whatever the callee does: it is cached, a comment says so, or it works off a queue.

A worker takes what others put into a queue, until it is stopped: how often it queries does not depend on how many
workers a loop starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted, expressions, names, statements, targets
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
    queue = _queue_of(facts)
    return f"it works off `{queue}` until it is stopped" if queue else ""


def _queue_of(facts: f.FunctionFacts) -> str:
    """The queue that is all of a function's work: one that it is given, from which an endless loop takes one by one."""
    if facts.loop_mentions.isdisjoint(lib.QUEUE_TAKES):
        return ""
    inside = tuple(statements(facts.body))
    if any(type(one) is f.Return and one.value is not None for one in inside):
        return ""
    own = {name for one in inside for target in targets(one) if type(target) is f.Name for name in names(target)}
    for loop in facts.body:
        if type(loop) is f.While:
            taken = (one.value for one in statements(loop.body) if type(one) is f.Assign)
            # A loop that asks the queue itself whether it goes on empties it, and has work of its own.
            asked = set(filter(None, map(dotted, expressions((f.ExprStmt(loop.test, loop.pos),)))))
            paths = (path for call in taken if (path := _queue(call)) and path not in asked)
            queue = next((path for path in paths if path.partition(".")[0] not in own), "")
            if queue:
                return queue
    return ""


def _queue(expr: f.Expr) -> str:
    """The path of *queue* in ``queue.get()``; a dictionary's ``get`` is given a key."""
    if type(expr) is not f.Call or expr.args or type(expr.func) is not f.Attr or expr.func.name not in lib.QUEUE_TAKES:
        return ""
    return dotted(expr.func.value) or ""


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
