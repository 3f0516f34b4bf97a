"""Functions whose caller is unknown: all of a project, and the closures that nothing in it calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions
from nplus1_lint.infer.binding import entry_arguments
from nplus1_lint.infer.classes import method_kind
from nplus1_lint.infer.values import ClassRef, Instance, of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.frame import Place
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Function
    from nplus1_lint.link.hierarchy import Function as Definition

_MOST_CLASSES = 24


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


class Inherited:
    """Methods that classes inherit and fill in: a framework calls the handlers of a generic view, nobody else does.

    Args:
        engine: runs them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hierarchy = engine.project.hierarchy
        self._filling: dict[str, tuple[str, ...]] = {}

    def run(self, definition: Definition) -> None:
        """Run a method for each class at the end of its line that says what it leaves open: a model, a schema, a hook.

        Args:
            definition: the method; a function or a method of a mapped class is left alone.
        """
        kind = method_kind(definition.facts)
        if definition.cls is None or definition.cls in self._engine.project.models or kind == "static":
            return
        found = 0
        for sub in self._that_fill_in(definition.cls):
            if self._hierarchy.find_method(sub, definition.facts.name) is not definition:
                continue
            receiver = of(Instance("instance", sub, False, ()) if kind == "instance" else ClassRef("class", sub))
            values = entry_arguments(self._engine, definition, receiver)
            self._engine.summary(definition, values, (), 1, None)
            found += 1
            if found == _MOST_CLASSES:
                return

    def _that_fill_in(self, base: str) -> tuple[str, ...]:
        """The classes at the ends of a class' lines that say something that it leaves open."""
        if base not in self._filling:
            ends = [sub for sub in self._hierarchy.descendants(base) if not self._hierarchy.descendants(sub)]
            left_open = self._left_open(base) if ends else frozenset[str]()
            self._filling[base] = tuple([sub for sub in ends if self._fills_in(base, sub, left_open)])
        return self._filling[base]

    def _fills_in(self, base: str, sub: str, left_open: frozenset[str]) -> bool:
        known = {cls.id for cls in self._hierarchy.mro(base)}
        own = [cls for cls in self._hierarchy.mro(sub) if cls.id not in known]
        said = {name for cls in own for name in (*cls.attributes, *cls.methods)}
        return not said.isdisjoint(left_open) or ("__init__" in said and self._makes_itself(sub))

    def _left_open(self, base: str) -> frozenset[str]:
        """What the methods of a class ask of ``self`` that neither it nor a base of it says."""
        line = self._hierarchy.mro(base)
        methods = [method for cls in line for method in cls.methods.values()]
        said = {name for cls in line for name, value in cls.attributes.items() if not _is_none(value)}
        said |= {method.facts.name for method in methods if not self._engine.classes.is_abstract(method)}
        return frozenset({name for method in methods for name in _asked(method.facts)} - said)

    def _makes_itself(self, cls: str) -> bool:
        """True if a class is made without arguments, so that what its base asks for is its own to give."""
        init = self._hierarchy.find_method(cls, "__init__")
        return init is not None and all(p.default is not None or "args" in p.kind for p in init.facts.params[1:])


def _asked(facts: f.FunctionFacts) -> Iterator[str]:
    """The attributes that a method reads of its first parameter."""
    receiver = facts.params[0].name if facts.params else ""
    for expr in expressions(facts.body):
        if type(expr) is f.Attr and type(expr.value) is f.Name and expr.value.id == receiver:
            yield expr.name


def _is_none(value: f.Expr) -> bool:
    return isinstance(value, f.Const) and value.value is None


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
