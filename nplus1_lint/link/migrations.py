"""The indexes that are left when every migration of Alembic has been run.

Source: Alembic, "Operation Reference"; what ``downgrade()`` does is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import blocks, call_name, children, parts, statements
from nplus1_lint.link import ddl
from nplus1_lint.link.declarations import conditions, keywords, table_parts, text, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Made = TypeVar("Made")


class _Change(NamedTuple):
    """One step of a migration; *columns* is empty where *name*, or without a name the whole *table*, is dropped."""

    name: str
    table: str
    columns: tuple[str, ...]
    path: str
    line: int
    column_gone: str = ""
    renamed: str = ""


def is_migration(module: f.ModuleFacts) -> bool:
    """True for a module that defines ``upgrade()`` and works with Alembic's ``op``."""
    return "op" in module.body.mentions and any(
        isinstance(s, f.Def) and s.function.name == "upgrade" for s in module.body.body
    )


def migrated(
    modules: Iterable[f.ModuleFacts], make: Callable[[str, str, tuple[str, ...], str, int], Made]
) -> Iterator[Made]:
    """Yield the indexes that migrations leave behind.

    Args:
        modules: any modules; those that are no migrations are left out.
        make: builds an index of name, table, columns, path and line.

    Yields:
        What *make* returns for each index, in the order of their creation.
    """
    kept: dict[_Change, None] = {}
    for module in _in_order([m for m in modules if is_migration(m)]):
        for change in _Migration(module).changes():
            if change.renamed:
                _rename(kept, change)
            elif change.columns:
                kept[change] = None
            else:
                for old in [old for old in kept if _drops(change, old)]:
                    del kept[old]
    for one in kept:
        yield make(one.name, one.table, one.columns, one.path, one.line)


def newest(modules: Iterable[f.ModuleFacts]) -> tuple[str, ...]:
    """Return the revisions on which no other is built.

    Args:
        modules: any modules; those that are no migrations are left out.

    Returns:
        One where the migrations form one history; none where there are no migrations.
    """
    revisions = [_revisions(module) for module in modules if is_migration(module)]
    below = {name for _, names in revisions for name in names}
    return tuple(sorted({own for own, _ in revisions if own and own not in below}))


def _drops(change: _Change, old: _Change) -> bool:
    if change.column_gone:
        return change.table == old.table and change.column_gone in old.columns
    return change.name == old.name if change.name else change.table == old.table


def _rename(kept: dict[_Change, None], change: _Change) -> None:
    for old in [old for old in kept if old.table == change.table]:
        del kept[old]
        kept[old._replace(table=change.renamed)] = None


def _in_order(migrations: list[f.ModuleFacts]) -> list[f.ModuleFacts]:
    """Sort by the chain of ``down_revision``; what belongs to no chain by path."""
    revisions = {m.path: _revisions(m) for m in migrations}
    by_name = {own: path for path, (own, _) in revisions.items() if own}
    rank: dict[str, int] = {}

    def place(path: str) -> int:
        """The longest way from a migration back to a first one, without recursion: chains are long."""
        stack = [path]
        while stack:
            top = stack[-1]
            below = [by_name[name] for name in revisions[top][1] if name in by_name]
            missing = [p for p in below if p not in rank and p not in stack]
            if missing:
                stack += missing
                continue
            rank[top] = 1 + max((rank.get(p, 0) for p in below), default=0)
            stack.pop()
        return rank[path]

    return sorted(migrations, key=lambda m: (place(m.path), m.path))


def _is_literal(value: f.Expr) -> bool:
    """True for a string, and for a list or tuple in a module."""
    return text(value) is not None or isinstance(value, f.Display)


def _revisions(module: f.ModuleFacts) -> tuple[str, tuple[str, ...]]:
    own = ""
    below: tuple[str, ...] = ()
    for statement in module.body.body:
        target = statement.targets[0] if isinstance(statement, f.Assign) else getattr(statement, "target", None)
        if isinstance(statement, (f.Assign, f.AnnAssign)) and isinstance(target, f.Name):
            if target.id == "revision":
                own = text(statement.value) or ""
            elif target.id == "down_revision":
                value = statement.value
                parts = value.items if isinstance(value, f.Display) else (value,)
                below = tuple(name for name in map(text, parts) if name)
    return own, below


class _Migration:
    """Reads one migration."""

    def __init__(self, module: f.ModuleFacts) -> None:
        self._module = module
        self._constants = {
            s.targets[0].id: s.value
            for s in module.body.body
            if isinstance(s, f.Assign) and isinstance(s.targets[0], f.Name) and _is_literal(s.value)
        }

    def changes(self) -> Iterator[_Change]:
        """Yield what the module does to indexes; functions other than ``upgrade`` may be helpers of either way."""
        for statement in self._module.body.body:
            if isinstance(statement, f.Def) and not statement.function.name.startswith(("upgrade", "downgrade")):
                yield from (change for change in self._function(statement.function, {}) if change.columns)
        for statement in self._module.body.body:
            if isinstance(statement, f.Def) and statement.function.name.startswith("upgrade"):
                yield from self._function(statement.function, {})
            elif not isinstance(statement, (f.Def, f.ClassDef)):
                yield from (change for change in self._block((statement,), {}) if change.columns)

    def _function(self, function: f.FunctionFacts, batches: dict[str, str]) -> Iterator[_Change]:
        """Read a function, unless it names nothing that matters."""
        if self._module.ddl or not function.mentions.isdisjoint(_OPERATIONS):
            yield from self._block(function.body, batches)

    def _block(self, body: tuple[f.Stmt, ...], batches: dict[str, str]) -> Iterator[_Change]:
        """Read a suite in order; *batches* are the tables of ``with op.batch_alter_table(…) as name``."""
        for statement in body:
            if isinstance(statement, f.With):
                for context, target in statement.items:
                    if call_name(context) == "batch_alter_table" and isinstance(context, f.Call):
                        if isinstance(target, f.Name):
                            batches[target.id] = self._text(_argument(context, 0, "table_name")) or ddl.ANY_TABLE
            if isinstance(statement, f.Def):
                yield from self._function(statement.function, dict(batches))
            for expr in _own(statement):
                if type(expr) is f.Call:
                    yield from self._call(expr, batches)
                if self._module.ddl:
                    yield from self._sql(expr, statement)
            if isinstance(statement, f.For):
                yield from self._loop(statement, batches)
            else:
                for block in blocks(statement):
                    yield from self._block(block, batches)

    def _loop(self, loop: f.For, batches: dict[str, str]) -> Iterator[_Change]:
        """Read the body of a loop, for each item of a literal with the item's values."""
        before = self._constants
        over = before.get(loop.iterable.id) if isinstance(loop.iterable, f.Name) else loop.iterable
        items = over.items if isinstance(over, f.Display) else ()
        targets = loop.target.items if isinstance(loop.target, f.Display) else (loop.target,)
        for item in items or (None,):
            values = item.items if len(targets) > 1 and isinstance(item, f.Display) else (item,)
            named = {t.id: v for t, v in zip(targets, values, strict=False) if isinstance(t, f.Name) and v is not None}
            self._constants = {**before, **named}
            yield from self._block(loop.body, batches)
        self._constants = before
        yield from self._block(loop.orelse, batches)

    def _text(self, value: f.Expr | None) -> str | None:
        """A string, through ``op.f("…")`` and through a constant of the module."""
        if isinstance(value, f.Call) and call_name(value) in ("f", "quoted_name") and value.args:
            value = value.args[0]
        if isinstance(value, f.Name):
            value = self._constants.get(value.id)
        return text(value)

    def _columns(self, value: f.Expr | None) -> tuple[str, ...]:
        if isinstance(value, f.Name):
            value = self._constants.get(value.id, value)
        if isinstance(value, f.Display):
            return tuple(self._column(item) for item in value.items)
        return (ddl.ANY_TABLE,) if value is not None else ()

    def _column(self, item: f.Expr) -> str:
        literal = self._text(item)
        if literal is not None:
            return literal
        if isinstance(item, f.Call) and call_name(item) in ("text", "literal_column", "column") and item.args:
            return ddl.column_of(text(item.args[0]) or "(")
        return ddl.EXPRESSION

    def _call(self, call: f.Call, batches: dict[str, str]) -> Iterator[_Change]:
        reader = _OPERATIONS.get(call_name(call))
        if reader is None or not isinstance(call.func, f.Attr):
            return
        holder = call.func.value
        batch = batches.get(holder.id) if isinstance(holder, f.Name) else None
        yield from reader(self, call, batch)

    def _change(self, name: str, table: str | None, columns: tuple[str, ...], call: f.Call) -> _Change:
        return _Change(name, table or ddl.ANY_TABLE, columns, self._module.path, call.pos[0])

    def create_index(self, call: f.Call, batch: str | None) -> Iterator[_Change]:
        """``op.create_index(name, table, columns)``, ``op.create_unique_constraint`` and their batch forms."""
        shift = 1 if batch is None else 0
        name = self._text(_argument(call, 0, "index_name", "constraint_name")) or ""
        table = batch or self._text(_argument(call, 1, "table_name", "source", "source_table"))
        columns = self._columns(_argument(call, 1 + shift, "columns", "local_cols"))
        if columns:
            yield self._change(name, table, columns, call)
        for condition in conditions(call) if columns else ():
            literals = (text(inner) for inner in _deep(condition))
            for column in (word for literal in literals if literal for word in ddl.words(literal)):
                yield self._change(name, table, (column,), call)

    def drop_index(self, call: f.Call, batch: str | None) -> Iterator[_Change]:
        """``op.drop_index(name)`` and ``op.drop_constraint(name, table)``."""
        name = self._text(_argument(call, 0, "index_name", "constraint_name"))
        if name:
            yield self._change(name, batch, (), call)

    def create_table(self, call: f.Call, batch: str | None) -> Iterator[_Change]:
        """``op.create_table(name, sa.Column(…), sa.UniqueConstraint(…))``."""
        table = self._text(_argument(call, 0, "table_name")) or ddl.ANY_TABLE
        for columns, name, line in table_parts(call.args[1:], table):
            yield self._change(name, table, columns, call)._replace(line=line)

    def drop_table(self, call: f.Call, batch: str | None) -> Iterator[_Change]:
        """``op.drop_table(name)``."""
        table = self._text(_argument(call, 0, "table_name"))
        if table:
            yield self._change("", table, (), call)

    def rename_table(self, call: f.Call, batch: str | None) -> Iterator[_Change]:
        """``op.rename_table(old, new)``."""
        old, new = self._text(_argument(call, 0, "old_table_name")), self._text(_argument(call, 1, "new_table_name"))
        if old and new:
            yield self._change("", old, (), call)._replace(renamed=new)

    def add_column(self, call: f.Call, batch: str | None) -> Iterator[_Change]:
        """``op.add_column(table, sa.Column(…, index=True))``."""
        table = batch or self._text(_argument(call, 0, "table_name"))
        column = _argument(call, 1 if batch is None else 0, "column")
        if isinstance(column, f.Call) and column.args and table:
            name, options = text(column.args[0]), keywords(column)
            if name and (truth(options.get("index")) or truth(options.get("unique"))):
                yield self._change(f"ix_{table}_{name}", table, (name,), call)

    def drop_column(self, call: f.Call, batch: str | None) -> Iterator[_Change]:
        """``op.drop_column(table, column)`` takes the column's indexes with it."""
        table = batch or self._text(_argument(call, 0, "table_name"))
        column = self._text(_argument(call, 1 if batch is None else 0, "column_name"))
        if table and column:
            yield self._change("", table, (), call)._replace(column_gone=column)

    def _sql(self, expr: f.Expr, statement: f.Stmt) -> Iterator[_Change]:
        written = _written(expr)
        line = _line(statement)
        for one in ddl.statements(written) if written else ():
            yield _Change(one.name, one.table, one.columns, self._module.path, line + one.offset)


_OPERATIONS: dict[str, Callable[[_Migration, f.Call, str | None], Iterator[_Change]]] = {
    "create_index": _Migration.create_index,
    "create_unique_constraint": _Migration.create_index,
    "create_primary_key": _Migration.create_index,
    "drop_index": _Migration.drop_index,
    "drop_constraint": _Migration.drop_index,
    "create_table": _Migration.create_table,
    "drop_table": _Migration.drop_table,
    "rename_table": _Migration.rename_table,
    "add_column": _Migration.add_column,
    "drop_column": _Migration.drop_column,
}


def _argument(call: f.Call, position: int, *names: str) -> f.Expr | None:
    if position < len(call.args):
        return call.args[position]
    options = keywords(call)
    return next((options[name] for name in names if name in options), None)


def sql_text(body: tuple[f.Stmt, ...]) -> Iterator[tuple[int, str]]:
    """Yield the strings of a suite, functions and classes included, with the lines of their statements."""
    for statement in statements(body):
        if isinstance(statement, f.Def):
            yield from sql_text(statement.function.body)
        elif isinstance(statement, f.ClassDef):
            yield from sql_text(statement.cls.body)
        for expr in _own(statement):
            written = _written(expr)
            if written:
                yield _line(statement), written


def _own(statement: f.Stmt) -> list[f.Expr]:
    """The expressions of a statement itself, each with all inside it, outermost first; no suites, no definitions."""
    found: list[f.Expr] = []
    for part in parts(statement):
        _gather(part, found)
    return found


def _deep(expr: f.Expr) -> list[f.Expr]:
    found: list[f.Expr] = []
    _gather(expr, found)
    return found


def _gather(expr: f.Expr, found: list[f.Expr]) -> None:
    found.append(expr)
    if type(expr) is not f.Opaque:  # an f-string is one text
        for child in children(expr):
            _gather(child, found)


def _written(expr: f.Expr) -> str:
    """A string; of an f-string what is known of it, with ``?`` for the rest."""
    literal = text(expr)
    if literal is not None:
        return literal
    if isinstance(expr, f.Opaque):
        return "".join(text(part) if text(part) is not None else "?" for part in expr.parts)  # type: ignore[misc]
    return ""


def _line(statement: f.Stmt) -> int:
    place = getattr(statement, "pos", None)
    return place[0] if place else 1
