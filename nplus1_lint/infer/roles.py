"""For what fetched rows are used: followed from the expression that fetches through the names of its function.

What is not recognised is a use of the rows themselves, so that a doubt silences the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions, names, statements
from nplus1_lint.infer.loops import assigned_names
from nplus1_lint.infer.plain import Columns, Subject, key_is_plain
from nplus1_lint.infer.purposes import How, Shape, Use

if TYPE_CHECKING:
    from collections.abc import Callable

    from nplus1_lint.infer.tree import Tree


_TO_ROWS = frozenset({"all", "fetchall"})
_TO_ONE = frozenset({"first", "one_or_none", "scalar_one_or_none", "scalar", "fetchone"})
_SAME_RESULT = frozenset({"scalars", "unique", "yield_per", "tuples", "execution_options"})
_SAME_ROWS = frozenset({"list", "tuple", "set", "frozenset", "reversed", "iter", "cast"})
_MUTATORS = frozenset(
    {"append", "extend", "insert", "pop", "remove", "clear", "add", "discard", "update", "__setitem__"}
)
_IS_ANY = frozenset({("Gt", 0), ("GtE", 1), ("NotEq", 0), ("Eq", 0), ("Lt", 1), ("LtE", 0)})
_MIRRORED = {"Gt": "Lt", "Lt": "Gt", "GtE": "LtE", "LtE": "GtE"}


class Follower:
    """Follows rows through one function."""

    def __init__(self, tree: Tree, columns: Columns, passes: Callable[[f.Call], bool] | None = None) -> None:
        """Prepare to follow rows.

        Args:
            tree: the function.
            columns: those of the rows.
            passes: says whether a call returns some of the rows that it is given.
        """
        self._tree = tree
        self._columns = columns
        self._passes = passes
        self._seen: set[tuple[str, bool]] = set()
        self._loops: frozenset[int] = frozenset()
        self._uses: list[Use] = []
        self._line: int | None = None  # where the rows became a number: what is done with it later says what for

    def uses(self, source: f.Expr, shape: Shape) -> tuple[Use, ...]:
        """Return what is done with what an expression gives, in no particular order, each use once."""
        self._loops = self._tree.loops(source)
        if shape is Shape.COUNT:
            self._number(source)
        else:
            self._value(source, shape)
        return tuple(dict.fromkeys(self._uses))

    def _use(self, how: How, node: Any, detail: str = "", again: bool = False) -> None:
        if how in _ONCE and not self._tree.loops(node) <= self._loops:
            how = How.ROWS  # per iteration of a loop that does not fetch them: a join in memory, or batches
        self._uses.append(Use(how, self._line or self._tree.line(node), detail, again))

    # -- names ----------------------------------------------------------------------------------------------------

    def _bind(self, targets: tuple[f.Expr, ...], node: Any, shape: Shape | None) -> None:
        for target in targets:
            if isinstance(target, f.Name):
                self._follow(target.id, node, shape)
            else:
                self._use(How.ROWS if shape is not None else How.LEN, node)

    def _follow(self, name: str, node: Any, shape: Shape | None) -> None:
        if (name, shape is None) in self._seen:
            return
        self._seen.add((name, shape is None))
        if name in self._tree.inner or name in self._tree.outer:
            self._use(How.ROWS if shape is not None else How.LEN, node)
        for read in self._tree.reads(name):
            if shape is None:
                self._number(read)
            else:
                self._value(read, shape)

    # -- rows -----------------------------------------------------------------------------------------------------

    def _value(self, node: Any, shape: Shape) -> None:
        """Classify what stands around rows."""
        holder, field = self._tree.around(node)
        method = _HOLDERS.get(type(holder))
        if method is None:
            self._use(How.ROWS, node)
        else:
            method(self, node, holder, field, shape)

    def _in_assign(self, node: Any, holder: f.Assign, _field: str, shape: Shape) -> None:
        self._bind(holder.targets, node, shape)

    def _in_ann_assign(self, node: Any, holder: f.AnnAssign, _field: str, shape: Shape) -> None:
        self._bind((holder.target,), node, shape)

    def _in_aug_assign(self, node: Any, _holder: f.AugAssign, field: str, _shape: Shape) -> None:
        self._use(How.MIXED if field == "target" else How.ROWS, node)

    def _in_statement(self, _node: Any, _holder: f.ExprStmt, _field: str, _shape: Shape) -> None:
        """An expression on its own line uses nothing."""

    def _in_test(self, node: Any, _holder: Any, _field: str, shape: Shape) -> None:
        self._use(How.ROWS if shape is Shape.RESULT else How.TRUTH, node, "one" if shape is Shape.ONE else "")

    def _in_bool_op(self, node: Any, holder: f.BoolOp, _field: str, shape: Shape) -> None:
        last = holder.operands[-1] is node
        if not last:
            self._in_test(node, holder, "", shape)
        if last or not holder.is_and:
            self._value(holder, shape)

    def _in_conditional(self, node: Any, holder: f.Conditional, field: str, shape: Shape) -> None:
        if field == "test":
            self._in_test(node, holder, field, shape)
        else:
            self._value(holder, shape)

    def _in_compare(self, node: Any, holder: f.Compare, _field: str, shape: Shape) -> None:
        other = holder.right[0] if holder.left is node else holder.left
        none = isinstance(other, f.Const) and other.value is None
        empty = isinstance(other, f.Display) and not other.items and shape is Shape.ROWS
        plain = len(holder.ops) == 1 and holder.ops[0] in ("Is", "IsNot", "Eq", "NotEq")
        if plain and (none or empty):
            self._in_test(node, holder, _field, shape)
        else:
            self._use(How.ROWS, node)

    def _in_walrus(self, node: Any, holder: f.Walrus, _field: str, shape: Shape) -> None:
        self._follow(holder.name, node, shape)
        self._value(holder, shape)

    def _in_attribute(self, node: Any, holder: f.Attr, _field: str, shape: Shape) -> None:
        call, place = self._tree.around(holder)
        name = holder.name
        if type(call) is not f.Call or place != "func":
            self._use(How.ROWS, node)
            return
        if shape is Shape.RESULT and name in _TO_ROWS:
            self._value(call, Shape.ROWS)
        elif shape is Shape.RESULT and name in _TO_ONE:
            self._value(call, Shape.ONE)
        elif shape is Shape.RESULT and name in _SAME_RESULT:
            self._value(call, Shape.RESULT)
        elif shape is Shape.ROWS and name in ("all", "unique", "copy"):
            self._value(call, Shape.ROWS)
        elif shape is Shape.ARRANGED and name in ("sort", "append"):
            self._use(How.PASS, node)
        elif shape is Shape.ROWS and name == "sort" and key_is_plain(_keyword(call, "key"), self._columns):
            self._use(How.SORT, node, repr(_keyword(call, "key")))
        else:
            self._use(How.MIXED if name in _MUTATORS else How.ROWS, node)

    def _in_subscript(self, node: Any, holder: f.Subscript, field: str, shape: Shape) -> None:
        if field != "value" or shape not in (Shape.ROWS, Shape.ARRANGED):
            self._use(How.ROWS, node)
        elif type(self._tree.around(holder)[0]) is f.Delete or self._tree.is_target(holder):
            self._use(How.MIXED, node)
        elif isinstance(holder.index, f.Slice):
            self._sliced(node, holder, holder.index)
        elif isinstance(holder.index, f.Const) and holder.index.value in (0, -1):
            self._use(How.FIRST, node, str(holder.index.value))
        else:
            self._use(How.ROWS, node)

    def _sliced(self, node: Any, holder: f.Subscript, index: f.Slice) -> None:
        if index.lower is None and index.upper is None and index.step is None:
            self._value(holder, Shape.ROWS)
        elif index.upper is None or index.step is not None or _is_negative(index.upper) or _is_negative(index.lower):
            self._use(How.ROWS, node)
        else:
            self._use(How.SLICE, node, again=self._is_again(holder))

    def _in_call(self, node: Any, holder: f.Call, field: str, shape: Shape) -> None:
        name = holder.func.id if isinstance(holder.func, f.Name) else ""
        if field == "args" and name == "len" and shape in (Shape.ROWS, Shape.ARRANGED):
            outer, self._line = self._line, self._line or self._tree.line(holder)
            self._number(holder)
            self._line = outer
        elif shape is Shape.ARRANGED:
            self._use(How.ROWS, node)
        elif field == "args" and name == "bool":
            self._in_test(node, holder, field, shape)
        elif name == "cast" or (field == "args" and name in _SAME_ROWS and shape in (Shape.ROWS, Shape.RESULT)):
            self._value(holder, shape if name in ("iter", "cast") else Shape.ROWS)
        elif field == "args" and name == "next":
            self._use(How.FIRST if shape is Shape.ROWS else How.ROWS, node, "0")
        elif field == "args" and name in ("min", "max", "sorted") and len(holder.args) == 1 and shape is not Shape.ONE:
            self._ordered(node, holder, name)
        elif field == "args" and name == "enumerate":
            self._enumerated(node, holder)
        elif shape is Shape.ROWS and self._passes is not None and self._passes(holder):
            self._use(How.PASS, node)
            self._value(holder, Shape.ROWS)
        else:
            self._use(How.ROWS, node)

    def _ordered(self, node: Any, call: f.Call, name: str) -> None:
        key = _keyword(call, "key")
        if not key_is_plain(key, self._columns):
            self._use(How.ROWS, node)
        elif name != "sorted":
            self._use(How.AGGREGATE, node, name)
        else:
            self._use(How.SORT, node, repr(key), self._is_again(call))
            if type(self._tree.around(call)[0]) is f.Subscript:
                self._value(call, Shape.ROWS)

    def _is_again(self, expr: f.Expr) -> bool:
        """True if what an expression gives takes the place of the rows from which it is made."""
        holder, _ = self._tree.around(expr)
        if type(holder) is not f.Assign:
            return False
        return all(isinstance(one, f.Name) and (one.id, False) in self._seen for one in holder.targets)

    # -- loops ----------------------------------------------------------------------------------------------------

    def _in_for(self, node: Any, holder: f.For, field: str, shape: Shape) -> None:
        if field != "iterable" or shape in (Shape.ONE, Shape.ARRANGED) or not isinstance(holder.target, f.Name):
            self._use(How.ROWS, node)
            return
        subject = Subject(holder.target.id, self._columns, assigned_names(holder.body))
        first = holder.body[0] if holder.body else None
        if not isinstance(first, f.If) or first.orelse:
            summed = bool(holder.body) and all(_is_summed(one, subject) for one in holder.body)
            if summed or not self._arranged(node, holder):
                self._use(How.AGGREGATE if summed else How.ROWS, node)
            return
        alone = len(holder.body) == 1
        skips = all(isinstance(one, (f.Continue, f.ExprStmt)) for one in first.body)
        skips = skips and bool(first.body) and isinstance(first.body[-1], f.Continue)
        if not (alone or skips) or not subject.is_filter((first.test,)):
            self._use(How.ROWS, node)
            return
        counted = alone and all(
            isinstance(one, f.AugAssign) and subject.row not in set(names(one.value)) for one in first.body
        )
        if counted or subject.narrows(first.test, alone):
            self._use(How.AGGREGATE if counted else How.FILTER, node)
        else:
            self._use(How.ROWS, node)

    def _arranged(self, node: Any, loop: f.For) -> bool:
        """Follow the list to which a loop appends each row with something computed of its columns, if it is one."""
        appends = [one for one in expressions(loop.body) if isinstance(one, f.Call) and _appended(one, loop.target)]
        if len(appends) != 1 or not all(map(_only_computes, statements(loop.body))):
            return False
        for one in expressions(loop.body):
            if not isinstance(one, f.Name) or one.id != getattr(loop.target, "id", ""):
                continue
            holder, _ = self._tree.around(one)
            inside = holder is appends[0] or holder is appends[0].args[0]
            if not inside and not (isinstance(holder, f.Attr) and holder.name in self._columns.plain):
                return False
        self._use(How.PASS, node)
        self._follow(appends[0].func.value.id, node, Shape.ARRANGED)  # type: ignore[union-attr]
        return True

    def _enumerated(self, node: Any, call: f.Call) -> None:
        """``for position, row in enumerate(rows): if row.id == wanted: …`` looks for a row's position."""
        loop, _ = self._tree.around(call)
        if (
            isinstance(loop, f.For)
            and isinstance(loop.target, f.Display)
            and len(loop.target.items) == 2
            and isinstance(loop.target.items[1], f.Name)
            and len(loop.body) == 1
            and isinstance(loop.body[0], f.If)
            and not loop.body[0].orelse
        ):
            subject = Subject(loop.target.items[1].id, self._columns, assigned_names(loop.body))
            used = any(isinstance(one, f.Name) and one.id == subject.row for one in expressions(loop.body[0].body))
            if subject.is_filter((loop.body[0].test,)) and not used:
                self._use(How.POSITION, node)
                return
        self._use(How.ROWS, node)

    def _in_generator(self, node: Any, holder: f.Generator, field: str, shape: Shape) -> None:
        whole, _ = self._tree.around(holder)
        if field != "iterable" or shape is Shape.ONE or whole is None or len(whole.generators) != 1:
            self._use(How.ROWS, node)
        elif shape is Shape.ARRANGED:
            plain = whole.kind == "list" and not holder.conditions and isinstance(whole.element, f.Name)
            self._value(whole, shape) if plain else self._use(How.ROWS, node)
        elif isinstance(holder.target, f.Name):
            subject = Subject(holder.target.id, self._columns)
            outer, where = self._tree.around(whole)
            consumer = (
                outer.func.id if type(outer) is f.Call and where == "args" and isinstance(outer.func, f.Name) else ""
            )
            self._comprehended(node, whole, subject, consumer)
        else:
            self._use(How.ROWS, node)

    def _comprehended(self, node: Any, whole: f.Comprehension, subject: Subject, consumer: str) -> None:
        conditions = whole.generators[0].conditions
        element = whole.element
        computed = whole.kind != "dict" and (subject.is_computed(element) or subject.is_free(element))
        if conditions:
            if not subject.is_filter(conditions):
                self._use(How.ROWS, node)
            elif consumer == "len" or (consumer in _AGGREGATES and computed):
                self._use(How.AGGREGATE, node, consumer)
            else:
                same = isinstance(element, f.Name) and element.id == subject.row and self._is_again(whole)
                narrows = any(map(subject.narrows, conditions))
                self._use(How.FILTER if narrows else How.PASS if same else How.ROWS, node, again=same)
        elif (consumer in ("sum", "min", "max") and subject.is_computed(element)) or (
            consumer in ("any", "all") and subject.is_filter((element,))
        ):
            self._use(How.AGGREGATE, node, consumer)
        elif whole.kind == "list" and subject.is_column(element) and self._only_searched(whole):
            self._use(How.POSITION, node)
        else:
            self._use(How.ROWS, node)

    def _only_searched(self, expr: f.Expr) -> bool:
        """True if a list of keys serves to find where one of them stands: ``keys.index(key)``."""
        holder, _ = self._tree.around(expr)
        if type(holder) is f.Attr:
            return bool(holder.name == "index")
        names_of = [one.id for one in holder.targets if isinstance(one, f.Name)] if type(holder) is f.Assign else []
        if not names_of or len(names_of) != len(holder.targets):
            return False
        reads = [read for name in names_of for read in self._tree.reads(name)]
        around = [self._tree.around(read)[0] for read in reads]
        indexed = [type(one) is f.Attr and one.name == "index" for one in around]
        asked = [type(one) is f.Compare and one.ops[0] in ("In", "NotIn") for one in around]
        return any(indexed) and all(i or a for i, a in zip(indexed, asked, strict=True))

    # -- numbers --------------------------------------------------------------------------------------------------

    def _number(self, node: Any) -> None:
        """Classify what stands around a number of rows."""
        holder, field = self._tree.around(node)
        kind = type(holder)
        if kind in (f.If, f.While, f.Not) or (kind is f.Conditional and field == "test"):
            self._use(How.TRUTH, node)
        elif kind is f.BoolOp:
            if holder.operands[-1] is not node:
                self._use(How.TRUTH, node)
            if holder.operands[-1] is node or not holder.is_and:
                self._number(holder)
        elif kind is f.Conditional:
            self._number(holder)
        elif kind is f.Compare:
            self._use(How.TRUTH if _asks_for_any(holder, node) else How.LEN, node)
        elif kind is f.Call and isinstance(holder.func, f.Name) and holder.func.id == "bool":
            self._use(How.TRUTH, node)
        elif kind is f.Assign:
            self._bind(holder.targets, node, None)
        elif kind is f.AnnAssign:
            self._bind((holder.target,), node, None)
        elif kind is f.Walrus:
            self._follow(holder.name, node, None)
            self._number(holder)
        elif kind is f.Attr and holder.name in ("scalar", "scalar_one", "scalar_one_or_none"):
            call = self._tree.around(holder)[0]
            self._number(call) if type(call) is f.Call else self._use(How.LEN, node)
        elif kind is not f.ExprStmt:
            self._use(How.LEN, node)


_ONCE = frozenset({How.FIRST, How.SLICE, How.FILTER, How.AGGREGATE, How.SORT})
_AGGREGATES = frozenset({"sum", "min", "max", "any", "all"})
_HOLDERS: dict[type, Callable[[Follower, Any, Any, str, Shape], None]] = {
    f.Assign: Follower._in_assign,
    f.AnnAssign: Follower._in_ann_assign,
    f.AugAssign: Follower._in_aug_assign,
    f.ExprStmt: Follower._in_statement,
    f.If: Follower._in_test,
    f.While: Follower._in_test,
    f.Not: Follower._in_test,
    f.BoolOp: Follower._in_bool_op,
    f.Conditional: Follower._in_conditional,
    f.Compare: Follower._in_compare,
    f.Walrus: Follower._in_walrus,
    f.Attr: Follower._in_attribute,
    f.Subscript: Follower._in_subscript,
    f.Call: Follower._in_call,
    f.For: Follower._in_for,
    f.Generator: Follower._in_generator,
}


def _keyword(call: f.Call, name: str) -> f.Expr | None:
    return next((value for key, value in call.keywords if key == name), None)


def _is_negative(expr: f.Expr | None) -> bool:
    return isinstance(expr, f.Const) and isinstance(expr.value, int) and expr.value < 0


def _asks_for_any(compare: f.Compare, node: Any) -> bool:
    """True for ``number > 0`` and what says the same."""
    if len(compare.ops) != 1:
        return False
    turned = compare.left is not node
    other = compare.left if turned else compare.right[0]
    op = _MIRRORED.get(compare.ops[0], compare.ops[0]) if turned else compare.ops[0]
    return isinstance(other, f.Const) and type(other.value) is int and (op, other.value) in _IS_ANY


def _appended(call: f.Call, row: f.Expr) -> bool:
    """True for ``name.append(row)`` and ``name.append((row, …))``."""
    if not (isinstance(call.func, f.Attr) and call.func.name == "append" and isinstance(call.func.value, f.Name)):
        return False
    given = call.args[0] if len(call.args) == 1 else None
    parts = given.items if isinstance(given, f.Display) else (given,)
    return any(isinstance(part, f.Name) and isinstance(row, f.Name) and part.id == row.id for part in parts)


def _only_computes(statement: f.Stmt) -> bool:
    """True for a branch, for what assigns names, and for a call."""
    if isinstance(statement, f.Assign):
        return all(isinstance(one, f.Name) for one in statement.targets)
    if isinstance(statement, f.AugAssign):
        return isinstance(statement.target, f.Name)
    return isinstance(statement, (f.If, f.Continue, f.ExprStmt))


def _is_summed(statement: f.Stmt, subject: Subject) -> bool:
    return isinstance(statement, f.AugAssign) and statement.op == "Add" and subject.is_computed(statement.value)
