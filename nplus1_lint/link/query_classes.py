"""Query classes of the project: whose methods `Model.query` and `session.query()` have.

Sources: SQLAlchemy 2.0, "ORM Querying: Legacy Query API" (``query_cls``, ``query_property``); Flask-SQLAlchemy 3, "API"
(``query_class``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import calls, last_name
from nplus1_lint.link.symbols import ClassSymbol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.link.hierarchy import Class, Hierarchy
    from nplus1_lint.link.models import Model
    from nplus1_lint.link.symbols import Symbols

NAMES: Final = frozenset({"query_class", "query_cls", "query_property"})


@dataclass(frozen=True, slots=True)
class QueryClasses:
    """The classes by the mapped class that is asked for.

    Attributes:
        models: id of the class of ``Model.query``, by the model's id.
        sessions: id of the class of ``session.query()``, or an empty string.
        holders: ids of all of them, and of the classes of the project that they extend.
    """

    models: dict[str, str] = field(default_factory=dict)
    sessions: str = ""
    holders: frozenset[str] = frozenset()

    @property
    def settings(self) -> tuple[str, ...]:
        """All that is known, as text."""
        return (*(f"{model}={cls}" for model, cls in sorted(self.models.items())), f"={self.sessions}")


def find_query_classes(symbols: Symbols, hierarchy: Hierarchy, models: Iterable[Model]) -> QueryClasses:
    """Find the query classes that mapped classes, ``SQLAlchemy(…)`` and ``sessionmaker(…)`` name.

    Args:
        symbols: names of every module.
        hierarchy: classes and functions.
        models: the mapped classes.
    """
    naming = [path for path, one in sorted(symbols.modules.items()) if not one.facts.body.mentions.isdisjoint(NAMES)]
    if not naming:
        return QueryClasses()
    given: dict[str, set[str]] = {"query_class": set(), "query_cls": set()}
    for path in naming:
        for call in calls(symbols.modules[path].facts.body.body):
            for name, value in call.keywords:
                if name in given and (found := _class(hierarchy, path, value)):
                    given[name].add(found)
    flask, plain = _only(given["query_class"]), _only(given["query_cls"])
    of_models = {}
    for model in models:
        found = _of_model(hierarchy, model.id) or flask
        if found:
            of_models[model.id] = found
    sessions = plain or flask
    own = {*of_models.values(), *([sessions] if sessions else [])}
    holders = frozenset(cls.id for one in own for cls in hierarchy.mro(one))
    return QueryClasses(of_models, sessions, holders)


def _only(found: set[str]) -> str:
    """The one class, of which there may be no other."""
    return next(iter(found)) if len(found) == 1 else ""


def _of_model(hierarchy: Hierarchy, model: str) -> str:
    named = hierarchy.find_attribute(model, "query_class")
    if named is not None:
        return _class(hierarchy, named[0].path, named[1], named[0])
    query = hierarchy.find_attribute(model, "query")
    if query is None or not isinstance(query[1], f.Call) or last_name(query[1].func) != "query_property":
        return ""
    written = next((value for name, value in query[1].keywords if name == "query_cls"), None)
    value = written if written is not None else next(iter(query[1].args), None)
    return _class(hierarchy, query[0].path, value, query[0]) if value is not None else ""


def _class(hierarchy: Hierarchy, path: str, value: f.Expr, inside: Class | None = None) -> str:
    scope = inside.id.partition(":")[2] if inside is not None else ""
    symbol = hierarchy.resolve_expr(path, value, scope)
    return symbol.id if isinstance(symbol, ClassSymbol) and symbol.id in hierarchy.classes else ""
