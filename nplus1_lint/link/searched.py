"""By which column the load of a relationship finds its rows: a foreign key of theirs, or one of an association table.

Source: SQLAlchemy, "Relationship Loading Techniques" and "Configuring how Relationship Joins".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nplus1_lint.link.declarations import Column
    from nplus1_lint.link.hierarchy import Hierarchy
    from nplus1_lint.link.models import Model, Relationship


class Searched(NamedTuple):
    """A column by which the rows of a relationship are found.

    Attributes:
        owner: id of the class that has it, or the name of an association table without one.
        column: the mapped attribute, or the column of that table.
    """

    owner: str
    column: str


def searched(
    hierarchy: Hierarchy, models: Mapping[str, Model], tables: Mapping[str, Mapping[str, Column]]
) -> Iterator[tuple[tuple[str, str], Searched]]:
    """Yield the column by which each relationship finds its rows: ((owner's id, relationship), column).

    Many-to-one relationships, which find theirs by the key referred to, are left out, and so is every relationship
    whose join is written out, whose foreign key has several columns, or to which more than one foreign key would fit.

    Args:
        hierarchy: the classes of the project.
        models: the mapped classes by id.
        tables: the columns of the tables that no class is mapped to, by table.
    """
    by_table: dict[str | None, Model] = {}
    for model in models.values():
        by_table.setdefault(model.table, model)
    for model in models.values():
        family = [models[cls.id] for cls in hierarchy.mro(model.id) if cls.id in models]
        for name, relationship in model.relationships.items():
            if relationship.foreign_keys is None:
                continue
            found = (
                _in_target(family, models.get(relationship.target or ""), relationship)
                if relationship.secondary is None
                else _in_table(family, relationship, by_table, tables)
            )
            if len(found) == 1:
                yield (model.id, name), found[0]


def _in_target(family: list[Model], target: Model | None, relationship: Relationship) -> list[Searched]:
    """The foreign keys of the target that refer to the owner; none for a many-to-one."""
    if target is None or _is_to_one(family, target, relationship):
        return []
    if any(there in (model.table, model.name) for _, there in target.composite_keys for model in family):
        return []
    named = [written.strip("[] ").rpartition(".")[2] for written in relationship.foreign_keys or ()]
    found = [column for column in target.columns.values() if _refers(column, family)]
    return [Searched(target.id, column.name) for column in found if not named or column.name in named]


def _is_to_one(family: list[Model], target: Model, relationship: Relationship) -> bool:
    """True for what the mapping says to be a many-to-one, or may be one."""
    if relationship.uselist:
        return False
    refers = any(_refers(column, [target]) for model in family for column in model.columns.values())
    return refers or target in family or bool(relationship.remote_side)


def _in_table(
    family: list[Model],
    relationship: Relationship,
    by_table: Mapping[str | None, Model],
    tables: Mapping[str, Mapping[str, Column]],
) -> list[Searched]:
    table = relationship.secondary or ""
    mapped = by_table.get(table)
    columns = mapped.columns if mapped is not None else tables.get(table, {})
    owner = mapped.id if mapped is not None else table
    return [Searched(owner, name) for name, column in columns.items() if _refers(column, family)]


def _refers(column: Column, family: list[Model]) -> bool:
    """True if a foreign key names the table of one of some classes, or the class."""
    table = table_of(column)
    return bool(table) and any(table in (model.table, model.name) for model in family)


def table_of(column: Column) -> str:
    """Return the table, or the class, that a column's foreign key names, without its schema; else an empty string."""
    return (column.foreign_key or "").rpartition(".")[0].rpartition(".")[2]
