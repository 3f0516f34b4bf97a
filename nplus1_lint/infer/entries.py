"""Functions whose caller is unknown: all of a project, and the closures that nothing in it calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.binding import entry_arguments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.frame import Place
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Function
    from nplus1_lint.link.hierarchy import Function as Definition


def run_alone(engine: Engine, definition: Definition, closure: Function | None = None) -> Key:
    """Run a function on what its annotations say of its arguments, and return the context.

    Args:
        engine: runs it.
        definition: the function.
        closure: the same with what it captures, if anything.
    """
    values = entry_arguments(engine, definition, None)
    captured = closure.captured if closure is not None else ()
    engine.summary(definition, values, captured, 1, None)
    return engine.context(definition, values, captured)


def run_uncalled(engine: Engine, keys: Iterable[Key]) -> dict[tuple[str, Place], tuple[Definition, Key]]:
    """Run the closures of functions that nothing in the project calls: they are returned, registered or decorated.

    Args:
        engine: has run the functions.
        keys: the contexts of the functions, each as one whose caller is unknown.

    Returns:
        The closures by file and place.
    """
    found: dict[tuple[str, Place], tuple[Definition, Key]] = {}
    called = {key[0] for key in engine.cells.reached()}
    waiting = [closure for key in keys for closure in engine.defined_by(key)]
    for closure in waiting:
        definition = engine.definition(closure.id)
        if closure.id in called or not engine.reaches(definition.facts):
            continue
        called.add(closure.id)
        key = run_alone(engine, definition, closure)
        found[definition.path, definition.facts.pos] = (definition, key)
        waiting += engine.defined_by(key)
    return found
