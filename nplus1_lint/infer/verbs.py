"""What a statement does that is known by its text, or by the names of the methods that build it, alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import blocks, call_name, children, dotted, statements, targets
from nplus1_lint.infer.bounds import frame_value
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.values import UNKNOWN, Const

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.infer.values import Value

# Source: the lists of SQL commands in the manuals of PostgreSQL 17, MySQL 9, SQLite 3 and SQL Server 2022.
_READS: Final = frozenset({"select", "with", "values", "table"})
_WRITES: Final = frozenset({"insert", "update", "delete", "replace", "merge", "upsert"})
_COMMANDS: Final = frozenset({
    "abort", "alter", "analyze", "attach", "backup", "begin", "call", "checkpoint", "close", "cluster", "comment",
    "commit", "copy", "create", "dbcc", "deallocate", "declare", "desc", "describe", "detach", "discard", "do", "drop",
    "end", "exec", "execute", "explain", "flush", "grant", "import", "kill", "listen", "load", "lock", "move", "notify",
    "optimize", "pragma", "prepare", "reassign", "refresh", "reindex", "release", "rename", "repair", "reset",
    "revoke", "rollback", "savepoint", "security", "set", "show", "shutdown", "start", "truncate", "unlisten",
    "unlock", "use", "vacuum",
})  # fmt: skip
_BEFORE: Final = re.compile(r"(?:\s|\(|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)
_WORD: Final = re.compile(r"[A-Za-z]+\b")
_WRITING_WITH: Final = re.compile(r"\)\s*(?:insert|update|delete|merge)\b", re.IGNORECASE)
_PAGE: Final = re.compile(r"\b(?:limit|fetch\s+(?:first|next))\s+(?!1\b)", re.IGNORECASE)
_FROM: Final = re.compile(r">=?\s*(?::|%\(|%s|\?)")
_UNTIL: Final = re.compile(r"<=?\s*(?::|%\(|%s|\?)")
_AGGREGATES: Final = re.compile(r"\bselect\s+(?:count|sum|avg|min|max)\s*\(", re.IGNORECASE)
_BUILDERS: Final = frozenset({"insert", "update", "delete"})
_WRAPPERS: Final = frozenset({"text", "dedent", "cleandoc", "str"})


def of_text(text: str) -> Kind | None:
    """Return what SQL text does by its first word: SELECT, WRITE or COMMAND; None where that tells nothing."""
    before = _BEFORE.match(text)
    word = _WORD.match(text, before.end() if before is not None else 0)
    verb = word.group().lower() if word is not None else ""
    if verb == "with" and _WRITING_WITH.search(text):
        return Kind.WRITE
    kinds = ((_READS, Kind.SELECT), (_WRITES, Kind.WRITE), (_COMMANDS, Kind.COMMAND))
    return next((kind for words, kind in kinds if verb in words), None)


def of_statement(frame: Frame, value: Value, expr: f.Expr | None) -> Kind | None:
    """Return what a statement does that is text, or of which nothing is known but how it is written.

    Args:
        frame: the running function.
        value: the statement, or its text.
        expr: the same as written, if it is.
    """
    told = _of_value(value)
    return told if told is not None or expr is None else _of_expr(frame, expr, frozenset())


def bounds_of(frame: Frame, expr: f.Expr | None) -> frozenset[str]:
    """Return the flags of SQL text that fetches a page, ``limit``, or what lies between two bounds, ``window``.

    Args:
        frame: the running function.
        expr: the text as written.
    """
    text = " ".join(_texts(frame, expr, frozenset())) if expr is not None else ""
    if _AGGREGATES.search(text):
        return frozenset()
    window = _FROM.search(text) is not None and _UNTIL.search(text) is not None
    return frozenset({"limit"} if _PAGE.search(text) else ()) | frozenset({"window"} if window else ())


def _texts(frame: Frame, expr: f.Expr, asked: frozenset[str]) -> Iterator[str]:
    """The literals in an expression, and in what the running function assigns to the names in it."""
    if isinstance(expr, f.Const):
        if isinstance(expr.value, str):
            yield expr.value
    elif isinstance(expr, f.Name):
        if expr.id not in asked:
            for one in statements(frame.function.facts.body):
                if isinstance(one, (f.Assign, f.AugAssign)) and expr.id in map(dotted, targets(one)):
                    yield from _texts(frame, one.value, asked | {expr.id})
    else:
        for child in children(expr):
            yield from _texts(frame, child, asked)


def _of_value(value: Value) -> Kind | None:
    texts = [atom.value for atom in value.only(Const) if isinstance(atom.value, str)]
    return _one({of_text(text) for text in texts}) if len(texts) == len(value.atoms) else None


def _one(kinds: set[Kind | None]) -> Kind | None:
    return kinds.pop() if len(kinds) == 1 else None


def _of_expr(frame: Frame, expr: f.Expr, asked: frozenset[str]) -> Kind | None:
    """What the beginning of an expression tells; *asked* are the names that led to it."""
    if isinstance(expr, f.Const):
        return of_text(expr.value) if isinstance(expr.value, str) else None
    if isinstance(expr, f.Opaque):
        return _of_expr(frame, expr.parts[0], asked) if expr.parts and type(expr.parts[0]) is f.Const else None
    if isinstance(expr, f.Binary):
        return _of_expr(frame, expr.left, asked)
    if isinstance(expr, f.Conditional):
        return _one({_of_expr(frame, way, asked) for way in (expr.body, expr.orelse)})
    if isinstance(expr, f.Name):
        return _of_name(frame, expr, asked)
    if isinstance(expr, f.Call):
        return _of_call(frame, expr, asked)
    return None


def _of_call(frame: Frame, call: f.Call, asked: frozenset[str]) -> Kind | None:
    """``table.insert().values(…)`` writes; ``"…".format(…)``, ``dedent("…")`` do what the text does."""
    name = call_name(call)
    if name in _WRAPPERS and call.args:
        return _of_expr(frame, call.args[0], asked)
    inside = _of_expr(frame, call.func.value, asked) if isinstance(call.func, f.Attr) else None
    return inside or (Kind.WRITE if isinstance(call.func, f.Attr) and name in _BUILDERS else None)


def _of_name(frame: Frame, expr: f.Name, asked: frozenset[str]) -> Kind | None:
    """What all that the running function assigns to a name does; ``statement = statement.where(…)`` adds to it."""
    name = expr.id
    if name in asked:
        return None
    told = _of_value(frame_value(frame, expr, UNKNOWN))
    if told is not None or name in frame.params:
        return told
    found = [_of_expr(frame, one.value, asked | {name}) for one in _assignments(frame.function.facts.body, expr)]
    return _one(set(found))


def _assignments(body: tuple[f.Stmt, ...], expr: f.Name) -> list[f.Assign]:
    """The assignments that may have given a name what it holds where it is read.

    The last one that runs before it in its own iteration stands for all that come earlier.
    """
    every = [one for one in statements(body) if isinstance(one, f.Assign) and _gives(one, expr.id)]
    before = [one for one in every if one.pos < expr.pos]
    for suite in reversed(list(_suites_around(body, expr))):
        last = next((one for one in reversed(before) if one in suite), None)
        if last is not None:
            return [one for one in before if one.pos >= last.pos]
    return every


def _gives(statement: f.Assign, name: str) -> bool:
    """True for an assignment of a name that does not add to what it holds."""
    named = any(isinstance(target, f.Name) and target.id == name for target in statement.targets)
    return named and not _adds_to(statement.value, name)


def _suites_around(body: tuple[f.Stmt, ...], expr: f.Name) -> Iterator[tuple[f.Stmt, ...]]:
    """The suites around an expression, from the innermost loop's body, or the function's, inwards."""
    found = [body]
    while True:
        inner = next((s for s in found[-1] if blocks(s) and s.pos[:2] <= expr.pos[:2] < s.pos[2:]), None)  # type: ignore[union-attr]
        if inner is None:
            break
        block = next((block for block in blocks(inner) if block and _spans(block, expr)), None)
        if block is None:
            break
        found = [block] if isinstance(inner, (f.For, f.While)) else [*found, block]
    yield from found


def _spans(block: tuple[f.Stmt, ...], expr: f.Name) -> bool:
    places = [place for one in block if (place := getattr(one, "pos", None)) is not None]
    return any(place[:2] <= expr.pos[:2] < place[2:] for place in places)


def _adds_to(expr: f.Expr, name: str) -> bool:
    """True for a chain of calls or a concatenation that begins with a name."""
    while isinstance(expr, (f.Call, f.Attr, f.Binary)):
        expr = expr.func if isinstance(expr, f.Call) else expr.value if isinstance(expr, f.Attr) else expr.left
    return isinstance(expr, f.Name) and expr.id == name
