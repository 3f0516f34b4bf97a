"""Memos: what is asked first, and keeps what a query has given."""

from __future__ import annotations

import functools
import operator
from enum import Enum
from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import assigned_in, blocks, call_name, children, dotted, statements, targets
from nplus1_lint.infer import given_stores
from nplus1_lint.infer.effects import KEPT
from nplus1_lint.infer.library import ADDERS, EXTENDERS
from nplus1_lint.infer.values import LAST_PARAM, PARAMS_MASK, External, ModuleRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.effects import Emission
    from nplus1_lint.infer.frame import Frame

_STORES = frozenset({"set", "setdefault", "put", "update", "__setitem__", "setex"})
_FILLS = _STORES | ADDERS | EXTENDERS
_EMPTY = {"Eq": True, "NotEq": False, "Gt": False, "Lt": True, "LtE": True, "GtE": False}


def remember(frame: Frame, target: f.Expr, value: f.Expr) -> None:
    """Note ``cached = memo.get(key)``: testing the name then tests the memo."""
    given_stores.remember(frame, target, value)
    if isinstance(target, f.Name):
        frame.memo_names.pop(target.id, None)
        asked = asked_containers(value) if type(value) is f.Call else ()
        if asked:
            frame.memo_names[target.id] = asked


def asked_containers(value: f.Expr) -> tuple[str, ...]:
    """Return what a call looks into: ``container.get(key)``, ``getattr(holder, "name", None)``, ``hasattr(…)``.

    An attribute of a holder is written ``holder.name``. Holders such as Flask's ``g`` give theirs by ``get``, too.
    """
    if type(value) is not f.Call or not value.args:
        return ()
    if isinstance(value.func, f.Attr) and value.func.name == "get":
        container, named = _container(value.func.value), value.args[0]
    elif isinstance(value.func, f.Name) and value.func.id in ("getattr", "hasattr") and len(value.args) > 1:
        container, named = None, value.args[1]
    else:
        return ()
    holder = value.func.value if isinstance(value.func, f.Attr) else value.args[0]
    slot = _slot(holder, named)
    return tuple(one for one in (container, slot) if one)


def _slot(holder: f.Expr, name: f.Expr) -> str | None:
    """Write an attribute that a literal names."""
    path = dotted(holder)
    return f"{path}.{name.value}" if path and isinstance(name, f.Const) and isinstance(name.value, str) else None


def _container(expr: f.Expr) -> str | None:
    """Write a memo: a chain of names and attributes, and of calls without arguments that give it."""
    if isinstance(expr, f.Call) and not expr.args and not expr.keywords:
        called = _container(expr.func)
        return f"{called}()" if called else None
    if isinstance(expr, f.Attr):
        base = _container(expr.value)
        return f"{base}.{expr.name}" if base else None
    return dotted(expr)


def guards_body(frame: Frame, statement: f.If) -> str | None:
    """Return the memo that an ``if`` finds empty before its body fills it, or None."""
    for container, missing in _asked(frame, statement.test):
        if missing and _stores(frame, statement.body, container):
            return frame.given_stores.get(container, container)
    for path, missing in _emptiness(statement.test):
        if missing and _is_kept(frame, path) and _fills(statement.body, path):
            return path
    if frame.loops:
        for name in sorted(found_missing(statement.test)):
            if frame.lookup(name) is not None and name in assigned_in(statement.body):
                return FIRST_TIME + name
    return None


def guards_else(frame: Frame, statement: f.If) -> str | None:
    """Return the memo whose hit an ``if`` uses, so that its ``else`` runs on a miss and fills it."""
    for container, missing in _asked(frame, statement.test):
        if not missing and _stores(frame, statement.orelse, container):
            return frame.given_stores.get(container, container)
    for path, missing in _emptiness(statement.test) if statement.orelse else ():
        if not missing and _is_kept(frame, path) and _fills(statement.orelse, path):
            return path
    return None


def keeper_of(frame: Frame, emission: Emission) -> int | None:
    """Return the bits of the parameters that keep what an effect gives, or None where it is kept whoever calls.

    ``if self._all is None: self._all = load()``: each object has a memo of its own. What is kept by a global, by a
    class or by what stands on an attribute of the object is taken for one.

    Args:
        frame: the function that has run.
        emission: one of its effects.
    """
    known = emission.effect.keeper
    masks = [known & PARAMS_MASK] if known else []
    for memo in filter(frame.outlives, emission.memos):
        masks.append(_holder(frame, memo))
    if not masks:
        return 0
    return (functools.reduce(operator.and_, masks) or None) if emission.effect.kind in KEPT else None


def _holder(frame: Frame, memo: str) -> int:
    """The bit of the parameter of which a memo is an attribute, or 0."""
    root, dot, rest = memo.partition(".")
    if not dot or root == "cls" or not rest.isidentifier():
        return 0
    params = [param.name for param in frame.function.facts.params]
    return 1 << min(params.index(root), LAST_PARAM) if root in params else 0


FIRST_TIME = "="
"""Precedes the name that ``if name is None: name = …`` fills in the first iteration that needs it."""


ONE_ITERATION = "#"
"""Precedes the bit (in hexadecimal) of a loop of which at most one iteration runs what is guarded."""


def found_missing(test: f.Expr) -> frozenset[str]:
    """Return the names that a condition finds empty: ``name is None``, ``not name``, one of several with ``and``."""
    if isinstance(test, f.Not) and isinstance(test.operand, f.Name):
        return frozenset({test.operand.id})
    if isinstance(test, f.Compare) and test.ops == ("Is",) and isinstance(test.left, f.Name):
        right = test.right[0]
        return frozenset({test.left.id} if isinstance(right, f.Const) and right.value is None else ())
    if isinstance(test, f.BoolOp) and test.is_and:
        return frozenset().union(*(found_missing(operand) for operand in test.operands))
    return frozenset()


def reset_names(body: tuple[f.Stmt, ...], guarded: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the names that a loop's body assigns elsewhere than where it has found them empty."""
    found = set(assigned_in(body, nested=False)) - guarded
    for statement in body:
        if isinstance(statement, f.If):
            found |= reset_names(statement.body, guarded | found_missing(statement.test))
            found |= reset_names(statement.orelse, guarded)
        else:
            for block in blocks(statement):
                found |= reset_names(block, guarded)
    return frozenset(found)


MAY_GUARD = frozenset({f.If, f.Try, f.With})
"""Statements that `guards_rest` and `end_skipping_search` have to do with."""


def guards_rest(frame: Frame, statement: f.Stmt, rest: tuple[f.Stmt, ...]) -> str | None:
    """Return the memo whose hit leaves the suite early, so that the rest runs on a miss and fills it.

    The question may stand inside a ``try`` or another condition: ``if use_cache: if cached := …: return cached``.
    """
    if type(statement) is not f.If and not frame.memo_names:
        return None
    for inner in _exits(frame, statement):
        for container, missing in _asked(frame, inner.test):
            if not missing and _stores(frame, rest, container):
                return frame.given_stores.get(container, container)
    return _guards_rest_by_truth(frame, statement, rest) if type(statement) is f.If else None


def _guards_rest_by_truth(frame: Frame, statement: f.If, rest: tuple[f.Stmt, ...]) -> str | None:
    if not rest or not statement.body or not isinstance(statement.body[-1], (f.Return, f.Continue)):
        return None
    leaves = statement.body[-1]
    for path, missing in _emptiness(statement.test):
        # `if self.failed: return` is no memo: what is kept is given back, or says that all has been done.
        given = isinstance(leaves, f.Return) and _mentions(leaves.value, path)
        if not missing and _is_kept(frame, path) and _fills(rest, path, marks=not given):
            return path
    return None


def _exits(frame: Frame, statement: f.Stmt) -> tuple[f.If, ...]:
    """The conditions inside a statement that leave early, read once however often it runs."""
    known = frame.engine.exits.get(id(statement))
    if known is None or known[0] is not statement:
        found = tuple(
            inner
            for inner in statements((statement,))
            if isinstance(inner, f.If) and inner.body and isinstance(inner.body[-1], (f.Return, f.Continue))
        )
        known = frame.engine.exits[id(statement)] = (statement, found)
    return known[1]


def guards_handler(frame: Frame, handler: f.Handler) -> str | None:
    """Return the memo that ``except KeyError`` fills."""
    name = dotted(handler.type) if handler.type is not None else None
    if name not in ("KeyError", "LookupError", "AttributeError"):
        return None
    for statement in statements(handler.body):
        for target in statement.targets if isinstance(statement, f.Assign) else ():
            if isinstance(target, f.Subscript):
                container = dotted(target.value)
                return frame.given_stores.get(container, container) if container is not None else None
            path = dotted(target) if isinstance(target, f.Attr) and name == "AttributeError" else None
            if path is not None and _outlasts(frame, path):
                return path
    return None


class Asking(Enum):
    """What a condition may ask of containers, as it is written."""

    NOTHING = 0
    NAMES = 1
    CONTAINERS = 2


def asking_of(test: f.Expr) -> Asking:
    """Return what `_containers` may find in a condition: names tell only where any stands for a container."""
    if type(test) is f.Name:
        return Asking.NAMES
    if type(test) is f.Not:
        return asking_of(test.operand)
    if type(test) is f.BoolOp:
        return max((asking_of(operand) for operand in test.operands), key=lambda one: one.value)
    if type(test) is f.Compare and len(test.ops) == 1 and test.ops[0] in ("In", "NotIn", "Is", "IsNot"):
        by_name = test.ops[0] in ("Is", "IsNot") and type(test.left) is f.Name
        return Asking.NAMES if by_name else Asking.CONTAINERS
    return Asking.CONTAINERS if type(test) is f.Walrus or asked_containers(test) else Asking.NOTHING


def _asked(frame: Frame, test: f.Expr) -> list[tuple[str, bool]]:
    """The containers that a condition asks, each with whether a true outcome means a miss."""
    known = frame.engine.asking.get(id(test))
    if known is None or known[0] is not test:
        known = frame.engine.asking[id(test)] = (test, asking_of(test))
    asking = known[1]
    if asking is Asking.CONTAINERS or (asking is Asking.NAMES and (frame.memo_names or frame.globals)):
        return _containers(frame, test)
    return []


def _containers(frame: Frame, test: f.Expr) -> list[tuple[str, bool]]:
    if type(test) is f.Name:
        if test.id in frame.memo_names:
            return [(container, False) for container in frame.memo_names[test.id]]
        return [(test.id, False)] if test.id in frame.globals else []
    if type(test) is f.Not:
        return [(container, not missing) for container, missing in _containers(frame, test.operand)]
    if type(test) is f.BoolOp:
        return [found for operand in test.operands for found in _containers(frame, operand)]
    if type(test) is f.Compare and len(test.ops) == 1:
        return _compared(frame, test)
    asked = test.value if type(test) is f.Walrus else test
    return [(container, False) for container in asked_containers(asked)]


def _compared(frame: Frame, test: f.Compare) -> list[tuple[str, bool]]:
    operator = test.ops[0]
    if operator in ("In", "NotIn"):
        asked = (dotted(test.right[0]), _slot(test.right[0], test.left))
        return [(container, operator == "NotIn") for container in asked if container]
    if operator not in ("Is", "IsNot"):
        return []
    inside = asked_containers(test.left.value if type(test.left) is f.Walrus else test.left)
    if not inside and isinstance(test.left, f.Name):
        inside = frame.memo_names.get(test.left.id, ())
    if inside:
        return [(container, operator == "Is") for container in inside]
    path = dotted(test.left)
    return [(path, operator == "Is")] if path and _outlasts(frame, path) else []


def _outlasts(frame: Frame, path: str) -> bool:
    """True for a name that the function declares global, and an attribute of the receiver, its class or a global."""
    root, dot, _ = path.partition(".")
    if root in ("self", "cls") or not dot:
        return bool(dot) or root in frame.globals
    held = frame.lookup(root)
    if held is None:
        return root not in frame.params
    # An import inside the function; what a call has given is none.
    return bool(held[0].atoms) and all(
        type(atom) is ModuleRef or (type(atom) is External and "(" not in atom.name) for atom in held[0].atoms
    )


def _stores(frame: Frame, body: tuple[f.Stmt, ...], container: str) -> bool:
    for statement in statements(body):
        if isinstance(statement, f.Assign):
            for target in statement.targets:
                if isinstance(target, f.Subscript) and dotted(target.value) == container:
                    return True
                if dotted(target) == container and _outlasts(frame, container):
                    return True
        value = getattr(statement, "value", None)
        if isinstance(value, f.Call) and isinstance(value.func, f.Attr) and value.func.name in _STORES:
            if _container(value.func.value) == container:
                return True
        if isinstance(value, f.Call) and dotted(value.func) == "setattr" and len(value.args) > 1:
            if _slot(value.args[0], value.args[1]) == container and _outlasts(frame, container):
                return True
    return False


# -- memos that are asked by their truth ------------------------------------------------------------------------------


def _emptiness(test: f.Expr, positive: bool = True) -> Iterator[tuple[str, bool]]:
    """Yield the paths of which a condition asks whether they are empty, each with whether its truth says so.

    ``self._all``, ``len(self._all) == 0``, ``self._all == []``.
    """
    if isinstance(test, f.Not):
        yield from _emptiness(test.operand, not positive)
    elif isinstance(test, f.BoolOp):
        for operand in test.operands:
            yield from _emptiness(operand, positive)
    elif isinstance(test, (f.Name, f.Attr, f.Call)):
        path = _measured(test)
        if path is not None:
            yield path, not positive
    elif isinstance(test, f.Compare) and len(test.ops) == 1 and test.ops[0] in _EMPTY:
        operator_, path, right = test.ops[0], _measured(test.left), test.right[0]
        by_number = operator_ in ("Lt", "GtE")
        bound = isinstance(right, f.Const) and right.value == (1 if by_number else 0) and isinstance(test.left, f.Call)
        nothing = not by_number and (
            (isinstance(right, f.Const) and right.value in (None, ""))
            or (isinstance(right, (f.Display, f.Dict)) and not right.items)
        )
        if path is not None and (bound or nothing):
            yield path, _EMPTY[operator_] == positive


def _measured(expr: f.Expr) -> str | None:
    """The path of ``path``, ``len(path)`` and ``bool(path)``."""
    if isinstance(expr, f.Call):
        return dotted(expr.args[0]) if call_name(expr) in ("len", "bool") and len(expr.args) == 1 else None
    return dotted(expr)


def _is_kept(frame: Frame, path: str) -> bool:
    """True for what outlasts the call: on the receiver or its class, or of the module, wherever it is mutated."""
    root, dot, _ = path.partition(".")
    if not dot and root not in frame.globals:
        return frame.lookup(root) is None and root not in frame.params and root not in frame.captured_names
    return _outlasts(frame, path)


def _fills(body: tuple[f.Stmt, ...], path: str, marks: bool = False) -> bool:
    """True if every way through a suite fills what a path stands for.

    Args:
        body: the suite.
        path: what was found empty.
        marks: it is marked as done, ``self._loaded = True``, rather than filled.
    """
    return any(_fills_one(statement, path, marks) for statement in body)


def _fills_one(statement: f.Stmt, path: str, marks: bool) -> bool:
    if isinstance(statement, f.If):
        return all(_fills(suite, path, marks) for suite in (statement.body, statement.orelse))
    if isinstance(statement, (f.For, f.While, f.With, f.Try)):
        return _fills(statement.body, path, marks)
    if isinstance(statement, (f.Assign, f.AnnAssign, f.AugAssign)) and statement.value is not None:
        if any(dotted(target) == path for target in targets(statement)):
            return _is_true(statement.value) if marks else not _is_empty(statement.value)
        return not marks and any(isinstance(t, f.Subscript) and dotted(t.value) == path for t in targets(statement))
    if isinstance(statement, f.ExprStmt) and isinstance(statement.value, f.Call) and not marks:
        func = statement.value.func
        return isinstance(func, f.Attr) and func.name in _FILLS and dotted(func.value) == path
    return False


def _is_true(expr: f.Expr) -> bool:
    return isinstance(expr, f.Const) and expr.value is True


def _is_empty(expr: f.Expr) -> bool:
    return (isinstance(expr, f.Const) and not expr.value) or (isinstance(expr, (f.Display, f.Dict)) and not expr.items)


def _mentions(expr: f.Expr | None, path: str) -> bool:
    return expr is not None and (dotted(expr) == path or any(_mentions(child, path) for child in children(expr)))
