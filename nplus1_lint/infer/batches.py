"""Loops that take a batch, or a window, per iteration: what their bodies cut off, fetch by number, or step over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import blocks, call_name, children, dotted, names, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TAKES = {"islice": 2, "fetchmany": 1}
"""Calls that take several items, and how many arguments they have where they say how many."""


def takes_batches(body: tuple[f.Stmt, ...], targets: frozenset[str], *, ends_inside: bool) -> bool:
    """True if each iteration takes a batch.

    ``batch, rest = rest[:100], rest[100:]``, in one statement or in two; ``batch = list(islice(items, 100))``;
    ``ids[start : start + size]`` where the body steps *start* on, or *start* is a multiple of the loop's number.

    Args:
        body: the loop's.
        targets: names that the loop's head binds.
        ends_inside: it is a ``while``: what it takes from is used up, or stepped over, in its body.
    """
    own = tuple(_own(body))
    inside = tuple(expr for statement in own for part in parts(statement) for expr in _within(part))
    stepping = steps_of(own) if ends_inside else {}
    if any(_is_window(expr, stepping, targets) for expr in inside):
        return True
    if not ends_inside:
        return False
    pairs = [pair for statement in own for pair in _assigned(statement)]
    made = {name for target, _ in pairs for name in names(target)}
    if any(_takes_several(value, made) for _, value in pairs):
        return True
    heads = {dotted(value.value) for _, value in pairs if isinstance(value, f.Subscript) and _is_cut(value, head=True)}
    heads.discard(None)
    return any(dotted(target) in heads and _rest_of(target, value) for target, value in pairs) or any(
        _cuts_off(statement, heads) for statement in own
    )


def _own(body: tuple[f.Stmt, ...]) -> Iterator[f.Stmt]:
    """The statements that a loop runs once per iteration, or less often."""
    for statement in body:
        yield statement
        if not isinstance(statement, (f.For, f.While)):
            for block in blocks(statement):
                yield from _own(block)


def _within(expr: f.Expr) -> Iterator[f.Expr]:
    yield expr
    for child in children(expr):
        yield from _within(child)


def steps_of(own: Iterable[f.Stmt]) -> dict[str, f.Expr]:
    """Return the names that statements move on by more than one, ``start += size``, each with by how much."""
    found: dict[str, f.Expr] = {}
    by_one: set[str] = set()
    for statement in own:
        moves = [(target, step) for target, value in _assigned(statement) if (step := _step(target, value)) is not None]
        if isinstance(statement, f.AugAssign) and statement.op in ("Add", "Sub"):
            moves.append((statement.target, statement.value))
        for target, step in moves:
            path = dotted(target)
            if path and _is_unit(step):
                by_one.add(path)
            elif path:
                found[path] = step
    return {path: step for path, step in found.items() if path not in by_one}


def _step(target: f.Expr, value: f.Expr) -> f.Expr | None:
    """Return *size* of ``start = start + size``."""
    path = dotted(target)
    if path is None or not isinstance(value, f.Binary) or value.op not in ("Add", "Sub"):
        return None
    return value.right if dotted(value.left) == path else None


def _is_unit(expr: f.Expr) -> bool:
    """True for 1, and for a unit of the calendar: ``timedelta(days=1)``."""
    if isinstance(expr, f.Const):
        return expr.value == 1 or not isinstance(expr.value, (int, float))
    if isinstance(expr, f.Call):
        parts = (*expr.args, *[value for _, value in expr.keywords])
        return len(parts) == 1 and isinstance(parts[0], f.Const) and parts[0].value == 1
    return isinstance(expr, (f.Display, f.Comprehension))  # a list grows


def _assigned(statement: f.Stmt) -> Iterator[tuple[f.Expr, f.Expr]]:
    """The targets of an assignment with their values, those of ``a, b = c, d`` one by one."""
    if not isinstance(statement, f.Assign):
        return
    for target in statement.targets:
        value = statement.value
        if isinstance(target, f.Display) and isinstance(value, f.Display) and len(target.items) == len(value.items):
            yield from zip(target.items, value.items, strict=True)
        else:
            yield target, value


def steps(body: tuple[f.Stmt, ...]) -> bool:
    """True if each iteration moves on by more than one, as windows of time or of keys do."""
    return bool(steps_of(_own(body)))


def _takes_several(value: f.Expr, made: set[str]) -> bool:
    """True for ``islice(items, 100)`` and ``cursor.fetchmany(100)``, in a list or as they are.

    *made* are names that the iteration assigns: it takes from what is older.
    """
    while isinstance(value, f.Call) and call_name(value) in ("list", "tuple", "set") and value.args:
        value = value.args[0]
    if not isinstance(value, f.Call) or len(value.args) < _TAKES.get(call_name(value), len(value.args) + 1):
        return False
    source = value.func if len(value.args) == 1 else value.args[0]
    return made.isdisjoint(names(source))


def _is_cut(expr: f.Expr, *, head: bool) -> bool:
    """True for ``items[:100]`` or, else, ``items[100:]``."""
    if not isinstance(expr, f.Subscript) or not isinstance(expr.index, f.Slice) or expr.index.step is not None:
        return False
    bound, other = (expr.index.upper, expr.index.lower) if head else (expr.index.lower, expr.index.upper)
    single = isinstance(bound, f.Const) and bound.value == 1
    return bound is not None and not single and (other is None or (isinstance(other, f.Const) and not other.value))


def _rest_of(target: f.Expr, value: f.Expr) -> bool:
    """True for ``items = items[100:]``."""
    return isinstance(value, f.Subscript) and _is_cut(value, head=False) and dotted(value.value) == dotted(target)


def _cuts_off(statement: f.Stmt, heads: Iterable[str | None]) -> bool:
    """True for ``del items[:100]``."""
    if not isinstance(statement, f.Delete):
        return False
    return any(
        isinstance(one, f.Subscript) and _is_cut(one, head=True) and dotted(one.value) in heads
        for one in statement.targets
    )


def _is_window(expr: f.Expr, stepping: dict[str, f.Expr], targets: frozenset[str]) -> bool:
    """True for ``items[start : start + size]`` and ``items[n * size : (n + 1) * size]``."""
    if not isinstance(expr, f.Subscript) or not isinstance(expr.index, f.Slice):
        return False
    lower, upper = expr.index.lower, expr.index.upper
    if lower is None or upper is None:
        return False
    if isinstance(lower, f.Binary):
        return lower.op == "Mult" and not targets.isdisjoint(names(lower))
    path = dotted(lower)
    if path not in stepping:
        return False
    # `start + size` where the body steps on by *size*: else the window is no batch of what has not been handled yet.
    whole = isinstance(upper, f.Binary) and upper.op == "Add" and dotted(upper.left) == path
    return isinstance(upper, f.Name) or (
        isinstance(upper, f.Binary) and whole and _are_alike(upper.right, stepping[path])
    )


def _are_alike(one: f.Expr, other: f.Expr) -> bool:
    if isinstance(one, f.Const):
        return one == other
    return dotted(one) is not None and dotted(one) == dotted(other)
