"""Comments that silence findings, and the decoding of files."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# A noqa that names other tools' codes alone is not ours, and not worth a walk over the text (60 % of the time of
# extraction on a tree of 552 files before this was told apart).
_COMMENT = re.compile(r"#\s*(?:noqa\b(?!\s*:\s*[A-Z])|noqa\b\s*:[^#\n]*\bNP[0-9]|nplus1\s*:)", re.IGNORECASE)
_NOQA = re.compile(
    r"#\s*noqa\b(?P<colon>\s*:\s*(?P<codes>[A-Z][A-Z]*[0-9]+(?:[,\s]+[A-Z][A-Z]*[0-9]+)*))?", re.IGNORECASE
)
_DIRECTIVE = re.compile(
    r"#\s*nplus1\s*:\s*(?:ignore(?:\[(?P<codes>[^\]]*)\])?(?P<reason>.*)|(?P<noquery>no-query))", re.IGNORECASE
)
_BLOCK = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    getattr(ast, "TryStar", ast.Try),
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)


def decode(source: bytes) -> str:
    """Decode a file's bytes as Python would, without its BOM.

    Raises:
        SyntaxError: the encoding cookie names no known encoding.
        UnicodeDecodeError: the bytes are not in that encoding.
    """
    return source.decode(_encoding(source))


def encode(text: str, like: bytes) -> bytes:
    """Encode a file's new text as its old content was, with its BOM if it had one.

    Args:
        text: the text, without BOM.
        like: the file's content so far; nothing is ever put before its cookie.

    Returns:
        The new content.

    Raises:
        UnicodeEncodeError: the text holds a character that the encoding has not.
    """
    return text.encode(_encoding(like))


def suppressions_in(source: bytes, lower: bytes, tree: ast.Module) -> Iterator[f.Suppression]:
    """Find the comments that silence findings; strings that look like them are told apart.

    Args:
        source: a file.
        lower: the same in lower case.
        tree: the same parsed.
    """
    if b"noqa" not in lower and b"nplus1" not in lower:
        return
    text = decode(source)
    if not _COMMENT.search(text):
        return
    from nplus1_lint.index.lexical import blanked, line_starts, open_ends, pieces

    spans = sorted(_statement_lines(tree))
    starts = line_starts(text)
    bracketed: Collection[int] | None = None  # inside brackets a comment on its own line belongs to what is around it
    for piece in pieces(text):
        comment = text[piece.start : piece.end]
        if piece.quote or not _COMMENT.search(comment):
            continue
        line = bisect_right(starts, piece.start)
        own_line = not text[starts[line - 1] : piece.start].strip()
        if own_line and bracketed is None:
            bracketed = frozenset(open_ends(blanked(text, starts).code))
        lines = _statement_at(line, spans, above=own_line and line - 1 not in (bracketed or ()))
        yield from _comment(comment, (line, piece.start - starts[line - 1]), lines, own_line)


def _encoding(source: bytes) -> str:
    return tokenize.detect_encoding(io.BytesIO(source).readline)[0]


def _comment(text: str, start: tuple[int, int], lines: _Lines, own_line: bool) -> Iterator[f.Suppression]:
    first, last, _ = lines
    directive = _DIRECTIVE.search(text)
    if directive and directive["noquery"]:
        yield f.Suppression(first, last, (), "no-query", "", *start)
    elif directive:
        yield f.Suppression(
            first, last, _codes(directive["codes"]), "ignore", (directive["reason"] or "").strip(), *start
        )
    else:
        noqa = _NOQA.search(text)
        # As in Ruff, a noqa on a line of its own belongs to no statement.
        if noqa and not own_line:
            yield f.Suppression(first, last, _codes(noqa["codes"]), "noqa", "", *start)


def _codes(text: str | None) -> tuple[str, ...]:
    return tuple(c.upper() for c in re.split(r"[,\s]+", text.strip()) if c) if text else ()


def first_line(node: ast.stmt) -> int:
    """Return where a statement begins: at its first decorator, if it has any."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *[decorator.lineno for decorator in decorators]]) if decorators else node.lineno


class _Lines(NamedTuple):
    """Lines of a simple statement, or of a block's header with its decorators; *keyword* is the line of ``def``."""

    first: int
    last: int
    keyword: int


def _statement_lines(tree: ast.Module) -> Iterator[_Lines]:
    for node in ast.walk(tree):
        if isinstance(node, _BLOCK):
            body = first_line(node.body[0])
            last = body - 1 if body > node.lineno else node.lineno
            yield _Lines(first_line(node), last, node.lineno)
        elif isinstance(node, ast.stmt):
            yield _Lines(node.lineno, node.end_lineno or node.lineno, node.lineno)


def _statement_at(line: int, spans: list[_Lines], *, above: bool) -> _Lines:
    """The innermost statement around a comment, or the next one for a comment that stands *above* a statement."""
    if above:
        found = [s for s in spans if s.first < line < s.keyword] or [s for s in spans if s.first > line][:1]
    else:
        found = [s for s in spans if s.first <= line <= s.last]
    return min(found, key=lambda s: s.last - s.keyword) if found else _Lines(line, line, line)
