"""Which relationships hold many rows beyond doubt: where the mapping does not say, many is only a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.link.declarations import shape

if TYPE_CHECKING:
    from nplus1_lint.link import Project
    from nplus1_lint.link.models import Relationship


def is_collection(project: Project, relationship: Relationship) -> bool:
    """True if a relationship is a collection by its annotation, its association table or a foreign key to its owner.

    Args:
        project: the mapped classes.
        relationship: the relationship.
    """
    if not relationship.uselist:
        return False
    annotated = project.hierarchy.find_annotation(relationship.owner, relationship.name)
    if annotated is not None:
        return shape(annotated[1]) is True
    if relationship.secondary is not None:
        return True
    target = project.models.get(relationship.target or "")
    family = [project.models[c.id] for c in project.hierarchy.mro(relationship.owner) if c.id in project.models]
    tables = {name for model in family for name in (model.table, model.name)}
    keys = [column.foreign_key for column in target.columns.values()] if target is not None else []
    return any(key is not None and key.rpartition(".")[0].rpartition(".")[2] in tables for key in keys)
