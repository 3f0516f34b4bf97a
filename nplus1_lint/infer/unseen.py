"""Who may read a relationship where nothing of it is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer import library as lib

if TYPE_CHECKING:
    from nplus1_lint.link import Project
    from nplus1_lint.link.models import Relationship


def is_read_unseen(project: Project, relationship: Relationship) -> bool:
    """Return True if a file that cannot be parsed, or the library whose class its class extends, may read it.

    Args:
        project: the linked project.
        relationship: one of its models' relationships.
    """
    if relationship.name in project.symbols.unread:
        return True
    roots = (base.partition(".")[0] for base in project.hierarchy.external_bases(relationship.owner))
    return any(relationship.name in lib.READ_BY_BASES.get(root, ()) for root in roots)
