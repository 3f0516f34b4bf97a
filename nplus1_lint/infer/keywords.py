"""What a ``**kw`` parameter holds under each name, as far as the call says.

A dictionary of keyword arguments belongs to the run that takes it, so what is known of it stays true for as long as the
function itself only asks it for names, changes it under names, and hands it on as keyword arguments. Any other use may
change it unseen: then it is a dictionary as any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions, names, statements
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.values import (
    SCALAR,
    UNKNOWN,
    Const,
    External,
    Many,
    Mapping,
    Tuple,
    Value,
    mapping,
    of,
)
from nplus1_lint.infer.widening import carries

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame, Val
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function as Definition

MAX_ENTRIES: Final = 24
_ASKS: Final = frozenset({"get", "pop"})
_READS: Final = frozenset({"items", "keys", "values"})
_HOLDS: Final = frozenset({"In", "NotIn"})


class Uses(NamedTuple):
    """How a function uses the dictionary of its keyword arguments.

    Attributes:
        names: under which it asks for one.
        hands_on: it passes them all on by name.
    """

    names: frozenset[str]
    hands_on: bool


# -- what a function asks ----------------------------------------------------------------------------------------------


def uses_of(facts: f.FunctionFacts) -> Uses | None:
    """Return how a function uses its ``**kw`` parameter; None where it does more than ask for names and hand it on."""
    itself = next((param.name for param in facts.params if param.kind == "kwargs"), None)
    if itself is None or itself not in facts.mentions or facts.nests:
        return None
    others = 0
    asked: set[str] = set()
    hands_on = False
    for expr in expressions(facts.body):
        kind = type(expr)
        if type(expr) is f.Name:
            others += expr.id == itself
        elif type(expr) is f.Call:
            spread = sum(_is(value, itself) for name, value in expr.keywords if name is None)
            hands_on = hands_on or spread > 0
            others -= spread
            name = _asked_by_call(expr, itself)
            if name is not None:
                others -= 1
                asked.update({name} if name else ())
        elif kind is f.Subscript or kind is f.Compare:
            name = _asked_by_item(expr, itself)
            if name is not None:
                others -= 1
                asked.add(name)
        elif (type(expr) is f.Lambda and itself in expr.function.mentions) or (
            type(expr) is f.Walrus and expr.name == itself
        ):
            return None
    deleted = any(
        itself in names(target) for s in statements(facts.body) if type(s) is f.Delete for target in s.targets
    )
    return Uses(frozenset(asked), hands_on) if others == 0 and not deleted and (asked or hands_on) else None


def _is(expr: f.Expr, name: str) -> bool:
    return type(expr) is f.Name and expr.id == name


def _text(expr: f.Expr) -> str | None:
    return expr.value if type(expr) is f.Const and isinstance(expr.value, str) else None


def _asked_by_call(expr: f.Call, itself: str) -> str | None:
    """The name in ``kw.get("name")`` or ``kw.pop("name")``; an empty string for ``kw.items()`` and its kind."""
    func = expr.func
    if type(func) is not f.Attr or not _is(func.value, itself):
        return None
    if func.name in _READS:
        return ""
    return _text(expr.args[0]) if func.name in _ASKS and expr.args else None


def _asked_by_item(expr: f.Expr, itself: str) -> str | None:
    """The name in ``kw["name"]`` or ``"name" in kw``."""
    if type(expr) is f.Subscript:
        return _text(expr.index) if _is(expr.value, itself) else None
    if type(expr) is f.Compare and len(expr.ops) == 1 and expr.ops[0] in _HOLDS and _is(expr.right[0], itself):
        return _text(expr.left)
    return None


# -- what a call gives -------------------------------------------------------------------------------------------------


def bound(engine: Engine, definition: Definition, given: dict[str, Value], complete: bool) -> Value:
    """Return what a ``**kw`` parameter holds in a call.

    Args:
        engine: knows how the function uses it.
        definition: the function.
        given: the arguments that no other parameter takes, by name.
        complete: there are no others.
    """
    values = list(given.values())
    uses = engine.receivers.keyword_uses(definition)
    if uses is None or len(given) > MAX_ENTRIES:
        return mapping(SCALAR, join_all(values))
    known = {name: _kept(given[name]) for name in sorted(given) if uses.hands_on or name in uses.names}
    # Plain arguments are told apart by name, if at all.
    any_of = [value for value in values if carries(value)] if complete else values
    return of(Mapping("mapping", SCALAR, join_all(any_of), None, tuple(known.items()), complete))


def _kept(value: Value) -> Value:
    """Return what of an argument tells one run from another: flags, and all that is more than plain data."""
    if carries(value) or any(type(atom) is External for atom in value.atoms):
        return value
    if all(type(atom) is Const and (atom.value is None or isinstance(atom.value, bool)) for atom in value.atoms):
        return value if value.atoms else UNKNOWN
    return SCALAR


def is_positional(value: Value) -> bool:
    """True for what is surely spread over parameters by position: ``*args``."""
    return bool(value.atoms) and all(type(atom) in (Many, Tuple) for atom in value.atoms)


def spread(val: Val, keywords: dict[str, Val]) -> bool:
    """Add to a call's keyword arguments what ``**kw`` is known to pass by name.

    Args:
        val: what is spread.
        keywords: the arguments by name.

    Returns:
        Whether these are all that it passes.
    """
    value, mask = val
    atom = value.atoms[0] if len(value.atoms) == 1 else None
    if type(atom) is not Mapping:
        return False
    for name, entry in atom.entries:
        keywords.setdefault(name, (entry, mask))
    complete: bool = atom.complete
    return complete


# -- what the dictionary answers ---------------------------------------------------------------------------------------


def entry(atom: Mapping, index: Value) -> tuple[Value | None, bool]:
    """Return what a dictionary holds under a name, if that is known, and whether it surely holds nothing there."""
    key = index.atoms[0] if len(index.atoms) == 1 else None
    if type(key) is not Const or not isinstance(key.value, str):
        return None, False
    return _under(atom, key.value)


def _under(atom: Mapping, name: str) -> tuple[Value | None, bool]:
    for one, value in atom.entries:
        if one == name:
            return value, False
    return None, atom.complete


def answer(frame: Frame, expr: f.Expr) -> Value | None:
    """Return what ``kw.get("name", default)`` or ``kw["name"]`` gives where the call says so; nothing is run."""
    if type(expr) is f.Subscript:
        holder, name, default = expr.value, _text(expr.index), None
    elif type(expr) is f.Call and type(expr.func) is f.Attr and expr.func.name == "get" and expr.args:
        holder, name = expr.func.value, _text(expr.args[0])
        default = expr.args[1] if len(expr.args) == 2 else f.Const(None) if len(expr.args) == 1 else None
    else:
        return None
    atom = _dictionary(frame, holder)
    if atom is None or name is None:
        return None
    held, absent = _under(atom, name)
    if absent and type(default) is f.Const:
        return frame.eval(default)[0]
    return held


def holds(frame: Frame, expr: f.Compare) -> bool | None:
    """Return the outcome of ``"name" in kw`` where the call settles it."""
    name = _text(expr.left)
    atom = _dictionary(frame, expr.right[0]) if name is not None and len(expr.ops) == 1 else None
    if atom is None or name is None or expr.ops[0] not in _HOLDS:
        return None
    held, absent = _under(atom, name)
    return None if held is None and not absent else absent == (expr.ops[0] == "NotIn")


def _dictionary(frame: Frame, expr: f.Expr) -> Mapping | None:
    known = frame.state.env.get(expr.id) if type(expr) is f.Name else None
    atom = known.value.atoms[0] if known is not None and len(known.value.atoms) == 1 else None
    return atom if type(atom) is Mapping else None


def popped(frame: Frame, receiver: f.Expr, key: f.Expr) -> None:
    """``kw.pop("name")`` leaves the dictionary without it."""
    atom = _dictionary(frame, receiver)
    if atom is None or type(receiver) is not f.Name:
        return
    name = _text(key)
    rest = tuple(one for one in atom.entries if one[0] != name)
    if len(rest) != len(atom.entries):
        binding = frame.state.env[receiver.id]
        frame.state.env[receiver.id] = binding._replace(value=of(atom._replace(entries=rest)))


def stored(atom: Mapping, key: Value, value: Value, changed: Value) -> Value:
    """Return a dictionary after ``kw["name"] = value``.

    Args:
        atom: the dictionary before.
        key: under which it is stored.
        value: what is stored.
        changed: the dictionary as far as all its values go.
    """
    name = key.atoms[0] if len(key.atoms) == 1 else None
    after = changed.atoms[0] if len(changed.atoms) == 1 else None
    if type(after) is not Mapping or type(name) is not Const or not isinstance(name.value, str):
        return changed
    if not atom.entries and not atom.complete:
        return changed
    entries = {**dict(atom.entries), name.value: value}
    return of(after._replace(entries=tuple(sorted(entries.items())), complete=atom.complete))
