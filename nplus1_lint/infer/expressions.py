"""Transfer functions of expressions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted
from nplus1_lint.infer import (
    equalities,
    execution,
    expiry,
    file_names,
    greenlets,
    keywords,
    lookups,
    operators,
    page_classes,
    records,
    reflection,
    reflection_tests,
    rereads,
    rows,
    sql,
)
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.calls import evaluate_call
from nplus1_lint.infer.holding import rows_in
from nplus1_lint.infer.joins import concatenated, item_of, join, join_all
from nplus1_lint.infer.loops import comprehension_loop
from nplus1_lint.infer.spent import Ways
from nplus1_lint.infer.values import (
    FALSE,
    NONE,
    SCALAR,
    TRUE,
    UNKNOWN,
    Aggregate,
    Atom,
    BoundMethod,
    ClassRef,
    ColumnRef,
    Condition,
    Const,
    External,
    Function,
    Instance,
    Many,
    Mapping,
    ModuleRef,
    Reflection,
    Row,
    Scalar,
    ScalarOf,
    Session,
    Statement,
    Tuple,
    Value,
    class_of,
    many,
    mapping,
    of,
    tuple_of,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from nplus1_lint.infer.frame import Frame, Place, Val


_NO_TEXT = of(Const("const", ""))


def _name(frame: Frame, expr: f.Name) -> Val:
    local = frame.state.env.get(expr.id)
    if local is not None:
        return local.value, local.mask
    if frame.engine.templates.active and frame.engine.templates.holds(frame.path):
        given = frame.engine.names.value(expr.id)
        if given is not None:
            return given, 0
    return frame.engine.global_value(frame.path, expr.id, frame.function.facts.qualname), 0


def _const(frame: Frame, expr: f.Const) -> Val:
    value = expr.value
    if value is None:
        return NONE, 0
    if value is True:
        return TRUE, 0
    if value is False:
        return FALSE, 0
    if isinstance(value, (str, int)):
        return frame.engine.literal(value), 0
    return SCALAR, 0


def _attr(frame: Frame, expr: f.Attr) -> Val:
    path = dotted(expr)
    if path is not None:
        known = frame.lookup(path)
        if known is not None:
            return known
    base = frame.eval(expr.value)
    mark, misreads = len(frame.emissions), len(frame.misreads)
    frame.engine.forget_loaded()
    found = attribute(frame, base, expr.name, expr.pos)
    frame.note_node(expr, mark)
    if len(frame.emissions) > mark:
        expiry.refreshed(frame, expr.value, mark)
        rereads.read(frame, expr.value, mark)
        rereads.receiver(frame, expr.value)
    if len(frame.misreads) > misreads and frame.misreads[-1].expired:
        expiry.held_fresh(frame, expr.value)  # the program ends here: what follows is not read
    if path is not None and base[0].first(Row) is not None and rows_in(found[0], 2):
        # A relationship read once stays loaded on this row until the name is bound again.
        frame.bind(path, found)
    return found


def attribute(frame: Frame, val: Val, name: str, place: Place) -> Val:
    """Return an attribute of a value, atom by atom."""
    value, mask = val
    frame.tracker.attribute(value, name)
    if not value.atoms:
        if frame.notes is not None:
            frame.notes.doubt("receiver", place, value.reason)
        return unknown(value.reason or f"{name} of an unknown value"), mask
    if len(value.atoms) == 1:
        atom = value.atoms[0]
        one, one_mask = _atom_attribute(frame, atom, mask, name, place)
        # All rows of a collection have one parent, which depends on less than each of them does.
        of_parent = type(atom) is Row and name in frame.engine.project.models[atom.model].relationships
        return one, one_mask if of_parent else mask | one_mask
    found: list[Value] = []
    ways = Ways(frame.state.spent)
    for atom in rows.but_perhaps_loaded(frame, value.atoms, name):
        frame.state.spent = ways.before
        one, one_mask = _atom_attribute(frame, atom, mask, name, place)
        ways.take(frame.state.spent)
        found.append(one)
        mask |= one_mask
    frame.state.spent = ways.dearest
    return join_all(found), mask


_OF_CLASSES = frozenset({"__class__", reflection.MAPPER, reflection.TABLE})
_OF_COLUMNS = frozenset({ColumnRef, Reflection, Statement})


def _of_class(frame: Frame, atom: Any, mask: int, name: str, place: Place) -> Val | None:
    if name == "__class__":
        return (class_of(atom), 0) if type(atom) in (Row, Instance) else None
    if type(atom) is Statement:
        columns = name in ("c", "columns", "selected_columns", "exported_columns")
        return (of(External("external", "sqlalchemy.column()")), mask) if columns else None
    found = reflection.asked(frame, atom, mask, name, place)
    return (found, mask) if found is not None else None


def _atom_attribute(frame: Frame, atom: Any, mask: int, name: str, place: Place) -> Val:
    kind = type(atom)
    if name in _OF_CLASSES or kind in _OF_COLUMNS:
        of_class = _of_class(frame, atom, mask, name, place)
        if of_class is not None:
            return of_class
    if kind is Row:
        return rows.attribute(frame, atom, mask, name, place)
    if kind is Instance:
        return frame.engine.classes.attribute(frame, atom, mask, name, place)
    if kind is ClassRef:
        return frame.engine.classes.class_member(frame, atom.id, mask, name, place)
    if kind is ModuleRef:
        return frame.engine.module_member(atom.path, name), 0
    if kind is External:
        return _external_attribute(frame, atom, name), mask
    if kind in (Scalar, ScalarOf, Const):
        return (UNKNOWN if kind is Const and atom.value is None else SCALAR), mask
    if kind is Session and name in ("no_autoflush", "session", "registry", "sync_session"):
        return of(atom), mask
    if kind is BoundMethod and atom.name == "awaitable_attrs":
        found, one = frame.attribute((atom.receiver, mask), name, place)
        return greenlets.outside(found), one
    if kind is Many and atom.kind in lib.PAGES and name in ("items", "data", "results"):
        return many(atom.item), mask
    if kind is Tuple:
        item = frame.engine.templates.item(frame, atom, name)
        return (item, mask) if item is not None else _tuple_attribute(atom, mask, name)
    if kind is Function:
        return unknown("an attribute of a function"), mask
    item = frame.engine.templates.item(frame, atom, name)
    if item is not None:
        return item, mask
    return of(BoundMethod("bound", of(atom), name)), mask


def _tuple_attribute(atom: Tuple, mask: int, name: str) -> Val:
    """``row.User`` of a result row gives the entity of that class; ``row.name`` a column's value."""
    for item in atom.items:
        for inner in item.atoms:
            if type(inner) is Row and inner.model.rpartition(":")[2].rpartition(".")[2] == name:
                return of(inner), mask
    if name in ("_mapping", "_asdict", "count", "index", "t", "tuple"):
        return of(BoundMethod("bound", of(atom), name)), mask
    return SCALAR, mask


def _external_attribute(frame: Frame, atom: External, name: str) -> Value:
    if name == "session" and atom.name.endswith("SQLAlchemy()"):
        return of(Session("session", "session", False, True))
    known = frame.engine.request.attribute(atom.name, name)
    return known if known is not None else frame.engine.external(f"{atom.name}.{name}")


def _subscript(frame: Frame, expr: f.Subscript) -> Val:
    base, mask = frame.eval(expr.value)
    index, index_mask = frame.eval(expr.index)
    mask |= index_mask
    mark = frame.mark()
    if isinstance(expr.index, f.Slice):
        sliced = _sliced(frame, base, mask, expr)
        frame.note_node(expr, mark)
        return sliced
    found = [_item_at(frame, atom, index, mask, expr.pos) for atom in base.atoms]
    joined = join_all(found)
    if not joined.atoms and rows_in(index):
        rows.escape(frame, index, expr.pos, "a key of something unknown")
    frame.note_node(expr, mark)
    return (joined if joined.atoms else unknown(base.reason or "an item of an unknown value")), mask


def _sliced(frame: Frame, base: Value, mask: int, expr: f.Subscript) -> Val:
    parts: list[Value] = []
    for atom in base.atoms:
        if type(atom) is Statement:
            item, _ = execution.iterate_statement(frame, atom, mask, expr.pos)
            parts.append(many(item))
        elif type(atom) is Many:
            parts.append(many(atom.item, "list"))
        else:
            parts.append(of(atom))
    return join_all(parts), mask


def _item_at(frame: Frame, atom: Atom, index: Value, mask: int, place: Place) -> Value:
    kind = type(atom)
    if kind is Mapping:
        known = keywords.entry(atom, index)[0] if atom.entries else None
        held: Value = atom.value if known is None else known
        return held if held.atoms else unknown("a value of a dictionary of unknown values")
    if kind is Instance and frame.engine.classes.is_typed_dict(atom.cls):
        key = index.first(Const)
        if key is not None and isinstance(key.value, str):
            return frame.attribute((of(atom), mask), key.value, place)[0]
    if kind is Tuple:
        number = index.first(Const)
        if number is not None and isinstance(number.value, int) and -len(atom.items) <= number.value < len(atom.items):
            picked: Value = atom.items[number.value]
            return picked
        return join_all(list(atom.items))
    if kind is Many:
        item: Value = atom.item
        return item
    if kind is Statement and atom.style in ("query", "flask-query"):
        return execution.iterate_statement(frame, atom, mask, place)[0]
    if kind in (Scalar, Const, ScalarOf):
        return SCALAR
    if kind is Reflection:
        return reflection.at(atom, index)
    if kind in (Row, Instance):
        found = rows.special(frame, (of(atom), mask), ("__getitem__",), place, (index, mask))
        return found[0] if found is not None else UNKNOWN
    if kind is ClassRef:
        # Repository[Item] at run time is the class
        parts = [part for one in index.only(Tuple) for part in one.items] or [index]
        given = tuple(next((a.id for a in part.only(ClassRef)), "") for part in parts)
        return of(atom._replace(arguments=given) if any(given) else atom)
    if kind is External and (lib.is_sql(atom.name) or page_classes.is_page_name(atom.name)):
        return of(atom)
    return UNKNOWN


def _slice(frame: Frame, expr: f.Slice) -> Val:
    mask = 0
    for part in (expr.lower, expr.upper, expr.step):
        if part is not None:
            mask |= frame.eval(part)[1]
    return SCALAR, mask


def _display(frame: Frame, expr: f.Display) -> Val:
    values: list[Value] = []
    mask, starred = 0, False
    for item in expr.items:
        if isinstance(item, f.Starred):
            starred = True
            inner, inner_mask = frame.eval(item.value)
            inner, _ = frame.iterate_expr(item.value, (inner, inner_mask))
        else:
            inner, inner_mask = frame.eval(item)
        mask |= inner_mask
        values.append(inner)
    if expr.kind == "tuple" and not starred:
        return tuple_of(tuple(values)), mask
    return many(join_all(values), "set" if expr.kind == "set" else "list", None if starred else len(values)), mask


def _dict(frame: Frame, expr: f.Dict) -> Val:
    keys: list[Value] = []
    values: list[Value] = []
    entries: list[tuple[Value, Val]] = []
    mask = 0
    for key, value in expr.items:
        inner, inner_mask = frame.eval(value)
        mask |= inner_mask
        if key is None:
            values += [a.value for a in inner.only(Mapping)]
            continue
        key_value, key_mask = frame.eval(key)
        mask |= key_mask
        keys.append(key_value)
        values.append(inner)
        entries.append((key_value, (inner, inner_mask)))
    if frame.engine.templates.active:
        records.note_display(frame, expr, entries)
    size = len(expr.items) if all(key is not None for key, _ in expr.items) else None
    return mapping(join_all(keys), join_all(values), size), mask


_UNIONS = frozenset({"Add", "BitOr", "Sub", "BitAnd"})


def _binary(frame: Frame, expr: f.Binary) -> Val:
    (left, left_mask), (right, right_mask) = frame.eval(expr.left), frame.eval(expr.right)
    mask = left_mask | right_mask
    conditions = left.only(Condition) + right.only(Condition)
    if conditions:
        criteria = [c for condition in conditions for c in condition.criteria]
        if expr.op == "BitOr":
            criteria = [c._replace(op="Or") for c in criteria]
        operands = (left,) if expr.op == "Invert" else (left, right)
        equal = equalities.conjunction(operands) if expr.op == "BitAnd" else None
        return of(Condition("condition", tuple(criteria)[:12], lookups.combined(operands, expr.op), equal)), mask
    if expr.op in ("Sub", "BitAnd") and reflection.holds_names(left):
        return reflection.less(left, right, common=expr.op == "BitAnd"), mask
    if expr.op in _UNIONS and (left.first(Many) is not None or left.first(Mapping) is not None):
        return join(left, right), mask
    if expr.op == "Add" and left.first(Tuple) is not None and right.first(Tuple) is not None:
        return many(join(item_of(left), item_of(right))), mask
    if expr.op == "Mod" and any(type(a) is Const and isinstance(a.value, str) for a in left.atoms):
        values = [part for one in right.only(Tuple) for part in one.items] or [right]
        for value in values:
            _printed(frame, (value, right_mask), expr.right)
        return file_names.formatted(left, values), mask
    columns = left.only(ColumnRef) or left.only(Aggregate)
    if expr.op == "Add" and not columns:
        return concatenated(left, right), mask
    return (of(columns[0]) if columns else SCALAR), mask


def _not(frame: Frame, expr: f.Not) -> Val:
    operand = frame.eval(expr.operand)
    operators.tested(frame, expr.operand, operand)
    return SCALAR, operand[1]


def _bool_op(frame: Frame, expr: f.BoolOp) -> Val:
    """The first operand always runs; the others on some paths only, with what the first settles."""
    value, mask = frame.eval(expr.operands[0])
    found = value
    held = reflection_tests.in_hand(frame)
    for before_it, operand in itertools.pairwise(expr.operands):
        settled = frame.engine.truth(value)
        if settled is not None and settled != expr.is_and:
            return found, mask
        before = None if _changes_nothing(operand) else frame.state.copy()
        if held:
            reflection_tests.leave_out(frame, before_it, expr.is_and)
        value, one = frame.eval(operand)
        found = value if settled is not None and settled == expr.is_and else join(found, value)
        mask |= one
        if before is not None:
            frame.state = before.join(frame.state)
    reflection_tests.restore(frame, held)
    return found, mask


def _changes_nothing(expr: f.Expr) -> bool:
    """True for names, literals, and comparisons of them: the state after them is the one before, on any path."""
    if type(expr) is f.Name or type(expr) is f.Const:
        return True
    if type(expr) is f.Not:
        return _changes_nothing(expr.operand)
    if type(expr) is f.Compare:
        return _changes_nothing(expr.left) and all(map(_changes_nothing, expr.right))
    return False


def _compare(frame: Frame, expr: f.Compare) -> Val:
    left = frame.eval(expr.left)
    rights = [frame.eval(r) for r in expr.right]
    mask = left[1]
    for _, one in rights:
        mask |= one
    condition = sql.compare(frame, expr, left, rights)
    if condition is None and len(rights) == 1:
        operators.compared(frame, expr, left, rights[0])
    held = keywords.holds(frame, expr) if condition is None else None
    if held is not None:
        return (TRUE if held else FALSE), mask
    return (condition if condition is not None else SCALAR), mask


def _conditional(frame: Frame, expr: f.Conditional) -> Val:
    test = frame.condition(expr.test)
    mask = test.mask
    if test.truth is not None:
        value, one = frame.eval(expr.body if test.truth else expr.orelse)
        return value, one | mask
    if _changes_nothing(expr.body) and _changes_nothing(expr.orelse):
        (body, body_mask), (orelse, orelse_mask) = frame.eval(expr.body), frame.eval(expr.orelse)
        return join(body, orelse), mask | body_mask | orelse_mask
    before = frame.state.copy()
    held = reflection_tests.in_hand(frame)
    if held:
        reflection_tests.leave_out(frame, expr.test, True)
    body, body_mask = frame.eval(expr.body)
    taken, frame.state = frame.state, before
    if held:
        reflection_tests.leave_out(frame, expr.test, False)
    orelse, orelse_mask = frame.eval(expr.orelse)
    frame.state = taken.join(frame.state)
    reflection_tests.restore(frame, held)
    return join(body, orelse), mask | body_mask | orelse_mask


def _lambda(frame: Frame, expr: f.Lambda) -> Val:
    return frame.closure(expr.function)


def _yield(frame: Frame, expr: f.Yield) -> Val:
    if expr.value is None:
        return UNKNOWN, 0
    val = frame.eval(expr.value)
    if expr.delegates:
        val = frame.iterate_expr(expr.value, val)
    frame.yields.append(val)
    return UNKNOWN, 0


def _walrus(frame: Frame, expr: f.Walrus) -> Val:
    mark = frame.mark()
    val = frame.eval(expr.value)
    frame.bind(expr.name, val, frame.since(mark))
    return val


def _starred(frame: Frame, expr: f.Starred) -> Val:
    return frame.eval(expr.value)


def _opaque(frame: Frame, expr: f.Opaque) -> Val:
    mask, text = 0, _NO_TEXT  # what is printed, as long as all of it is known
    for part in expr.parts:
        val = frame.eval(part)
        if type(part) is not f.Const:
            mask |= val[1]
            _printed(frame, val, part)
        if text is not SCALAR:
            text = concatenated(text, val[0])
    return (text if text != _NO_TEXT else SCALAR), mask


def _printed(frame: Frame, val: Val, part: f.Expr) -> None:
    """A row in an f-string runs its ``__str__`` or ``__repr__``."""
    for atom in val[0].atoms:  # a plain loop: every part of every text asks
        if type(atom) is Row or type(atom) is Instance:
            break
    else:
        return
    anchor = sql.anchor(part)
    if anchor is None:
        return
    mark = frame.mark()
    rows.written(frame, val, anchor.pos)
    frame.note_node(anchor, mark)


EVALUATORS: dict[type, Callable[[Frame, Any], Val]] = {
    f.Name: _name,
    f.Const: _const,
    f.Attr: _attr,
    f.Call: evaluate_call,
    f.Subscript: _subscript,
    f.Slice: _slice,
    f.Display: _display,
    f.Dict: _dict,
    f.Binary: _binary,
    f.Not: _not,
    f.BoolOp: _bool_op,
    f.Compare: _compare,
    f.Conditional: _conditional,
    f.Comprehension: comprehension_loop,
    f.Lambda: _lambda,
    f.Yield: _yield,
    f.Walrus: _walrus,
    f.Starred: _starred,
    f.Opaque: _opaque,
}
