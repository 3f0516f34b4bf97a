"""What SQLite plans for a statement, and the index that a finding advises."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import nplus1_lint

if TYPE_CHECKING:
    from pathlib import Path

_PLANNED = ("SELECT", "UPDATE", "DELETE", "WITH")


def plan_of(connection: Any, sql: str, parameters: Any) -> list[str]:
    """Return the steps of SQLite's plan for a statement that is about to run.

    Args:
        connection: the SQLAlchemy connection that will run it.
        sql: the statement.
        parameters: its values; several lots of them for an executemany, which has no plan here.

    Returns:
        Steps such as ``SCAN heroes`` and ``SEARCH heroes USING INDEX ix_heroes_name (name=?)``.
    """
    several = (
        bool(parameters) and isinstance(parameters, (list, tuple)) and isinstance(parameters[0], (list, tuple, dict))
    )
    if several or not sql.lstrip("( \n").upper().startswith(_PLANNED):
        return []
    cursor = connection.connection.cursor()
    try:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        return [row[3] for row in cursor.fetchall()]
    finally:
        cursor.close()


def scans(plan: list[str]) -> list[str]:
    """Return the steps that read a whole table; an automatic index is made of one, a subquery is none."""
    whole = [step for step in plan if step.startswith("SCAN") and "SUBQUERY" not in step and "CONSTANT ROW" not in step]
    return whole + [step for step in plan if " AUTOMATIC " in step]


def advised(folder: Path) -> str:
    """Return what a program's models need besides for the indexes that its NP401 findings advise.

    Args:
        folder: the program.

    Returns:
        Python to stand at the end of its ``models.py``; the declaration and the migration must agree.
    """
    lines = ["", "import sqlalchemy as _sa"]
    for finding in nplus1_lint.check([os.fspath(folder)]).findings:
        if finding.code == "NP401":
            assert finding.suggestion is not None
            declaration, migration = finding.suggestion.code.splitlines()
            declared = eval(declaration, {"Index": lambda name, *columns: (name, list(columns))})
            operation = _Operation()
            exec(migration, {"op": operation})
            assert declared == (operation.name, operation.columns)
            columns = ", ".join(f"_table.c[{column!r}]" for column in operation.columns)
            lines += [
                f"_table = Base.metadata.tables[{operation.table!r}]",
                f"_sa.Index({operation.name!r}, {columns})",
            ]
    return "\n".join(lines) + "\n"


class _Operation:
    """Stands in for Alembic's ``op``."""

    name: str
    table: str
    columns: list[str]

    def create_index(self, name: str, table: str, columns: list[str]) -> None:
        """Keep the arguments."""
        self.name, self.table, self.columns = name, table, columns
