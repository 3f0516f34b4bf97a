"""Comments that silence findings, and the decoding of files."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f

if TYPE_CHECKING:
    from collections.abc import Iterator

# A noqa that names other tools' codes alone is not ours, and not worth a tokenizer's run (60 % of the time of
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


def suppressions_in(source: bytes, tree: ast.Module) -> Iterator[f.Suppression]:
    """Find the comments that silence findings; strings that look like them are told apart by the tokenizer."""
    if b"noqa" not in source.lower() and b"nplus1" not in source.lower():
        return
    text = decode(source)
    if not _COMMENT.search(text):
        return
    spans = sorted(_statement_lines(tree))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and _COMMENT.search(token.string):
            yield from _comment(token.string, token.start[0], spans, token.line)


def _encoding(source: bytes) -> str:
    return tokenize.detect_encoding(io.BytesIO(source).readline)[0]


def _comment(text: str, line: int, spans: list[tuple[int, int]], whole_line: str) -> Iterator[f.Suppression]:
    own_line = whole_line.lstrip().startswith("#")
    first, last = _statement_at(line, spans, own_line)
    directive = _DIRECTIVE.search(text)
    if directive and directive["noquery"]:
        yield f.Suppression(first, last, (), "no-query", "", line)
    elif directive:
        yield f.Suppression(
            first, last, _codes(directive["codes"]), "ignore", (directive["reason"] or "").strip(), line
        )
    else:
        noqa = _NOQA.search(text)
        # As in Ruff, a noqa on a line of its own belongs to no statement.
        if noqa and not own_line:
            yield f.Suppression(first, last, _codes(noqa["codes"]), "noqa", "", line)


def _codes(text: str | None) -> tuple[str, ...]:
    return tuple(c.upper() for c in re.split(r"[,\s]+", text.strip()) if c) if text else ()


def _statement_lines(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """Lines of each simple statement, and of each block's header."""
    for node in ast.walk(tree):
        if isinstance(node, _BLOCK):
            body = node.body[0]
            yield node.lineno, max(node.lineno, body.lineno - 1 if body.lineno > node.lineno else node.lineno)
        elif isinstance(node, ast.stmt):
            yield node.lineno, node.end_lineno or node.lineno


def _statement_at(line: int, spans: list[tuple[int, int]], own_line: bool) -> tuple[int, int]:
    """The innermost statement around a comment, or the next one for a comment on its own line."""
    if own_line:
        inside = [s for s in spans if s[0] < line <= s[1]]
        following = [s for s in spans if s[0] > line]
        return inside[-1] if inside else following[0] if following else (line, line)
    around = [s for s in spans if s[0] <= line <= s[1]]
    return min(around, key=lambda s: s[1] - s[0]) if around else (line, line)
