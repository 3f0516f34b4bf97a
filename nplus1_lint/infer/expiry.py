"""Expiry: after ``commit()`` or ``rollback()`` every row is reloaded at its next read.

Source: SQLAlchemy, "Session API", expire_on_commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nplus1_lint.index.walk import dotted
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.values import NO_LOADS, Many, Mapping, Origin, Row, Tuple, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from nplus1_lint.index import facts as f
    from nplus1_lint.infer.frame import Frame

EXPIRED: Final = "^"
"""The mark among a row's loads that says that its next read reloads it."""

_DEPTH = 4


def expire(frame: Frame) -> None:
    """Expire every row that a name of the running function holds."""
    if not frame.engine.sessions_expire:
        return
    env = frame.state.env
    for name, binding in list(env.items()):
        if _root_is_row(frame, name):
            del env[name]  # what was read from a row before is read anew
            continue
        changed = _mapped(binding.value, _expired)
        if changed is not binding.value:
            env[name] = binding._replace(value=changed)


def _root_is_row(frame: Frame, path: str) -> bool:
    base = path.rpartition(".")[0]
    binding = frame.state.env.get(base) if base else None
    return binding is not None and bool(binding.value.atoms) and all(type(a) is Row for a in binding.value.atoms)


def _expired(atom: Row) -> Row:
    if atom.origin is None or atom.loads is None or EXPIRED in atom.loads:
        return atom
    return atom._replace(loads=atom.loads | {EXPIRED})


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
    if not any(e.effect.kind is Kind.REFRESH and e.effect.attribute == "expired" for e in frame.emissions[mark:]):
        return
    path = dotted(expr)
    binding = frame.state.env.get(path) if path else None
    if path is not None and binding is not None:
        frame.state.env[path] = binding._replace(value=_mapped(binding.value, fresh))


def renew(frame: Frame, expr: f.Expr, origin: Origin | None) -> None:
    """After ``refresh(row)``, the name holds a row loaded there; after a partial one, the same row unexpired."""
    path = dotted(expr)
    binding = frame.state.env.get(path) if path else None
    if path is None or binding is None:
        return

    def change(atom: Row) -> Row:
        if origin is None:
            return fresh(atom)
        return atom._replace(loads=NO_LOADS, origin=origin)

    frame.bind(path, (_mapped(binding.value, change), binding.mask), binding.born)


def unexpired(value: Value) -> Value:
    """Return a value whose rows are fresh."""
    return _mapped(value, fresh)


def _mapped(value: Value, change: Callable[[Row], Row], depth: int = _DEPTH) -> Value:
    if depth == 0 or not value.atoms:
        return value
    atoms = tuple(_mapped_atom(atom, change, depth) for atom in value.atoms)
    return value if atoms == value.atoms else Value(tuple(dict.fromkeys(atoms)))


def _mapped_atom(atom: Any, change: Callable[[Row], Row], depth: int) -> Any:
    if isinstance(atom, Row):
        return change(atom)
    if isinstance(atom, Many):
        return atom._replace(item=_mapped(atom.item, change, depth - 1))
    if isinstance(atom, Mapping):
        return atom._replace(value=_mapped(atom.value, change, depth - 1))
    if isinstance(atom, Tuple):
        return atom._replace(items=tuple(_mapped(item, change, depth - 1) for item in atom.items))
    return atom
