"""Conditions that hold every so often only: each k-th iteration, when a buffer is full, once per span of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, dotted, expressions, statements, target_paths, targets
from nplus1_lint.infer.library import ADDERS, EXTENDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.frame import Frame

EVERY_SO_OFTEN = "<every so often>"
"""Stands for a memo that is always older than the loop: what it guards runs in some iterations only."""

_FILLS = ADDERS | EXTENDERS | {"appendleft", "insert", "put", "put_nowait", "setdefault", "update"}
_CLOCKS = frozenset({"time", "monotonic", "perf_counter", "now", "utcnow"})
_REACHES = {True: ("GtE", "Gt", "Eq"), False: ("Lt", "LtE", "NotEq")}
_LEAST_STEP = 3  # `if number % 2` asks whether a number is odd


class Growth(NamedTuple):
    """What a suite adds to, by the dotted paths as they are written.

    Attributes:
        counted: what augmented assignment, or ``n = n + 1``, changes.
        filled: containers to which it adds.
        restarted: names that it assigns anew whenever it runs.
    """

    counted: frozenset[str]
    filled: frozenset[str]
    restarted: frozenset[str]


NO_GROWTH: Final = Growth(frozenset(), frozenset(), frozenset())


def growth_of(body: tuple[f.Stmt, ...], bound: frozenset[str] = frozenset()) -> Growth:
    """Return what a suite adds to.

    Args:
        body: a loop's body, or a function's.
        bound: names that are new before it runs: a loop's targets.
    """
    counted: set[str] = set()
    filled: set[str] = set()
    for statement in statements(body):
        if isinstance(statement, f.AugAssign):
            counted.add(dotted(statement.target) or "")
            filled.add(dotted(statement.target) or "")
        elif isinstance(statement, f.Assign):
            for target in statement.targets:
                if isinstance(target, f.Subscript):
                    filled.add(dotted(target.value) or "")
                elif _goes_on(target, statement.value):
                    counted.add(dotted(target) or "")
    for expr in expressions(body):
        if isinstance(expr, f.Call) and isinstance(expr.func, f.Attr) and expr.func.name in _FILLS:
            filled.add(dotted(expr.func.value) or "")
    return Growth(frozenset(counted - {""}), frozenset(filled - {""}), bound.union(_assigned_anew(body)))


def _goes_on(target: f.Expr, value: f.Expr) -> bool:
    """True for ``n = n + 1`` and ``n = next(numbers)``."""
    if isinstance(value, f.Binary):
        return dotted(target) in (dotted(value.left), dotted(value.right))
    return call_name(value) == "next"


def _assigned_anew(body: tuple[f.Stmt, ...]) -> Iterator[str]:
    """The paths that a suite assigns on every way through it."""
    for statement in body:
        for target in targets(statement) if not isinstance(statement, (f.AugAssign, f.For)) else ():
            if not isinstance(statement, f.Assign) or not _goes_on(target, statement.value):
                yield from target_paths(target)
        if isinstance(statement, (f.With, f.Try)):
            yield from _assigned_anew(statement.body)


def every_so_often(frame: Frame, test: f.Expr, body: tuple[f.Stmt, ...], positive: bool = True) -> str | None:
    """Return the memo for what runs under a condition that holds every so often only, or None.

    What grows on an object outside loops counts for each object apart, as what an object keeps does.

    Args:
        frame: the running function.
        test: the condition.
        body: what it guards.
        positive: the outcome with which that runs.
    """
    if not is_periodic(frame, test, body, positive):
        return None
    return EVERY_SO_OFTEN if frame.loops or "self" not in frame.params else "self.full"


def is_periodic(frame: Frame, test: f.Expr, body: tuple[f.Stmt, ...], positive: bool = True) -> bool:
    """True for conditions that hold in every k-th run of the suite around them, or once per span of time.

    ``if count % 100 == 0``; ``if len(batch) >= 100`` where the suite fills *batch* and the body empties it;
    ``if now - last >= INTERVAL`` where the body moves *last*. In a loop the suite is the loop's body; in a function
    without one it is the function's, and what grows is older than the call.

    Args:
        frame: the running function.
        test: the condition.
        body: what it guards.
        positive: the outcome with which that runs.
    """
    if isinstance(test, f.BoolOp):
        return any(is_periodic(frame, operand, body, positive) for operand in test.operands)
    if isinstance(test, f.Not):
        return is_periodic(frame, test.operand, body, not positive)
    if isinstance(test, f.Binary):
        return bool(frame.loops) and _is_step(test)
    if not isinstance(test, f.Compare) or len(test.ops) != 1:
        return False
    if any(_is_step(side) for side in (test.left, *test.right)):
        return bool(frame.loops)
    return test.ops[0] in _REACHES[positive] and _is_reached(frame, test, body)


def _is_step(expr: f.Expr) -> bool:
    """True for ``number % step`` and a template's ``loop.first``; not for a text that is filled in."""
    if not isinstance(expr, f.Binary) or expr.op != "Mod" or isinstance(expr.left, f.Const):
        return False
    step = expr.right
    return not (isinstance(step, f.Const) and isinstance(step.value, int) and step.value < _LEAST_STEP)


def _is_reached(frame: Frame, test: f.Compare, body: tuple[f.Stmt, ...]) -> bool:
    left, right = test.left, test.right[0]
    if isinstance(right, f.Const) and right.value in (0, 1):
        return False
    if isinstance(left, f.Binary):
        return left.op == "Sub" and bool(frame.loops) and _is_moved(body, dotted(left.right))
    if call_name(left) in _CLOCKS:
        return bool(frame.loops) and _is_moved(body, dotted(right))
    is_length = isinstance(left, f.Call) and call_name(left) == "len" and len(left.args) == 1
    path = dotted(left.args[0] if isinstance(left, f.Call) and is_length else left)
    growing = _growing(frame)
    root = path.partition(".")[0] if path is not None else ""
    if path is None or path in growing.restarted or root in growing.restarted:
        return False
    if not frame.loops and root not in frame.globals and root not in ("self", "cls"):
        return False  # an object that is given may be another one each time
    if path not in (growing.filled if is_length else growing.counted):
        return False
    once = test.ops[0] in ("Eq", "NotEq") and bool(frame.loops)
    return once or _is_moved(body, path) or _is_emptied(frame, body, path)


def _growing(frame: Frame) -> Growth:
    """What the innermost loop adds to; outside loops, what the function does."""
    if frame.loops:
        return frame.loops[-1].shape.growth
    body = frame.function.facts.body
    known = frame.engine.growing.get(id(body))
    if known is None or known[0] is not body:
        known = frame.engine.growing[id(body)] = (body, growth_of(body))
    return known[1]


def _is_moved(body: tuple[f.Stmt, ...], path: str | None) -> bool:
    """True if a suite assigns a path, or what stands in it."""
    if path is None:
        return False
    for statement in statements(body):
        for target in statement.targets if isinstance(statement, f.Delete) else targets(statement):
            inner = target.value if isinstance(target, f.Subscript) and isinstance(target.index, f.Slice) else target
            if path in target_paths(inner):
                return True
    return False


def _is_emptied(frame: Frame, body: tuple[f.Stmt, ...], path: str) -> bool:
    """True if a suite calls what empties a container or sets a counter back, or what may do so.

    ``batch.clear()``; ``flush(batch)``; ``self.flush()`` for what stands on ``self``; a function inside the running one
    that names it.
    """
    root, dot, _ = path.partition(".")
    for expr in expressions(body):
        if not isinstance(expr, f.Call):
            continue
        called = dotted(expr.func)
        if called == f"{path}.clear":
            return True
        if called is None or called.partition(".")[0] not in (called, "self", "cls"):
            continue
        if any(dotted(argument) == path for argument in expr.args):
            return called != "len"
        if dot and called.startswith(f"{root}."):
            return True
        if path in _mentioned(frame, called):
            return True
    return False


def _mentioned(frame: Frame, name: str) -> frozenset[str]:
    """The names that a function mentions which stands inside the running one."""
    for statement in statements(frame.function.facts.body):
        if isinstance(statement, f.Def) and statement.function.name == name:
            return statement.function.mentions
    return frozenset()
