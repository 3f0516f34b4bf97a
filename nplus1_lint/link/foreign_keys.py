"""Which column of a row holds the key of the row that a many-to-one relationship gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.link import Project
    from nplus1_lint.link.declarations import Column
    from nplus1_lint.link.models import Model, Relationship


class ForeignKey(NamedTuple):
    """A foreign key of one column.

    Attributes:
        column: the mapped attribute of the row that refers.
        referred: the mapped attribute of the row that is referred to.
        required: the column holds no NULL.
    """

    column: str
    referred: str
    required: bool


def foreign_key(project: Project, model: Model, relationship: Relationship) -> ForeignKey | None:
    """Return the foreign key by which a relationship joins, where the two columns hold the same value.

    Args:
        project: the mapped classes.
        model: the class whose row has the relationship.
        relationship: of any kind.

    Returns:
        The key; None unless it is a many-to-one over exactly one mapped column that is known to have the type of the
        column that it names. Source: SQLAlchemy, "Configuring how Relationship Joins".
    """
    target = project.models.get(relationship.target or "")
    if target is None or relationship.uselist or relationship.secondary or relationship.foreign_keys is None:
        return None
    family = {cls.id for cls in project.hierarchy.mro(model.id)}
    # A row of the table of a base need not be one of the class.
    if any(cls.id in project.models for cls in project.hierarchy.mro(target.id)[1:]):
        return None
    found = [(column, there) for column in model.columns.values() for there in _referred(column, target)]
    if relationship.foreign_keys:
        owners = {project.models[name].name for name in family if name in project.models}
        named = {name for written in relationship.foreign_keys for name in (_own(written, owners),) if name}
        found = [pair for pair in found if pair[0].name in named] if len(relationship.foreign_keys) == 1 else []
    if len(found) != 1:
        return None
    column, there = found[0]
    if target.id in family and [name.rpartition(".")[2] for name in relationship.remote_side] != [there.name]:
        return None
    if column.type not in ("", there.type) and (column.type, there.type) != ("int", ""):
        return None
    return ForeignKey(column.name, there.name, column.required)


def refers(column: Column, model: Model, name: str) -> bool:
    """True if a column refers to the mapped attribute of a class."""
    return any(there.name == name for there in _referred(column, model))


def _own(written: str, owners: set[str]) -> str:
    """The attribute that ``foreign_keys`` names on the class itself, or an empty string."""
    owner, _, name = written.strip("[] ").rpartition(".")
    return name if not owner or owner.rpartition(".")[2] in owners else ""


def _referred(column: Column, target: Model) -> Iterator[Column]:
    """The column of a class that a foreign key names, by table or by class."""
    table, _, name = (column.foreign_key or "").rpartition(".")
    table = table.rpartition(".")[2]
    for there in target.columns.values():
        if (table == target.table and there.column_name == name) or (table == target.name and there.name == name):
            yield there
