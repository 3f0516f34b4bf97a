"""How often a loop runs: a number where the source fixes it, else a size with the name that the code gives it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, dotted
from nplus1_lint.infer.bounds import frame_value
from nplus1_lint.infer.values import UNKNOWN, ClassRef, Const, Many, Mapping, Row, ScalarOf, Statement, Tuple, Value
from nplus1_lint.link.symbols import GlobalSymbol
from nplus1_lint.query_costs import Polynomial, Size, SizeKind

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame
    from nplus1_lint.link.hierarchy import Function as Definition

_PASSING = frozenset(
    {"list", "tuple", "set", "frozenset", "sorted", "reversed", "enumerate", "iter", "dict", "zip", "filter", "map",
     "tqdm", "track", "chain", "islice", "unique"}
)  # fmt: skip
_METHODS = frozenset(
    {"items", "values", "keys", "copy", "all", "scalars", "fetchall", "unique", "mappings", "tuples", "partitions"}
)
_GENERIC = frozenset(
    {"rows", "results", "result", "items", "records", "data", "objs", "objects", "values", "res", "found", "all", "x"}
)
_VERB = re.compile(r"^_*(?:get|list|fetch|find|iter|load|query|read|search|all)_(?=\w)")


def count_of(frame: Frame, iterable: f.Expr | None, over: Value) -> int | None:
    """Return how many items a bounded iterable holds, or None where that cannot be counted.

    Args:
        frame: the running function.
        iterable: the iterable as written, or None.
        over: what it holds.
    """
    if isinstance(iterable, f.Display) and not any(isinstance(item, f.Starred) for item in iterable.items):
        return len(iterable.items)
    if isinstance(iterable, f.Call):
        name = call_name(iterable)
        if name == "range":
            return _range(frame, iterable)
        if name in _PASSING and iterable.args:
            return count_of(frame, iterable.args[0], frame_value(frame, iterable.args[0], over))
        if name in _METHODS and isinstance(iterable.func, f.Attr):
            return count_of(frame, iterable.func.value, over)
    for atom in over.atoms:
        if type(atom) is ClassRef and frame.engine.classes.is_enum(atom.id):
            return _members(frame, atom.id)
        if type(atom) in (Many, Mapping) and atom.size is not None:
            return int(atom.size) if atom.size >= 0 else None  # fixed, but not in one place
        if type(atom) is Tuple:
            return len(atom.items)
        if type(atom) is Statement:
            return 1
    return _constant(frame, iterable) if isinstance(iterable, (f.Name, f.Attr)) else None


def _members(frame: Frame, class_id: str) -> int:
    body = frame.engine.project.hierarchy.classes[class_id].facts.body
    return sum(isinstance(statement, f.Assign) for statement in body)


def _range(frame: Frame, call: f.Call) -> int | None:
    bounds: list[int] = []
    for argument in call.args:
        value = argument.value if isinstance(argument, f.Const) else None
        if value is None:
            known = frame_value(frame, argument, UNKNOWN).first(Const)
            value = known.value if known is not None else None
        if not isinstance(value, int):
            return None
        bounds.append(value)
    return len(range(*bounds)) if 0 < len(bounds) < 4 and bounds[2:] != [0] else None


def _constant(frame: Frame, name: f.Name | f.Attr) -> int | None:
    """The length of a module's literal."""
    symbol = frame.engine.project.symbols.resolve(frame.path, dotted(name) or "")
    if not isinstance(symbol, GlobalSymbol):
        return None
    values = frame.engine.project.symbols.modules[symbol.path].assigns.get(symbol.name, [])
    literal = values[-1] if values else None
    if isinstance(literal, f.Call) and literal.args:
        literal = literal.args[0]
    return len(literal.items) if isinstance(literal, (f.Display, f.Dict)) else None


def times(frame: Frame, iterable: f.Expr | None, over: Value, bounded: bool, kind: str) -> Polynomial | None:
    """Return how often a loop runs, or None where costs are not asked for.

    Args:
        frame: the running function.
        iterable: what it iterates as written (its test, for ``while``), or None.
        over: what that holds.
        bounded: the source fixes it.
        kind: the loop's kind.
    """
    if frame.meter is None:
        return None
    if bounded:
        count = count_of(frame, iterable, over)
        if count is not None:
            return Polynomial.constant(count)
    if kind == "while":
        return Polynomial.size(_rounds(frame, iterable))
    size = named(frame, iterable, over)
    return Polynomial.size(size._replace(kind=SizeKind.FIXED) if bounded else size)


def _rounds(frame: Frame, test: f.Expr | None) -> Size:
    """``while pending`` runs once per item that is ever pending."""
    if isinstance(test, f.Call) and call_name(test) == "len" and test.args:
        test = test.args[0]
    if isinstance(test, (f.Name, f.Attr)) and (path := dotted(test)) is not None:
        return Size(path.rpartition(".")[2].strip("_"), frame.function.id)
    return Size("rounds", frame.function.id)


def named(frame: Frame, expr: f.Expr | None, value: Value) -> Size:
    """Return the size of a collection, by the name that the code gives it.

    Args:
        frame: the running function.
        expr: the collection as written, or None.
        value: what it holds.
    """
    written = _inner(expr)
    path = dotted(written) if written is not None else None
    model = model_in(frame, value)
    if path is None:
        if isinstance(written, f.Call) and not model:
            name = _VERB.sub("", call_name(written)).strip("_")
            return Size(name or "items", frame.function.id)
        return Size(model or "items", frame.function.id)
    name = path.rpartition(".")[2].strip("_") or "items"
    if name in _GENERIC and model:
        name = model
    root = path.partition(".")[0]
    if any(param.name == root for param in frame.function.facts.params):
        return Size(name, _parameter(frame.function.id, path))
    return Size(name, f"{frame.function.id}|{root}")


def _inner(expr: f.Expr | None) -> f.Expr | None:
    """Strip what leaves the number of items as it is, or makes it smaller."""
    while True:
        if isinstance(expr, f.Call):
            name = call_name(expr)
            if isinstance(expr.func, f.Name) and name in _PASSING and expr.args:
                expr = expr.args[1] if name in ("map", "filter") and len(expr.args) > 1 else expr.args[0]
            elif isinstance(expr.func, f.Attr) and name in _METHODS and not expr.args and dotted(expr.func.value):
                expr = expr.func.value
            else:
                return expr
        elif isinstance(expr, f.Subscript):
            expr = expr.value
        elif isinstance(expr, f.BoolOp):
            expr = expr.operands[0]
        elif isinstance(expr, f.Conditional):
            expr = expr.body
        elif isinstance(expr, f.Binary):
            expr = expr.left
        elif isinstance(expr, f.Comprehension):
            expr = expr.generators[0].iterable
        elif isinstance(expr, (f.Starred, f.Walrus)):
            expr = expr.value
        else:
            return expr


def _parameter(function: str, path: str) -> str:
    return f"{function}({path})"


def at_call(frame: Frame, size: Size, definition: Definition, arguments: Arguments, skipped: int) -> Size:
    """Return a callee's size in the caller's terms: what its parameter stands for.

    Args:
        frame: the caller.
        size: in the callee's terms.
        definition: the callee.
        arguments: of the call.
        skipped: how many of the callee's parameters are bound before the arguments.
    """
    prefix = f"{definition.id}("
    if not size.owner.startswith(prefix):
        return size
    root, _, rest = size.owner[len(prefix) : -1].partition(".")
    written = dict(arguments.keyword_exprs).get(root)
    if written is None:
        position = next((i for i, param in enumerate(definition.facts.params) if param.name == root), -1) - skipped
        written = arguments.exprs[position] if 0 <= position < len(arguments.exprs) else None
    if written is None:
        return size
    val = arguments.get(max(0, _position(definition, root) - skipped), root)
    outer = named(frame, written, UNKNOWN if rest or val is None else val[0])
    if not rest:
        return outer._replace(kind=size.kind) if outer.name not in _GENERIC | {"items"} else _renamed(outer, size)
    owner = outer.owner
    if owner.endswith(")"):
        owner = f"{owner[:-1]}.{rest})"
    return Size(size.name, owner, size.kind)


def _position(definition: Definition, name: str) -> int:
    return next((i for i, param in enumerate(definition.facts.params) if param.name == name), 0)


def _renamed(outer: Size, size: Size) -> Size:
    """The callee's word is better than none."""
    return Size(size.name, outer.owner, size.kind)


def model_in(frame: Frame, value: Value, depth: int = 4) -> str:
    """Return the plural of the class whose rows (or columns) a collection holds, or an empty string."""
    if depth == 0:
        return ""
    for atom in value.atoms:
        kind = type(atom)
        found = ""
        if kind is Row or kind is ScalarOf:
            found = rows_of(frame, atom.model)
        elif kind is Many:
            found = model_in(frame, atom.item, depth - 1)
        elif kind is Mapping:
            found = model_in(frame, atom.value, depth - 1)
        elif kind is Tuple:
            found = next(filter(None, (model_in(frame, item, depth - 1) for item in atom.items)), "")
        elif kind is Statement:
            owners = [name if entity == "row" else name.rpartition(".")[0] for entity, name in atom.entities]
            found = next((rows_of(frame, owner) for owner in owners if owner), "")
        if found:
            return found
    return ""


def rows_of(frame: Frame, class_id: str) -> str:
    """Return a word for rows of a class: its table's name where that is its plural, else the plural of its name."""
    model = frame.engine.project.models.get(class_id)
    table = (model.table or "").rpartition(".")[2] if model is not None else ""
    word = plural(class_id)
    return table if table.endswith("s") and table[:-2] in (word[:-1], word[:-2], word[:-3]) else word


def plural(class_id: str) -> str:
    """Return the words of a class' name in the plural: ``CollectionArtifact`` gives ``collection_artifacts``."""
    name = class_id.rpartition(":")[2].rpartition(".")[2]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().strip("_")
    if words.endswith("y") and words[-2:-1] not in "aeiou":
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith(("s", "x", "ch", "sh", "z")) else f"{words}s"
