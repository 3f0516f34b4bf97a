"""Strings, comments and logical lines of a text, found without a parser: regular expressions walk it."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
_LINE: Final = re.compile(r"[^\r\n]+")
_CONTINUED: Final = re.compile(r"\\(?:\r\n|\r|\n)")
_PIECE: Final = re.compile(
    r"""\#[^\r\n]*
    |\"\"\"[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"\"\"
    |'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''
    |"(?!"")[^"\\\r\n]*(?:\\(?:\r\n|.)[^"\\\r\n]*)*"
    |'(?!'')[^'\\\r\n]*(?:\\(?:\r\n|.)[^'\\\r\n]*)*'
    |(?P<open>\"\"\"|'''|"|')""",
    re.VERBOSE | re.DOTALL,
)
"""A comment or a string as if none had fields; a quote alone where no such string ends."""
_FIELDS: Final = frozenset("fFtT")
"""The letters of a prefix that give a string replacement fields."""
_RAW: Final = frozenset("rR")
_BRACE: Final = re.compile(r"[{}]")
_PREFIX: Final = re.compile(r"(?<!\w)(?:[fFtT][rR]?|[rR][fFtTbB]?|[bB][rR]?|[uU])\Z")
_PLAIN_FIELDS: Final = re.compile(r"""[^{}"'\\]*(?:(?:\{\{|\}\}|\{[^{}"'\\]*\})[^{}"'\\]*)*""")
_HALT: Final = {'"': re.compile(r'["\\{]'), "'": re.compile(r"['\\{]")}
_FIELD: Final = re.compile(r"""(?P<quote>\"\"\"|'''|"|')|\#[^\r\n]*|!=|[()\[\]{}:!]""")
_OPENING: Final = re.compile(r"([ \t\f]*)(@|\w+|)")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"()[]{}\n"))


class LogicalLine(NamedTuple):
    """One statement, or the header of a compound one.

    Attributes:
        first: its first physical line, counting from 1.
        last: its last physical line.
        indent: the width of its indentation.
        word: its first word (``@`` for a decorator).
    """

    first: int
    last: int
    indent: int
    word: str


class Blanked(NamedTuple):
    """A text without its strings and comments.

    Attributes:
        code: the text with every string and comment made of spaces; offsets and lines are those of the text.
        in_string: the physical lines that begin inside a string.
    """

    code: str
    in_string: frozenset[int]


def line_starts(text: str) -> list[int]:
    """Return the offset at which each physical line begins; line ends may be of any kind."""
    if "\r" in text:
        return [0, *(match.end() for match in _NEWLINE.finditer(text))]
    return [0, *accumulate(len(line) + 1 for line in text.split("\n"))][:-1]


def blanked(text: str, starts: Sequence[int]) -> Blanked:
    """Return a text without its strings and comments.

    Args:
        text: the text.
        starts: the offsets of its lines.
    """
    parts: list[str] = []
    inside: set[int] = set()
    behind = 0
    for start, end, *_ in pieces(text):
        piece = text[start:end]
        parts.append(text[behind:start])
        if "\n" in piece or "\r" in piece:
            parts.append(_LINE.sub(lambda line: " " * len(line[0]), piece))
            inside.update(range(bisect_right(starts, start) + 1, bisect_right(starts, end - 1) + 1))
        else:
            parts.append(" " * len(piece))
        behind = end
    return Blanked("".join([*parts, text[behind:]]), frozenset(inside))


def logical_lines(text: str, starts: Sequence[int], without: Blanked) -> tuple[LogicalLine, ...]:
    """Return all logical lines in order; blank lines and comments belong to none.

    Args:
        text: the text.
        starts: the offsets of its physical lines.
        without: the text without its strings and comments.
    """
    joined = {number - 1 for number in without.in_string}
    joined.update(open_ends(without.code))
    joined.update(bisect_right(starts, match.start()) for match in _CONTINUED.finditer(without.code))
    joined.discard(len(starts))
    return tuple(_lines(text, starts, joined))


def _lines(text: str, starts: Sequence[int], joined: Collection[int]) -> Iterator[LogicalLine]:
    """The logical lines, given the physical ones that go on in the next."""
    opening, first = _OPENING.match, 1
    for last in range(1, len(starts) + 1):
        if last in joined:
            continue
        at = starts[first - 1]
        found = opening(text, at)
        space, word = found.groups() if found else ("", "")
        if word or text[at + len(space) : at + len(space) + 1] not in ("", "\r", "\n", "#"):
            # A form feed sets the column back to zero, as in Python's own tokenizer.
            indent = len(space) if not space.strip(" ") else len(space.rpartition("\f")[2].expandtabs(8))
            yield LogicalLine(first, last, indent, word)
        first = last + 1


def open_ends(code: str) -> Iterator[int]:
    """Yield the physical lines that end inside brackets, in code without strings and comments."""
    plain = _NEWLINE.sub("\n", code) if "\r" in code else code
    brackets = plain.encode("utf-8", "surrogatepass").translate(None, _NO_BRACKETS)
    size = -1
    while size != len(brackets):
        size = len(brackets)
        brackets = brackets.replace(b"()", b"").replace(b"[]", b"").replace(b"{}", b"")
    depth = 0
    for number, left in enumerate(brackets.split(b"\n"), 1):
        for bracket in left:
            depth = depth + 1 if bracket in b"([{" else max(depth - 1, 0)
        if depth:
            yield number


class Piece(NamedTuple):
    """A comment or a string.

    Attributes:
        start: the offset of its first character; that of the prefix, if a string has one.
        end: the offset behind it.
        inner: the offset behind the opening quote.
        quote: the quote, one character or three; empty for a comment.
        prefix: the prefix as written.
    """

    start: int
    end: int
    inner: int
    quote: str
    prefix: str

    @property
    def fielded(self) -> bool:
        """True for a string with replacement fields."""
        return not _FIELDS.isdisjoint(self.prefix)


class Field(NamedTuple):
    """A replacement field.

    Attributes:
        start: the offset of its ``{``.
        end: the offset behind its ``}``.
        stop: the offset behind its expression, with the ``=`` that shows it and spaces around that.
        conversion: the letter behind ``!``, if there is one.
        spec: the offset of its format specification, if there is one.
        nested: the fields in that.
    """

    start: int
    end: int
    stop: int
    conversion: str
    spec: int | None
    nested: tuple[Field, ...]


def pieces(text: str) -> Iterator[Piece]:
    """Yield comments and strings in the order of the text; those inside replacement fields belong to these."""
    behind = 0
    while match := _PIECE.search(text, behind):
        start, behind = match.span()
        if text[start] == "#":
            yield Piece(start, behind, start, "", "")
            continue
        quote = text[start] * (3 if text.startswith(text[start] * 3, start) else 1)
        before = _PREFIX.search(text[max(start - 3, 0) : start]) if text[start - 1 : start].isalpha() else None
        prefix = before.group() if before else ""
        inner = start + len(quote)
        if prefix and not _FIELDS.isdisjoint(prefix):
            plain = match["open"] is None and _PLAIN_FIELDS.fullmatch(text, inner, behind - len(quote))
            behind = behind if plain else fields(text, inner, quote, prefix)[1]
        elif match["open"] is not None:
            behind = len(text)
        yield Piece(start - len(prefix), behind, inner, quote, prefix)


def fields(text: str, inner: int, quote: str, prefix: str) -> tuple[tuple[Field, ...], int]:
    """Return the replacement fields of a string, and the offset behind the string.

    Args:
        text: the text in which it stands.
        inner: the offset behind its opening quote.
        quote: the quote.
        prefix: its prefix.
    """
    raw = not _RAW.isdisjoint(prefix)
    found: list[Field] = []
    position = inner
    while halt := _HALT[quote[0]].search(text, position):
        position = halt.start()
        if text.startswith(quote, position):
            return tuple(found), position + len(quote)
        if text[position] == "\\":
            position = _escaped_end(text, position, raw)
        elif text.startswith("{{", position):
            position += 2
        elif text[position] == "{":
            found.append(_field(text, position))
            position = found[-1].end
        else:
            position += 1
    return tuple(found), len(text)


def _escaped_end(text: str, start: int, raw: bool) -> int:
    """The offset behind what a backslash escapes; it keeps no brace from beginning a field."""
    if text.startswith(("{", "}"), start + 1):
        return start + 1
    if text.startswith("N{", start + 1) and not raw:
        return text.find("}", start) + 1 or len(text)
    return start + 2


def _field(text: str, start: int) -> Field:
    """The replacement field that begins with a ``{``; its own strings may use the quote around it."""
    depth, position, stop, conversion = 0, start + 1, 0, ""
    while match := _FIELD.search(text, position):
        position = match.end()
        token = match.group()
        if match["quote"]:
            position = _string_end(text, position, token)
        elif token in "([{":
            depth += 1
        elif depth and token in ")]}":
            depth -= 1
        elif depth or token == "!=" or token[0] == "#":
            continue
        elif token == "!":
            stop = match.start()
            conversion = text[position : position + 1]
        elif token == ":":
            nested, end = _specification(text, position)
            return Field(start, end, stop or match.start(), conversion, position, nested)
        elif token == "}":
            return Field(start, position, stop or match.start(), conversion, None, ())
    return Field(start, len(text), len(text), "", None, ())


def _string_end(text: str, inner: int, quote: str) -> int:
    """The offset behind a string inside a field."""
    start = inner - len(quote)
    before = _PREFIX.search(text[max(start - 3, 0) : start])
    if before and not _FIELDS.isdisjoint(before.group()):
        return fields(text, inner, quote, before.group())[1]
    match = _PIECE.match(text, start)
    return match.end() if match and match["open"] is None else len(text)


def _specification(text: str, start: int) -> tuple[tuple[Field, ...], int]:
    """The fields in a format specification, where quotes mean nothing, and the offset behind the ``}`` that ends it."""
    found: list[Field] = []
    position = start
    while halt := _BRACE.search(text, position):
        position = halt.end()
        if halt.group() == "}":
            return tuple(found), position
        found.append(_field(text, halt.start()))
        position = found[-1].end
    return tuple(found), len(text)
