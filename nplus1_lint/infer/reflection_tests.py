"""Conditions on attributes that a mapping gives: ``if key in exclude``, ``isinstance(prop, RelationshipProperty)``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, last_name, names
from nplus1_lint.infer import conditions
from nplus1_lint.infer.values import MAX_ATOMS, Const, Many, Mapping, Reflection, Tuple, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.infer.state import Binding
    from nplus1_lint.link.models import Model

KEYS: Final = frozenset({"key", "name", "__name__"})
_PARTS = ("name", "attribute")
_RELATIONSHIPS = frozenset({"RelationshipProperty", "Relationship", "_RelationshipDeclared"})
_COLUMNS = frozenset({"ColumnProperty", "MappedColumn", "MappedSQLExpression"})
_PURE = frozenset({"inspect", "class_mapper", "object_mapper", "keys", "type", "set", "list", "tuple", "frozenset"})


def is_one(value: Value) -> bool:
    """True for an attribute that a mapping gives, or its name."""
    return bool(value.atoms) and all(type(atom) is Reflection and atom.part in _PARTS for atom in value.atoms)


def in_hand(frame: Frame) -> dict[str, Binding]:
    """Return the names of the running function that hold such an attribute."""
    held: dict[str, Binding] = {}
    if frame.engine.reflects:
        for name, binding in frame.state.env.items():
            atoms = binding.value.atoms
            if atoms and type(atoms[0]) is Reflection and is_one(binding.value):
                held[name] = binding
    return held


def assume(frame: Frame, expr: f.Expr, positive: bool) -> None:
    """Narrow names by a condition's outcome as `conditions.assume` does, and the attributes of a mapping in hand."""
    conditions.assume(frame, expr, positive)
    if frame.engine.reflects:
        leave_out(frame, expr, positive)


def leave_out(frame: Frame, expr: f.Expr, positive: bool) -> None:
    """Leave out of the attributes in hand those that a condition's outcome excludes.

    Args:
        frame: the running function.
        expr: the condition.
        positive: it holds.
    """
    held = in_hand(frame)
    if not held:
        return
    bits = 0
    for binding in held.values():
        bits |= binding.mask & frame.current_bits()
    asked = set(names(expr))
    if asked.isdisjoint(held) and not any(
        frame.state.env[name].mask & bits for name in asked if name in frame.state.env
    ):
        return
    test = _Test(frame, held)
    for name, binding in held.items():
        kept = [test.narrowed(expr, atom, positive) for atom in binding.value.atoms]
        frame.state.env[name] = binding._replace(value=Value(tuple(kept)))


def restore(frame: Frame, before: dict[str, Binding]) -> None:
    """Behind both branches of a condition, which none has left, the attributes in hand are those before it.

    Args:
        frame: the running function.
        before: what `in_hand` has given before the condition.
    """
    env = frame.state.env
    for name, binding in before.items():
        now = env.get(name)
        if now is not None and is_one(now.value):
            env[name] = binding._replace(mask=now.mask)


class _Test:
    """A condition, asked for one attribute after the other."""

    def __init__(self, frame: Frame, held: dict[str, Binding]) -> None:
        self._frame = frame
        self._held = held
        self._containers: dict[int, frozenset[str] | None] = {}

    def narrowed(self, expr: f.Expr, atom: Reflection, positive: bool) -> Reflection:
        """Return the attribute that is left where the condition has one of its outcomes."""
        model = self._frame.engine.project.models[atom.model]
        outcomes = [(name, self._outcome(expr, model, name)) for name in atom.names]
        kept = tuple(name for name, outcome in outcomes if outcome is positive)
        vague = atom.vague or any(outcome is None for _, outcome in outcomes)
        return atom._replace(names=kept, vague=vague)

    def _outcome(self, expr: f.Expr, model: Model, name: str) -> bool | None:
        """Whether the condition holds for an attribute; None where that is not known."""
        if type(expr) is f.Not:
            inner = self._outcome(expr.operand, model, name)
            return None if inner is None else not inner
        if type(expr) is f.BoolOp:
            parts = [self._outcome(operand, model, name) for operand in expr.operands]
            if (not expr.is_and) in parts:
                return not expr.is_and
            return None if None in parts else expr.is_and
        if type(expr) is f.Compare and len(expr.ops) == 1:
            found = self._compared(expr.ops[0], expr.left, expr.right[0], model, name)
        elif type(expr) is f.Call:
            found = self._called(expr, model, name)
        elif type(expr) is f.Attr and self._is_held(expr.value, "attribute"):
            found = _said(model, name, expr.name)
        else:
            found = None
        return found if found is not None else conditions.settled(self._frame, expr)

    def _compared(self, op: str, left: f.Expr, right: f.Expr, model: Model, name: str) -> bool | None:
        if op in ("Eq", "NotEq"):
            one, other = (left, right) if self._is_name(left) else (right, left)
            text = _text(other)
            if not self._is_name(one) or text is None:
                return None
            return (text == name) == (op == "Eq")
        if op in ("In", "NotIn") and self._is_name(left):
            texts = self._texts(right)
            return None if texts is None else (name in texts) == (op == "In")
        return None

    def _called(self, expr: f.Call, model: Model, name: str) -> bool | None:
        if type(expr.func) is f.Attr and expr.func.name in ("startswith", "endswith") and len(expr.args) == 1:
            text = _text(expr.args[0])
            if text is None or not self._is_name(expr.func.value):
                return None
            return name.startswith(text) if expr.func.name == "startswith" else name.endswith(text)
        if call_name(expr) == "isinstance" and len(expr.args) == 2 and self._is_held(expr.args[0], "attribute"):
            classes = expr.args[1]
            written = classes.items if type(classes) is f.Display else (classes,)
            return _is_of(model, name, [last_name(one) for one in written])
        return True if call_name(expr) == "hasattr" and len(expr.args) == 2 and self._is_name(expr.args[1]) else None

    def _is_name(self, expr: f.Expr) -> bool:
        """True for the attribute's name: ``key``, ``prop.key``, ``str(key)``."""
        if type(expr) is f.Call and call_name(expr) == "str" and len(expr.args) == 1:
            return self._is_name(expr.args[0])
        if type(expr) is f.Attr:
            return expr.name in KEYS and self._is_held(expr.value, "attribute")
        return self._is_held(expr, "name")

    def _is_held(self, expr: f.Expr, part: str) -> bool:
        binding = self._held.get(expr.id) if type(expr) is f.Name else None
        return binding is not None and all(atom.part == part for atom in binding.value.atoms)

    def _texts(self, expr: f.Expr) -> frozenset[str] | None:
        """The names in a container; None where they are not all known."""
        if id(expr) not in self._containers:
            self._containers[id(expr)] = _texts_of(self._frame, expr)
        return self._containers[id(expr)]


def _texts_of(frame: Frame, expr: f.Expr) -> frozenset[str] | None:
    if type(expr) is f.Display:
        texts = [_text(one) for one in expr.items]
        return None if None in texts else frozenset(text for text in texts if text is not None)
    if not _is_pure(expr):
        return None
    found: set[str] = set()
    value = frame.eval(expr)[0]
    for atom in value.atoms:
        held = _held(atom)
        if held is None:
            return None
        found |= held
    return frozenset(found) if value.atoms else None


def _held(atom: object) -> frozenset[str] | None:
    """The names that a value holds, if they are all known."""
    if type(atom) is Reflection and atom.part == "attributes" and not atom.vague:
        return frozenset(atom.names)
    items: list[Value] = []
    if type(atom) is Tuple:
        items = list(atom.items)
    elif type(atom) in (Many, Mapping) and atom.size is not None:  # type: ignore[attr-defined]
        items = [atom.item if type(atom) is Many else atom.key] if atom.size else []  # type: ignore[attr-defined]
    else:
        return None
    found: set[str] = set()
    for value in items:
        if len(value.atoms) >= MAX_ATOMS or not value.atoms:
            return None  # a full set may have lost some
        for one in value.atoms:
            if type(one) is Const and isinstance(one.value, str):
                found.add(one.value)
            elif type(one) is Reflection and one.part == "name" and not one.vague:
                found.update(one.names)
            else:
                return None
    return frozenset(found)


def _is_pure(expr: f.Expr) -> bool:
    """True for what may be evaluated again: it runs nothing of the project."""
    if type(expr) is f.Call:
        called = type(expr.func) is f.Name or (type(expr.func) is f.Attr and _is_pure(expr.func.value))
        return call_name(expr) in _PURE and called and all(map(_is_pure, expr.args))
    return type(expr) is f.Name or (type(expr) is f.Attr and _is_pure(expr.value))


def _text(expr: f.Expr) -> str | None:
    return expr.value if type(expr) is f.Const and isinstance(expr.value, str) else None


def _is_of(model: Model, name: str, classes: list[str]) -> bool | None:
    """Whether the mapping's attribute of a name is of one of some of SQLAlchemy's classes."""
    if not _RELATIONSHIPS.union(_COLUMNS).issuperset(classes):
        return None
    relations = name in model.relationships and not _RELATIONSHIPS.isdisjoint(classes)
    return relations or (name in model.columns and not _COLUMNS.isdisjoint(classes))


_SAID: dict[str, Callable[[Model, str], bool]] = {
    "uselist": lambda model, name: model.relationships[name].uselist,
    "viewonly": lambda model, name: model.relationships[name].viewonly,
    "primary_key": lambda model, name: model.columns[name].primary_key,
}


def _said(model: Model, name: str, attribute: str) -> bool | None:
    """What the mapping says of an attribute; None where that is not known."""
    asked = _SAID.get(attribute)
    of_columns = attribute == "primary_key"
    if asked is None or name not in (model.columns if of_columns else model.relationships):
        return None
    return asked(model, name)
