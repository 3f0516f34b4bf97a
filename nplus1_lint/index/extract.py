"""`ast` to facts: the one place that reads syntax for the analysis."""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Any

from nplus1_lint.index import facts as f
from nplus1_lint.index.comments import first_line, suppressions_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_CREATES = re.compile(rb"(?i)\b(?:create\s+(?:unique\s+)?index|drop\s+index|alter\s+table)\b")
_DEPTH_MESSAGE = "the code is nested too deeply to parse"


def extract(path: str, source: bytes) -> f.ModuleFacts:
    """Read one file's facts.

    Args:
        path: project path, forward slashes.
        source: the file's bytes; the encoding cookie and a BOM are honoured.

    Returns:
        The facts; with ``parse_error`` set (and an empty body) when the file cannot be decoded or parsed.
    """
    is_package = path.rpartition("/")[2] == "__init__.py"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        suppressions = tuple(suppressions_in(source, tree))
        lowering = _Lowering({s.line for s in suppressions if s.kind == "no-query"})
        body = lowering.module(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f.ModuleFacts(path, is_package, f.EMPTY_BODY, (), 0, _parse_error(error))
    ddl = _CREATES.search(source) is not None
    return f.ModuleFacts(path, is_package, body, suppressions, lowering.functions, None, ddl, tuple(lowering.imports))


def _parse_error(error: Exception) -> f.ParseError:
    if isinstance(error, SyntaxError):
        return f.ParseError(error.lineno or 1, f"cannot be parsed: {error.msg}")
    if isinstance(error, (RecursionError, MemoryError)):
        return f.ParseError(1, _DEPTH_MESSAGE)
    return f.ParseError(1, f"cannot be parsed: {error}")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _place(node: Any) -> f.Place:
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)


_TURNED_OFF = frozenset(
    {"expire_on_commit", "autoflush"}
)  # options of sessions that are mentioned where they are False


class _FunctionScope:
    """What is collected while one function's body is lowered."""

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

    def mention(self, name: str) -> None:
        self.mentions.add(name)
        if self.loop_depth:
            self.loop_mentions.add(name)


class _Lowering:
    """Lowers one module; holds the scope that is being lowered."""

    def __init__(self, no_query_lines: set[int]) -> None:
        self.functions = 0
        self.imports: list[f.Import] = []
        self._no_query = no_query_lines
        self._scope = _FunctionScope("")
        # attribute -> methods of the class being lowered that assign it on their first parameter
        self._stores: dict[str, list[str]] = {}
        self._expr: dict[type, Callable[[Any], f.Expr]] = {
            ast.Name: self._name,
            ast.Constant: self._constant,
            ast.Attribute: self._attribute,
            ast.Call: self._call,
            ast.Subscript: self._subscript,
            ast.Slice: self._slice,
            ast.List: lambda n: f.Display("list", self._exprs(n.elts)),
            ast.Tuple: lambda n: f.Display("tuple", self._exprs(n.elts)),
            ast.Set: lambda n: f.Display("set", self._exprs(n.elts)),
            ast.Dict: lambda n: f.Dict(
                tuple((self.expr(k) if k else None, self.expr(v)) for k, v in zip(n.keys, n.values, strict=True))
            ),
            ast.BinOp: lambda n: f.Binary(type(n.op).__name__, self.expr(n.left), self.expr(n.right)),
            ast.UnaryOp: self._unary,
            ast.BoolOp: lambda n: f.BoolOp(isinstance(n.op, ast.And), self._exprs(n.values)),
            ast.Compare: self._compare,
            ast.IfExp: lambda n: f.Conditional(self.expr(n.test), self.expr(n.body), self.expr(n.orelse)),
            ast.ListComp: lambda n: self._comprehension(n, "list", None, n.elt),
            ast.SetComp: lambda n: self._comprehension(n, "set", None, n.elt),
            ast.GeneratorExp: lambda n: self._comprehension(n, "generator", None, n.elt),
            ast.DictComp: lambda n: self._comprehension(n, "dict", n.key, n.value),
            ast.Lambda: self._lambda,
            ast.Await: lambda n: self.expr(n.value),
            ast.Yield: self._yield,
            ast.YieldFrom: self._yield_from,
            ast.NamedExpr: lambda n: f.Walrus(n.target.id, self.expr(n.value)),
            ast.Starred: lambda n: f.Starred(self.expr(n.value)),
            ast.JoinedStr: lambda n: f.Opaque(self._exprs(n.values)),
            ast.FormattedValue: self._formatted,
        }
        self._stmt: dict[type, Callable[[Any], Iterable[f.Stmt]]] = {
            ast.Assign: lambda n: (f.Assign(self._exprs(n.targets), self.expr(n.value), _place(n)),),
            ast.AnnAssign: self._ann_assign,
            ast.AugAssign: lambda n: (
                f.AugAssign(self.expr(n.target), type(n.op).__name__, self.expr(n.value), _place(n)),
            ),
            ast.Expr: self._expr_stmt,
            ast.If: lambda n: (f.If(self.expr(n.test), self.block(n.body), self.block(n.orelse), _place(n)),),
            ast.For: self._for,
            ast.AsyncFor: self._for,
            ast.While: self._while,
            ast.With: self._with,
            ast.AsyncWith: self._with,
            ast.Try: self._try,
            ast.Return: lambda n: (f.Return(self.expr(n.value) if n.value else None, _place(n)),),
            ast.Raise: self._raise,
            ast.Assert: self._assert,
            ast.Break: lambda n: (f.Break(_place(n)),),
            ast.Continue: lambda n: (f.Continue(_place(n)),),
            ast.Delete: lambda n: (f.Delete(self._exprs(n.targets), _place(n)),),
            ast.FunctionDef: self._def,
            ast.AsyncFunctionDef: self._def,
            ast.ClassDef: self._class,
            ast.Import: lambda n: self._import(n, None, 0),
            ast.ImportFrom: lambda n: self._import(n, n.module or "", n.level),
            ast.Global: lambda n: (f.Scope(tuple(n.names)),),
            ast.Nonlocal: lambda n: (f.Scope(tuple(n.names)),),
            ast.Pass: lambda n: (),
            ast.Match: self._match,
        }
        if hasattr(ast, "TryStar"):
            self._stmt[ast.TryStar] = self._try

    # -- entry points -------------------------------------------------------------------------------------------

    def module(self, tree: ast.Module) -> f.FunctionFacts:
        """Lower a module's top level."""
        body = self.block(tree.body)
        suite = f.Suite(body, (1, 0, 1, 0), frozenset(self._scope.mentions), frozenset(self._scope.loop_mentions))
        return f.FunctionFacts("<module>", "", (), None, (), False, False, True, suite)

    def block(self, statements: list[ast.stmt]) -> tuple[f.Stmt, ...]:
        """Lower a suite; statements that mean nothing to the analysis vanish."""
        lowered: list[f.Stmt] = []
        for statement in statements:
            handler = self._stmt.get(type(statement))
            if handler is not None:
                lowered.extend(handler(statement))
        return tuple(lowered)

    def expr(self, node: ast.expr) -> f.Expr:
        """Lower an expression; unknown syntax becomes ``Opaque`` over its parts."""
        handler = self._expr.get(type(node))
        if handler is not None:
            return handler(node)
        return f.Opaque(tuple(self.expr(c) for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)))

    def _exprs(self, nodes: Iterable[ast.expr]) -> tuple[f.Expr, ...]:
        return tuple([self.expr(n) for n in nodes])

    # -- expressions --------------------------------------------------------------------------------------------

    def _name(self, node: ast.Name) -> f.Expr:
        self._scope.mention(node.id)
        return f.Name(node.id, _place(node))

    def _constant(self, node: ast.Constant) -> f.Expr:
        value = node.value
        if isinstance(value, str):
            # A lone surrogate cannot be encoded, and no name or table is spelt with one.
            return f.Const(value) if value.isascii() or _encodes(value) else f.Opaque(())
        if value is None or isinstance(value, (bool, float)):
            return f.Const(value)
        # msgspec reads integers of at most 64 bits; a larger one is only ever "some number" here.
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            return f.Const(value)
        return f.Opaque(())

    def _attribute(self, node: ast.Attribute) -> f.Expr:
        scope = self._scope
        scope.mention(node.attr)
        if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == scope.receiver:
            scope.stores.add(node.attr)
        return f.Attr(self.expr(node.value), node.attr, _place(node))

    def _call(self, node: ast.Call) -> f.Expr:
        for keyword in node.keywords:
            if keyword.arg in _TURNED_OFF and isinstance(keyword.value, ast.Constant) and not keyword.value.value:
                self._scope.mention(keyword.arg)
        return f.Call(
            self.expr(node.func),
            self._exprs(node.args),
            tuple([(k.arg, self.expr(k.value)) for k in node.keywords]),
            _place(node),
        )

    def _subscript(self, node: ast.Subscript) -> f.Expr:
        return f.Subscript(self.expr(node.value), self.expr(node.slice), _place(node))

    def _slice(self, node: ast.Slice) -> f.Expr:
        lower, upper, step = (self.expr(p) if p else None for p in (node.lower, node.upper, node.step))
        return f.Slice(lower, upper, step)

    def _unary(self, node: ast.UnaryOp) -> f.Expr:
        operand = self.expr(node.operand)
        if isinstance(node.op, ast.Not):
            return f.Not(operand)
        if isinstance(node.op, ast.USub) and isinstance(operand, f.Const) and isinstance(operand.value, (int, float)):
            return f.Const(-operand.value)
        # `~criterion` stays a criterion.
        return f.Binary(type(node.op).__name__, operand, f.Const(None))

    def _compare(self, node: ast.Compare) -> f.Expr:
        places = (_place(node.left), *(_place(c) for c in node.comparators))
        return f.Compare(
            self.expr(node.left), tuple(type(op).__name__ for op in node.ops), self._exprs(node.comparators), places
        )

    def _comprehension(self, node: Any, kind: str, key: ast.expr | None, element: ast.expr) -> f.Expr:
        generators: list[f.Generator] = []
        for position, g in enumerate(node.generators):
            # The first iterable runs once; everything after it runs per iteration.
            iterable = self.expr(g.iter)
            if position == 0:
                self._scope.loop_depth += 1
            place = (g.target.lineno, g.target.col_offset, g.iter.end_lineno, g.iter.end_col_offset)
            generators.append(f.Generator(self.expr(g.target), iterable, self._exprs(g.ifs), bool(g.is_async), place))
        lowered_key = self.expr(key) if key else None
        lowered = self.expr(element)
        self._scope.loop_depth -= 1
        return f.Comprehension(kind, lowered_key, lowered, tuple(generators), _place(node))

    def _lambda(self, node: ast.Lambda) -> f.Expr:
        def body() -> tuple[f.Stmt, ...]:
            return (f.Return(self.expr(node.body), _place(node.body)),)

        # A lambda usually runs once per element of something: its names count as named in a loop.
        self._scope.loop_depth += 1
        function = self._function("<lambda>", node.args, None, (), False, body, _place(node), node.lineno)
        self._scope.loop_depth -= 1
        return f.Lambda(function)

    def _yield(self, node: ast.Yield) -> f.Expr:
        self._scope.is_generator = True
        return f.Yield(self.expr(node.value) if node.value else None, False)

    def _yield_from(self, node: ast.YieldFrom) -> f.Expr:
        self._scope.is_generator = True
        return f.Yield(self.expr(node.value), True)

    def _formatted(self, node: ast.FormattedValue) -> f.Expr:
        spec = (self.expr(node.format_spec),) if node.format_spec else ()
        return f.Opaque((self.expr(node.value), *spec))

    def annotation(self, node: ast.expr | None) -> f.Expr | None:
        """Lower an annotation; strings inside it are parsed."""
        if node is None:
            return None
        if type(node) is ast.Name:
            return self._name(node)
        return self.expr(_UNQUOTE.visit(node))

    # -- statements ---------------------------------------------------------------------------------------------

    def _expr_stmt(self, node: ast.Expr) -> Iterable[f.Stmt]:
        if isinstance(node.value, ast.Constant):
            return ()
        return (f.ExprStmt(self.expr(node.value), _place(node)),)

    def _ann_assign(self, node: ast.AnnAssign) -> Iterable[f.Stmt]:
        annotation = self.annotation(node.annotation)
        assert annotation is not None
        value = self.expr(node.value) if node.value else None
        return (f.AnnAssign(self.expr(node.target), annotation, value, _place(node)),)

    def _for(self, node: ast.For | ast.AsyncFor) -> Iterable[f.Stmt]:
        iterable = self.expr(node.iter)
        self._scope.loop_depth += 1
        target, body = self.expr(node.target), self.block(node.body)
        self._scope.loop_depth -= 1
        is_async = isinstance(node, ast.AsyncFor)
        return (f.For(target, iterable, body, self.block(node.orelse), is_async, _place(node)),)

    def _while(self, node: ast.While) -> Iterable[f.Stmt]:
        self._scope.loop_depth += 1
        test, body = self.expr(node.test), self.block(node.body)
        self._scope.loop_depth -= 1
        return (f.While(test, body, self.block(node.orelse), _place(node)),)

    def _with(self, node: ast.With | ast.AsyncWith) -> Iterable[f.Stmt]:
        items = tuple(
            (self.expr(i.context_expr), self.expr(i.optional_vars) if i.optional_vars else None) for i in node.items
        )
        return (f.With(items, self.block(node.body), _place(node)),)

    def _try(self, node: ast.Try) -> Iterable[f.Stmt]:
        body = self.block(node.body)
        handlers = tuple(
            f.Handler(self.expr(h.type) if h.type else None, h.name, self.block(h.body)) for h in node.handlers
        )
        return (f.Try(body, handlers, self.block(node.orelse), self.block(node.finalbody), _place(node)),)

    def _raise(self, node: ast.Raise) -> Iterable[f.Stmt]:
        return (f.Raise(self.expr(node.exc) if node.exc else None, _place(node)),)

    def _assert(self, node: ast.Assert) -> Iterable[f.Stmt]:
        return (f.If(self.expr(node.test), (), (f.Raise(None, _place(node)),), _place(node)),)

    def _match(self, node: ast.Match) -> Iterable[f.Stmt]:
        subject = self.expr(node.subject)
        orelse: tuple[f.Stmt, ...] = ()
        for case in reversed(node.cases):
            captured = tuple(
                f.Assign((f.Name(name, _place(case.pattern)),), subject, _place(case.pattern))
                for name in _captured(case.pattern)
            )
            guard = (self.expr(case.guard),) if case.guard else ()
            body = (*captured, *self.block(case.body))
            orelse = (f.If(f.Opaque((subject, *guard)), body, orelse, _place(node)),)
        return orelse

    def _def(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterable[f.Stmt]:
        decorators = self._exprs(node.decorator_list)
        # The body of a nested function is not in the loop that encloses its definition until it is called.
        depth, self._scope.loop_depth = self._scope.loop_depth, 0
        function = self._function(
            node.name,
            node.args,
            node.returns,
            decorators,
            isinstance(node, ast.AsyncFunctionDef),
            lambda: self.block(node.body),
            _place(node),
            first_line(node),
        )
        self._scope.loop_depth = depth
        self._scope.nests = True
        return (f.Def(function),)

    def _function(
        self,
        name: str,
        args: ast.arguments,
        returns: ast.expr | None,
        decorators: tuple[f.Expr, ...],
        is_async: bool,
        body: Callable[[], tuple[f.Stmt, ...]],
        place: f.Place,
        first: int,
    ) -> f.FunctionFacts:
        self.functions += name != "<lambda>"
        outer = self._scope
        params = tuple(self._params(args))
        lowered_returns = self.annotation(returns)
        qualname = f"{outer.prefix}{name}"
        self._scope = scope = _FunctionScope(f"{qualname}.", params[0].name if params else "")
        statements = body()
        self._scope = outer
        for attribute in sorted(scope.stores):
            self._stores.setdefault(attribute, []).append(name)
        outer.mentions |= scope.mentions
        outer.loop_mentions |= scope.loop_mentions
        if outer.loop_depth:
            outer.loop_mentions |= scope.mentions
        mentions, loop_mentions = frozenset(scope.mentions), frozenset(scope.loop_mentions)
        return f.FunctionFacts(
            name,
            qualname,
            params,
            lowered_returns,
            decorators,
            is_async,
            scope.is_generator,
            scope.nests,
            f.Suite(statements, place, mentions, loop_mentions, inline=name == "<lambda>"),
            first in self._no_query,
        )

    def _params(self, args: ast.arguments) -> Iterator[f.Param]:
        positional = [*args.posonlyargs, *args.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
        defaults += args.defaults
        for arg, default in zip(positional, defaults, strict=True):
            yield self._param(arg, "positional", default)
        if args.vararg:
            yield self._param(args.vararg, "args", None)
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            yield self._param(arg, "keyword", default)
        if args.kwarg:
            yield self._param(args.kwarg, "kwargs", None)

    def _param(self, arg: ast.arg, kind: str, default: ast.expr | None) -> f.Param:
        return f.Param(arg.arg, kind, self.annotation(arg.annotation), self.expr(default) if default else None)

    def _class(self, node: ast.ClassDef) -> Iterable[f.Stmt]:
        qualname = f"{self._scope.prefix}{node.name}"
        bases, decorators = self._exprs(node.bases), self._exprs(node.decorator_list)
        keywords = tuple((k.arg, self.expr(k.value)) for k in node.keywords)
        prefix, self._scope.prefix = self._scope.prefix, f"{qualname}."
        outer_stores, self._stores = self._stores, {}
        body = self.block(node.body)
        self._scope.prefix = prefix
        stores = tuple(sorted((name, tuple(methods)) for name, methods in self._stores.items()))
        self._stores = outer_stores
        params = tuple(param.name for param in getattr(node, "type_params", ()))
        facts = f.ClassFacts(node.name, qualname, bases, keywords, decorators, body, stores, _place(node), params)
        self._scope.nests = True
        return (f.ClassDef(facts),)

    def _import(self, node: ast.Import | ast.ImportFrom, module: str | None, level: int) -> Iterable[f.Stmt]:
        lowered = f.Import(module, level, tuple([f.Alias(a.name, a.asname) for a in node.names]), _place(node))
        self.imports.append(lowered)
        return (lowered,)


def _captured(pattern: ast.pattern) -> Iterator[str]:
    for node in ast.walk(pattern):
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if isinstance(name, str):
            yield name


class _Unquote(ast.NodeTransformer):
    """Replaces the string parts of an annotation by what they say; ``Literal["a"]`` keeps its strings."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        if name == "Literal":
            return node
        if name == "Annotated" and isinstance(node.slice, ast.Tuple) and node.slice.elts:
            first = self.visit(node.slice.elts[0])
            elts = ast.Tuple([first, *node.slice.elts[1:]], ast.Load())
            return ast.copy_location(ast.Subscript(node.value, ast.copy_location(elts, node.slice), ast.Load()), node)
        return ast.copy_location(ast.Subscript(node.value, self.visit(node.slice), ast.Load()), node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, str):
            return node
        try:
            parsed = ast.parse(node.value.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return node
        for child in ast.walk(parsed):
            # The positions inside the string mean nothing; those of the string itself do.
            ast.copy_location(child, node)
        return parsed if isinstance(parsed, ast.Constant) else self.visit(parsed)


_UNQUOTE = _Unquote()
