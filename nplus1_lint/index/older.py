"""Syntax newer than the running Python, respelt for its parser with every node at its own place.

What `ast.parse` cannot take is found by its words and brackets, in code whose strings and comments are known, and
something of the same length is put there that any parser takes: an empty list for an expression or for the head of a
``type`` statement, brackets for type parameters. The expressions in it are parsed by themselves, and the tree gets
them where the parser has found what was put there. What it has not found was misread here, and the file is as broken
as the parser says.

Known are type parameters and ``type`` (PEP 695, 696), strings with any replacement fields and templates (PEP 701,
750), unpacking in subscripts and in the annotation of ``*args`` (PEP 646), ``except*`` (PEP 654) and several
exceptions without brackets (PEP 758). A template is read as an f-string.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from keyword import iskeyword, issoftkeyword
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

from nplus1_lint.index.comments import decode
from nplus1_lint.index.lexical import fields, line_starts, open_ends, pieces
from nplus1_lint.index.syntax import TypeParam, TypeStatement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nplus1_lint.index.lexical import Field, Piece

_W: Final = r"(?:[ \t\f]|\\(?:\r\n|\r|\n))"  # white space between two words of a statement outside brackets
_HEAD: Final = re.compile(rf"(?<![\w.])(?:async{_W}+)?(?:def|class){_W}+\w+{_W}*\[")
_ARGUMENTS: Final = re.compile(rf"{_W}*\(")
_PARAM: Final = re.compile(r"\*{0,2}\s*(?P<name>[^\W\d]\w*)\s*(?P<colon>:?)")
_DEFAULT: Final = re.compile(r"=\s*\*?")
_ALIAS: Final = re.compile(rf"(?<![\w.])type{_W}+(?P<name>[^\W\d]\w*){_W}*(?P<next>\[|=(?!=))")
_VALUE: Final = re.compile(rf"{_W}*=(?!=)")
_EXCEPT: Final = re.compile(rf"(?<![\w.])except(?!\w)(?:{_W}*(?P<star>\*))?")
_UNPACKED: Final = re.compile(r"[\[,]\s*\*(?![*=])|\*\s*\w+\s*:\s*\*(?!\*)")
_TOKEN: Final = re.compile(r"\w+|\*+|(?<!\\)(?:\r|(?<!\r)\n)|[^\s\\]")
_MARK: Final = re.compile(r"[=!<>:]=|[()\[\]{},:=]")
_FILLED: Final = re.compile(r"[^\r\n]")
_CONTINUED: Final = re.compile(r"\\(?:\r\n|\r|\n)")
_CODED: Final = re.compile(r"[\\'\"\r\n]")
_BRACE: Final = re.compile(r"[{}]")
_TEMPLATE: Final = str.maketrans("tT", "fF")
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")

_Position: TypeAlias = tuple[int, int]
"""A line, and a column in bytes of UTF-8."""
_Span: TypeAlias = tuple[int, int]
"""Two offsets in a text, in characters."""
_Node = TypeVar("_Node", bound=ast.AST)


class _Edit(NamedTuple):
    """A run of the text, and what makes the text that takes its place and notes what that means."""

    start: int
    end: int
    make: Callable[[], str]


@dataclass(frozen=True, slots=True)
class _Holes:
    """What was put into a text, by where the parser will find it."""

    expressions: dict[_Position, ast.expr] = field(default_factory=dict)
    parameters: dict[_Position, list[TypeParam]] = field(default_factory=dict)
    statements: dict[_Position, TypeStatement] = field(default_factory=dict)


def parse(source: bytes, error: SyntaxError) -> ast.Module:
    """Parse a file that the running Python cannot.

    Args:
        source: the file's bytes.
        error: what its own parser says.

    Raises:
        SyntaxError: the file is broken. Of the two errors then known it is the later one: what stands before that has
            been read.
    """
    try:
        text = decode(source)
        older, holes = _Reading(text).respelt(0, len(text))
        tree = ast.parse(older)
        _fill(tree, holes)
    except SyntaxError as other:
        raise max(error, other, key=lambda one: (one.lineno or 0, one.offset or 0)) from None
    except ValueError:
        raise error from None
    return tree


def respelt(source: bytes) -> str:
    """Return a file's text as the running parser takes it; what was respelt is gone from it.

    Raises:
        SyntaxError: an expression in what is newer is broken.
    """
    text = decode(source)
    return _Reading(text).respelt(0, len(text))[0]


class _Reading:
    """Respells one text.

    Args:
        text: decoded, without a BOM.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = line_starts(text)

    def respelt(self, start: int, end: int) -> tuple[str, _Holes]:
        """Return a part of the text as older Pythons take it, and what was put into it.

        Args:
            start: where the part begins: the whole text, or an expression.
            end: where it ends.

        Raises:
            SyntaxError: an expression in what is newer is broken.
        """
        holes = _Holes()
        found = self._pieces(start, end)
        code = self._code(start, end, found)
        edits = [
            *self._parametrised(code, start, holes),
            *self._type_statements(code, start, holes),
            *self._handlers(code, start, holes),
            *self._unpacked(code, start, holes),
            *self._strings(code, found, holes, whole=start == 0),
        ]
        parts: list[str] = []
        behind = start
        for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
            if edit.start >= behind:  # what stands inside another is seen to there
                parts += [self._text[behind : edit.start], edit.make()]
                behind = edit.end
        return "".join([*parts, self._text[behind:end]]), holes

    def _pieces(self, start: int, end: int) -> list[Piece]:
        found = pieces(self._text[start:end])
        return [one._replace(start=one.start + start, end=one.end + start, inner=one.inner + start) for one in found]

    def _code(self, start: int, end: int, found: list[Piece]) -> str:
        """A part of the text with its offsets, comments and what is before it blank, and strings of quotes alone."""
        parts = [" " * start]
        behind = start
        for piece in found:
            text = self._text[piece.start : piece.end]
            parts += [self._text[behind : piece.start], _FILLED.sub('"' if piece.quote else " ", text)]
            behind = piece.end
        return "".join([*parts, self._text[behind:end]])

    def _at(self, offset: int) -> _Position:
        line = bisect_right(self._starts, offset)
        return line, len(self._text[self._starts[line - 1] : offset].encode())

    def _blank(self, start: int, end: int) -> str:
        """As many bytes and as many lines, of nothing."""
        return _FILLED.sub(lambda one: " " * len(one[0].encode()), self._text[start:end])

    def _error(self, offset: int, message: str = "invalid syntax") -> SyntaxError:
        return SyntaxError(message, (None, self._at(offset)[0], None, None))

    def _hole(self, span: _Span, make: Callable[[], ast.expr], holes: _Holes) -> _Edit:
        """An empty list in the place of an expression."""
        start, end = span

        def made() -> str:
            holes.expressions[self._at(start)] = make()
            return f"[{self._blank(start + 1, end - 1)}]"

        return _Edit(start, end, made)

    def _expression(self, start: int, end: int) -> ast.expr:
        """Parse an expression as if it stood in brackets."""
        line, column = self._at(start)
        if not self._text[start:end].strip():
            raise self._error(start, "an expression is missing")
        older, holes = self.respelt(start, end)
        try:
            tree = ast.parse(f"({older}\n)", mode="eval")
        except SyntaxError as error:
            raise SyntaxError(error.msg, (None, (error.lineno or 1) + line - 1, None, None)) from None
        for node in ast.walk(tree):
            place = node.__dict__
            if "lineno" in place:
                place["col_offset"] += column - 1 if place["lineno"] == 1 else 0
                place["end_col_offset"] += column - 1 if place["end_lineno"] == 1 else 0
                place["lineno"] += line - 1
                place["end_lineno"] += line - 1
        _fill(tree, holes)
        return tree.body

    # -- what is newer ----------------------------------------------------------------------------------------------

    def _parametrised(self, code: str, start: int, holes: _Holes) -> Iterator[_Edit]:
        """``def f[T](x):`` becomes ``def f(   x):``, and ``class A[T]:`` becomes ``class A( ):``."""
        for match in _HEAD.finditer(code, start):
            closing = _closing(code, match.end())
            if closing == len(code):
                return  # it is never closed, and all that follows stands inside it
            arguments = _ARGUMENTS.match(code, closing + 1)
            end = arguments.end() if arguments else closing + 1
            blank = self._blank(match.end(), end) if arguments else self._blank(match.end(), closing) + ")"
            yield _Edit(match.end() - 1, end, partial(self._head, code, match, closing, f"({blank}", holes))

    def _head(self, code: str, match: re.Match[str], closing: int, blank: str, holes: _Holes) -> str:
        holes.parameters[self._at(match.start())] = self._type_params(code, match.end(), closing)
        return blank

    def _type_statements(self, code: str, start: int, holes: _Holes) -> Iterator[_Edit]:
        """``type A[T] = x`` becomes ``[       ] = x``."""
        for match in _ALIAS.finditer(code, start):
            closing = _closing(code, match.end()) if match["next"] == "[" else 0
            if closing == len(code):
                return
            if not iskeyword(match["name"]) and (not closing or _VALUE.match(code, closing + 1)):
                end = closing + 1 if closing else match.end("name")
                yield _Edit(match.start(), end, partial(self._type_statement, code, match, end, holes))

    def _type_statement(self, code: str, match: re.Match[str], end: int, holes: _Holes) -> str:
        start, stop = match.span("name")
        name = _placed(ast.Name(match["name"], ast.Store()), self._at(start), self._at(stop))
        params = self._type_params(code, match.end(), end - 1) if match["next"] == "[" else []
        holes.statements[self._at(match.start())] = TypeStatement(name, params)
        return f"[{self._blank(match.start() + 1, end - 1)}]"

    def _type_params(self, code: str, start: int, end: int) -> list[TypeParam]:
        found: list[TypeParam] = []
        commas = [mark.start() for mark in _top_level(code, start, end) if mark.group() == ","]
        for first, last in zip([start, *[comma + 1 for comma in commas]], [*commas, end], strict=True):
            span = _stripped(code, first, last)
            if span[0] < span[1] or not found or last != end:  # a comma may end the list
                found.append(self._type_param(code, *span))
        return found

    def _type_param(self, code: str, start: int, end: int) -> TypeParam:
        match = _PARAM.match(code, start, end)
        default = next((mark.start() for mark in _top_level(code, start, end) if mark.group() == "="), end)
        if match is None or not (match["colon"] or match.end() == default):
            raise self._error(start)
        bound = self._expression(match.end(), default) if match["colon"] else None
        given = _DEFAULT.match(code, default, end)
        if given is not None:
            self._expression(given.end(), end)
        return _placed(TypeParam(match["name"], bound), self._at(start), self._at(end))

    def _handlers(self, code: str, start: int, holes: _Holes) -> Iterator[_Edit]:
        """``except A, B:`` becomes ``except [  ]:``, and ``except*`` becomes ``except``."""
        for match in _EXCEPT.finditer(code, start):
            if match["star"]:
                yield _Edit(*match.span("star"), partial(self._blank, *match.span("star")))
            several = False
            for mark in _top_level(code, match.end(), len(code)):
                several = several or mark.group() == ","
                if mark.group() == ":":
                    span = _stripped(code, match.end(), mark.start())
                    if several:
                        yield self._hole(span, partial(self._expression, *span), holes)
                    break
            else:
                return  # no other one ends either

    def _unpacked(self, code: str, start: int, holes: _Holes) -> Iterator[_Edit]:
        """``a[*b]`` becomes ``a[[]]``."""
        if not _UNPACKED.search(code, start):
            return
        brackets: list[bool] = []  # whether it is the one of a subscript
        before = deque(["", "", ""], maxlen=3)
        for match in _TOKEN.finditer(code, start):
            token = match.group()
            if token.isspace():
                if not brackets:
                    before.append("")
                continue
            if token in _OPENING:
                brackets.append(token == "[" and _is_value(before[-1]))
            elif token in _CLOSING and brackets:
                brackets.pop()
            elif token == "*" and brackets:
                annotates = before[-1] == ":" and before[0] == "*"
                if annotates or (brackets[-1] and before[-1] in ("[", ",")):
                    span = _stripped(code, match.start(), _element_end(code, match.end()))
                    yield self._hole(span, partial(self._starred, *span), holes)
            before.append(token)

    def _starred(self, start: int, end: int) -> ast.expr:
        return _placed(ast.Starred(self._expression(start + 1, end), ast.Load()), self._at(start), self._at(end))

    # -- strings ----------------------------------------------------------------------------------------------------

    def _strings(self, code: str, found: list[Piece], holes: _Holes, *, whole: bool) -> Iterator[_Edit]:
        """Strings with replacement fields, together with those that they are joined with."""
        bracketed = frozenset(open_ends(code)) if whole else None
        groups: list[list[Piece]] = []
        for piece in found:
            if piece.quote:
                if groups and self._joins(code, groups[-1][-1].end, piece.start, bracketed):
                    groups[-1].append(piece)
                else:
                    groups.append([piece])
        for group in groups:
            if any(piece.fielded for piece in group):
                yield self._hole((group[0].start, group[-1].end), partial(self._joined, group), holes)

    def _joins(self, code: str, start: int, end: int, bracketed: frozenset[int] | None) -> bool:
        """True if nothing but white space is between two strings, and no end of a statement."""
        gap = _CONTINUED.sub("", code[start:end])
        if not gap or gap.isspace():
            ends = "\n" in gap or "\r" in gap
            return not ends or bracketed is None or bisect_right(self._starts, start) in bracketed
        return False

    def _joined(self, group: list[Piece]) -> ast.expr:
        """Parse strings that are joined, each field first as a number, then as what it is."""
        expressions: list[_Span] = []
        written = " ".join([self._spelt(piece, expressions) for piece in group])
        try:
            tree = ast.parse(f"({written}\n)", mode="eval").body
        except SyntaxError as error:
            raise self._error(group[0].start, error.msg) from None
        for node in ast.walk(tree):
            _placed(node, self._at(group[0].start), self._at(group[-1].end))
        values = list(_formatted(tree))
        if len(values) != len(expressions):
            raise self._error(group[0].start)
        for value, span in zip(values, expressions, strict=True):
            value.value = self._expression(*span)
        return tree

    def _spelt(self, piece: Piece, expressions: list[_Span]) -> str:
        """A string with a number for each field; the fields' expressions are added to *expressions*."""
        if not piece.fielded:
            return self._text[piece.start : piece.end]
        found, _ = fields(self._text, piece.inner, piece.quote, piece.prefix)
        opening, raw = f"{piece.prefix.translate(_TEMPLATE)}{piece.quote}", "r" in piece.prefix.lower()
        return opening + self._numbered(piece.inner, piece.end, found, expressions, raw=raw)

    def _numbered(
        self, start: int, end: int, found: tuple[Field, ...], expressions: list[_Span], depth: int = 0, *, raw: bool
    ) -> str:
        parts: list[str] = []
        for one in found:
            shown, last = self._shown(one, raw=raw)
            expressions.append((one.start + 1, last))
            parts += [self._text[start : one.start], shown, "{0"]
            if one.conversion or (shown and one.spec is None):
                parts.append(f"!{one.conversion or 'r'}")
            if one.spec is None:
                parts.append("}")
            else:
                spec = self._numbered(one.spec, one.end - 1, one.nested, expressions, depth + 1, raw=raw)
                parts += ["}", spec] if depth else [":", spec, "}"]  # older Pythons nest no deeper
            start = one.end
        return "".join([*parts, self._text[start:end]])

    def _shown(self, one: Field, *, raw: bool) -> tuple[str, int]:
        """What ``=`` shows of a field's expression (in a raw string near enough), and where the expression ends."""
        first, last = one.start + 1, one.stop
        text = self._text[first:last]
        code = self._code(first, last, self._pieces(first, last))[first:] if "#" in text else text
        code = code.rstrip()
        if not code.endswith("="):
            return "", last
        shown = _CODED.sub(lambda odd: "_" if raw else f"\\x{ord(odd[0]):02x}", text)
        return _BRACE.sub(r"\g<0>\g<0>", shown), first + len(code) - 1


def _placed(node: _Node, start: _Position, end: _Position) -> _Node:
    node.__dict__.update(zip(("lineno", "col_offset", "end_lineno", "end_col_offset"), (*start, *end), strict=True))
    return node


def _stripped(code: str, start: int, end: int) -> _Span:
    part = code[start:end]
    return start + len(part) - len(part.lstrip(" \t\f\r\n\\")), end - len(part) + len(part.rstrip(" \t\f\r\n\\"))


def _top_level(code: str, start: int, end: int) -> Iterator[re.Match[str]]:
    """The commas, colons and signs of a part outside of brackets in it, up to the bracket that ends it."""
    depth = 0
    for mark in _MARK.finditer(code, start, end):
        if mark.group() in _OPENING:
            depth += 1
        elif mark.group() in _CLOSING and depth:
            depth -= 1
        elif not depth:
            yield mark
            if mark.group() in _CLOSING:
                return


def _closing(code: str, start: int) -> int:
    """The offset of the bracket that closes the one before an offset."""
    marks = _top_level(code, start, len(code))
    return next((mark.start() for mark in marks if mark.group() in _CLOSING), len(code))


def _element_end(code: str, start: int) -> int:
    marks = _top_level(code, start, len(code))
    return next((mark.start() for mark in marks if mark.group() == "," or mark.group() in _CLOSING), len(code))


def _is_value(token: str) -> bool:
    """True for what a subscript may follow."""
    return token in ('"', ")", "]", "}") or (token.isidentifier() and not iskeyword(token) and not issoftkeyword(token))


def _formatted(node: ast.AST) -> Iterator[ast.FormattedValue]:
    """The fields of a string in the order of the text."""
    if isinstance(node, ast.FormattedValue):
        yield node
        if node.format_spec is not None:
            yield from _formatted(node.format_spec)
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from _formatted(value)


def _fill(tree: ast.AST, holes: _Holes) -> None:
    """Put into a tree what its text had to leave out.

    Raises:
        SyntaxError: it was not left out there: the text was misread.
    """
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                value[:] = [_filled(one, holes) for one in value]
                waiting += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST):
                filled = _filled(value, holes)
                if name == "slice" and isinstance(filled, ast.Starred):
                    filled = ast.copy_location(ast.Tuple([filled], ast.Load()), filled)
                setattr(node, name, filled)
                waiting.append(filled)
    if holes.expressions or holes.parameters or holes.statements:
        raise SyntaxError("invalid syntax")


def _filled(node: Any, holes: _Holes) -> Any:
    if isinstance(node, ast.List):
        if not node.elts and isinstance(node.ctx, ast.Load):
            return holes.expressions.pop((node.lineno, node.col_offset), node)
    elif isinstance(node, ast.Assign):
        statement = holes.statements.pop((node.lineno, node.col_offset), None)
        if statement is not None and len(node.targets) == 1:
            statement.value = node.value
            return ast.copy_location(statement, node)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        params = holes.parameters.pop((node.lineno, node.col_offset), None)
        if params is not None:
            node.__dict__["type_params"] = params
    return node
