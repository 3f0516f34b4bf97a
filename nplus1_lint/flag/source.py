"""Source text by physical and logical lines: which lines must be read again to see one statement whole.

No parser runs here: the logical lines (strings, brackets and continuations respected) and their indentation are
enough to cut out the smallest run of statements around a place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
_TOKEN: Final = re.compile(
    r"""(?P<comment>\#[^\r\n]*)
    |(?P<prefix>(?<!\w)(?:[fFtT][rR]?|[rR][fFtTbB]?|[bB][rR]?|[uU])|)(?P<quote>\"\"\"|'''|"|')
    |(?P<open>[(\[{])|(?P<close>[)\]}])
    |\\(?:\r\n|\r|\n)
    |(?P<newline>\r\n|\r|\n)""",
    re.VERBOSE,
)
_BODY: Final = {
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*"""', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]|\\.|'(?!''))*'''", re.DOTALL),
    '"': re.compile(r'(?:[^"\\\r\n]|\\\r\n|\\.)*"', re.DOTALL),
    "'": re.compile(r"(?:[^'\\\r\n]|\\\r\n|\\.)*'", re.DOTALL),
}
_FIELD: Final = re.compile(r"""(?P<prefix>(?<!\w)[a-zA-Z]{1,2}|)(?P<quote>\"\"\"|'''|"|')|[()\[\]{}:]""")
_WORD: Final = re.compile(r"@|\w+|")
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_ASYNC_DEF: Final = re.compile(r"\s*async\s+def\b")
_CLAUSES: Final = frozenset({"else", "elif", "except", "finally"})


@dataclass(frozen=True, slots=True)
class LogicalLine:
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


class SourceText:
    """One file's text with the lines by which it is cut.

    Args:
        path: project path, for messages.
        text: decoded text; a byte order mark is left out, line ends may be of any kind.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text.removeprefix("\ufeff")
        self.starts = [0, *(match.end() for match in _NEWLINE.finditer(self.text))]
        self._in_string: set[int] = set()

    @property
    def in_string(self) -> set[int]:
        """Physical lines that begin inside a string; they must not be indented or dedented."""
        return self._in_string if self.logical else set()

    def line_of(self, offset: int) -> int:
        """The physical line, counting from 1, of a character offset."""
        return bisect_right(self.starts, offset)

    def line(self, number: int) -> str:
        """A physical line without its line end."""
        return self.lines(number, number).rstrip("\r\n")

    def lines(self, first: int, last: int) -> str:
        """The text of physical lines *first* to *last*, line ends included."""
        end = self.starts[last] if last < len(self.starts) else len(self.text)
        return self.text[self.starts[first - 1] : end]

    def column(self, line: int, byte_column: int) -> int | None:
        """Turn a column in UTF-8 bytes into one in characters; None where no character begins there."""
        if not 0 < line <= len(self.starts) or byte_column < 0:
            return None
        text = self.line(line)
        if text.isascii():
            return byte_column if byte_column <= len(text) else None
        data = text.encode("utf-8", "surrogatepass")
        if byte_column > len(data):
            return None
        try:
            return len(data[:byte_column].decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError:
            return None

    @cached_property
    def code(self) -> str:
        """The text with every string and comment made of spaces; offsets and lines are those of the text."""
        blank, position = list(self.text), 0
        while match := _TOKEN.search(self.text, position):
            position = match.end()
            if match.lastgroup == "quote":
                position = _string_end(self.text, position, match["prefix"], match["quote"])
            elif match.lastgroup != "comment":
                continue
            for at in range(match.start(), position):
                if blank[at] not in "\r\n":
                    blank[at] = " "
        return "".join(blank)

    @cached_property
    def logical(self) -> tuple[LogicalLine, ...]:
        """All logical lines in order; blank lines and comments belong to none."""
        found: list[LogicalLine] = []
        first, depth, position = 1, 0, 0
        while match := _TOKEN.search(self.text, position):
            position = match.end()
            kind = match.lastgroup
            if kind == "quote":
                position = _string_end(self.text, position, match["prefix"], match["quote"])
                self._in_string.update(range(self.line_of(match.start()) + 1, self.line_of(position - 1) + 1))
            elif kind in ("open", "close"):
                depth = depth + 1 if kind == "open" else max(depth - 1, 0)
            elif kind == "newline" and not depth:
                last = self.line_of(match.start())
                self._add(found, first, last)
                first = last + 1
        if first <= len(self.starts):
            self._add(found, first, len(self.starts))
        return tuple(found)

    def _add(self, found: list[LogicalLine], first: int, last: int) -> None:
        text = self.line(first)
        content = text.lstrip(" \t\f")
        if not content or content.startswith("#"):
            return
        # A form feed sets the column back to zero, as in Python's own tokenizer.
        indent = text[: len(text) - len(content)].rpartition("\f")[2].expandtabs(8)
        word = _WORD.match(content)
        found.append(LogicalLine(first, last, len(indent), word.group() if word else ""))

    @cached_property
    def _firsts(self) -> list[int]:
        return [line.first for line in self.logical]

    def index(self, line: int) -> int | None:
        """Which logical line holds a physical line; None for blank lines and comments."""
        at = bisect_right(self._firsts, line) - 1
        return at if at >= 0 and line <= self.logical[at].last else None

    def statements(self, first: int, last: int) -> tuple[int, int] | None:
        """The smallest run of whole sibling statements that covers some physical lines.

        Args:
            first: first line to cover.
            last: last line to cover.

        Returns:
            Indexes into `logical`, both inclusive; None when no statement stands there.
        """
        at = self.index(first)
        while at is not None:
            start = self._opening(at)
            end = self._end(start)
            while self.logical[end].last < last:
                after = end + 1
                if after == len(self.logical) or self.logical[after].indent != self.logical[start].indent:
                    break
                end = self._end(after)
            else:
                return start, end
            at = self.parent(start)
        return None

    def parent(self, at: int) -> int | None:
        """The header of the block in which a logical line stands; None at module level."""
        indent = self.logical[at].indent
        return next((k for k in range(at - 1, -1, -1) if self.logical[k].indent < indent), None)

    def clauses(self, at: int) -> list[int]:
        """All headers of a compound statement (``if``, its ``elif`` and ``else``, …), given one of them."""
        start = self._opening(at)
        indent = self.logical[start].indent
        return [k for k in range(start, self._end(start) + 1) if self.logical[k].indent == indent]

    def function(self, at: int) -> tuple[int, int]:
        """Physical lines of the innermost function around a logical line; of the file outside functions."""
        return next(iter(self.functions(at)), (1, len(self.starts)))

    def is_def(self, at: int) -> bool:
        """True for the header of a function."""
        line = self.logical[at]
        return line.word == "def" or (line.word == "async" and _ASYNC_DEF.match(self.line(line.first)) is not None)

    def functions(self, at: int) -> list[tuple[int, int]]:
        """Physical lines of the functions around a logical line, innermost first; a header is inside its own."""
        found: list[tuple[int, int]] = []
        header: int | None = at
        while header is not None:
            if self.is_def(header):
                found.append((self.logical[header].first, self.logical[self._end(header)].last))
            header = self.parent(header)
        return found

    def identifiers(self, first: int, last: int) -> set[str]:
        """Every word in some lines that could be a name (also inside strings and comments)."""
        return set(_IDENTIFIER.findall(self.lines(first, last)))

    def _opening(self, at: int) -> int:
        """The first line of the statement of which a line is a clause, a ``case`` or a decorator."""
        line = self.logical[at]
        if line.word in _CLAUSES:
            before = next(k for k in range(at - 1, -1, -1) if self.logical[k].indent <= line.indent)
            return self._opening(before)
        if line.word == "case" and (parent := self.parent(at)) is not None and self.logical[parent].word == "match":
            return parent
        while at and self.logical[at - 1].word == "@" and self.logical[at - 1].indent == line.indent:
            at -= 1
        return at

    def _end(self, start: int) -> int:
        """The last logical line of the statement that opens at *start*."""
        end, indent = start, self.logical[start].indent
        while end + 1 < len(self.logical):
            following = self.logical[end + 1]
            decorated = self.logical[end].word == "@" and self.logical[end].indent == indent
            if not (
                following.indent > indent or (following.indent == indent and following.word in _CLAUSES) or decorated
            ):
                break
            end += 1
        return end


class SourceFiles:
    """The texts of a run, each read once.

    Args:
        read: gives a file's decoded text by its project path.

    Attributes:
        asked: project paths of the texts that were asked for.
    """

    def __init__(self, read: Callable[[str], str]) -> None:
        self.asked: set[str] = set()
        self._read = read
        self._known: dict[str, SourceText] = {}

    def __getitem__(self, path: str) -> SourceText:
        """Return a file's text.

        Raises:
            OSError: the file can no longer be read.
        """
        self.asked.add(path)
        source = self._known.get(path)
        if source is None:
            source = self._known[path] = SourceText(path, self._read(path))
        return source


def _string_end(text: str, start: int, prefix: str, quote: str) -> int:
    """The offset behind a string whose first character after the quote is at *start*."""
    if not set(prefix) & set("fFtT"):
        match = _BODY[quote].match(text, start)
        return match.end() if match else len(text)
    position = start
    while position < len(text):
        if text.startswith(quote, position):
            return position + len(quote)
        if text.startswith(("{{", "\\"), position):
            position += 2
        elif text[position] == "{":
            position = _field_end(text, position + 1)
        else:
            position += 1
    return len(text)


def _field_end(text: str, start: int) -> int:
    """The offset behind the ``}`` of a replacement field, whose own strings may use the outer quote."""
    depth, position = 0, start
    while match := _FIELD.search(text, position):
        position = match.end()
        token = match.group()
        if match["quote"]:
            position = _string_end(text, position, match["prefix"], match["quote"])
        elif token in "([{":
            depth += 1
        elif token == "}" and not depth:
            return position
        elif token in ")]}":
            depth -= 1
        elif token == ":" and not depth:
            return _format_end(text, position)
    return len(text)


def _format_end(text: str, start: int) -> int:
    """The offset behind a format specification, in which quotes mean nothing and fields may nest."""
    position = start
    while position < len(text):
        if text[position] == "{":
            position = _field_end(text, position + 1)
        elif text[position] == "}":
            return position + 1
        else:
            position += 1
    return len(text)
