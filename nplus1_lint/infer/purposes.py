"""What fetched rows can be used for."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Shape(enum.Enum):
    """What an expression that fetches gives.

    RESULT: executed, not fetched. ROWS: all rows. ARRANGED: all rows, each in a tuple with what a loop has computed of
    it. ONE: a row or None. COUNT: a number that the database has counted.
    """

    RESULT = "result"
    ROWS = "rows"
    ARRANGED = "arranged"
    ONE = "one"
    COUNT = "count"


class How(enum.Enum):
    """What is done with rows.

    LEN: only their number matters. TRUTH: only whether there are any. FIRST: the first or last row is taken.
    SLICE: a part of them is taken by position. FILTER: a condition on plain columns chooses among them.
    AGGREGATE: a sum, minimum or maximum of plain columns. SORT: they are ordered by plain columns.
    POSITION: where a row stands among them. PASS: they come back from a function of the project, or arranged by a loop.
    MIXED: others are added, or some taken out. ROWS: anything else.
    """

    LEN = "len"
    TRUTH = "truth"
    FIRST = "first"
    SLICE = "slice"
    FILTER = "filter"
    AGGREGATE = "aggregate"
    SORT = "sort"
    POSITION = "position"
    PASS = "pass"
    MIXED = "mixed"
    ROWS = "rows"


class Use(NamedTuple):
    """One use.

    Attributes:
        line: where it stands in the function's file.
        detail: what tells it from others of its kind: the index, the key, the built-in function that computes a value
            of them, ``one`` for the truth of a single row.
        again: its result takes the place of the rows, under the same name.
    """

    how: How
    line: int
    detail: str = ""
    again: bool = False
