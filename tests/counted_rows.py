"""A SQLite connection that counts the rows which its cursors hand out, and the steps of its virtual machine."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.executed import Log


class CountingCursor(sqlite3.Cursor):
    """Adds the rows that it hands out to an item of a list, where one is given to it."""

    counts: list[int] | None = None
    item = 0

    def count_in(self, counts: list[int]) -> None:
        """Count the rows of the next statement in the last item."""
        self.counts, self.item = counts, len(counts) - 1

    def _count(self, rows: int) -> None:
        if self.counts:
            self.counts[self.item] += rows

    def fetchone(self) -> Any:
        """Hand out a row."""
        row = super().fetchone()
        self._count(row is not None)
        return row

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        """Hand out some rows."""
        rows = super().fetchmany(size)
        self._count(len(rows))
        return rows

    def fetchall(self) -> list[Any]:
        """Hand out all rows that are left."""
        rows = super().fetchall()
        self._count(len(rows))
        return rows


class CountingConnection(sqlite3.Connection):
    """Makes counting cursors, and counts steps."""

    stepped = 0

    def cursor(self, factory: Any = CountingCursor) -> Any:
        """Return a counting cursor."""
        return super().cursor(factory)

    def step(self) -> int:
        """Count a step, and go on."""
        self.stepped += 1
        return 0


@contextlib.contextmanager
def stepping(engine: Any, log: Log) -> Iterator[None]:
    """Add to *log* the steps that the one connection of *engine* makes while the block runs."""
    borrowed = engine.raw_connection()
    connection = borrowed.driver_connection
    borrowed.close()
    if not isinstance(connection, CountingConnection):
        yield
        return
    before = connection.stepped
    connection.set_progress_handler(connection.step, 1)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 1)
        log.steps = connection.stepped - before
