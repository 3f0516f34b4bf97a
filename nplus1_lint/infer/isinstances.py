"""``isinstance(value, classes)``: which of the things that a value may be are of these classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.infer.joins import is_hollow
from nplus1_lint.infer.values import NONE, ClassRef, Instance, Many, Row, Value

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


def as_declared(frame: Frame, value: Value, declared: Value) -> Value:
    """Return what is known of a value, without what its declaration rules out; what that says where nothing is left.

    Args:
        frame: the running function.
        value: what is known: of several kinds, where several flow together.
        declared: what ``cast()`` says.
    """
    if not value.atoms or not declared.atoms or is_hollow(value):
        return declared if declared.atoms else value
    kept = [one for atom in value.atoms for one in [_narrowed_to(frame, atom, declared)] if one is not None]
    return Value(tuple(kept), value.reason) if kept else declared


def _narrowed_to(frame: Frame, atom: Atom, declared: Value) -> Atom | None:
    """Return what of one thing, or of a collection's items, may be what is declared; None for nothing."""
    items: list[Atom] = []
    for one in declared.atoms:
        if type(one) is Many and type(atom) is Many and one.item.atoms and atom.item.atoms:
            found = as_declared(frame, atom.item, one.item)
            if found is not one.item:
                items += found.atoms
        elif type(one) not in (Row, Instance) or _is_of(frame, atom, frozenset({_class_of(one)})) is not False:
            return atom
    return atom._replace(item=Value(tuple(dict.fromkeys(items)), atom.item.reason)) if items else None


def _class_of(atom: Row | Instance) -> str:
    return atom.model if isinstance(atom, Row) else atom.cls


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
