"""What the kinds of remedies are called."""

from __future__ import annotations

from typing import Final

from nplus1_lint.remedies import Kind

TITLES: Final = {
    Kind.COUNTS: "Count once per page, not once per row",
    Kind.LOOPS: "Ask once before the loop, not once per iteration",
    Kind.WRITES: "Write, commit and reload in batches",
    Kind.LOADING: "Load only what is read",
    Kind.FETCHING: "Let the database count, filter and cut",
    Kind.INDEXES: "Create the missing indexes",
    Kind.STORED: "Ask for counts in one place, and keep them",
}

WHY: Final = {
    Kind.COUNTS: "One `GROUP BY` (or one count per distinct key) before the loop gives all numbers in one statement.",
    Kind.LOOPS: "One statement with `IN`, or a loader option in the query that made the rows, takes the place of one "
    "statement per row.",
    Kind.WRITES: "One `executemany` or `UPDATE … WHERE id IN (…)`, and one commit behind the loop.",
    Kind.LOADING: 'A strategy on the mapping is paid by every query for the class. `lazy="select"` there and an '
    "option in the queries that read the rows, or `lazyload` where they are not wanted, is paid only where it is used.",
    Kind.FETCHING: "Rows that are only counted, asked for or cut travel for nothing; no statement is saved, but the "
    "work and the memory are.",
    Kind.INDEXES: "A search without an index reads the whole table. An index costs on every write: create it where "
    "the table grows.",
    Kind.STORED: "In rising order of effort: a `column_property`, a cache with the places that invalidate it, a "
    "stored column kept by triggers.",
}
