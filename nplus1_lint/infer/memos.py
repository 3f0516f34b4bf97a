"""Loops that look like an N+1 and are none: memos asked first, and searches that end at the first hit."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import blocks, children, dotted, names, statements, targets
from nplus1_lint.infer.values import External, ModuleRef

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame, State

_STORES = frozenset({"set", "setdefault", "put", "update", "__setitem__", "setex"})


def remember(frame: Frame, target: f.Expr, value: f.Expr) -> None:
    """Note ``cached = memo.get(key)``: testing the name then tests the memo."""
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
            return container
    if frame.loops:
        for name in sorted(found_missing(statement.test)):
            if frame.lookup(name) is not None and name in _assigned(statement.body):
                return FIRST_TIME + name
    return None


def guards_else(frame: Frame, statement: f.If) -> str | None:
    """Return the memo whose hit an ``if`` uses, so that its ``else`` runs on a miss and fills it."""
    for container, missing in _asked(frame, statement.test):
        if not missing and _stores(frame, statement.orelse, container):
            return container
    return None


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
    found = set(_assigned(body, nested=False)) - guarded
    for statement in body:
        if isinstance(statement, f.If):
            found |= reset_names(statement.body, guarded | found_missing(statement.test))
            found |= reset_names(statement.orelse, guarded)
        else:
            for block in blocks(statement):
                found |= reset_names(block, guarded)
    return frozenset(found)


def _assigned(body: tuple[f.Stmt, ...], nested: bool = True) -> frozenset[str]:
    return frozenset(
        name
        for statement in (statements(body) if nested else body)
        for target in targets(statement)
        for name in names(target)
        if not isinstance(target, (f.Attr, f.Subscript))
    )


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
                return container
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
                return dotted(target.value)
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


# -- searches --------------------------------------------------------------------------------------------------------


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
    in_while = frame.loops[-1].loop.kind == "while"
    for name, positive in _subjects(test):
        if positive != hit and not in_while:
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
