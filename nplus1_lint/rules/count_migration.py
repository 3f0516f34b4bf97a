"""A stored count as an Alembic migration: the column, its first values, and the triggers that keep it right.

Sources: Alembic, "Operation Reference"; SQLite, "CREATE TRIGGER"; PostgreSQL, "Trigger Functions" of PL/pgSQL.
Counters are incremented rather than counted anew: of two transactions that add rows at once, neither sees the other's.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Final

MANY_HEADS: Final = "several migrations are the newest: write here the revision after which this one runs"
"""What stands for ``down_revision`` where the project has no one newest migration."""
_LONGEST: Final = 48  # PostgreSQL cuts names at 63 bytes; the triggers add a word


@dataclass(frozen=True, slots=True)
class StoredCount:
    """A column of one table that counts the rows of another.

    Attributes:
        table: the table that gets the column.
        key: the column to which the counted rows refer.
        column: the new column.
        counted: the table whose rows are counted.
        reference: its column that refers to *key*.
        conditions: further columns of *counted*, each with the literal that it equals: ``None``, a boolean, a number
            or a string.
    """

    table: str
    key: str
    column: str
    counted: str
    reference: str
    conditions: tuple[tuple[str, bool | int | str | None], ...] = ()


def migration(count: StoredCount, heads: tuple[str, ...]) -> str:
    """Write the module.

    Args:
        count: what is stored.
        heads: the newest revisions of the project.

    Returns:
        Python, ready to be saved among the project's migrations.
    """
    revision = _digest(count)[:12]
    below = json.dumps(heads[0] if len(heads) == 1 else MANY_HEADS) if heads else "None"
    triggers = [f"{_name(count)}_{kind}" for kind in ("insert", "delete", "update", "own_insert", "own_key")]
    return _MODULE.format(
        title=f"Keep in {count.table}.{count.column} how many rows of {count.counted} refer to each row.",
        revision=revision,
        below=below,
        table=count.table,
        column=count.column,
        backfill=_quoted(f"UPDATE {_q(count.table)} SET {_q(count.column)} = ({_recount(count, _own(count))})"),
        sqlite="\n".join(f"    {_quoted(one)}," for one in _sqlite(count)),
        sqlite_drop="\n".join(f"    {_quoted(f'DROP TRIGGER {_q(name)}')}," for name in reversed(triggers)),
        postgresql="\n".join(f"    {_quoted(one)}," for one in _postgresql(count)),
        postgresql_drop="\n".join(f"    {_quoted(one)}," for one in _postgresql_drop(count)),
    )


_MODULE: Final = '''\
"""{title}

Triggers keep the number: code that wrote it would be late or wrong. On SQLite a later batch_alter_table of one of
the tables drops them, and INSERT OR REPLACE passes the delete trigger by unless PRAGMA recursive_triggers is on.

Revision ID: {revision}
"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {below}
branch_labels = None
depends_on = None

BACKFILL = {backfill}
SQLITE = (
{sqlite}
)
SQLITE_DROP = (
{sqlite_drop}
)
POSTGRESQL = (
{postgresql}
)
POSTGRESQL_DROP = (
{postgresql_drop}
)


def for_dialect(sqlite, postgresql):
    """Return the statements for the database that is migrated."""
    name = op.get_context().dialect.name
    if name not in ("sqlite", "postgresql"):
        raise NotImplementedError(f"the triggers are written for SQLite and PostgreSQL, not for {{name}}")
    return sqlite if name == "sqlite" else postgresql


def upgrade():
    triggers = for_dialect(SQLITE, POSTGRESQL)
    op.add_column("{table}", sa.Column("{column}", sa.Integer(), nullable=False, server_default="0"))
    for statement in triggers:  # before the backfill: from here on nobody else writes to the tables until the end
        op.execute(statement)
    op.execute(BACKFILL)


def downgrade():
    for statement in for_dialect(SQLITE_DROP, POSTGRESQL_DROP):
        op.execute(statement)
    op.drop_column("{table}", "{column}")
'''


def _sqlite(count: StoredCount) -> list[str]:
    """SQLite has one writer at a time; a trigger's body is statements alone."""
    name, counted, table, key = _name(count), _q(count.counted), _q(count.table), _q(count.key)
    changed = " OR ".join(f"OLD.{c} IS NOT NEW.{c}" for c in _watched(count))
    anew = f"UPDATE {table} SET {_q(count.column)} = ({_recount(count, f'NEW.{key}')}) WHERE {key} = NEW.{key};"
    return [
        _trigger(f"{name}_insert", f"AFTER INSERT ON {counted}", [_step(count, "NEW", "+")]),
        _trigger(f"{name}_delete", f"AFTER DELETE ON {counted}", [_step(count, "OLD", "-")]),
        _trigger(
            f"{name}_update",
            f"AFTER UPDATE ON {counted} WHEN {changed}",
            [_step(count, "OLD", "-"), _step(count, "NEW", "+")],
        ),
        _trigger(f"{name}_own_insert", f"AFTER INSERT ON {table}", [anew]),
        _trigger(f"{name}_own_key", f"AFTER UPDATE OF {key} ON {table} WHEN OLD.{key} IS NOT NEW.{key}", [anew]),
    ]


def _trigger(name: str, head: str, body: list[str]) -> str:
    lines = "\n".join(f"    {statement}" for statement in body)
    return f"CREATE TRIGGER {_q(name)} {head}\nBEGIN\n{lines}\nEND"


def _postgresql(count: StoredCount) -> list[str]:
    """A row's own count is set as it is inserted or its key changes; the counted rows then add to it."""
    name, counted, table, key = _name(count), _q(count.counted), _q(count.table), _q(count.key)
    changed = " OR ".join(f"OLD.{c} IS DISTINCT FROM NEW.{c}" for c in _watched(count))
    column = _q(count.column)
    into = _recount(count, f"NEW.{key}").replace("count(*)", f"count(*) INTO NEW.{column}", 1)
    run = f"EXECUTE FUNCTION {_q(name)}()"
    return [
        f"""CREATE FUNCTION {_q(name)}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE {table} SET {column} = 0 WHERE {column} <> 0;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        {_step(count, "OLD", "-")}
    END IF;
    IF TG_OP <> 'DELETE' THEN
        {_step(count, "NEW", "+")}
    END IF;
    RETURN NULL;
END
$$""",
        f"CREATE TRIGGER {_q(f'{name}_rows')} AFTER INSERT OR DELETE ON {counted} FOR EACH ROW {run}",
        f"CREATE TRIGGER {_q(f'{name}_update')} AFTER UPDATE ON {counted} FOR EACH ROW\nWHEN ({changed}) {run}",
        f"CREATE TRIGGER {_q(f'{name}_truncate')} AFTER TRUNCATE ON {counted} FOR EACH STATEMENT {run}",
        f"""CREATE FUNCTION {_q(f"{name}_own")}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.{key} IS DISTINCT FROM NEW.{key} THEN
        {into};
    END IF;
    RETURN NEW;
END
$$""",
        f"CREATE TRIGGER {_q(f'{name}_own')} BEFORE INSERT OR UPDATE OF {key} ON {table} FOR EACH ROW\n"
        f"EXECUTE FUNCTION {_q(f'{name}_own')}()",
    ]


def _postgresql_drop(count: StoredCount) -> list[str]:
    name, counted, table = _name(count), _q(count.counted), _q(count.table)
    return [
        f"DROP TRIGGER {_q(f'{name}_own')} ON {table}",
        f"DROP FUNCTION {_q(f'{name}_own')}()",
        *(f"DROP TRIGGER {_q(f'{name}_{kind}')} ON {counted}" for kind in ("truncate", "update", "rows")),
        f"DROP FUNCTION {_q(name)}()",
    ]


def _step(count: StoredCount, row: str, sign: str) -> str:
    """Add or take away one row; without a key (NULL) or outside the conditions it meets no row."""
    column = _q(count.column)
    where = " AND ".join([f"{_q(count.key)} = {row}.{_q(count.reference)}", *_conditions(count, row)])
    return f"UPDATE {_q(count.table)} SET {column} = {column} {sign} 1 WHERE {where};"


def _recount(count: StoredCount, key: str) -> str:
    counted = _q(count.counted)
    where = " AND ".join([f"{counted}.{_q(count.reference)} = {key}", *_conditions(count, counted)])
    return f"SELECT count(*) FROM {counted} WHERE {where}"


def _conditions(count: StoredCount, row: str) -> list[str]:
    return [f"{row}.{_q(column)} {_equals(value)}" for column, value in count.conditions]


def _equals(value: bool | int | str | None) -> str:
    """SQLite understands ``IS TRUE`` from version 3.23 on."""
    if value is None:
        return "IS NULL"
    if isinstance(value, bool):
        return f"IS {str(value).upper()}"
    return f"= {value}" if isinstance(value, int) else "= '" + value.replace("'", "''") + "'"


def _watched(count: StoredCount) -> list[str]:
    return [_q(count.reference), *(_q(column) for column, _ in count.conditions)]


def _own(count: StoredCount) -> str:
    return f"{_q(count.table)}.{_q(count.key)}"


def _name(count: StoredCount) -> str:
    """What the triggers are called after: the column, as far as PostgreSQL keeps names whole."""
    name = f"{count.table}_{count.column}"
    return name if len(name.encode()) <= _LONGEST else f"count_{_digest(count)[:16]}"


def _digest(count: StoredCount) -> str:
    return hashlib.sha256(f"{count.table}\0{count.column}".encode()).hexdigest()


def _q(name: str) -> str:
    """Quote a name: it may be a word of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _quoted(sql: str) -> str:
    """Write SQL as a Python string; op.execute takes ``:name`` for a parameter unless the colon is escaped."""
    sql = sql.replace("\\", "\\\\").replace(":", "\\\\:")
    return f'"""{sql}"""' if "\n" in sql else "'" + sql.replace("'", "\\'") + "'"
