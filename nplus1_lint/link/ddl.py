"""Indexes in SQL text: ``CREATE INDEX``, ``DROP INDEX`` and ``ADD CONSTRAINT … UNIQUE``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY_TABLE: Final = "?"
"""Stands for a name that the source makes at run time."""

EXPRESSION: Final = ""
"""Stands for what is no plain column in an index: ``lower(name)``."""

_NAME = r"(?:[\w$?]+|\"[^\"]+\"|`[^`]+`|\[[^\]]+\])"
_DOTTED = rf"{_NAME}(?:\.{_NAME})*"
_STATEMENT = re.compile(
    rf"CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{_DOTTED}\s+)??"
    rf"ON\s+(?:ONLY\s+)?(?P<table>{_DOTTED})\s*(?:USING\s+\w+\s*)?\("
    rf"|DROP\s+INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+EXISTS\s+)?(?P<dropped>{_DOTTED})"
    rf"|ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?(?P<altered>{_DOTTED})\s+ADD\s+"
    rf"(?:CONSTRAINT\s+(?P<constraint>{_DOTTED})\s+)?(?:UNIQUE|PRIMARY\s+KEY)\s*\(",
    re.IGNORECASE,
)
_WHERE = re.compile(r"[^;]*?\)\s*WHERE\s(?P<condition>[^;]*)", re.IGNORECASE)
_COLUMN = re.compile(rf"\s*(?P<column>{_NAME})(?:\s+[\w.]+)*\s*$")


class SqlIndex(NamedTuple):
    """What one statement says.

    Attributes:
        name: the index' name, or an empty string.
        table: the table without its schema; `ANY_TABLE` where the text does not say it; empty for a drop.
        columns: in order; `EXPRESSION` for what is no column; empty for a drop.
        offset: lines between the start of the text and the statement.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    unique: bool
    offset: int


def statements(text: str) -> Iterator[SqlIndex]:
    """Yield what the statements of a text say of indexes, in order.

    Args:
        text: SQL; parts that are not known stand in it as ``?``.

    Yields:
        Created indexes and unique constraints, and dropped indexes (without a table).
    """
    for match in _STATEMENT.finditer(text):
        offset = text.count("\n", 0, match.start())
        if match["dropped"]:
            yield SqlIndex(_plain(match["dropped"]), "", (), False, offset)
            continue
        columns = tuple(_column(term) for term in _terms(text[match.end() :]))
        name = _plain((match["name"] or match["constraint"] or "").strip())
        table = _plain(match["table"] or match["altered"])
        unique = bool(match["unique"] or match["altered"])
        made = SqlIndex(name, ANY_TABLE if "?" in table else table, columns, unique, offset)
        yield made
        partial = _WHERE.match(text, match.end())
        for word in words(partial["condition"]) if partial and match["table"] else ():
            yield made._replace(columns=(word,))


def column_of(term: str) -> str:
    """Return the column that a term of an index names (``created_at DESC``), or `EXPRESSION`."""
    return _column(term)


def words(condition: str) -> tuple[str, ...]:
    """Return the words of a partial index' condition that may be columns."""
    return tuple(dict.fromkeys(re.findall(r"(?<![\w'])[A-Za-z_]\w*(?![\w'(])", condition)))


def _plain(name: str) -> str:
    """A name without its schema and quotes."""
    last = re.split(r"\.(?=[\w\"`\[?$])", name)[-1]
    return last.strip('"`[]')


def _column(term: str) -> str:
    match = _COLUMN.match(term)
    return match["column"].strip('"`[]') if match else EXPRESSION


def _terms(text: str) -> Iterator[str]:
    """Split at the commas of the first level, up to the closing parenthesis."""
    depth, start = 0, 0
    for position, char in enumerate(text):
        if char == "(":
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        elif char in ",)" and not depth:
            yield text[start:position]
            start = position + 1
            if char == ")":
                return
