"""Source text by physical and logical lines: which lines must be read again to see one statement whole.

No parser runs here: the logical lines (strings, brackets and continuations respected) and their indentation are
enough to cut out the smallest run of statements around a place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.flag.diff import Lines
from nplus1_lint.flag.imported import Import, imports_in
from nplus1_lint.index.lexical import blanked, line_starts, logical_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nplus1_lint.flag.visitor import Region
    from nplus1_lint.index.lexical import Blanked, LogicalLine

_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_ASYNC_DEF: Final = re.compile(r"\s*async\s+def\b")
_CLAUSES: Final = frozenset({"else", "elif", "except", "finally"})
_USED: Final = re.compile(r"\s*[.(\[]")
_LONGER: Final = re.compile(r"[\w.]")


class Mention(NamedTuple):
    """A place in code where a word stands that no dot precedes.

    Attributes:
        line: index of the logical line.
        scope: physical lines of the innermost function in which it means something; None at module level.
        used: a call, a subscript or an attribute of it, so that it is not given a value there.
    """

    line: int
    scope: tuple[int, int] | None
    used: bool


class SourceText:
    """One file's text with the lines by which it is cut, and all that is read off it, each thing once.

    Args:
        path: project path, for messages.
        text: decoded text; a byte order mark is left out, line ends may be of any kind.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text.removeprefix("\ufeff")
        self.starts = line_starts(self.text)
        self._mentions: dict[str, tuple[Mention, ...]] = {}
        self._regions: dict[tuple[int, int], Region] = {}

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
    def _blanked(self) -> Blanked:
        return blanked(self.text, self.starts)

    @property
    def code(self) -> str:
        """The text with every string and comment made of spaces; offsets and lines are those of the text."""
        return self._blanked.code

    @property
    def in_string(self) -> frozenset[int]:
        """Physical lines that begin inside a string; they must not be indented or dedented."""
        return self._blanked.in_string

    @cached_property
    def logical(self) -> tuple[LogicalLine, ...]:
        """All logical lines in order; blank lines and comments belong to none."""
        return logical_lines(self.text, self.starts, self._blanked)

    @cached_property
    def diffed(self) -> Lines:
        """The text as diffs are made of it."""
        return Lines(self.text)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What the import statements bind, in their order, those inside blocks and functions too."""
        lines = [(at, line) for at, line in enumerate(self.logical) if line.word in ("from", "import")]
        return tuple(one for at, line in lines for one in imports_in(self.path, at, self._code(line)))

    def _code(self, line: LogicalLine) -> str:
        end = self.starts[line.last] if line.last < len(self.starts) else len(self.text)
        return self.code[self.starts[line.first - 1] : end]

    def mentions(self, word: str) -> tuple[Mention, ...]:
        """Where a word stands in code other than as an attribute, in the order of the file."""
        found = self._mentions.get(word)
        if found is None:
            found = self._mentions[word] = tuple(self._mentioned(word))
        return found

    def _mentioned(self, word: str) -> Iterator[Mention]:
        code = self.code
        for match in re.finditer(rf"{re.escape(word)}(?!\w)", code):
            start, end = match.span()
            line = self.index(self.line_of(start))
            if line is None or (start and _LONGER.match(code, start - 1)):
                continue
            before = start
            while before and code[before - 1].isspace():
                before -= 1
            defined = code[max(before - 5, 0) : before].endswith(("def", "class"))
            # The name that a header defines belongs to what is around it.
            scope = self.functions(line)[int(defined and self.is_def(line)) :][:1]
            yield Mention(line, scope[0] if scope else None, not defined and _USED.match(code, end) is not None)

    def region(self, first: int, last: int) -> Region:
        """Whole statements, the same region for the same lines.

        Args:
            first: index of the first logical line.
            last: index of the last logical line.
        """
        from nplus1_lint.flag.visitor import Region

        found = self._regions.get((first, last))
        if found is None:
            found = self._regions[first, last] = Region(self, first, last)
        return found

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
        return self._parents[at]

    @cached_property
    def _parents(self) -> list[int | None]:
        found: list[int | None] = []
        around: list[tuple[int, int]] = []
        for at, line in enumerate(self.logical):
            while around and around[-1][1] >= line.indent:
                around.pop()
            found.append(around[-1][0] if around else None)
            around.append((at, line.indent))
        return found

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
