"""The performance analysis of a project as a document: sections of paragraphs, tables, listings and charts.

Writers turn it into Markdown and HTML; whatever it holds is plain text that they escape. What the analysis is made
from stands in `nplus1_lint.remedies`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Tone(str, Enum):
    """What a badge or a cell says at a glance."""

    BAD = "bad"
    WARN = "warn"
    GOOD = "good"
    CALM = "calm"


@dataclass(frozen=True, slots=True)
class Code:
    """A piece of code, a path or a formula inside a sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Badge:
    """A word that stands out."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to a section.

    Attributes:
        anchor: as the section has it.
    """

    text: str
    anchor: str


Inline: TypeAlias = "str | Code | Badge | Link"
Line: TypeAlias = tuple[Inline, ...]
"""A sentence or a cell."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences."""

    line: Line


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list.

    Attributes:
        ordered: its points are numbered.
    """

    items: tuple[Line, ...]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        sort: the number by which the column is sorted, where its text is no plain word.
    """

    line: Line
    sort: float | None = None
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        numeric: its cells are numbers.
    """

    title: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; each row has a cell for each column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Code.

    Attributes:
        title: what it shows; empty where the text above says it.
        language: ``python`` or ``diff``.
        first_line: the number of its first line in the file, or None for code that is not there yet.
        marked: numbers of the lines that matter.
        open: it is shown at once where a page can fold it.
    """

    title: Line
    code: str
    language: str = "python"
    first_line: int | None = None
    marked: tuple[int, ...] = ()
    open: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A pair of numbers of statements.

    Attributes:
        label: what sends them.
        before: today.
        after: with the suggested changes.
    """

    label: str
    before: int
    after: int

    @staticmethod
    def length(number: int, most: int) -> float:
        """Return how long the bar of a number is, from 0 to 1 for the greatest one.

        It grows with the logarithm: beside 100,000 statements, five could not be told from fifty.
        """
        return math.log(number + 1) / math.log(most + 1) if number else 0.0


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars on a logarithmic scale.

    Attributes:
        title: what they count.
    """

    title: str
    bars: tuple[Bar, ...]


Block: TypeAlias = "Paragraph | Bullets | Table | Listing | Chart"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the document.

    Attributes:
        anchor: lower-case letters, digits and hyphens; no other section has it.
    """

    title: Line
    anchor: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """The whole analysis.

    Attributes:
        stamp: when and by what it was made; empty unless asked for.
    """

    title: str
    lead: Line
    sections: tuple[Section, ...]
    stamp: str = ""


def prose(text: str, *rest: Inline) -> Line:
    """Return a line whose parts between backticks are code.

    Args:
        text: a sentence; a backtick without a second one stays what it is.
        rest: what follows it.
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = [f"{parts[-2]}`{parts[-1]}"]
    found: list[Inline] = []
    for number, part in enumerate(parts):
        if part:
            found.append(Code(part) if number % 2 else part)
    return (*found, *rest)


def plain(line: Line) -> str:
    """Return the words of a line."""
    return "".join(part if isinstance(part, str) else part.text for part in line)
