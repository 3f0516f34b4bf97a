"""Loops: what they iterate, whether they are bounded, and running them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, dotted, expressions, names, statements, target_paths, targets
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.batches import steps, takes_batches
from nplus1_lint.infer.bounds import is_bounded
from nplus1_lint.infer.effects import Kind, Loop
from nplus1_lint.infer.memos import reset_names
from nplus1_lint.infer.periodic import growth_of
from nplus1_lint.infer.rereads import Pass
from nplus1_lint.infer.rounds import of_comprehension
from nplus1_lint.infer.shapes import NO_SHAPE, Shape, only_tries
from nplus1_lint.infer.sizes import times
from nplus1_lint.infer.unique import guard, unique_names
from nplus1_lint.infer.values import (
    SOME_FIXED,
    UNKNOWN,
    Condition,
    Many,
    Row,
    Tuple,
    Value,
    many,
    mapping,
    of,
)

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame, Place, Val

Writes: TypeAlias = tuple[tuple[f.Attr | f.Call, str], ...]
"""Writes that a loop does to each row alike: the node, and ``assign`` or ``delete``."""

_TEXT_LIMIT = 60
_RANGES = frozenset({"Lt", "LtE", "Gt", "GtE"})
_OPERATORS = {
    "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Is": "is", "IsNot": "is not",
    "In": "in", "NotIn": "not in",
}  # fmt: skip
_MUTATORS = frozenset(
    {"append", "appendleft", "extend", "insert", "pop", "popleft", "remove", "add", "discard", "put", "get_nowait"}
)


def comprehension_loop(frame: Frame, expr: f.Comprehension) -> Val:
    """Run a comprehension: the first iterable once, everything else per iteration."""
    result: list[tuple[Val, Val | None]] = []
    tested: list[int] = []
    bounded: list[bool] = []
    outer = dict(frame.state.env)

    def level(index: int) -> None:
        if index == len(expr.generators):
            key = frame.eval(expr.key) if expr.key is not None else None
            result.append((frame.eval(expr.element), key))
            return
        generator = expr.generators[index]
        over = frame.eval(generator.iterable)
        item, item_mask = frame.iterate_expr(generator.iterable, over)
        loop = make_loop(frame, expr.pos, "comprehension", generator.iterable, generator.target, over, ())
        loop = loop._replace(bit=frame.loop_bit(generator.pos))
        bounded.append(loop.bounded)
        each = Pass(frame, generator.target, generator.iterable)

        def head() -> None:
            assign_target(frame, generator.target, (item, item_mask | loop.bit))

        def body() -> None:
            held, guards = frame.state.copy(), len(frame.memos)
            for test in generator.conditions:
                tested.append(frame.narrow(test))
                if not frame.state.alive:
                    # `if False`: nothing of the element runs, but the loop goes on.
                    frame.state = held
                    return
            if generator.conditions:
                each.end_round()
            frame.memos += filter(None, [guard(frame, test) for test in generator.conditions])
            level(index + 1)
            del frame.memos[guards:]
            if not generator.conditions:
                each.end_round()

        seen = of_comprehension(frame.engine.seen, expr, index)
        frame.run_loop(loop, NO_SHAPE, head, body, endless=False, seen=seen)
        if expr.kind != "generator":
            each.finish()
        elif index == 0 and not each.waits:
            frame.passes[expr.pos] = each

    level(0)
    env = frame.state.env
    frame.state.env = {name: env.get(name, binding) for name, binding in outer.items()}
    value, mask = _collected(expr, result, SOME_FIXED if all(bounded) else None)
    for one in tested:
        mask |= one  # which items there are depends on what the conditions ask
    return value, mask


def _collected(expr: f.Comprehension, result: list[tuple[Val, Val | None]], size: int | None) -> Val:
    from nplus1_lint.infer.joins import join

    value, key, mask = UNKNOWN, UNKNOWN, 0
    for (one, one_mask), one_key in result:
        value = join(value, one)
        mask |= one_mask
        if one_key is not None:
            key, mask = join(key, one_key[0]), mask | one_key[1]
    if expr.kind == "dict":
        return mapping(key, value, size), mask
    if _copies(expr) and all(type(a) is Row and a.origin is not None for a in value.atoms):
        return many(value, "rows"), mask
    return many(value, {"generator": "iterator"}.get(expr.kind, expr.kind), size), mask


def _copies(expr: f.Comprehension) -> bool:
    """True for ``[row for row in rows]``: it holds every row of what it iterates."""
    only = expr.generators[0]
    return (
        expr.kind in ("list", "set")
        and len(expr.generators) == 1
        and not only.conditions
        and isinstance(expr.element, f.Name)
        and isinstance(only.target, f.Name)
        and expr.element.id == only.target.id
    )


def orm_place(expr: f.Expr) -> Place | None:
    """Return where an expression stands, if the IR keeps it."""
    return getattr(expr, "pos", None)


def make_loop(
    frame: Frame,
    place: Place,
    kind: str,
    iterable: f.Expr,
    target: f.Expr,
    over: Val,
    body: tuple[f.Stmt, ...],
) -> Loop:
    """Describe a loop over an evaluated iterable."""
    bounded = is_bounded(frame, iterable, over[0])
    shape = shape_of(frame, iterable, target, body)
    if isinstance(iterable, f.Call) and call_name(iterable) == "count":
        name = frame.engine.project.hierarchy.external_name(frame.path, iterable.func)
        kind = "while" if name == "itertools.count" else kind  # it ends from inside alone
    return Loop(
        frame.site(place), kind, frame.loop_bit(place), orm_place(iterable), shape.text, bounded,
        shape.chunked or _is_windows(over[0]), shape.sleeps, shape.targets, over[0],
        times(frame, iterable, over[0], bounded, kind), unique_names(frame, target, iterable, over[0]),
    )  # fmt: skip


def shape_of(frame: Frame, iterable: f.Expr, target: f.Expr | None, body: tuple[f.Stmt, ...]) -> Shape:
    """Return a loop's shape; for ``while`` the iterable is its test and the target None."""
    key = id(iterable)
    known = frame.engine.shapes.get(key)
    if known is None or known[0] is not iterable:
        targets = frozenset(names(target)) if target is not None else frozenset()
        head = (
            f"for {describe(target)} in {describe(iterable)}" if target is not None else f"while {describe(iterable)}"
        )
        inside = tuple(expressions(body))
        chunked = target is not None and is_chunked(iterable, inside, targets)
        chunked = chunked or takes_batches(body, targets, ends_inside=target is None)
        assigned = _assigned(body, inside)
        known = (
            iterable,
            Shape(
                head, chunked, sleeps(inside), targets, assigned, targets | reset_names(body), growth_of(body, targets),
                only_tries(iterable, inside, targets), target is None and steps(body),
            ),
        )  # fmt: skip
        frame.engine.shapes[key] = known
    shape: Shape = known[1]
    return shape


def while_loop(frame: Frame, statement: f.While) -> Loop:
    """Describe a ``while`` loop."""
    shape = shape_of(frame, statement.test, None, statement.body)
    return Loop(
        frame.site(statement.pos), "while", frame.loop_bit(statement.pos), None, shape.text,
        False, shape.chunked, shape.sleeps, frozenset(), UNKNOWN, times(frame, statement.test, UNKNOWN, False, "while"),
        windows=shape.windows,
    )  # fmt: skip


def is_chunked(iterable: f.Expr, inside: tuple[f.Expr, ...], targets: frozenset[str]) -> bool:
    """True if an iteration handles a batch: ``range(0, n, step)``, ``batched(…)``, a target given whole to ``IN``."""
    if isinstance(iterable, f.Call):
        name = call_name(iterable)
        if name == "range" and len(iterable.args) == 3:
            return True
        if name == "enumerate" and iterable.args:
            return is_chunked(iterable.args[0], inside, targets)
        if name in lib.CHUNKERS or "chunk" in name or "batch" in name or name == "partitions":
            return True
    return any(type(item) is f.Call and _is_membership(item, targets) for item in inside)


def _is_windows(over: Value) -> bool:
    """True for conditions that each leave in a range of a column: a batch of rows, as a query in windows takes them."""
    conditions = [one for atom in over.atoms if type(atom) is Many for one in atom.item.atoms]
    return bool(conditions) and all(
        type(one) is Condition and one.criteria and all(c.op in _RANGES for c in one.criteria) for one in conditions
    )


def _is_membership(call: f.Call, targets: frozenset[str]) -> bool:
    return (
        isinstance(call.func, f.Attr)
        and call.func.name == "in_"
        and len(call.args) == 1
        and isinstance(call.args[0], f.Name)
        and call.args[0].id in targets
    )


def sleeps(inside: tuple[f.Expr, ...]) -> bool:
    """True if a loop waits between its iterations."""
    return any(type(e) is f.Call and call_name(e) in lib.SLEEPS for e in inside)


def _read_elsewhere(frame: Frame, statement: f.For) -> bool:
    """True if the function does more with the rows than this loop."""
    if not isinstance(statement.iterable, f.Name):
        return False
    body = frame.function.facts.body
    read = sum(isinstance(expr, f.Name) and expr.id == statement.iterable.id for expr in expressions(body))
    assigned = [name for one in statements(body) for target in targets(one) for name in names(target)]
    return read - assigned.count(statement.iterable.id) > 1


def uniform_writes(frame: Frame, statement: f.For) -> Writes:
    """Return what a loop writes alike, read once however often it runs."""
    known = frame.engine.uniform.get(id(statement))
    if known is None or known[0] is not statement:
        known = frame.engine.uniform[id(statement)] = (statement, _uniform_writes(frame, statement))
    return known[1]


def _uniform_writes(frame: Frame, statement: f.For) -> Writes:
    """Return the writes of a loop whose body does nothing but write each row alike, or nothing.

    ``row.attribute = value`` with a value that does not name the row, and ``session.delete(row)``: one UPDATE or one
    DELETE would do, without loading the rows.
    """
    if not isinstance(statement.target, f.Name):
        return ()
    row = statement.target.id
    found: list[tuple[f.Attr | f.Call, str]] = []
    for part in statement.body:
        if isinstance(part, f.Assign) and len(part.targets) == 1 and row not in set(names(part.value)):
            target = part.targets[0]
            if isinstance(target, f.Attr) and dotted(target.value) == row:
                found.append((target, "assign"))
                continue
        if isinstance(part, f.ExprStmt) and isinstance(part.value, f.Call) and call_name(part.value) == "delete":
            arguments = part.value.args
            if len(arguments) == 1 and isinstance(arguments[0], f.Name) and arguments[0].id == row:
                found.append((part.value, "delete"))
                continue
        return ()
    return tuple(found) if found and not _read_elsewhere(frame, statement) else ()


def write_alike(frame: Frame, node: f.Attr | f.Call, kind: str, item: Value, loop: Loop) -> None:
    """Record that a loop writes each queried row alike."""
    for atom in item.atoms:
        if type(atom) is Row and atom.origin is not None:
            if kind == "delete" and _deletes_more(frame, atom.model):
                return
            if isinstance(node, f.Attr) and _is_more_than_a_column(frame, atom.model, node.name):
                return
            mark = frame.mark()
            frame.emit(Kind.WRITE, node.pos, subject=atom.model, attribute=kind, deps=loop.bit)
            frame.note_node(node, mark)
            return


def _is_more_than_a_column(frame: Frame, model: str, name: str) -> bool:
    """True if to set an attribute changes more in the database than an UPDATE of its column would.

    A collection, and rows of a secondary table; an orphan is deleted; a setter of Python runs. Source: SQLAlchemy,
    "Basic Relationship Patterns", "Cascades".
    """
    models = frame.engine.project.models
    relationship = models[model].relationships.get(name)
    if relationship is None:
        return name not in models[model].columns
    there = models.get(relationship.target or "")
    line = {cls.id for cls in frame.engine.project.hierarchy.mro(model)}
    others = [one for one in there.relationships.values() if one.target in line] if there is not None else []
    back = [one for one in others if name == one.back_populates or one.name == relationship.back_populates]
    ways = [relationship, *back]
    return relationship.uselist or bool(relationship.secondary) or any("delete-orphan" in way.cascade for way in ways)


def _deletes_more(frame: Frame, model: str) -> bool:
    """True if deleting a row deletes or detaches others, by the mapping: a DELETE statement would leave those behind.

    Cascades; else rows of a collection, or of a one-to-one whose key is theirs, lose their key, and a link table loses
    the row's links. Source: SQLAlchemy, "Cascades", "Notes on Delete".
    """
    models = frame.engine.project.models
    keys = [column.foreign_key for column in models[model].columns.values() if column.foreign_key]
    referred = {key.rpartition(".")[0].rpartition(".")[2] for key in keys}
    for relationship in models[model].relationships.values():
        cascades = "delete" in relationship.cascade or "all" in relationship.cascade
        target = models.get(relationship.target or "")
        theirs = target is not None and target.table not in referred
        if not relationship.viewonly and (cascades or relationship.uselist or relationship.secondary or theirs):
            return True
    return False


def assign_target(frame: Frame, target: f.Expr, val: Val, born: frozenset[int] = frozenset()) -> None:
    """Bind an assignment's target."""
    from nplus1_lint.infer.containers import store_attribute, store_item

    value, mask = val
    if type(target) is f.Name:
        frame.bind(target.id, val, born)
    elif isinstance(target, f.Starred):
        assign_target(frame, target.value, (many(value), mask), born)
    elif isinstance(target, f.Display):
        _unpack(frame, target, val, born)
    elif isinstance(target, f.Attr):
        store_attribute(frame, target, val)
    elif isinstance(target, f.Subscript):
        store_item(frame, target, val)


def _unpack(frame: Frame, target: f.Display, val: Val, born: frozenset[int]) -> None:
    from nplus1_lint.infer.joins import item_of, join

    value, mask = val
    count = len(target.items)
    star = next((at for at, part in enumerate(target.items) if isinstance(part, f.Starred)), None)
    # A tuple of another length would raise, so that it does not come here if one of the right length may.
    right = star is None and any(type(atom) is Tuple and len(atom.items) == count for atom in value.atoms)
    for position, part in enumerate(target.items):
        one = UNKNOWN
        for atom in value.atoms:
            if type(atom) is not Tuple:
                one = join(one, item_of(of(atom)))
            elif not right or len(atom.items) == count:
                one = join(one, _item_for(atom, position, count, star))
        assign_target(frame, part, (one, mask), born)


def _item_for(atom: Tuple, position: int, count: int, star: int | None) -> Value:
    """Return what a tuple gives to one of *count* targets, of which the one at *star* takes what is left over."""
    from nplus1_lint.infer.joins import item_of

    if star is not None and position > star:
        position += len(atom.items) - count
    elif star is not None and position == star:
        return item_of(of(atom))
    return atom.items[position] if 0 <= position < len(atom.items) else item_of(of(atom))


def assigned_names(body: tuple[f.Stmt, ...]) -> frozenset[str]:
    """Return the names that a suite assigns or changes in place, attributes of them included as dotted paths."""
    return _assigned(body, tuple(expressions(body)))


def _assigned(body: tuple[f.Stmt, ...], inside: tuple[f.Expr, ...]) -> frozenset[str]:
    found: set[str] = set()
    for expr in inside:
        if type(expr) is f.Call and isinstance(expr.func, f.Attr) and expr.func.name in _MUTATORS:
            path = dotted(expr.func.value)
            if path:
                found.add(path)
    for statement in statements(body):
        for target in statement.targets if isinstance(statement, f.Delete) else targets(statement):
            found.update(target_paths(target))
    return frozenset(found)


def describe(expr: f.Expr) -> str:
    """Write an expression in short, for evidence."""
    text = _describe(expr)
    return text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT - 1]}…"


def _describe(expr: f.Expr) -> str:
    if isinstance(expr, f.Name):
        return expr.id
    if isinstance(expr, f.Attr):
        return f"{_describe(expr.value)}.{expr.name}"
    if isinstance(expr, f.Call):
        return f"{_describe(expr.func)}({', '.join(_describe(a) for a in expr.args)})"
    if isinstance(expr, f.Const):
        return repr(expr.value)
    if isinstance(expr, f.Display):
        inner = ", ".join(_describe(i) for i in expr.items)
        return {"list": f"[{inner}]", "set": f"{{{inner}}}"}.get(expr.kind, inner)
    if isinstance(expr, f.Not):
        return f"not {_describe(expr.operand)}"
    if isinstance(expr, f.Subscript):
        return f"{_describe(expr.value)}[{_describe(expr.index)}]"
    if isinstance(expr, f.Slice):
        return f"{_describe(expr.lower) if expr.lower else ''}:{_describe(expr.upper) if expr.upper else ''}"
    if isinstance(expr, f.Starred):
        return f"*{_describe(expr.value)}"
    if isinstance(expr, f.Compare):
        steps = zip(expr.ops, expr.right, strict=True)
        return " ".join([_describe(expr.left), *(f"{_OPERATORS.get(op, op)} {_describe(side)}" for op, side in steps)])
    if isinstance(expr, f.BoolOp):
        return (" and " if expr.is_and else " or ").join(map(_describe, expr.operands))
    return "…"
