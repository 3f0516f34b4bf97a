"""`ast` to facts: modules and statements; `lowering` knows expressions and the heads of functions."""

from __future__ import annotations

import ast
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.comments import first_line, suppressions_in
from nplus1_lint.index.lowering import (
    EXPR,
    Lowering,
    annotation,
    exprs,
    function,
    maybe,
    place,
)
from nplus1_lint.index.sql_text import speaks_of_indexes
from nplus1_lint.index.syntax import TypeStatement, parse
from nplus1_lint.index.type_params import declarations, declare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
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
    lower = source.lower()
    try:
        tree = parse(source)
        suppressions = tuple(suppressions_in(source, lower, tree))
        lowering = Lowering({s.line for s in suppressions if s.kind == "no-query"})
        with _half_the_stack():
            body = _module(lowering, tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        names = frozenset(name.decode() for name in _NAME.findall(source))
        return f.ModuleFacts(path, is_package, f.EMPTY_BODY, (), 0, _parse_error(error), words=names)
    imports, words = tuple(lowering.imports), lowering.words()
    ddl = speaks_of_indexes(lower)
    return f.ModuleFacts(path, is_package, body, suppressions, lowering.functions, None, ddl, imports, *words)


@contextmanager
def _half_the_stack() -> Iterator[None]:
    """Refuse code that could be lowered but would exhaust the stack of those who follow it through the facts."""
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + max(limit - depth, 0) // 2)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _parse_error(error: Exception) -> f.ParseError:
    if isinstance(error, SyntaxError):
        return f.ParseError(error.lineno or 1, f"cannot be parsed: {error.msg}")
    if isinstance(error, (RecursionError, MemoryError)):
        return f.ParseError(1, _DEPTH_MESSAGE)
    return f.ParseError(1, f"cannot be parsed: {error}")


def _module(m: Lowering, tree: ast.Module) -> f.FunctionFacts:
    body = block(m, tree.body)
    suite = m.scope.suite((*declarations(m), *body), (1, 0, 1, 0))
    return f.FunctionFacts(suite, "<module>", "", (), None, (), False, False, True)


def block(m: Lowering, statements: list[ast.stmt]) -> tuple[f.Stmt, ...]:
    """Lower a suite; statements that mean nothing to the analysis vanish."""
    lowered: list[f.Stmt] = []
    for statement in statements:
        handler = _STMT.get(type(statement))
        if handler is not None:
            one = handler(m, statement)
            if one is not None:
                lowered.append(one)
    return tuple(lowered)


def _assign(m: Lowering, node: ast.Assign) -> f.Stmt:
    targets, value = node.targets, node.value
    if len(targets) == 1 and type(target := targets[0]) is ast.Name:
        name = target.id
        m.mention(name)
        lowered: tuple[f.Expr, ...] = (f.Name(name, place(target.__dict__)),)
    else:
        lowered = exprs(m, targets)
    return f.Assign(lowered, EXPR[type(value)](m, value), place(node.__dict__))


def _ann_assign(m: Lowering, node: ast.AnnAssign) -> f.Stmt:
    written, value = annotation(m, node.annotation), maybe(m, node.value)
    return f.AnnAssign(EXPR[type(node.target)](m, node.target), written, value, place(node.__dict__))


def _aug_assign(m: Lowering, node: ast.AugAssign) -> f.Stmt:
    target, value = exprs(m, (node.target, node.value))
    return f.AugAssign(target, type(node.op).__name__, value, place(node.__dict__))


def _expr_stmt(m: Lowering, node: ast.Expr) -> f.Stmt | None:
    value = node.value
    kind = type(value)
    return None if kind is ast.Constant else f.ExprStmt(EXPR[kind](m, value), place(node.__dict__))


def _if(m: Lowering, node: ast.If) -> f.Stmt:
    test, orelse = node.test, node.orelse
    lowered, body = EXPR[type(test)](m, test), block(m, node.body)
    return f.If(lowered, body, block(m, orelse) if orelse else (), place(node.__dict__))


def _for(m: Lowering, node: ast.For | ast.AsyncFor) -> f.Stmt:
    iterable = EXPR[type(node.iter)](m, node.iter)
    m.loop(1)
    target, body = EXPR[type(node.target)](m, node.target), block(m, node.body)
    m.loop(-1)
    is_async = isinstance(node, ast.AsyncFor)
    return f.For(target, iterable, body, block(m, node.orelse), is_async, place(node.__dict__))


def _while(m: Lowering, node: ast.While) -> f.Stmt:
    m.loop(1)
    test, body = EXPR[type(node.test)](m, node.test), block(m, node.body)
    m.loop(-1)
    return f.While(test, body, block(m, node.orelse), place(node.__dict__))


def _with(m: Lowering, node: ast.With | ast.AsyncWith) -> f.Stmt:
    items = [(EXPR[type(i.context_expr)](m, i.context_expr), maybe(m, i.optional_vars)) for i in node.items]
    return f.With(tuple(items), block(m, node.body), place(node.__dict__))


def _try(m: Lowering, node: ast.Try) -> f.Stmt:
    body = block(m, node.body)
    # What a handler catches is no expression of a statement: see `Lowering.string`.
    string, handlers = m.string, []
    for handler in node.handlers:
        m.string = m.others.add
        kind = maybe(m, handler.type)
        m.string = string
        handlers.append(f.Handler(kind, handler.name, block(m, handler.body)))
    return f.Try(body, tuple(handlers), block(m, node.orelse), block(m, node.finalbody), place(node.__dict__))


def _assert(m: Lowering, node: ast.Assert) -> f.Stmt:
    where = place(node.__dict__)
    return f.If(EXPR[type(node.test)](m, node.test), (), (f.Raise(None, where),), where)


def _match(m: Lowering, node: ast.Match) -> f.Stmt:
    subject = EXPR[type(node.subject)](m, node.subject)
    where = place(node.__dict__)
    orelse: tuple[f.If, ...] = ()
    for case in reversed(node.cases):
        bound = place(case.pattern.__dict__)
        captured = [f.Assign((f.Name(name, bound),), subject, bound) for name in _captured(case.pattern)]
        guard = exprs(m, [case.guard]) if case.guard else ()
        orelse = (f.If(f.Opaque((subject, *guard)), (*captured, *block(m, case.body)), orelse, where),)
    return orelse[0]


def _captured(pattern: ast.pattern) -> Iterator[str]:
    for node in ast.walk(pattern):
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if isinstance(name, str):
            yield name


def _def(m: Lowering, node: ast.FunctionDef | ast.AsyncFunctionDef) -> f.Stmt:
    m.functions += 1
    scope, string, type_names = m.scope, m.string, m.type_names
    m.string = m.others.add
    if getattr(node, "type_params", None):
        declare(m, node, f"{scope.prefix}{node.name}")
    decorators = exprs(m, node.decorator_list)
    # The body of a nested function is not in the loop that encloses its definition until it is called.
    depth = scope.loop_depth
    m.loop(-depth)

    def body() -> tuple[f.Stmt, ...]:
        m.string = m.strings.add
        return block(m, node.body)

    lowered = function(m, node, node.name, decorators, body, node.returns, first_line(node))
    m.loop(depth)
    m.string, m.type_names = string, type_names
    scope.nests = True
    return f.Def(lowered)


def _class(m: Lowering, node: ast.ClassDef) -> f.Stmt:
    scope, string, type_names = m.scope, m.string, m.type_names
    qualname = f"{scope.prefix}{node.name}"
    m.string = m.others.add
    params = declare(m, node, qualname) if getattr(node, "type_params", None) else ()
    bases, decorators = exprs(m, node.bases), exprs(m, node.decorator_list)
    named = tuple([(keyword.arg, EXPR[type(keyword.value)](m, keyword.value)) for keyword in node.keywords])
    prefix, scope.prefix = scope.prefix, f"{qualname}."
    outer_stores, m.stores = m.stores, {}
    body = block(m, node.body)
    scope.prefix, m.string, m.type_names = prefix, string, type_names
    stores = tuple(sorted((name, tuple(methods)) for name, methods in m.stores.items()))
    m.stores = outer_stores
    scope.nests = True
    where = place(node.__dict__)
    return f.ClassDef(f.ClassFacts(node.name, qualname, bases, named, decorators, body, stores, where, params))


def _type_statement(m: Lowering, node: Any) -> f.Stmt:
    name, type_names = node.name.id, m.type_names
    if node.type_params:
        declare(m, node, f"{m.scope.prefix}{name}")
    value = annotation(m, node.value)
    m.type_names = type_names
    m.mention(name)
    return f.Assign((f.Name(name, place(node.name.__dict__)),), value, place(node.__dict__))


def _import(m: Lowering, node: Any) -> f.Stmt:
    module, level = (None, 0) if isinstance(node, ast.Import) else (node.module or "", node.level)
    names = tuple([f.Alias(alias.name, alias.asname) for alias in node.names])
    lowered = f.Import(module, level, names, place(node.__dict__))
    m.imports.append(lowered)
    return lowered


# ``pass`` and whatever else is not named here vanishes.
_STMT: Final[dict[type, Callable[[Lowering, Any], f.Stmt | None]]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _ann_assign,
    ast.AugAssign: _aug_assign,
    ast.Expr: _expr_stmt,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.Return: lambda m, n: f.Return(maybe(m, n.value), place(n.__dict__)),
    ast.Raise: lambda m, n: f.Raise(maybe(m, n.exc), place(n.__dict__)),
    ast.Assert: _assert,
    ast.Break: lambda _, n: f.Break(place(n.__dict__)),
    ast.Continue: lambda _, n: f.Continue(place(n.__dict__)),
    ast.Delete: lambda m, n: f.Delete(exprs(m, n.targets), place(n.__dict__)),
    ast.FunctionDef: _def,
    ast.AsyncFunctionDef: _def,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Global: lambda _, n: f.Scope(tuple(n.names)),
    ast.Nonlocal: lambda _, n: f.Scope(tuple(n.names)),
    ast.Match: _match,
    TypeStatement: _type_statement,
}
if sys.version_info >= (3, 11):
    _STMT[ast.TryStar] = _try
if sys.version_info >= (3, 12):
    _STMT[ast.TypeAlias] = _type_statement
