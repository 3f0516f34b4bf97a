"""``isinstance(value, classes)``: which of the things that a value may be are of these classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.infer.values import NONE, ClassRef, Instance, Row, Value

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.infer.values import Atom


def is_never(frame: Frame, value: Value, classes: f.Expr) -> bool:
    """Return True if nothing that a value may be is of the classes: of another branch of the project's hierarchy.

    Args:
        frame: the running function.
        value: the first argument.
        classes: the second one.
    """
    ids = _ids(frame, classes) if value.atoms else None
    return ids is not None and all(_is_of(frame, atom, ids) is False for atom in value.atoms)


def narrowed(frame: Frame, value: Value, classes: f.Expr, positive: bool) -> tuple[Atom, ...]:
    """Return what a value may still be where the condition holds, or where it does not.

    Args:
        frame: the running function.
        value: the first argument.
        classes: the second one.
        positive: the condition holds.
    """
    ids = _ids(frame, classes)
    if ids is None:
        return value.atoms
    told = [(atom, _is_of(frame, atom, ids)) for atom in value.atoms]
    if not positive:
        return tuple([atom for atom, known in told if known is not True])
    sure = tuple([atom for atom, known in told if known is True])
    return sure or tuple([atom for atom, known in told if known is not False])


def _ids(frame: Frame, classes: f.Expr) -> frozenset[str] | None:
    """The ids of the classes; None where any of them is not one of the project's."""
    written = classes.items if type(classes) is f.Display else (classes,)
    found: set[str] = set()
    for one in written:
        if type(one) not in (f.Name, f.Attr):
            return None
        atoms = frame.eval(one)[0].atoms
        if not atoms or any(type(atom) is not ClassRef for atom in atoms):
            return None
        found.update(atom.id for atom in atoms)
    return frozenset(found)


def _is_of(frame: Frame, atom: Atom, ids: frozenset[str]) -> bool | None:
    """Whether something is of one of the classes; None where only a run can tell."""
    if atom == NONE.atoms[0]:
        return False
    own = atom.model if type(atom) is Row else atom.cls if type(atom) is Instance else None
    if own is None:
        return None
    hierarchy = frame.engine.project.hierarchy
    if any(cls.id in ids for cls in hierarchy.mro(own)):
        return True
    known = [cls for cls in map(hierarchy.classes.get, (own, *ids)) if cls is not None]
    if any(map(frame.engine.classes.is_protocol, known)):
        return None
    below = frozenset() if type(atom) is Instance and atom.exact else frozenset(hierarchy.descendants(own))
    return None if any(one in below or not below.isdisjoint(hierarchy.descendants(one)) for one in ids) else False
