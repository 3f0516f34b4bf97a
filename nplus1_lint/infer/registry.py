"""Mapped classes that code looks up by name among all that are mapped: ``for mapper in Base.registry.mappers: …``.

The text that names a class is taken for the class from the call on that gives it to a function that looks it up, or
to one that hands it on. Source: SQLAlchemy, ``registry.mappers``; older code asks ``_decl_class_registry``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions
from nplus1_lint.infer.values import NONE, ClassRef, Const, Value, of
from nplus1_lint.link.symbols import FunctionSymbol

if TYPE_CHECKING:
    from nplus1_lint.infer.binding import Bound
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link import Project
    from nplus1_lint.link.hierarchy import Function as Definition

_REGISTRIES: Final = frozenset({"mappers", "_decl_class_registry", "_class_registry"})
_ROUNDS: Final = 3  # a function that calls one that calls the one that looks up


class Registry:
    """The functions that look mapped classes up by name.

    Args:
        project: the linked project.
    """

    def __init__(self, project: Project) -> None:
        self._names: dict[str, list[str]] = {}
        functions = project.hierarchy.functions.values()
        found = {one.id: 0 for one in functions if _looks_up(one.facts)}
        self._looking = frozenset(found)
        names = {project.hierarchy.functions[one].facts.name for one in found}
        for _ in range(_ROUNDS if found else 0):
            more = {}
            for one in functions:
                if one.id not in found and not one.facts.mentions.isdisjoint(names):
                    position = _handed_on(project, found, one)
                    if position is not None:
                        more[one.id] = position
            found.update(more)
            names = {project.hierarchy.functions[one].facts.name for one in more}
        self._positions = found
        for model in project.models.values() if found else ():
            for name in {model.name.lower(), (model.table or model.name).lower()}:
                self._names.setdefault(name, []).append(model.id)

    def named(self, definition: Definition, bound: Bound) -> Bound:
        """Return the arguments of a call with the class in the place of the text that names it."""
        position = self._positions.get(definition.id)
        atoms = bound.values[position].atoms if position is not None else ()
        if position is None or len(atoms) != 1 or type(atoms[0]) is not Const or not isinstance(atoms[0].value, str):
            return bound
        classes = self._names.get(atoms[0].value.lower(), ())
        if len(classes) != 1:
            return bound
        values = list(bound.values)
        values[position] = of(ClassRef("class", classes[0]))
        return bound._replace(values=tuple(values))

    def found(self, definition: Definition, bound: Bound, returns: Value) -> Value | None:
        """Return the class that a call finds by its name, where nothing else is known of its result."""
        if definition.id not in self._looking or any(atom not in NONE.atoms for atom in returns.atoms):
            return None
        given = bound.values[self._positions[definition.id]].only(ClassRef)
        return of(*given) if given else None


def registry_of(engine: Engine) -> Registry:
    """Return the functions of a project that look classes up, found when the first function is called."""
    if engine.registry is None:
        engine.registry = Registry(engine.project)
    return engine.registry


def _looks_up(facts: f.FunctionFacts) -> bool:
    """True for a function of one argument that asks a registry of mapped classes."""
    required = [param for param in facts.params if param.default is None]
    return len(required) == 1 and facts.params[0] is required[0] and not facts.mentions.isdisjoint(_REGISTRIES)


def _handed_on(project: Project, found: dict[str, int], definition: Definition) -> int | None:
    """The position of a function's parameter that it hands on, as it is, to one that looks it up."""
    params = [param.name for param in definition.facts.params]
    for expr in expressions(definition.facts.body):
        symbol = project.hierarchy.resolve_expr(definition.path, expr.func) if isinstance(expr, f.Call) else None
        if not isinstance(expr, f.Call) or not isinstance(symbol, FunctionSymbol) or symbol.id not in found:
            continue
        position = found[symbol.id]
        wanted = project.hierarchy.functions[symbol.id].facts.params[position].name
        given = dict(expr.keywords).get(wanted) or (expr.args[position] if position < len(expr.args) else None)
        if isinstance(given, f.Name) and given.id in params:
            return params.index(given.id)
    return None
