"""What decorators of the project make of a function, where their wrapper itself does something with what it is given.

A wrapper that only hands its arguments on is left out: the function itself stands for it, with all that is known of
its parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import children, expressions
from nplus1_lint.infer.statements import Run
from nplus1_lint.infer.values import SCALAR, UNKNOWN, Function, Mapping, Tuple, Value, of
from nplus1_lint.infer.widening import carries
from nplus1_lint.link.symbols import FunctionSymbol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function as Definition

_NO_POSITIONAL: Final = of(Tuple("tuple", ()))
_NO_KEYWORDS: Final = of(Mapping("mapping", SCALAR, UNKNOWN, None, (), True))


def decorated(engine: Engine, definition: Definition) -> Value:
    """Return the value of a function's name.

    Args:
        engine: evaluates the decorators.
        definition: a function at the top level of a module.

    Returns:
        The wrapper that the decorators return, or the function itself.
    """
    value = of(Function("function", definition.id, None, (), ()))
    if definition.cls is not None or engine.free_of_cost(definition):
        return value
    for decorator in project_decorators(engine, definition):
        made = engine.apply(decorator, definition, value)
        wrapper = made.atoms[0] if len(made.atoms) == 1 else None
        if type(wrapper) is Function and wrapper.receiver is None and not wrapper.bound:
            inner = {name for name, captured in wrapper.captured if captured == value}
            if inner and _uses_what_it_is_given(engine.definition(wrapper.id).facts, inner):
                value = made
    return value


def filled_in(engine: Engine, definition: Definition) -> dict[str, Value]:
    """Return what a function's decorators give it under the names of parameters that its callers leave out.

    ``kwargs["session"] = made; return function(*args, **kwargs)``, ``function(*args, session=made, **kwargs)`` and
    ``function(made, *args, **kwargs)``: the wrapper is run without arguments of its own.

    Args:
        engine: runs the wrappers.
        definition: a function, decorated or not.

    Returns:
        Values by parameter; plain data, and what is not known, are left out.
    """
    found: dict[str, Value] = {}
    if not definition.facts.decorators or not engine.reaches(definition.facts):
        return found
    value = of(Function("function", definition.id, None, (), ()))
    for decorator in project_decorators(engine, definition):
        for atom in engine.apply(decorator, definition, value).atoms:
            if type(atom) is Function and atom.id != definition.id and any(v == value for _, v in atom.captured):
                for key in _calls_of(engine, atom):
                    if key[0] == definition.id:
                        given = zip(definition.facts.params, key[1], strict=True)
                        found.update((param.name, one) for param, one in given if carries(one))
    return found


def _calls_of(engine: Engine, wrapper: Function) -> tuple[Key, ...]:
    """The contexts in which a wrapper that is given no arguments calls others."""
    definition = engine.definition(wrapper.id)
    frame = Run(engine, definition, 1, wrapper.captured)
    for param in definition.facts.params:
        nothing = {"args": _NO_POSITIONAL, "kwargs": _NO_KEYWORDS}.get(param.kind, UNKNOWN)
        frame.bind(param.name, (nothing, 0))
    for name, captured in wrapper.captured:
        if frame.lookup(name) is None:
            frame.bind(name, (captured, 0))
    frame.block(definition.facts.body)
    return tuple(frame.calls)


def project_decorators(engine: Engine, definition: Definition) -> Iterator[f.Expr]:
    """Yield a function's decorators that are functions of the project, or made by one, in the order of use."""
    for decorator in reversed(definition.facts.decorators):
        target = decorator.func if isinstance(decorator, f.Call) else decorator
        if isinstance(engine.project.hierarchy.resolve_expr(definition.path, target), FunctionSymbol):
            yield decorator


def _uses_what_it_is_given(facts: f.FunctionFacts, inner: set[str]) -> bool:
    """True if a wrapper names its positional parameters and reads one of them elsewhere than to hand it on.

    Args:
        facts: the wrapper.
        inner: its names for the function that it wraps.
    """
    if any(param.kind == "args" for param in facts.params):
        return False
    params = {param.name for param in facts.params if param.kind == "positional"}
    handed: set[int] = set()
    read: list[f.Name] = []
    for expr in expressions(facts.body):
        if isinstance(expr, f.Call) and isinstance(expr.func, f.Name) and expr.func.id in inner:
            handed |= {id(child) for child in children(expr)}
        elif isinstance(expr, f.Name) and expr.id in params:
            read.append(expr)
    return any(id(name) not in handed for name in read)
