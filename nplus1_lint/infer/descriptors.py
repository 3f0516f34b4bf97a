"""Descriptors of the project: classes with ``__get__``, as attributes of a class or as decorators of its methods.

Source: Python, "Descriptor Guide".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.infer.frame import Arguments
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.values import ClassRef, Function, Instance, Row, Value, of
from nplus1_lint.link.symbols import ClassSymbol

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame, Place, Val
    from nplus1_lint.link.hierarchy import Function as Definition


def read(frame: Frame, held: Value, owner: Row | Instance, mask: int, place: Place) -> Val | None:
    """Return what ``__get__`` gives where an attribute of the owner's class is a descriptor, or None.

    Args:
        frame: the running function.
        held: the attribute as the class holds it.
        owner: the object on which it is read.
        mask: what the object depends on.
        place: the read.
    """
    hierarchy = frame.engine.project.hierarchy
    cls = owner.cls if isinstance(owner, Instance) else owner.model
    found: list[Val] = []
    for atom in held.atoms:
        if type(atom) is Instance and hierarchy.find_method(atom.cls, "__get__") is not None:
            method = frame.attribute((of(atom), 0), "__get__", place)
            given = ((of(owner), mask), (of(ClassRef("class", cls)), 0))
            found.append(frame.call(method, Arguments(given, {}), place))
    if not found:
        return None
    for _, one in found:
        mask |= one
    return join_all([value for value, _ in found]), mask


def of_method(frame: Frame, definition: Definition) -> Value | None:
    """Return the descriptor that a class of the project makes of a method as its decorator, or None."""
    hierarchy = frame.engine.project.hierarchy
    for decorator in definition.facts.decorators:
        target = decorator.func if isinstance(decorator, f.Call) else decorator
        symbol = hierarchy.resolve_expr(definition.path, target)
        if isinstance(symbol, ClassSymbol) and hierarchy.find_method(symbol.id, "__get__") is not None:
            itself = of(Function("function", definition.id, None, (), ()))
            return frame.engine.apply(decorator, definition, itself)
    return None
