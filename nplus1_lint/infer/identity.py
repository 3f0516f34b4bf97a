"""The identity map: for which keys it answers ``session.get()``, because a row in hand holds the row asked for.

A row holds what has been loaded of it, and the identity map is weak: it answers while somebody holds the row. Source:
SQLAlchemy, `Session.get`, and "Session Basics", Is the Session a cache?
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer import loading
from nplus1_lint.infer.holding import holds_any
from nplus1_lint.infer.values import NONE, OWN_BIT, READ, Row, Scalar, ScalarOf, Tuple, Value
from nplus1_lint.link.foreign_keys import foreign_key, refers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.infer.values import Atom
    from nplus1_lint.link import Project
    from nplus1_lint.link.models import Model, Relationship

_ANOTHER = frozenset({"with_for_update", "populate_existing"})


def classes_answered(frame: Frame, atom: Row, model: Model, column: str) -> tuple[str, ...]:
    """Return ids of the classes of which a row holds the rows that a column of it finds, as their key or a part of it.

    Args:
        frame: the running function.
        atom: the row.
        model: its class.
        column: the attribute that is read.
    """
    if atom.origin is None:
        return ()
    links = frame.engine.key_links.get((model.id, column))
    if links is None:
        links = frame.engine.key_links[model.id, column] = tuple(_links(frame.engine.project, model, column))
    loaded = (r for r in links if loading.state_of(atom.loads, r) or READ + r.name in (atom.loads or ()))
    return tuple(dict.fromkeys(relationship.target for relationship in loaded if relationship.target))


def _links(project: Project, model: Model, column: str) -> Iterator[Relationship]:
    """The relationships whose rows have the column's value in their primary key."""
    for relationship in model.relationships.values():
        target = project.models.get(relationship.target or "")
        if target is None or relationship.secondary:
            continue
        key = foreign_key(project, model, relationship)
        if key is not None:
            found = key.column == column and key.referred in target.primary_key
        else:
            found = any(c.primary_key and refers(c, model, column) for c in target.columns.values())
        if found:
            yield relationship


def answers(frame: Frame, key: Value, model: str, session: int, keywords: frozenset[str]) -> bool:
    """True if the identity map has the row that ``session.get()`` asks for: a row that the key was read from holds it.

    Args:
        frame: the running function.
        key: what stands for the primary key.
        model: id of the class that is asked for.
        session: mask of what the session depends on.
        keywords: names of further arguments of the call.
    """
    if session & frame.current_bits() or not _ANOTHER.isdisjoint(keywords):
        return False
    atoms = [atom for atom in key.atoms if atom not in NONE.atoms]
    return bool(atoms) and all(_finds(frame, atom, model, session) for atom in atoms)


def _finds(frame: Frame, atom: Atom, model: str, session: int) -> bool:
    kind = type(atom)
    if kind is Tuple:
        return any(answers(frame, item, model, session, frozenset()) for item in atom.items)
    if kind is ScalarOf:
        return model in atom.answers and holds_any(frame, atom.model)
    # A caller's row belongs to the caller's session, and the caller holds it.
    return kind is Scalar and model in atom.answers and not session & OWN_BIT
