"""Association tables: which table a relationship's ``secondary`` names, and the foreign keys of tables without a class.

Source: SQLAlchemy, "Basic Relationship Patterns", Many To Many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name
from nplus1_lint.link.declarations import keywords, names, text
from nplus1_lint.link.symbols import ClassSymbol, GlobalSymbol

if TYPE_CHECKING:
    from nplus1_lint.link.hierarchy import Class, Hierarchy


def association_table(hierarchy: Hierarchy, cls: Class, written: f.Expr | None) -> str | None:
    """Return the table that ``secondary`` names.

    Args:
        hierarchy: the classes of the project.
        cls: the class whose body has the relationship.
        written: the argument, or None without one.

    Returns:
        The table's name, without its schema; what is written, where that is no table that is known; None without one.
    """
    if isinstance(written, f.Lambda):
        statement = written.function.body[0]
        written = statement.value if isinstance(statement, f.Return) else None
    if written is None:
        return None
    literal = text(written)
    if literal is not None:
        return literal.rpartition(".")[2]
    found = _table_of(hierarchy, cls, written)
    return found or ".".join(names(written)) or "secondary"


def table_name(call: f.Expr) -> str | None:
    """Return the name in ``Table("name", …)``, or None for any other expression."""
    if call_name(call) != "Table" or not isinstance(call, f.Call):
        return None
    return text(call.args[0] if call.args else keywords(call).get("name"))


def _table_of(hierarchy: Hierarchy, cls: Class, written: f.Expr) -> str | None:
    """The table of ``hero_teams``, ``HeroTeam`` or ``HeroTeam.__table__``."""
    if isinstance(written, f.Attr) and written.name == "__table__":
        written = written.value
    symbol = hierarchy.resolve_expr(cls.path, written, cls.facts.qualname)
    if isinstance(symbol, ClassSymbol):
        found = hierarchy.find_attribute(symbol.id, "__tablename__")
        named = text(found[1]) if found is not None else None
        return named or hierarchy.classes[symbol.id].name.lower()
    if isinstance(symbol, GlobalSymbol):
        values = hierarchy.symbols.modules[symbol.path].assigns.get(symbol.name, [])
        return next((name for name in map(table_name, values) if name is not None), None)
    return None
