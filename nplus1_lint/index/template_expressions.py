"""Expressions of Jinja templates to the IR: what they read and call is kept, what they format is not.

Nodes are told apart by their class' name, so that nothing of Jinja is imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.template_facts import link_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

EACH: Final = "each item"
"""The variable of a loop that a filter runs; no template can have that name."""

_BUILTINS: Final = frozenset({"range", "dict"})
_OPERATORS: Final = {
    "eq": "Eq", "ne": "NotEq", "lt": "Lt", "lteq": "LtE", "gt": "Gt", "gteq": "GtE", "in": "In", "notin": "NotIn",
}  # fmt: skip
_ARITHMETIC: Final = frozenset({"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"})
_METHODS: Final = frozenset(
    {"items", "keys", "values", "get", "pop", "popitem", "update", "copy", "setdefault", "count", "index", "append"}
)

# Filters and tests of Jinja, by what they do with their operand.
# Source: Jinja, "List of Builtin Filters" and "List of Builtin Tests" (3.1).
_PRINTING: Final = frozenset({
    "capitalize", "center", "e", "escape", "forceescape", "format", "indent", "lower", "pprint", "replace", "safe",
    "string", "striptags", "title", "trim", "truncate", "upper", "urlencode", "urlize", "wordcount", "wordwrap",
})  # fmt: skip
_PLAIN: Final = frozenset({"abs", "filesizeformat", "float", "int", "round", "tojson", "xmlattr"})
_SAME: Final = frozenset({"list", "reverse"})
_TESTS: Final = frozenset({
    "boolean", "callable", "defined", "eq", "equalto", "==", "escaped", "even", "false", "filter", "float", "ge", ">=",
    "gt", "greaterthan", ">", "in", "integer", "iterable", "le", "<=", "lower", "lt", "<", "lessthan", "mapping", "ne",
    "!=", "none", "number", "odd", "sameas", "sequence", "string", "test", "true", "undefined", "upper",
})  # fmt: skip
_ONCE: Final = frozenset({"first", "last"})
_COUNTERS: Final = frozenset({"index", "index0", "revindex", "revindex0"})


class Expressions:
    """Lowers expressions of one template.

    Attributes:
        names: the names that the part being lowered reads or assigns, links to other parts included.
        roots: those of them whose attributes are read or that are iterated.
        mentions: names and attributes that the function being lowered mentions.
        modules: what ``{% import "x.html" as name %}`` bound: name to (verb of its links, target templates).
        block: the block being lowered, or an empty string.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.roots: set[str] = set()
        self.mentions: set[str] = set()
        self.modules: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.block = ""
        self._count = 0
        self._lower: dict[str, Callable[[Any], f.Expr]] = {
            "Name": lambda n: self.name(n.name, n),
            "NSRef": lambda n: f.Attr(self.name(n.name, n), self._mention(n.attr), self.place(n)),
            "Const": lambda n: _constant(n.value),
            "TemplateData": lambda n: f.Const(""),
            "Tuple": lambda n: f.Display("tuple", self.all(n.items)),
            "List": lambda n: f.Display("list", self.all(n.items)),
            "Dict": lambda n: f.Dict(tuple((self.expr(p.key), self.expr(p.value)) for p in n.items)),
            "CondExpr": self._conditional,
            "Filter": self._filter,
            "Test": self._test,
            "Call": self._call,
            "Getattr": lambda n: self._member(n, n.attr),
            "Getitem": self._item,
            "Concat": lambda n: f.Opaque(self.all(n.nodes)),
            "Compare": self._compare,
            "And": lambda n: f.BoolOp(True, (self.expr(n.left), self.expr(n.right))),
            "Or": lambda n: f.BoolOp(False, (self.expr(n.left), self.expr(n.right))),
            "Not": lambda n: f.Not(self.expr(n.node)),
            "Neg": lambda n: f.Binary("USub", self.expr(n.node), f.Const(None)),
            "Pos": lambda n: f.Binary("UAdd", self.expr(n.node), f.Const(None)),
            "MarkSafe": lambda n: self.expr(n.expr),
            "MarkSafeIfAutoescape": lambda n: self.expr(n.expr),
        }

    # -- what all of them need ------------------------------------------------------------------------------------

    def expr(self, node: Any) -> f.Expr:
        """Lower an expression; one of unknown kind becomes ``Opaque``."""
        kind = type(node).__name__
        if kind in _ARITHMETIC:
            return f.Binary(kind, self.expr(node.left), self.expr(node.right))
        handler = self._lower.get(kind)
        return handler(node) if handler is not None else f.Opaque(())

    def all(self, nodes: Iterable[Any]) -> tuple[f.Expr, ...]:
        """Lower expressions in order."""
        return tuple([self.expr(node) for node in nodes])

    def place(self, node: Any) -> f.Place:
        """Return a place on the node's line that no other node has: Jinja keeps no columns."""
        self._count += 1
        line = node.lineno or 1
        return (line, self._count, line, self._count + 1)

    def name(self, name: str, node: Any) -> f.Name:
        """Return a name that the template reads or assigns."""
        self.mentions.add(name)
        if name not in _BUILTINS and name != EACH:
            self.names.add(name)
        return f.Name(name, self.place(node))

    def link(self, node: Any, verb: str, member: str = "", targets: tuple[str, ...] = ()) -> f.Name:
        """Return the name that stands for another part."""
        return self.name(link_name(verb, member, targets), node)

    def _given(self, name: str, node: Any) -> f.Name:
        """Return the name of a filter or test of the application, which no context holds."""
        return f.Name(self._mention(name), self.place(node))

    def rooted(self, expr: f.Expr) -> f.Expr:
        """Note that what an expression starts from is read into, and return the expression."""
        start = expr
        while isinstance(start, (f.Attr, f.Subscript)):
            start = start.value
        if isinstance(start, f.Name):
            self.roots.add(start.id)
        return expr

    def _mention(self, name: str) -> str:
        self.mentions.add(name)
        return name

    # -- names, attributes, calls ---------------------------------------------------------------------------------

    def _member(self, node: Any, name: str) -> f.Expr:
        """``x.name``, and ``x["name"]``, which finds an attribute where there is no such item."""
        base = node.node
        if type(base).__name__ == "Name":
            if base.name in self.modules:
                verb, targets = self.modules[base.name]
                return self.link(node, verb, name, targets)
            if base.name == "self":
                return self.link(node, "block", name)
        return f.Attr(self.rooted(self.expr(base)), self._mention(name), self.place(node))

    def _item(self, node: Any) -> f.Expr:
        index = node.arg
        kind = type(index).__name__
        if kind == "Const" and isinstance(index.value, str) and index.value.isidentifier():
            if index.value not in _METHODS:
                return self._member(node, index.value)
        value = self.rooted(self.expr(node.node))
        if kind == "Slice":
            parts = [self.expr(part) if part is not None else None for part in (index.start, index.stop, index.step)]
            return f.Subscript(value, f.Slice(*parts), self.place(node))
        return f.Subscript(value, self.expr(index), self.place(node))

    def _call(self, node: Any) -> f.Expr:
        called = node.node
        if type(called).__name__ == "Name" and called.name == "super":
            return f.Call(self.link(node, "super", self.block), (), (), self.place(node))
        return self.called(node, self.expr(called))

    def called(self, node: Any, function: f.Expr, *first: f.Expr) -> f.Call:
        """Return a call of *function* with the node's arguments behind *first*."""
        args, keywords = self._arguments(node)
        return f.Call(function, (*first, *args), keywords, self.place(node))

    def _arguments(self, node: Any) -> tuple[tuple[f.Expr, ...], tuple[tuple[str | None, f.Expr], ...]]:
        args = self.all(node.args)
        keywords: list[tuple[str | None, f.Expr]] = [(k.key, self.expr(k.value)) for k in node.kwargs]
        if node.dyn_args is not None:
            args = (*args, f.Starred(self.expr(node.dyn_args)))
        if node.dyn_kwargs is not None:
            keywords.append((None, self.expr(node.dyn_kwargs)))
        return args, tuple(keywords)

    # -- conditions -----------------------------------------------------------------------------------------------

    def condition(self, node: Any) -> f.Expr:
        """Lower the test of an ``if``: what holds in one or a few rounds of the loop is a remainder.

        The engine takes ``n % k`` for "every so often"; ``loop.first`` holds even less often.
        """
        if _few_rounds(node):
            return f.Binary("Mod", f.Opaque(()), f.Const(None))
        if type(node).__name__ == "And":
            return f.BoolOp(True, (self.condition(node.left), self.condition(node.right)))
        return self.expr(node)

    def _conditional(self, node: Any) -> f.Expr:
        orelse = self.expr(node.expr2) if node.expr2 is not None else f.Const("")
        return f.Conditional(self.expr(node.test), self.expr(node.expr1), orelse)

    def _compare(self, node: Any) -> f.Expr:
        left = self.expr(node.expr)
        right = tuple(self.expr(operand.expr) for operand in node.ops)
        places = tuple(self.place(node) for _ in range(len(right) + 1))
        return f.Compare(left, tuple(_OPERATORS[operand.op] for operand in node.ops), right, places)

    def _test(self, node: Any) -> f.Expr:
        operand = self.expr(node.node)
        if node.name == "none":
            return f.Compare(operand, ("Is",), (f.Const(None),), (self.place(node), self.place(node)))
        args, _ = self._arguments(node)
        if node.name == "divisibleby":
            return f.Binary("Mod", operand, f.Opaque(args))
        if node.name in _TESTS:
            return _plain(operand, args)
        return f.Call(self._given(f"is {node.name}", node), (operand, *args), (), self.place(node))

    # -- filters --------------------------------------------------------------------------------------------------

    def _filter(self, node: Any) -> f.Expr:
        if node.node is None:  # the text inside ``{% filter %}``
            return f.Opaque(self._arguments(node)[0])
        value = self.rooted(self.expr(node.node))
        args, keywords = self._arguments(node)
        lowered = self._collection_filter(node, value, args, dict(keywords))
        if lowered is not None:
            return lowered
        if node.name in _PRINTING:
            return f.Opaque((value, *args))
        if node.name in _PLAIN:
            return _plain(value, args)
        if node.name in ("default", "d"):
            return f.BoolOp(False, (value, *args[:1])) if args else value
        if node.name == "attr":
            name = _text(args[0]) if args else None
            return f.Attr(value, self._mention(name), self.place(node)) if name else f.Opaque((value,))
        function = self._given(f"|{node.name}", node)  # the application's own: it may read anything
        return f.Call(function, (value, *args), keywords, self.place(node))

    def _collection_filter(
        self, node: Any, value: f.Expr, args: tuple[f.Expr, ...], keywords: dict[str | None, f.Expr]
    ) -> f.Expr | None:
        """Lower the filters that run through a collection; None for all others."""
        name = node.name
        attribute = _text(keywords.get("attribute"))
        if name in ("length", "count"):
            return self._builtin(node, "len", value)
        if name in _SAME:
            return self._builtin(node, "list" if name == "list" else "reversed", value)
        if name == "first":  # what runs through a generator for it stops at once
            return self._builtin(node, "next", value)
        if name in ("last", "random"):
            return f.Subscript(value, f.Const(0), self.place(node))
        if name in ("map", "sum", "join", "min", "max", "unique"):
            position = {"sum": 0, "join": 1, "unique": 1, "min": 1, "max": 1}.get(name)
            if attribute is None and position is not None and len(args) > position:
                attribute = _text(args[position])
            if name == "map" and attribute is None:
                return self._mapped(node, value, args)
            return self._reduced(node, name, value, attribute)
        if name in ("select", "reject", "selectattr", "rejectattr"):
            by = _text(args[0]) if args and name.endswith("attr") else None
            rest = args[1:] if by else args
            return self._each(node, value, conditions=(_plain(self._way(node, by), rest),), kind="generator")
        if name == "sort":
            by_each = tuple(_plain(self._way(node, by), ()) for by in (attribute or "").split(","))
            return self._each(node, value, conditions=by_each)
        if name == "groupby":
            by = attribute or (_text(args[0]) if args else None)
            return self._each(node, value, f.Display("tuple", (self._way(node, by), self._batch(node))))
        if name in ("batch", "slice"):
            return self._each(node, value, self._batch(node))
        if name in ("items", "dictsort"):
            return f.Call(f.Attr(value, "items", self.place(node)), (), (), self.place(node))
        return None

    def _builtin(self, node: Any, name: str, value: f.Expr) -> f.Expr:
        return f.Call(f.Name(name, self.place(node)), (value,), (), self.place(node))

    def _mapped(self, node: Any, value: f.Expr, args: tuple[f.Expr, ...]) -> f.Expr:
        """``rows|map("upper")`` applies a filter to each."""
        name = _text(args[0]) if args else None
        each = f.Name(EACH, self.place(node))
        if name in _PRINTING:
            return self._each(node, value, f.Opaque((each, *args[1:])), kind="generator")
        if name in _PLAIN:
            return self._each(node, value, _plain(each, args[1:]), kind="generator")
        applied = f.Call(self._given(f"|{name}", node), (each, *args[1:]), (), self.place(node))
        return self._each(node, value, applied, kind="generator")

    def _reduced(self, node: Any, name: str, value: f.Expr, attribute: str | None) -> f.Expr:
        if name in ("unique", "min", "max"):
            rows = self._each(node, value, conditions=(_plain(self._way(node, attribute), ()),))
            return rows if name == "unique" else f.Subscript(rows, f.Const(0), self.place(node))
        read = self._way(node, attribute)
        if name == "map":
            return self._each(node, value, read, kind="generator")
        return _plain(self._each(node, value, f.Opaque((read,)) if name == "join" else read), ())

    def _each(
        self,
        node: Any,
        value: f.Expr,
        element: f.Expr | None = None,
        *,
        conditions: tuple[f.Expr, ...] = (),
        kind: str = "list",
    ) -> f.Expr:
        """A loop over *value*: what a filter makes of each item, and what it reads of it."""
        target = f.Name(EACH, self.place(node))
        generator = f.Generator(target, value, conditions, False, self.place(node))
        return f.Comprehension(kind, None, element or f.Name(EACH, self.place(node)), (generator,), self.place(node))

    def _batch(self, node: Any) -> f.Expr:
        """A list of some of the items, of no known length."""
        target = f.Name(EACH, self.place(node))
        generator = f.Generator(target, f.Display("list", (target,)), (), False, self.place(node))
        return f.Comprehension("list", None, target, (generator,), self.place(node))

    def _way(self, node: Any, attribute: str | None) -> f.Expr:
        """``team.name`` of an item, as filters are given it in a string."""
        read: f.Expr = f.Name(EACH, self.place(node))
        for part in attribute.split(".") if attribute else ():
            if part.isdigit():
                read = f.Subscript(read, f.Const(int(part)), self.place(node))
            else:
                read = f.Attr(read, self._mention(part), self.place(node))
        return read


def _plain(value: f.Expr, args: tuple[f.Expr, ...]) -> f.Expr:
    """Plain data that is made of a value without writing it as text."""
    return f.Binary("Format", value, f.Display("tuple", args))


def _text(expr: f.Expr | None) -> str | None:
    return expr.value if isinstance(expr, f.Const) and isinstance(expr.value, str) else None


def _constant(value: object) -> f.Expr:
    if value is None or isinstance(value, (bool, float, str)):
        return f.Const(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return f.Const(value)
    return f.Opaque(())


def _few_rounds(node: Any) -> bool:
    """True for ``loop.first``, ``loop.last``, ``loop.index == 1`` and ``loop.index <= 3``."""
    if type(node).__name__ == "Compare" and len(node.ops) == 1:
        operand = node.ops[0]
        counted = type(operand.expr).__name__ == "Const" and operand.op in ("eq", "lt", "lteq")
        return counted and _of_loop(node.expr, _COUNTERS)
    return _of_loop(node, _ONCE)


def _of_loop(node: Any, names: frozenset[str]) -> bool:
    if type(node).__name__ != "Getattr" or node.attr not in names:
        return False
    return type(node.node).__name__ == "Name" and node.node.name == "loop"
