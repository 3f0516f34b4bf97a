"""What a function looks at of the instances that it is given: the rest tells its contexts apart for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions, names, statements
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.classes import is_property, method_kind
from nplus1_lint.infer.marshmallow import is_schema
from nplus1_lint.infer.values import Instance, Value

if TYPE_CHECKING:
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function as Definition

_SUPER = "super"


class Looks(NamedTuple):
    """By which attributes a function looks at a parameter that it uses for nothing else.

    Attributes:
        called: names of the methods that it calls.
        read: names that it reads or writes otherwise.
        above: names of the methods that it calls on ``super()``.
    """

    called: frozenset[str]
    read: frozenset[str]
    above: frozenset[str]


class Receivers:
    """Takes from instances what a function, and the methods that it calls on them, cannot tell.

    Who reads no attribute but methods cannot tell with which arguments an instance was made; where nothing extends its
    class, nor whether it was made here or only declared.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._looks: dict[str, dict[str, Looks]] = {}
        self._told: dict[tuple[str, int, str], bool] = {}
        self._final: dict[str, bool] = {}

    def trimmed(self, definition: Definition, values: tuple[Value, ...]) -> tuple[Value, ...]:
        """Return the arguments of a function without what it cannot tell of the instances among them."""
        found: list[Value] | None = None
        for position, value in enumerate(values):
            for atom in value.atoms:
                if type(atom) is Instance and (atom.exact or atom.fields):
                    found = found or list(values)
                    found[position] = self._of_value(definition, position, value)
                    break
        return values if found is None else tuple(found)

    def _of_value(self, definition: Definition, position: int, value: Value) -> Value:
        atoms = [
            Instance("instance", atom.cls, False, ())
            if type(atom) is Instance and self._is_blind(definition, position, atom.cls)
            else atom
            for atom in value.atoms
        ]
        return Value(tuple(dict.fromkeys(atoms)))

    def _is_blind(self, definition: Definition, position: int, cls: str) -> bool:
        """True if a function cannot tell two instances of a class apart that stand for a parameter."""
        key = (definition.id, position, cls)
        if key not in self._told:
            self._told[key] = self._is_final(cls) and self._calls_alone(definition, position, cls, set())
        return self._told[key]

    def _is_final(self, class_id: str) -> bool:
        """True if a declared instance of a class is one of just this class: nothing extends or implements it."""
        if class_id not in self._final:
            hierarchy = self._engine.project.hierarchy
            self._final[class_id] = not (
                hierarchy.descendants(class_id)
                or any(lib.root_and_last(base)[1] == "Protocol" for base in hierarchy.external_bases(class_id))
                or is_schema(self._engine, class_id)
            )
        return self._final[class_id]

    def _calls_alone(self, definition: Definition, position: int, cls: str, seen: set[str]) -> bool:
        """True if a function calls methods on a parameter that do the same on theirs, and does nothing else with it.

        Args:
            definition: the function.
            position: of the parameter.
            cls: id of its class.
            seen: ids of the methods that are being looked at.
        """
        if definition.id not in self._looks:
            self._looks[definition.id] = looks_of(definition.facts)
        looks = self._looks[definition.id].get(definition.facts.params[position].name)
        if looks is None or (looks.above and definition.cls is None):
            return False
        hierarchy = self._engine.project.hierarchy
        above = [hierarchy.find_method(cls, name, after=definition.cls) for name in sorted(looks.above)]
        if not all(target is None or self._method_calls_alone(target, cls, seen) for target in above):
            return False
        for name in sorted(looks.called | looks.read):
            target = hierarchy.find_method(cls, name)
            # What an attribute holds depends on the instance; a method that is not called here may be called anywhere.
            if target is None or (name in looks.read and not is_property(target.facts)):
                return False
            if not self._method_calls_alone(target, cls, seen):
                return False
        return True

    def _method_calls_alone(self, method: Definition, cls: str, seen: set[str]) -> bool:
        if method.id in seen or method_kind(method.facts) != "instance":
            return True
        seen.add(method.id)
        return bool(method.facts.params) and self._calls_alone(method, 0, cls, seen)


def looks_of(facts: f.FunctionFacts) -> dict[str, Looks]:
    """Return how a function looks at each parameter that it uses for its attributes alone."""
    bare: dict[str, int] = {param.name: 0 for param in facts.params if param.kind not in ("args", "kwargs")}
    reads: dict[tuple[str, str], int] = {}
    above: dict[str, None] = {}
    supers = 0
    for expr in expressions(facts.body):
        if type(expr) is f.Name:
            supers += expr.id == _SUPER
            if expr.id in bare:
                bare[expr.id] += 1
        elif type(expr) is f.Attr and type(expr.value) is f.Name:
            if expr.value.id in bare:
                bare[expr.value.id] -= 1
                key = (expr.value.id, expr.name)
                reads[key] = reads.get(key, 0) + 1
        elif type(expr) is f.Call and type(expr.func) is f.Attr:
            inner = expr.func.value
            if type(inner) is f.Name and inner.id in bare:
                reads[inner.id, expr.func.name] = reads.get((inner.id, expr.func.name), 0) - 1
            elif type(inner) is f.Call and type(inner.func) is f.Name and inner.func.id == _SUPER:
                supers -= 1
                above[expr.func.name] = None
        elif type(expr) is f.Lambda:
            for name in _mentioned(expr.function) & bare.keys():
                bare[name] += 1
    inside = _inside(facts)
    found: dict[str, Looks] = {}
    for position, param in enumerate(facts.params):
        name = param.name
        if bare.get(name) != 0 or name in inside or (position == 0 and (supers or _SUPER in inside)):
            continue
        called = {attribute for (one, attribute), others in reads.items() if one == name and others == 0}
        read = {attribute for (one, attribute), others in reads.items() if one == name and others > 0}
        found[name] = Looks(frozenset(called), frozenset(read), frozenset(above) if position == 0 else frozenset())
    return found


def _inside(facts: f.FunctionFacts) -> set[str]:
    """Names that the functions and classes inside a function mention."""
    found: set[str] = set()
    for statement in statements(facts.body):
        if isinstance(statement, f.Def):
            found |= _mentioned(statement.function)
        elif isinstance(statement, f.ClassDef):
            for inner in statement.cls.body:
                if isinstance(inner, f.Def):
                    found |= _mentioned(inner.function)
    return found


def _mentioned(function: f.FunctionFacts) -> frozenset[str]:
    """Names that a function inside another one mentions, in its defaults too."""
    return function.mentions.union(*(names(p.default) for p in function.params if p.default is not None))
