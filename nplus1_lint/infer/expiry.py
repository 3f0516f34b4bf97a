"""Expiry: after ``commit()`` or ``rollback()`` every row is reloaded at its next read.

Source: SQLAlchemy, "Session API", expire_on_commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.values import NO_LOADS, PENDING, Function, Loads, Many, Mapping, Origin, Row, Tuple, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nplus1_lint.infer.effects import Effect, Loop
    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.infer.state import State

EXPIRED: Final = "^"
"""The mark among a row's loads that says that its next read reloads it."""

_DEPTH = 4
_EXPIRING = frozenset({Kind.COMMIT, Kind.CHANGE, Kind.OPAQUE})
_HOLD_ROWS = frozenset({Row, Many, Mapping, Function, Tuple})


def expire(frame: Frame) -> None:
    """Expire every row that a name of the running function holds."""
    if not frame.engine.sessions_expire:
        return
    env = frame.state.env
    for name, binding in list(env.items()):
        if _root_is_row(frame, name):
            del env[name]  # what was read from a row before is read anew
            continue
        changed = map_rows(binding.value, _expired)
        if changed is not binding.value:
            env[name] = binding._replace(value=changed)


def _root_is_row(frame: Frame, path: str) -> bool:
    base = path.rpartition(".")[0]
    binding = frame.state.env.get(base) if base else None
    return binding is not None and any(type(a) is Row for a in binding.value.atoms)


def _expired(atom: Row) -> Row:
    if atom.loads is None or EXPIRED in atom.loads:
        return atom
    if PENDING in atom.loads:
        return atom._replace(loads=frozenset({EXPIRED}))
    if atom.origin is None:
        return atom
    return atom._replace(loads=atom.loads | {EXPIRED})


def add(frame: Frame, expr: f.Expr, is_async: bool) -> None:
    """``session.add(row)``: the name holds a row of that session from here on."""
    path = dotted(expr)
    binding = frame.state.env.get(path) if path else None
    if path is None or binding is None:
        return

    def added(atom: Row) -> Row:
        new = atom.loads is None and atom.origin is None
        return atom._replace(loads=frozenset({PENDING}), is_async=is_async) if new else atom

    changed = map_rows(binding.value, added)
    if changed is not binding.value:
        frame.state.env[path] = binding._replace(value=changed)


def fresh(atom: Row) -> Row:
    """Return a row after its reload: what options had loaded is to be loaded again, by the mapping's strategies."""
    return atom._replace(loads=NO_LOADS) if EXPIRED in (atom.loads or ()) else atom


def refreshed(frame: Frame, expr: f.Expr, mark: int) -> None:
    """After a read has reloaded expired rows, the name that holds them holds fresh ones.

    Args:
        frame: the running function.
        expr: the object that was read, or the iterable whose items were.
        mark: the effects before the read.
    """
    if any(_is_reload(emission.effect) for emission in frame.emissions[mark:]):
        held_fresh(frame, expr)


def held_fresh(frame: Frame, expr: f.Expr) -> None:
    """The name that holds expired rows holds fresh ones from here on."""
    path = dotted(expr)
    binding = frame.state.env.get(path) if path else None
    if path is not None and binding is not None:
        frame.state.env[path] = binding._replace(value=map_rows(binding.value, fresh))


class Refreshing:
    """Whether a loop makes each row that it iterates fresh, as ``for row in rows: session.refresh(row)`` does."""

    def __init__(self, frame: Frame, target: f.Expr, iterable: f.Expr) -> None:
        self._frame = frame
        self._name = target.id if type(target) is f.Name else ""
        self._iterable = iterable
        self._mark = frame.mark()
        self._fresh: bool | None = None

    def end_round(self, others: Iterable[State], complete: bool) -> None:
        """Note what holds at the end of the body.

        Args:
            others: where ``continue`` has ended it.
            complete: no ``break`` leaves rows as they are.
        """
        bindings = [state.env.get(self._name) for state in (self._frame.state, *others) if state.alive]
        fresh_now = all(one is not None and _all_fresh(one.value) for one in bindings)
        self._fresh = self._fresh is not False and complete and bool(bindings) and fresh_now

    def finish(self) -> None:
        """Let the name of what was iterated know, after the loop; a commit in it would have expired them again."""
        emissions = self._frame.emissions[self._mark :]
        if self._fresh and not any(_may_expire(emission.effect) for emission in emissions):
            held_fresh(self._frame, self._iterable)


def _all_fresh(value: Value) -> bool:
    rows = [atom for atom in value.atoms if type(atom) is Row]
    return bool(rows) and all(EXPIRED not in (row.loads or ()) for row in rows)


def reloaded_each_time(frame: Frame, repeated: set[int], loop: Loop) -> set[int]:
    """Of the effects that a loop repeats, leave out the reload of one row that nothing in the loop expires again.

    Args:
        frame: the running function.
        repeated: indices of the effects.
        loop: the loop.
    """
    if not any(_is_reload(frame.emissions[i].effect) for i in repeated):
        return repeated
    inside = [emission.effect for emission in frame.emissions if loop in emission.loops]
    # A branch that reloads the row makes it depend on the branch's condition: the first round has not seen that yet.
    fixed = {effect.site for effect in inside if _is_reload(effect) and not effect.deps & loop.bit}
    if not fixed or any(_may_expire(effect) for effect in inside):
        return repeated
    effects = {i: frame.emissions[i].effect for i in repeated}
    return {i for i, effect in effects.items() if not (_is_reload(effect) and effect.site in fixed)}


def _is_reload(effect: Effect) -> bool:
    return effect.kind is Kind.REFRESH and effect.attribute == "expired"


def _may_expire(effect: Effect) -> bool:
    """True for a commit or a rollback, or what may be one."""
    return effect.kind in _EXPIRING and not effect.attribute


def renew(frame: Frame, expr: f.Expr, origin: Origin | None, loaded: Loads = NO_LOADS) -> None:
    """After ``refresh(row)``, the name holds a row loaded there; after a partial one, the same row with more loaded.

    Args:
        frame: the running function.
        expr: the refreshed row as written.
        origin: where a full refresh stands, or None for a partial one.
        loaded: the relationships that a partial refresh names.
    """
    path = dotted(expr)
    binding = frame.state.env.get(path) if path else None
    if path is None or binding is None:
        return

    def change(atom: Row) -> Row:
        if origin is not None:
            return atom._replace(loads=NO_LOADS, origin=origin)
        renewed = fresh(atom)
        return renewed._replace(loads=(renewed.loads or NO_LOADS) | loaded) if loaded else renewed

    frame.bind(path, (map_rows(binding.value, change), binding.mask), binding.born)


def unexpired(value: Value) -> Value:
    """Return a value whose rows are fresh."""
    return map_rows(value, fresh)


def map_rows(value: Value, change: Callable[[Row], Row], depth: int = _DEPTH) -> Value:
    """Return a value with every row in it changed, in collections too."""
    if depth == 0:
        return value
    for atom in value.atoms:
        if type(atom) in _HOLD_ROWS:
            break
    else:
        return value
    atoms = tuple(_mapped_atom(atom, change, depth) for atom in value.atoms)
    return value if atoms == value.atoms else Value(tuple(dict.fromkeys(atoms)))


def _mapped_atom(atom: Any, change: Callable[[Row], Row], depth: int) -> Any:
    kind = type(atom)
    if kind is Row:
        return change(atom)
    if kind is Many:
        item = map_rows(atom.item, change, depth - 1)
        return atom if item is atom.item else atom._replace(item=item)
    if kind is Mapping:
        value = map_rows(atom.value, change, depth - 1)
        entries = tuple([(name, map_rows(entry, change, depth - 1)) for name, entry in atom.entries])
        return atom if value is atom.value else atom._replace(value=value, entries=entries)
    if kind is Function and atom.captured:
        captured = tuple((name, map_rows(value, change, depth - 1)) for name, value in atom.captured)
        return atom._replace(captured=captured)
    if kind is Tuple:
        return atom._replace(items=tuple(map_rows(item, change, depth - 1) for item in atom.items))
    return atom
