"""Expressions and the heads of functions, from `ast` to facts.

A project of some size has half a million nodes, so each kind has a function of its own, found by its type, and no
helper stands between a node and those inside it.
"""

from __future__ import annotations

import ast
from keyword import iskeyword
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from nplus1_lint.index import facts as f

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LONGEST_NAME: Final = 80
# Options of sessions that are mentioned where they are False.
_TURNED_OFF: Final = frozenset({"expire_on_commit", "autoflush"})

# The place of a node, by its ``__dict__``: in half the time of four attributes.
place: Final[Callable[[dict[str, Any]], f.Place]] = itemgetter("lineno", "col_offset", "end_lineno", "end_col_offset")


class Scope:
    """What is collected while one function's body is lowered; *mentions* without those of loops until the end."""

    __slots__ = ("is_generator", "loop_depth", "loop_mentions", "mentions", "nests", "prefix", "receiver", "stores")

    def __init__(self, prefix: str, receiver: str = "") -> None:
        self.prefix = prefix
        self.receiver = receiver
        self.stores: set[str] = set()
        self.mentions: set[str] = set()
        self.loop_mentions: set[str] = set()
        self.loop_depth = 0
        self.is_generator = False
        self.nests = False

    def suite(self, body: tuple[f.Stmt, ...], where: f.Place, *, inline: bool = False) -> f.Suite:
        """Return what is known of the body."""
        inside = frozenset(self.loop_mentions)
        return f.Suite(body, where, inside.union(self.mentions), inside, inline=inline)


class Lowering:
    """Lowers one module; holds the scope that is being lowered.

    Args:
        no_query: lines at which definitions begin that are marked as costing no query.

    Attributes:
        functions: how many definitions of functions there were so far.
        imports: those so far.
        no_query: as given.
        stores: attribute to methods of the class being lowered that assign it on their first parameter.
        scope: the function being lowered; see `enter`.
        mention: notes a name in it.
        string: notes a string, among the others where no statement of a function or of the top level holds it.
        strings: those so far.
        others: the others so far.
        type_names: the type variable for each type parameter in whose scope we are.
        type_variables: what declares each of those of the module so far.
    """

    def __init__(self, no_query: set[int]) -> None:
        self.functions = 0
        self.imports: list[f.Import] = []
        self.no_query = no_query
        self.stores: dict[str, list[str]] = {}
        self.strings: set[str] = set()
        self.others: set[str] = set()
        self.string: Callable[[str], None] = self.strings.add
        self.type_names: dict[str, str] = {}
        self.type_variables: dict[str, f.Stmt | None] = {}
        self.enter(Scope(""))

    def enter(self, scope: Scope) -> None:
        """Go on in a scope."""
        self.scope = scope
        self.mention = scope.loop_mentions.add if scope.loop_depth else scope.mentions.add

    def loop(self, deeper: int) -> None:
        """Go on in one loop more, or less."""
        scope = self.scope
        scope.loop_depth += deeper
        self.mention = scope.loop_mentions.add if scope.loop_depth else scope.mentions.add

    def words(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the names, dotted ones in parts, that the strings spell, and those that the others do."""
        return _words(self.strings), _words(self.others)


def _words(strings: set[str]) -> frozenset[str]:
    parts = [part for text in strings if len(text) < _LONGEST_NAME for part in text.split(".")]
    return frozenset([part for part in parts if part.isidentifier()])


def _unknown(m: Lowering, node: ast.AST) -> f.Expr:
    """Unknown syntax becomes ``Opaque`` over its parts."""
    return f.Opaque(exprs(m, [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]))


def exprs(m: Lowering, nodes: Sequence[ast.expr]) -> tuple[f.Expr, ...]:
    """Lower several expressions."""
    if len(nodes) == 1:
        node = nodes[0]
        return (EXPR[type(node)](m, node),)
    lowered = []
    for node in nodes:
        lowered.append(EXPR[type(node)](m, node))  # a comprehension is a call of a function in 3.11
    return tuple(lowered)


def maybe(m: Lowering, node: ast.expr | None) -> f.Expr | None:
    """Lower an expression that may be absent."""
    return None if node is None else EXPR[type(node)](m, node)


def _name(m: Lowering, node: ast.Name) -> f.Expr:
    name = node.id
    m.mention(name)
    return f.Name(name, place(node.__dict__))


def _constant(m: Lowering, node: ast.Constant) -> f.Expr:
    value = node.value
    if type(value) is str:
        # A lone surrogate cannot be encoded, and no name or table is spelt with one.
        if not value.isascii() and not _encodes(value):
            return f.Opaque(())
        m.string(value)
        return f.Const(value)
    if value is None or isinstance(value, (bool, float)):
        return f.Const(value)
    # msgspec reads integers of at most 64 bits; a larger one is only ever "some number" here.
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return f.Const(value)
    return f.Opaque(())


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _attribute(m: Lowering, node: ast.Attribute) -> f.Expr:
    name, value = node.attr, node.value
    m.mention(name)
    if type(value) is ast.Name:  # nearly always
        base = value.id
        m.mention(base)
        if type(node.ctx) is ast.Store and base == m.scope.receiver:
            m.scope.stores.add(name)
        return f.Attr(f.Name(base, place(value.__dict__)), name, place(node.__dict__))
    return f.Attr(EXPR[type(value)](m, value), name, place(node.__dict__))


def _call(m: Lowering, node: ast.Call) -> f.Expr:
    func, args, named = node.func, node.args, node.keywords
    lowered: list[tuple[str | None, f.Expr]] = []
    for keyword in named:
        name, value = keyword.arg, keyword.value
        if name in _TURNED_OFF and type(value) is ast.Constant and not value.value:
            m.mention(name)
        lowered.append((name, EXPR[type(value)](m, value)))
    positional = exprs(m, args) if args else ()
    return f.Call(EXPR[type(func)](m, func), positional, tuple(lowered) if lowered else (), place(node.__dict__))


def _subscript(m: Lowering, node: ast.Subscript) -> f.Expr:
    value, index = node.value, node.slice
    return f.Subscript(EXPR[type(value)](m, value), EXPR[type(index)](m, index), place(node.__dict__))


def _dict(m: Lowering, node: ast.Dict) -> f.Expr:
    pairs = zip(node.keys, node.values, strict=True)
    return f.Dict(tuple([(maybe(m, key), EXPR[type(value)](m, value)) for key, value in pairs]))


def _unary(m: Lowering, node: ast.UnaryOp) -> f.Expr:
    operand = EXPR[type(node.operand)](m, node.operand)
    if isinstance(node.op, ast.Not):
        return f.Not(operand)
    if isinstance(node.op, ast.USub) and isinstance(operand, f.Const) and isinstance(operand.value, (int, float)):
        return f.Const(-operand.value)
    # `~criterion` stays a criterion.
    return f.Binary(type(node.op).__name__, operand, f.Const(None))


def _compare(m: Lowering, node: ast.Compare) -> f.Expr:
    left, right = node.left, node.comparators
    ops = tuple([type(op).__name__ for op in node.ops])
    places = tuple([place(one.__dict__) for one in (left, *right)])
    return f.Compare(EXPR[type(left)](m, left), ops, exprs(m, right), places)


def _comprehension(m: Lowering, node: Any, kind: str, key: ast.expr | None, element: ast.expr) -> f.Expr:
    generators: list[f.Generator] = []
    for position, g in enumerate(node.generators):
        # The first iterable runs once; everything after it runs per iteration.
        iterable = EXPR[type(g.iter)](m, g.iter)
        if position == 0:
            m.loop(1)
        where = (g.target.lineno, g.target.col_offset, g.iter.end_lineno, g.iter.end_col_offset)
        target = EXPR[type(g.target)](m, g.target)
        generators.append(f.Generator(target, iterable, exprs(m, g.ifs), bool(g.is_async), where))
    lowered_key = maybe(m, key)
    lowered = EXPR[type(element)](m, element)
    m.loop(-1)
    return f.Comprehension(kind, lowered_key, lowered, tuple(generators), place(node.__dict__))


def _lambda(m: Lowering, node: ast.Lambda) -> f.Expr:
    def body() -> tuple[f.Stmt, ...]:
        return (f.Return(EXPR[type(node.body)](m, node.body), place(node.body.__dict__)),)

    # A lambda usually runs once per element of something: its names count as named in a loop.
    m.loop(1)
    string, m.string = m.string, m.others.add
    lowered = function(m, node, "<lambda>", (), body)
    m.string = string
    m.loop(-1)
    return f.Lambda(lowered)


def _yield(m: Lowering, node: ast.Yield) -> f.Expr:
    m.scope.is_generator = True
    return f.Yield(maybe(m, node.value), False)


def _yield_from(m: Lowering, node: ast.YieldFrom) -> f.Expr:
    m.scope.is_generator = True
    return f.Yield(EXPR[type(node.value)](m, node.value), True)


def _formatted(m: Lowering, node: ast.FormattedValue) -> f.Expr:
    return f.Opaque(exprs(m, [node.value, node.format_spec] if node.format_spec else [node.value]))


# A plain dictionary that has every key: the interpreter looks into nothing faster.
EXPR: Final[dict[type, Callable[[Lowering, Any], f.Expr]]] = dict.fromkeys(ast.expr.__subclasses__(), _unknown)
EXPR.update(
    {
        ast.Name: _name,
        ast.Constant: _constant,
        ast.Attribute: _attribute,
        ast.Call: _call,
        ast.Subscript: _subscript,
        ast.Slice: lambda m, n: f.Slice(maybe(m, n.lower), maybe(m, n.upper), maybe(m, n.step)),
        ast.List: lambda m, n: f.Display("list", exprs(m, n.elts)),
        ast.Tuple: lambda m, n: f.Display("tuple", exprs(m, n.elts)),
        ast.Set: lambda m, n: f.Display("set", exprs(m, n.elts)),
        ast.Dict: _dict,
        ast.BinOp: lambda m, n: f.Binary(
            type(n.op).__name__, EXPR[type(n.left)](m, n.left), EXPR[type(n.right)](m, n.right)
        ),
        ast.UnaryOp: _unary,
        ast.BoolOp: lambda m, n: f.BoolOp(isinstance(n.op, ast.And), exprs(m, n.values)),
        ast.Compare: _compare,
        ast.IfExp: lambda m, n: f.Conditional(*exprs(m, (n.test, n.body, n.orelse))),
        ast.ListComp: lambda m, n: _comprehension(m, n, "list", None, n.elt),
        ast.SetComp: lambda m, n: _comprehension(m, n, "set", None, n.elt),
        ast.GeneratorExp: lambda m, n: _comprehension(m, n, "generator", None, n.elt),
        ast.DictComp: lambda m, n: _comprehension(m, n, "dict", n.key, n.value),
        ast.Lambda: _lambda,
        ast.Await: lambda m, n: EXPR[type(n.value)](m, n.value),
        ast.Yield: _yield,
        ast.YieldFrom: _yield_from,
        ast.NamedExpr: lambda m, n: f.Walrus(n.target.id, EXPR[type(n.value)](m, n.value)),
        ast.Starred: lambda m, n: f.Starred(EXPR[type(n.value)](m, n.value)),
        ast.JoinedStr: lambda m, n: f.Opaque(exprs(m, n.values)),
        ast.FormattedValue: _formatted,
    }
)


# -- heads of functions -----------------------------------------------------------------------------------------------


def function(
    m: Lowering,
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
    name: str,
    decorators: tuple[f.Expr, ...],
    body: Callable[[], tuple[f.Stmt, ...]],
    returns: ast.expr | None = None,
    first_line: int = 0,
) -> f.FunctionFacts:
    """Lower a function.

    Args:
        m: the module.
        node: the definition.
        name: its name.
        decorators: lowered.
        body: lowers the body, in the function's own scope.
        returns: the annotation of what it returns.
        first_line: where the definition begins; 0 for a lambda.

    Returns:
        The function.
    """
    outer = m.scope
    params = _params(m, node.args)
    lowered_returns = annotation(m, returns) if returns is not None else None
    scope = Scope(f"{outer.prefix}{name}.", params[0].name if params else "")
    m.enter(scope)
    suite = scope.suite(body(), place(node.__dict__), inline=first_line == 0)
    for attribute in sorted(scope.stores):
        m.stores.setdefault(attribute, []).append(name)
    outer.mentions |= suite.mentions
    outer.loop_mentions |= suite.mentions if outer.loop_depth else suite.loop_mentions
    m.enter(outer)
    return f.FunctionFacts(
        suite,
        name,
        scope.prefix[:-1],
        params,
        lowered_returns,
        decorators,
        isinstance(node, ast.AsyncFunctionDef),
        scope.is_generator,
        scope.nests,
        first_line in m.no_query,
    )


def _params(m: Lowering, args: ast.arguments) -> tuple[f.Param, ...]:
    positional = [*args.posonlyargs, *args.args] if args.posonlyargs else args.args
    undefined = len(positional) - len(args.defaults)
    found = []
    for position, arg in enumerate(positional):
        default = args.defaults[position - undefined] if position >= undefined else None
        found.append(_param(m, arg, "positional", default))
    if args.vararg:
        found.append(_param(m, args.vararg, "args", None))
    for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        found.append(_param(m, arg, "keyword", default))
    if args.kwarg:
        found.append(_param(m, args.kwarg, "kwargs", None))
    return tuple(found)


def _param(m: Lowering, arg: ast.arg, kind: str, default: ast.expr | None) -> f.Param:
    written = arg.annotation
    lowered = annotation(m, written) if written is not None else None
    return f.Param(arg.arg, kind, lowered, None if default is None else EXPR[type(default)](m, default))


def annotation(m: Lowering, node: ast.expr) -> f.Expr:
    """Lower an annotation; strings inside it are parsed, but for those of ``Literal``."""
    kind = type(node)
    if kind is ast.Name:
        return EXPR[kind](m, node)
    if isinstance(node, ast.Constant):
        return _quoted(m, node)
    if isinstance(node, ast.Subscript):
        return _subscripted(m, node)
    if isinstance(node, ast.Tuple):
        return f.Display("tuple", tuple([annotation(m, one) for one in node.elts]))
    if isinstance(node, ast.BinOp):
        return f.Binary(type(node.op).__name__, annotation(m, node.left), annotation(m, node.right))
    if isinstance(node, ast.List):
        return f.Display("list", tuple([annotation(m, one) for one in node.elts]))
    return EXPR[kind](m, node)


def _subscripted(m: Lowering, node: ast.Subscript) -> f.Expr:
    value, index = node.value, node.slice
    name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
    if name == "Literal":
        return EXPR[ast.Subscript](m, node)
    head = EXPR[type(value)](m, value)
    if name == "Annotated" and isinstance(index, ast.Tuple) and index.elts:
        first, *others = index.elts
        inner: f.Expr = f.Display("tuple", (annotation(m, first), *exprs(m, others)))
    else:
        inner = annotation(m, index)
    return f.Subscript(head, inner, place(node.__dict__))


def _quoted(m: Lowering, node: ast.Constant) -> f.Expr:
    value = node.value
    if type(value) is not str:
        return _constant(m, node)
    if value.isascii() and value.isidentifier() and not iskeyword(value):
        value = m.type_names.get(value, value)
        m.mention(value)
        return f.Name(value, place(node.__dict__))
    try:
        parsed = ast.parse(value.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return _constant(m, node)
    for child in ast.walk(parsed):
        # The positions inside the string mean nothing; those of the string itself do.
        ast.copy_location(child, node)
        if isinstance(child, ast.Name):
            child.id = m.type_names.get(child.id, child.id)
    return _constant(m, parsed) if isinstance(parsed, ast.Constant) else annotation(m, parsed)
