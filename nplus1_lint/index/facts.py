"""The facts of one module: imports, classes and whole function bodies as a small IR.

The IR is structured (no control-flow graph) and holds only what inference reads. Every type is a frozen msgspec
Struct, encoded as an array, so that facts can be cached without pickling. ``Place`` is a node's position as `ast`
gives it: (line, column, end line, end column), lines from 1, columns in UTF-8 bytes from 0, end exclusive.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from nplus1_lint.findings import ScanError
from nplus1_lint.index.suite import Bodied
from nplus1_lint.index.suite import Place as Place
from nplus1_lint.index.suite import Suite as Suite


class Name(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """A bare name that is read."""

    id: str
    pos: Place


class Const(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """A literal; bytes, complex numbers and ``...`` become ``Opaque``."""

    value: bool | int | float | str | None


class Attr(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    """``value.name``."""

    value: Expr
    name: str
    pos: Place


class Call(msgspec.Struct, frozen=True, array_like=True, tag=4, gc=False):
    """A call; a keyword of None is ``**mapping``, a ``Starred`` argument is ``*iterable``."""

    func: Expr
    args: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]
    pos: Place


class Subscript(msgspec.Struct, frozen=True, array_like=True, tag=5, gc=False):
    """``value[index]``."""

    value: Expr
    index: Expr
    pos: Place


class Slice(msgspec.Struct, frozen=True, array_like=True, tag=6, gc=False):
    """``lower:upper:step`` in a subscript."""

    lower: Expr | None
    upper: Expr | None
    step: Expr | None


class Display(msgspec.Struct, frozen=True, array_like=True, tag=7, gc=False):
    """A list, tuple or set display; *kind* is its type's name."""

    kind: str
    items: tuple[Expr, ...]


class Dict(msgspec.Struct, frozen=True, array_like=True, tag=8, gc=False):
    """A dict display; a key of None is ``**mapping``."""

    items: tuple[tuple[Expr | None, Expr], ...]


class Binary(msgspec.Struct, frozen=True, array_like=True, tag=9, gc=False):
    """A binary operation; *op* is the operator's class name in `ast`."""

    op: str
    left: Expr
    right: Expr


class Not(msgspec.Struct, frozen=True, array_like=True, tag=10, gc=False):
    """``not operand``."""

    operand: Expr


class BoolOp(msgspec.Struct, frozen=True, array_like=True, tag=11, gc=False):
    """``and`` / ``or`` over two or more operands."""

    is_and: bool
    operands: tuple[Expr, ...]


class Compare(msgspec.Struct, frozen=True, array_like=True, tag=12, gc=False):
    """A comparison chain; *ops* are the operators' class names in `ast`."""

    left: Expr
    ops: tuple[str, ...]
    right: tuple[Expr, ...]
    places: tuple[Place, ...]


class Conditional(msgspec.Struct, frozen=True, array_like=True, tag=13, gc=False):
    """``body if test else orelse``."""

    test: Expr
    body: Expr
    orelse: Expr


class Generator(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One ``for target in iterable if …`` of a comprehension."""

    target: Expr
    iterable: Expr
    conditions: tuple[Expr, ...]
    is_async: bool
    pos: Place


class Comprehension(msgspec.Struct, frozen=True, array_like=True, tag=14, gc=False):
    """A comprehension; *kind* is ``list``, ``set``, ``dict`` or ``generator``; *key* is None but for ``dict``."""

    kind: str
    key: Expr | None
    element: Expr
    generators: tuple[Generator, ...]
    pos: Place


class Lambda(msgspec.Struct, frozen=True, array_like=True, tag=15, gc=False):
    """A lambda, as a function whose body is one return."""

    function: FunctionFacts


class Yield(msgspec.Struct, frozen=True, array_like=True, tag=16, gc=False):
    """``yield value``; *delegates* for ``yield from``."""

    value: Expr | None
    delegates: bool


class Walrus(msgspec.Struct, frozen=True, array_like=True, tag=17, gc=False):
    """``name := value``."""

    name: str
    value: Expr


class Starred(msgspec.Struct, frozen=True, array_like=True, tag=18, gc=False):
    """``*value``."""

    value: Expr


class Opaque(msgspec.Struct, frozen=True, array_like=True, tag=19, gc=False):
    """Syntax whose value is plain data (f-strings, bytes); its parts are still evaluated."""

    parts: tuple[Expr, ...]


Expr: TypeAlias = (
    Name
    | Const
    | Attr
    | Call
    | Subscript
    | Slice
    | Display
    | Dict
    | Binary
    | Not
    | BoolOp
    | Compare
    | Conditional
    | Comprehension
    | Lambda
    | Yield
    | Walrus
    | Starred
    | Opaque
)


class Assign(msgspec.Struct, frozen=True, array_like=True, tag=30, gc=False):
    """``a = b = value``."""

    targets: tuple[Expr, ...]
    value: Expr
    pos: Place


class AnnAssign(msgspec.Struct, frozen=True, array_like=True, tag=31, gc=False):
    """``target: annotation = value``."""

    target: Expr
    annotation: Expr
    value: Expr | None
    pos: Place


class AugAssign(msgspec.Struct, frozen=True, array_like=True, tag=32, gc=False):
    """``target op= value``."""

    target: Expr
    op: str
    value: Expr
    pos: Place


class ExprStmt(msgspec.Struct, frozen=True, array_like=True, tag=33, gc=False):
    """An expression on its own line."""

    value: Expr
    pos: Place


class If(msgspec.Struct, frozen=True, array_like=True, tag=34, gc=False):
    """``if``; a ``match`` is lowered to a chain of these."""

    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    pos: Place


class For(msgspec.Struct, frozen=True, array_like=True, tag=35, gc=False):
    """``for`` and ``async for``."""

    target: Expr
    iterable: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    is_async: bool
    pos: Place


class While(msgspec.Struct, frozen=True, array_like=True, tag=36, gc=False):
    """``while``."""

    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    pos: Place


class With(msgspec.Struct, frozen=True, array_like=True, tag=37, gc=False):
    """``with`` and ``async with``; one (context, target) pair per item."""

    items: tuple[tuple[Expr, Expr | None], ...]
    body: tuple[Stmt, ...]
    pos: Place


class Handler(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One ``except`` clause."""

    type: Expr | None
    name: str | None
    body: tuple[Stmt, ...]


class Try(msgspec.Struct, frozen=True, array_like=True, tag=38, gc=False):
    """``try``."""

    body: tuple[Stmt, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Stmt, ...]
    final: tuple[Stmt, ...]
    pos: Place


class Return(msgspec.Struct, frozen=True, array_like=True, tag=39, gc=False):
    """``return``."""

    value: Expr | None
    pos: Place


class Raise(msgspec.Struct, frozen=True, array_like=True, tag=40, gc=False):
    """``raise``, and the failing side of ``assert``."""

    value: Expr | None
    pos: Place


class Break(msgspec.Struct, frozen=True, array_like=True, tag=41, gc=False):
    """``break``."""

    pos: Place


class Continue(msgspec.Struct, frozen=True, array_like=True, tag=42, gc=False):
    """``continue``."""

    pos: Place


class Def(msgspec.Struct, frozen=True, array_like=True, tag=43, gc=False):
    """A function definition."""

    function: FunctionFacts


class ClassDef(msgspec.Struct, frozen=True, array_like=True, tag=44, gc=False):
    """A class definition."""

    cls: ClassFacts


class Alias(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One imported name; ``*`` for a star import."""

    name: str
    asname: str | None


class Import(msgspec.Struct, frozen=True, array_like=True, tag=45, gc=False):
    """``import a.b as c`` (*module* is None) or ``from ..a import b`` (*level* counts the dots)."""

    module: str | None
    level: int
    names: tuple[Alias, ...]
    pos: Place


class Scope(msgspec.Struct, frozen=True, array_like=True, tag=46, gc=False):
    """``global`` and ``nonlocal``."""

    names: tuple[str, ...]


class Delete(msgspec.Struct, frozen=True, array_like=True, tag=47, gc=False):
    """``del``."""

    targets: tuple[Expr, ...]
    pos: Place


Stmt: TypeAlias = (
    Assign
    | AnnAssign
    | AugAssign
    | ExprStmt
    | If
    | For
    | While
    | With
    | Try
    | Return
    | Raise
    | Break
    | Continue
    | Def
    | ClassDef
    | Import
    | Scope
    | Delete
)


class Param(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A parameter; *kind* is ``positional``, ``keyword``, ``args`` or ``kwargs``."""

    name: str
    kind: str
    annotation: Expr | None
    default: Expr | None


class FunctionFacts(Bodied, frozen=True, array_like=True, gc=False):
    """A function, a method, a lambda, or a module's top level (``<module>``).

    Attributes:
        qualname: dotted from the module's top, without ``<locals>``.
        nests: functions or classes are defined in its body, lambdas aside.
        no_query: the definition carries ``# nplus1: no-query``.
    """

    name: str
    qualname: str
    params: tuple[Param, ...]
    returns: Expr | None
    decorators: tuple[Expr, ...]
    is_async: bool
    is_generator: bool
    nests: bool
    no_query: bool = False


class ClassFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A class.

    Attributes:
        body: its statements, methods included.
        stores: (attribute, methods that assign it on their first parameter).
        type_params: its own type parameters: ``class Page[Item]``.
    """

    name: str
    qualname: str
    bases: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]
    decorators: tuple[Expr, ...]
    body: tuple[Stmt, ...]
    stores: tuple[tuple[str, tuple[str, ...]], ...]
    pos: Place
    type_params: tuple[str, ...] = ()


class Suppression(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A comment that silences findings.

    Attributes:
        line: first line of the statement that the comment belongs to.
        last_line: its last line.
        codes: the codes named; empty means all.
        kind: ``noqa``, ``ignore`` or ``no-query``.
        reason: the words after ``ignore[…]``.
        comment_line: where the comment itself stands.
        comment_column: the column there, in characters, from 0.
    """

    line: int
    last_line: int
    codes: tuple[str, ...]
    kind: str
    reason: str
    comment_line: int
    comment_column: int


class ModuleFacts(msgspec.Struct, frozen=True, gc=False):
    """All that the analysis knows of one file.

    Attributes:
        path: project path, forward slashes.
        is_package: the file is an ``__init__.py``.
        body: the top level as a function.
        function_count: definitions of functions in the file.
        ddl: its text creates, drops or constrains an index in SQL.
        imports: every import, those inside functions included, in source order.
        words: the names, dotted ones in parts, that are spelt by strings in statements of functions and of the top
            level; decorators, parameters, lambdas and class bodies aside.
        other_words: those that are spelt there.
        digest: 16 bytes that stand for all of this; empty where nothing is kept between runs.
        outline_digest: the same for all but the bodies of functions: signatures, classes, statements of the top level
            (with lambdas in them) and where all this stands.
    """

    path: str
    is_package: bool
    body: FunctionFacts
    suppressions: tuple[Suppression, ...]
    function_count: int
    parse_error: ParseError | None = None
    ddl: bool = False
    imports: tuple[Import, ...] = ()
    words: frozenset[str] = frozenset()
    other_words: frozenset[str] = frozenset()
    digest: bytes = b""
    outline_digest: bytes = b""


class ParseError(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why a file has no facts."""

    line: int
    message: str

    def scan_error(self, path: str) -> ScanError:
        """Return the entry of a report for the file at *path*."""
        return ScanError(path, self.line, self.message)


NO_SUITE = Suite((), (1, 0, 1, 0), frozenset(), frozenset())
EMPTY_BODY = FunctionFacts(NO_SUITE, "<module>", "", (), None, (), False, False, False)
