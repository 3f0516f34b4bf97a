"""Searches: loops that end at the first hit, so that a query in them runs until then and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import children, dotted

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame, State


def end_search(frame: Frame, statement: f.If, taken: State, evaluated: frozenset[int]) -> None:
    """A query whose hit leaves the loop is a search: on the path that goes on, it has not hit yet.

    Args:
        frame: the running function; its state is the path on which the condition was false.
        statement: the ``if``.
        taken: the state after its body.
        evaluated: effects that ran while the condition was evaluated.
    """
    if not frame.loops:
        return
    for ends, continuing, hit in ((statement.body, frame.state, True), (statement.orelse, taken, False)):
        if ends and isinstance(ends[-1], (f.Return, f.Break)) and continuing.alive:
            _not_hit_yet(frame, statement.test, continuing, evaluated, hit)


def skips(statement: f.If) -> bool:
    """True for ``if …: continue``: the rest of the suite runs on the other outcome alone."""
    return bool(statement.body) and isinstance(statement.body[-1], f.Continue) and not statement.orelse


def skips_on_miss(statement: f.If, rest: tuple[f.Stmt, ...]) -> bool:
    """True for ``if not found: continue`` where all that follows leaves the loop."""
    ends = statement.body
    return bool(ends and rest) and isinstance(ends[-1], f.Continue) and isinstance(rest[-1], (f.Return, f.Break))


def end_skipping_search(frame: Frame, statement: f.If, first: int, evaluated: frozenset[int]) -> None:
    """The same for a search that skips its misses: the paths that go on have left by ``continue``.

    Args:
        frame: the running function.
        statement: the ``if`` whose body ends with ``continue``.
        first: how many paths had gone on before it.
        evaluated: effects that ran while the condition was evaluated.
    """
    for state in frame.loops[-1].continues[first:]:
        _not_hit_yet(frame, statement.test, state, evaluated, False)


def _not_hit_yet(frame: Frame, test: f.Expr, continuing: State, evaluated: frozenset[int], hit: bool) -> None:
    running = frame.loops[-1]
    tries = running.loop.kind == "while" or running.shape.tries  # no item of anything is checked
    for name, positive in _subjects(test):
        if positive != hit and not tries:
            continue
        binding = continuing.env.get(name) if name else None
        effects = binding.born if binding is not None else evaluated if name is None else frozenset()
        continuing.pending -= effects


def _subjects(test: f.Expr, positive: bool = True) -> list[tuple[str | None, bool]]:
    """The names (None for a call) that a condition tests, each with whether its truth makes the condition true."""
    if isinstance(test, f.Not):
        return _subjects(test.operand, not positive)
    if isinstance(test, f.BoolOp):
        return [found for operand in test.operands for found in _subjects(operand, positive)]
    if isinstance(test, f.Walrus):
        return [(test.name, positive)]
    if isinstance(test, (f.Name, f.Attr)):
        path = dotted(test)
        return [(path.partition(".")[0], positive)] if path else []
    if isinstance(test, f.Call):
        return [(None, positive)]
    if isinstance(test, f.Compare) and len(test.ops) == 1:
        none = isinstance(test.right[0], f.Const) and not test.right[0].value
        negative = test.ops[0] in ("Is", "Eq") and none
        return [found for part in (test.left,) for found in _subjects(part, positive != negative)]
    return [(name, positive) for child in children(test) for name, _ in _subjects(child, positive)]
