"""What a function looks at of the instances that it is given: the rest tells its contexts apart for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions, names, statements
from nplus1_lint.infer.classes import is_property, method_kind
from nplus1_lint.infer.constructors import Shown, shown
from nplus1_lint.infer.keywords import Uses, uses_of
from nplus1_lint.infer.marshmallow import is_schema
from nplus1_lint.infer.values import Instance, Value
from nplus1_lint.infer.widening import carries

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


class _Told(NamedTuple):
    """What a function can tell of an instance of a class.

    Attributes:
        exact: whether it was made here or only declared.
        fields: those that may change what it reads, whatever they hold.
        acting: those that may do so if they hold more than plain data.
    """

    exact: bool
    fields: frozenset[str]
    acting: frozenset[str] = frozenset()


class _Near(NamedTuple):
    """What a function itself does with an instance: the attributes that it reads, and the methods that it calls."""

    read: frozenset[str]
    methods: tuple[Definition, ...]


class Receivers:
    """Takes from instances what a function, and the methods that it calls on them, cannot tell.

    Who reads an instance's attributes alone cannot tell the constructor's arguments that show in others; where nothing
    extends its class, nor whether it was made here or only declared.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._looks: dict[str, dict[str, Looks]] = {}
        self._nears: dict[tuple[str, int, str], _Near | None] = {}
        self._told: dict[tuple[str, int, str, bool], _Told | None] = {}
        self._shown: dict[str, dict[str, Shown] | None] = {}
        self._final: dict[str, bool] = {}
        self._keywords: dict[str, Uses | None] = {}

    def keyword_uses(self, definition: Definition) -> Uses | None:
        """Return how a function that may reach a query uses its ``**kw``; None where that tells nothing of it."""
        if definition.id not in self._keywords:
            reaches = self._engine.reaches(definition.facts)
            self._keywords[definition.id] = uses_of(definition.facts) if reaches else None
        return self._keywords[definition.id]

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
            self._of_instance(definition, position, atom) if type(atom) is Instance else atom for atom in value.atoms
        ]
        return Value(tuple(dict.fromkeys(atoms)))

    def _of_instance(self, definition: Definition, position: int, atom: Instance) -> Instance:
        key = (definition.id, position, atom.cls, atom.exact)
        if key not in self._told:
            self._told[key] = self._tells(definition, position, atom.cls, exact=atom.exact)
        told = self._told[key]
        if told is None:
            return atom
        kept = tuple(
            field for field in atom.fields if field[0] in told.fields or (field[0] in told.acting and carries(field[1]))
        )
        return Instance("instance", atom.cls, told.exact, kept)

    def _tells(self, definition: Definition, position: int, cls: str, *, exact: bool) -> _Told | None:
        """Return what a function can tell of an instance that stands for a parameter; None for everything."""
        final = self._is_final(cls)
        if not final and (not exact or is_schema(self._engine, cls)):
            return None
        read = self._reads(definition, position, cls)
        if read is None:
            return None
        exact = exact and (not final or self._is_stored_later(cls, read))
        init = self._engine.project.hierarchy.find_method(cls, "__init__")
        if init is None or not read:
            return _Told(exact, read)
        shown = self._shown_of(init, cls)
        if shown is None:
            return _Told(exact, frozenset(param.name for param in init.facts.params))
        fields = (name for name, one in shown.items() if one.attributes is None or not read.isdisjoint(one.attributes))
        return _Told(exact, frozenset(fields), frozenset(name for name, one in shown.items() if one.handled))

    def _is_stored_later(self, cls: str, attributes: frozenset[str]) -> bool:
        """True if a method stores any of some attributes: what it stores is found by its run on a declared instance."""
        mro = self._engine.project.hierarchy.mro(cls)
        return any(
            name in attributes and set(methods) != {"__init__"} for one in mro for name, methods in one.facts.stores
        )

    def _shown_of(self, init: Definition, cls: str) -> dict[str, Shown] | None:
        """Return where the arguments of a class' constructor show; None if that cannot be told."""
        if cls not in self._shown:
            self._shown[cls] = self._show(init, cls)
        return self._shown[cls]

    def _show(self, init: Definition, cls: str) -> dict[str, Shown] | None:
        hierarchy = self._engine.project.hierarchy
        looks = self._looks_at(init, 0)
        if looks is None or any(hierarchy.find_method(cls, name, after=init.cls) for name in looks.above):
            return None
        if self._reads(init, 0, cls) is None:
            return None

        def reads_of(name: str) -> frozenset[str]:
            method = hierarchy.find_method(cls, name)
            if method is None or method_kind(method.facts) != "instance":
                return frozenset()
            return self._reads(method, 0, cls) or frozenset()

        return shown(init.facts, reads_of)

    def _is_final(self, class_id: str) -> bool:
        """True if a declared instance of a class is one of just this class: nothing extends or implements it."""
        if class_id not in self._final:
            hierarchy = self._engine.project.hierarchy
            self._final[class_id] = not (
                hierarchy.descendants(class_id)
                or self._engine.classes.extends(class_id, ("Protocol",))
                or is_schema(self._engine, class_id)
            )
        return self._final[class_id]

    def _reads(self, definition: Definition, position: int, cls: str) -> frozenset[str] | None:
        """Return the attributes, methods apart, that a function and the methods that it calls read of a parameter.

        Args:
            definition: the function.
            position: of the parameter.
            cls: id of its class.

        Returns:
            None where one of them does anything else with it.
        """
        found: set[str] = set()
        seen = {definition.id}
        work = [(definition, position)]
        while work:
            near = self._near(*work.pop(), cls)
            if near is None:
                return None
            found |= near.read
            work += [(method, 0) for method in near.methods if method.id not in seen]
            seen.update(method.id for method in near.methods)
        return frozenset(found)

    def _near(self, definition: Definition, position: int, cls: str) -> _Near | None:
        key = (definition.id, position, cls)
        if key not in self._nears:
            self._nears[key] = self._read_here(definition, position, cls)
        return self._nears[key]

    def _read_here(self, definition: Definition, position: int, cls: str) -> _Near | None:
        looks = self._looks_at(definition, position)
        if looks is None or (looks.above and definition.cls is None):
            return None
        hierarchy = self._engine.project.hierarchy
        found = [hierarchy.find_method(cls, name, after=definition.cls) for name in sorted(looks.above)]
        read: list[str] = []
        for name in sorted(looks.called | looks.read):
            target = hierarchy.find_method(cls, name)
            if target is None:
                read.append(name)
            elif name in looks.read and not is_property(target.facts):
                return None  # a method that is not called here may be called anywhere
            found.append(target)
        methods = [one for one in found if one is not None and method_kind(one.facts) == "instance"]
        return _Near(frozenset(read), tuple(methods))

    def _looks_at(self, definition: Definition, position: int) -> Looks | None:
        if not definition.facts.params:
            return None
        if definition.id not in self._looks:
            self._looks[definition.id] = looks_of(definition.facts)
        return self._looks[definition.id].get(definition.facts.params[position].name)


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
            for name in _mentioned(expr.function).intersection(bare):
                bare[name] += 1
    inside = _inside(facts) if facts.nests else set()
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
