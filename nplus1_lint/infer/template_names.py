"""What the names stand for that an application gives to all of its templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import last_name, names
from nplus1_lint.infer.binding import entry_arguments
from nplus1_lint.infer.classes import decorator_names
from nplus1_lint.infer.effects import TO_TEMPLATES
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.lexical_values import value_in
from nplus1_lint.infer.values import UNKNOWN, ClassRef, Function, Value, unknown
from nplus1_lint.link.symbols import FunctionSymbol
from nplus1_lint.link.template_names import find_given

if TYPE_CHECKING:
    from collections.abc import Collection

    from nplus1_lint.infer.cells import Held
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.template_names import Given

PREFIXES: Final = {"filter": "|", "test": "is ", "global": ""}
"""How the name of each kind begins where a template's facts call it."""

_PASSES: Final = frozenset({
    "pass_context", "pass_eval_context", "pass_environment", "contextfilter", "contextfunction", "evalcontextfilter",
    "evalcontextfunction", "environmentfilter", "environmentfunction",
})  # fmt: skip
"""Decorators of Jinja whose functions are given something before what the template writes."""


class TemplateNames:
    """The names of an engine's project, each computed once.

    Attributes:
        processors: ids of the functions whose result is merged into the context of every template.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        project = engine.project
        self._given: dict[str, list[Given]] = {}
        processors: dict[str, None] = {}
        for one in find_given(project.symbols, project.hierarchy) if project.templates else ():
            if one.kind == "context":
                processors[one.function or self._named(one)] = None
            else:
                self._given.setdefault(f"{PREFIXES[one.kind]}{one.name}", []).append(one)
        self._values: dict[str, Held] = {}
        self._contexts: dict[str, Held] = {}
        self.processors = tuple(one for one in processors if one)

    def _named(self, one: Given) -> str:
        """The id of a function of the project that a name means where it is handed over, or an empty string."""
        hierarchy = self._engine.project.hierarchy
        if one.holder is not None and isinstance(one.value, f.Name):
            nested = f"{one.holder.id}.{one.value.id}"
            if nested in hierarchy.functions:
                return nested
        symbol = hierarchy.resolve_expr(one.path, one.value) if one.value is not None else None
        return symbol.id if isinstance(symbol, FunctionSymbol) else ""

    def may_query(self, reaching: Collection[str]) -> bool:
        """True if anything that templates are given may reach a query.

        Args:
            reaching: names of which the mention may lead to a query.
        """
        given = [one for some in self._given.values() for one in some]
        return any(self._may_reach(one, reaching) for one in given) or any(
            self._mentions(one, reaching) for one in self.processors
        )

    def _mentions(self, function_id: str, reaching: Collection[str]) -> bool:
        facts = self._engine.project.hierarchy.functions[function_id].facts
        return facts.name in reaching or not facts.mentions.isdisjoint(reaching)

    def _may_reach(self, one: Given, reaching: Collection[str]) -> bool:
        if one.function:
            return self._mentions(one.function, reaching)
        if isinstance(one.value, f.Lambda):
            return not one.value.function.mentions.isdisjoint(reaching)
        return one.value is not None and (
            last_name(one.value) in reaching or any(name in reaching for name in names(one.value))
        )

    # -- values ---------------------------------------------------------------------------------------------------

    def value(self, name: str) -> Value | None:
        """Return what a filter (``|name``), a test (``is name``) or a global stands for, or None.

        Several of one name are taken together: which of them an environment has is not told apart.
        """
        given = self._given.get(name)
        if given is None:
            return None
        value = self._engine.cells.share(self._values, name, UNKNOWN, lambda: self._together(given))
        return value if value.atoms else None

    def in_context(self, name: str) -> Value | None:
        """Return what context processors give by a name, or None."""
        found = [pair for pair in self._context_items() if pair[0] == name]
        if not found or not all(value.atoms for _, value in found):
            return None
        return join_all([value for _, value in found])

    def asks(self, name: str) -> bool:
        """True if a filter, a test or a global, called with plain data, may query."""
        value = self.value(name)
        return value is not None and self.gives_rows(value)

    def gives_rows(self, value: Value) -> bool:
        """True if a query can be reached through a value that is a function or a mapped class."""
        engine = self._engine
        for atom in value.atoms:
            if type(atom) is Function and engine.reaches(engine.definition(atom.id).facts):
                return True
            if type(atom) is ClassRef and atom.id in engine.project.models:
                return True
        return False

    def _together(self, given: list[Given]) -> Value:
        values = [self._handed(one) for one in given]
        if not all(value.atoms for value in values):
            return unknown("one of several values of the name is not known")
        return join_all(values)

    def _handed(self, one: Given) -> Value:
        engine = self._engine
        if one.function:
            value = engine.function_value(one.function)
        else:
            assert one.value is not None
            value = value_in(engine, one.path, one.holder, one.value)
        return Value(
            tuple(self._called(atom) if type(atom) is Function else atom for atom in value.atoms), value.reason
        )

    def _called(self, function: Function) -> Function:
        """What a template calls: Jinja passes the context, or the like, first where the function asks for it."""
        passes = not _PASSES.isdisjoint(decorator_names(self._engine.definition(function.id).facts))
        return function._replace(bound=(UNKNOWN, *function.bound)) if passes else function

    # -- context processors ---------------------------------------------------------------------------------------

    def _context_items(self) -> tuple[tuple[str, Value], ...]:
        return self._engine.cells.share(self._contexts, "items", (), self._find_items)

    def _find_items(self) -> tuple[tuple[str, Value], ...]:
        engine, found = self._engine, list[tuple[str, Value]]()
        for one in self.processors:
            definition = engine.project.hierarchy.functions[one]
            summary = engine.summary(definition, entry_arguments(engine, definition, None), (), 1, None)
            found += [
                (name[len(TO_TEMPLATES) :], value) for name, value in summary.given if name.startswith(TO_TEMPLATES)
            ]
        return tuple(found)
