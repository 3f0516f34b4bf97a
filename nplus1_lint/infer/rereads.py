"""What reading has loaded: the second read of a relationship costs nothing, nor does a second pass over rows in hand.

``>heroes`` among the loads of a row says that a read has loaded its heroes, ``heroes.>powers`` that their powers are
there, too. Where two paths meet, a row keeps what both have loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted, statements, targets
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.expiry import map_rows
from nplus1_lint.infer.holding import rows_in
from nplus1_lint.infer.joins import marks
from nplus1_lint.infer.values import READ, Loads, Row, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.effects import Loaded
    from nplus1_lint.infer.frame import Arguments, Frame, State

_CONSUMERS = frozenset({"sum", "list", "tuple", "set", "frozenset", "sorted", "dict", "min", "max", "Counter"})


def learn(frame: Frame, expr: f.Expr, loaded: Iterable[tuple[str, Loads]]) -> None:
    """Let the name that holds rows know what has been loaded of them.

    Args:
        frame: the running function.
        expr: the rows as written; anything but a name or a chain of attributes has no name.
        loaded: marks by the class whose rows have them.
    """
    path = dotted(expr)
    binding = frame.state.env.get(path) if path else None
    known = dict(loaded)
    if path is None or binding is None or not known:
        return
    value = marked(binding.value, known)
    if value is not binding.value:
        frame.state.env[path] = binding._replace(value=value)


def marked(value: Value, known: dict[str, Loads]) -> Value:
    """Return a value whose rows have marks by class."""

    def change(atom: Row) -> Row:
        added = known.get(atom.model)
        return atom._replace(loads=atom.loads | added) if added and atom.loads is not None else atom

    return map_rows(value, change)


def read(frame: Frame, expr: f.Expr, mark: int) -> None:
    """An attribute of *expr* has been read; what has run since *mark* was for it."""
    known: dict[str, Loads] = {}
    for emission in frame.emissions[mark:]:
        effect = emission.effect
        if effect.kind is Kind.LAZY_LOAD and not effect.chain:
            known[effect.subject] = known.get(effect.subject, frozenset()) | {READ + effect.attribute}
    learn(frame, expr, known.items())


def passed(frame: Frame, arguments: Arguments, before: int) -> None:
    """A single function has run on these arguments.

    Args:
        frame: the running function.
        arguments: the call's arguments.
        before: how many parameters stand before the first of them.
    """
    names = dict(arguments.keyword_exprs)
    for one in frame.engine.last_loaded:
        if before <= one.position < before + len(arguments.exprs):
            learn(frame, arguments.exprs[one.position - before], ((one.model, one.marks),))
        elif one.name in names:
            learn(frame, names[one.name], ((one.model, one.marks),))


def receiver(frame: Frame, expr: f.Expr) -> None:
    """A method or a property has run on *expr*."""
    own = [(one.model, one.marks) for one in frame.engine.last_loaded if one.position == 0]
    learn(frame, expr, own)


def by_run(states: list[State], params: tuple[f.Param, ...], values: Iterable[Value], body: Any) -> Iterable[Loaded]:
    """Yield what every path through a function has loaded of its arguments' rows.

    Args:
        states: where the paths end.
        params: the function's parameters.
        values: what they stood for.
        body: the function's suite; a parameter that it assigns is no argument any more.
    """
    from nplus1_lint.infer.effects import Loaded

    assigned = {t.id for s in statements(body) for t in targets(s) if isinstance(t, f.Name)}
    for position, (param, value) in enumerate(zip(params, values, strict=True)):
        rows = rows_in(value)
        if not rows or param.name in assigned or not states:
            continue
        for model in sorted({row.model for row in rows}):
            found = _common(row for state in states for row in _held(state, param.name, model))
            new = found - _common(row for row in rows if row.model == model)
            if new:
                yield Loaded(position, param.name, model, new)


def _held(state: State, name: str, model: str) -> list[Row]:
    binding = state.env.get(name)
    return [row for row in rows_in(binding.value) if row.model == model] if binding is not None else []


def _common(rows: Iterable[Row]) -> Loads:
    found = [marks(row.loads) for row in rows]
    return frozenset.intersection(*found) if found else frozenset()


class Pass:
    """What a loop loads of each row that it iterates."""

    def __init__(self, frame: Frame, target: f.Expr, iterable: f.Expr) -> None:
        self._frame = frame
        self._name = target.id if isinstance(target, f.Name) and dotted(iterable) is not None else None
        self._iterable = iterable
        self._rounds: list[dict[str, Loads]] = []

    def end_round(self, others: Iterable[State] = (), complete: bool = True) -> None:
        """Note what holds at the end of the body.

        Args:
            others: where ``continue`` has ended it.
            complete: no ``break`` leaves rows unread.
        """
        if self._name is None:
            return
        states = [state for state in (self._frame.state, *others) if state.alive]
        ends = [_of_target(self._frame, state, self._name) for state in states]
        kept = ends[0] if ends and complete else {}
        for other in ends[1:]:
            kept = {model: found & other[model] for model, found in kept.items() if model in other}
        self._rounds.append(kept)

    def finish(self) -> None:
        """Let the name of what was iterated know, after the loop."""
        known = self._rounds[0] if self._rounds else {}
        for other in self._rounds[1:]:
            known = {model: found & other[model] for model, found in known.items() if model in other}
        learn(self._frame, self._iterable, known.items())

    @property
    def waits(self) -> bool:
        """True if there is nothing to tell."""
        return not any(self._rounds)


def consumed(frame: Frame, name: str, argument: f.Expr) -> None:
    """``sum(… for …)`` runs the generator to its end."""
    if name in _CONSUMERS and isinstance(argument, f.Comprehension):
        waiting = frame.passes.pop(argument.pos, None)
        if waiting is not None:
            waiting.finish()


def _of_target(frame: Frame, state: State, name: str) -> dict[str, Loads]:
    """The marks of a loop's row by its class, those of rows below it included."""
    binding = state.env.get(name)
    found: dict[str, Loads] = {}
    for row in rows_in(binding.value, 1) if binding is not None else ():
        own = marks(row.loads)
        for relationship in frame.engine.project.models[row.model].relationships:
            below = state.env.get(f"{name}.{relationship}")
            if below is not None and below.value.atoms:
                inner = _common(rows_in(below.value, 2))
                own |= {f"{relationship}.{one}" for one in inner if one.count(".") < 2}
        found[row.model] = found[row.model] & own if row.model in found else own
    return found
