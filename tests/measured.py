"""What a program costs the database beyond its statements: rows fetched, and steps of SQLite's virtual machine."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.executed import Log


class Cursor(sqlite3.Cursor):
    """Counts the rows that it fetches on its connection."""

    def fetchone(self) -> Any:
        row = super().fetchone()
        self.connection.fetched += row is not None  # type: ignore[attr-defined]
        return row

    def fetchmany(self, *args: Any, **kwargs: Any) -> list[Any]:
        rows = super().fetchmany(*args, **kwargs)
        self.connection.fetched += len(rows)  # type: ignore[attr-defined]
        return rows

    def fetchall(self) -> list[Any]:
        rows = super().fetchall()
        self.connection.fetched += len(rows)  # type: ignore[attr-defined]
        return rows


class Connection(sqlite3.Connection):
    """Counts the rows that its cursors fetch, and the steps that its statements make."""

    fetched = 0
    stepped = 0

    def cursor(self, factory: Any = Cursor) -> Any:
        return super().cursor(factory)

    def step(self) -> int:
        """Count a step, and go on."""
        self.stepped += 1
        return 0


@contextlib.contextmanager
def measuring(engine: Any, log: Log) -> Iterator[None]:
    """Add to *log* what the one connection of *engine* fetches and does while the block runs."""
    borrowed = engine.raw_connection()
    connection = borrowed.driver_connection
    borrowed.close()
    if not isinstance(connection, Connection):
        yield
        return
    fetched, stepped = connection.fetched, connection.stepped
    connection.set_progress_handler(connection.step, 1)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 1)
        log.rows, log.steps = connection.fetched - fetched, connection.stepped - stepped
