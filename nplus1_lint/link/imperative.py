"""Imperative mapping: ``registry.map_imperatively(Team, teams, properties={…})`` and the older ``mapper(…)``.

Such a class gets a base of the linker's own making that holds what a declarative class would have in its body: the
table's columns and the properties, to be resolved in the module of the mapping.

Source: SQLAlchemy, "ORM Mapped Class Configuration", Imperative Mapping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.names import MAPPERS
from nplus1_lint.index.walk import call_name, expressions
from nplus1_lint.link.declarations import keywords, text
from nplus1_lint.link.hierarchy import Class
from nplus1_lint.link.symbols import ClassSymbol, GlobalSymbol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.link.hierarchy import Hierarchy
    from nplus1_lint.link.symbols import Module

MAPPING: Final = "<mapping>"
"""Ends the id of a base that stands for an imperative mapping."""


def add_mappings(hierarchy: Hierarchy) -> None:
    """Give every imperatively mapped class its base.

    Args:
        hierarchy: the classes; before any resolution order has been asked for.
    """
    for path in sorted(hierarchy.symbols.modules):
        module = hierarchy.symbols.modules[path]
        if MAPPERS.isdisjoint(module.facts.body.mentions):
            continue
        for call in _calls(module):
            symbol = hierarchy.resolve_expr(path, call.args[0])
            cls = hierarchy.classes.get(symbol.id) if isinstance(symbol, ClassSymbol) else None
            table = _table(hierarchy, path, call)
            if cls is not None and table is not None and not is_mapped(cls):
                base = _base(cls, module, call, table)
                hierarchy.classes[base.id] = base
                cls.bases.append(base.id)


def is_mapped(cls: Class) -> bool:
    """True if a class has such a base."""
    return any(base.endswith(MAPPING) for base in cls.bases)


def _calls(module: Module) -> Iterator[f.Call]:
    """The mapping calls of a module, those inside functions such as ``start_mappers()`` included."""
    bodies = [module.facts.body.body]
    for body in bodies:
        bodies += [s.function.body for s in body if isinstance(s, f.Def)]
        for expr in expressions(body):
            if isinstance(expr, f.Call) and call_name(expr) in MAPPERS and len(expr.args) > 1:
                yield expr


def _table(hierarchy: Hierarchy, path: str, call: f.Call) -> f.Call | None:
    """The ``Table(…)`` call of a mapping."""
    written = call.args[1]
    if isinstance(written, f.Call):
        return written if call_name(written) == "Table" else None
    symbol = hierarchy.resolve_expr(path, written)
    if not isinstance(symbol, GlobalSymbol):
        return None
    for value in hierarchy.symbols.modules[symbol.path].assigns.get(symbol.name, []):
        if isinstance(value, f.Call) and call_name(value) == "Table":
            return value
    return None


def _base(cls: Class, module: Module, call: f.Call, table: f.Call) -> Class:
    name = f"{cls.name}{MAPPING}"
    facts = f.ClassFacts(name, f"{cls.facts.qualname}{MAPPING}", (), (), (), (), (), call.pos)
    base = Class(f"{module.name}:{cls.facts.qualname}{MAPPING}", module.path, facts)
    if table.args and (table_name := text(table.args[0])):
        base.attributes["__tablename__"] = f.Const(table_name)
    for argument in table.args[1:]:
        if isinstance(argument, f.Call) and call_name(argument) == "Column" and argument.args:
            column = text(argument.args[0])
            if column:
                base.attributes[column] = argument
                base.places[column] = argument.pos
    properties = keywords(call).get("properties")
    for key, value in properties.items if isinstance(properties, f.Dict) else ():
        if isinstance(key, f.Const) and isinstance(key.value, str) and isinstance(value, f.Call):
            base.attributes[key.value] = value
            base.places[key.value] = value.pos
    return base
