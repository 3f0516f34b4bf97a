"""The indexes of every table: from the models, from Alembic's migrations, and from SQL in strings.

Sources: SQLAlchemy, "Defining Constraints and Indexes"; Alembic, "Operation Reference". A foreign key alone makes no
index on SQLite and PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 (compiled, a dataclass looks at the types of its fields)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, children, expressions
from nplus1_lint.link import ddl
from nplus1_lint.link.association import table_name
from nplus1_lint.link.declarations import (
    CONSTRAINTS,
    PRIMARY_KEY,
    column_from,
    conditions,
    keywords,
    names,
    table_parts,
    text,
)
from nplus1_lint.link.migrations import is_migration, migrated, sql_text
from nplus1_lint.link.searched import searched
from nplus1_lint.link.symbols import ClassSymbol, GlobalSymbol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nplus1_lint.link.declarations import Column
    from nplus1_lint.link.hierarchy import Class, Hierarchy
    from nplus1_lint.link.models import Model
    from nplus1_lint.link.symbols import Module, Symbol

MODEL: Final = "model"
MIGRATION: Final = "migration"
SQL: Final = "sql"
_FEW: Final = frozenset({"bool", "Boolean", "BOOLEAN", "Enum", "SAEnum", "SQLEnum", "ENUM", "Literal"})


@dataclass(frozen=True, slots=True)
class Index:
    """An index, a primary key or a unique constraint.

    Attributes:
        name: as declared; an empty string for one without a name.
        table: the table's name, or `ddl.ANY_TABLE` when it is made at run time.
        columns: names of its columns in order; `ddl.EXPRESSION` for what is no plain column.
        source: ``model``, ``migration``, or ``sql`` for a string that no migration runs.
        path: file of the declaration.
        line: its line, counting from 1.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    source: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a mapped column is kept.

    Attributes:
        table: its table's name.
        column: its name in the table.
        path: file of its declaration.
        line: line of its declaration.
        few: it has as few values as the source says: a boolean, an enumeration, a ``CHECK (… IN (…))``.
        call: the call that declares it, or None where there is none beside its name.
    """

    table: str
    column: str
    path: str
    line: int
    few: bool
    call: f.Place | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """What is known of the tables.

    Attributes:
        columns: by (id of the class, attribute); a class whose table's name is made at run time has none. Those of
            tables without a class by (table, column).
        indexes: by table; those of `ddl.ANY_TABLE` may belong to any.
        searched: the key in *columns* of the column by which the load of a relationship finds its rows, by (id of the
            class, relationship).
    """

    columns: Mapping[tuple[str, str], Storage]
    indexes: Mapping[str, tuple[Index, ...]]
    searched: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def of(self, table: str) -> tuple[Index, ...]:
        """Return every index that a table has or may have."""
        return (*self.indexes.get(table, ()), *self.indexes.get(ddl.ANY_TABLE, ()))


def find_indexes(hierarchy: Hierarchy, models: Mapping[str, Model], migrations: Sequence[f.ModuleFacts]) -> Schema:
    """Collect the indexes of all tables.

    Args:
        hierarchy: the classes of the project.
        models: its mapped classes by id.
        migrations: modules with migrations beside those of the project.

    Returns:
        The schema; it does not depend on the order of *migrations*.
    """
    reader = _Reader(hierarchy, models)
    modules = [module.facts for module in hierarchy.symbols.modules.values()]
    known = {module.path for module in modules}
    others = [m for m in migrations if m.parse_error is None and m.path not in known]
    found = [*reader.declared(), *migrated([*modules, *others], _made), *_in_strings(modules)]
    indexes: dict[str, dict[Index, None]] = {}
    for index in found:
        indexes.setdefault(index.table, {})[index] = None
    by_table = {table: tuple(of) for table, of in indexes.items()}
    return Schema(reader.columns, by_table, dict(searched(hierarchy, models, reader.tables)))


def _made(name: str, table: str, columns: tuple[str, ...], path: str, line: int) -> Index:
    return Index(name, table, columns, MIGRATION, path, line)


def _in_strings(modules: Iterable[f.ModuleFacts]) -> Iterator[Index]:
    """``CREATE INDEX`` in the strings of modules that are no migrations."""
    for module in modules:
        if module.ddl and not is_migration(module):
            for pos, written in sql_text(module.body.body):
                for one in ddl.statements(written):
                    if one.table:
                        yield Index(one.name, one.table, one.columns, SQL, module.path, pos + one.offset)


class _Reader:
    """Reads the declarations of mapped classes and of module-level ``Index`` and ``Table``."""

    def __init__(self, hierarchy: Hierarchy, models: Mapping[str, Model]) -> None:
        self._hierarchy = hierarchy
        self._models = models
        self.columns: dict[tuple[str, str], Storage] = {}
        self.tables: dict[str, dict[str, Column]] = {}
        for model in models.values():
            self._keep_columns(model)
        for module in hierarchy.symbols.modules.values():
            if "Table" in module.facts.body.mentions:
                self._keep_tables(module)

    def _keep_columns(self, model: Model) -> None:
        parts = self._hierarchy.mro(model.id)
        checked = " ".join(_checks(parts))
        for name, column in model.columns.items():
            part = next((p for p in parts if p.places.get(name) == column.place), parts[0])
            owner = self._models.get(part.id, model)
            table = self._table(owner)
            if table is not None:
                few = column.enumerated or self._has_few_values(part, name) or _is_listed(column, checked)
                value = part.attributes.get(name)
                call = value.pos if isinstance(value, f.Call) else None
                self.columns[model.id, name] = Storage(table, column.column_name, part.path, column.place[0], few, call)

    def _keep_tables(self, module: Module) -> None:
        """The columns of ``Table(…)``."""
        for expr in expressions(module.facts.body.body):
            table = table_name(expr)
            for item in expr.args if table is not None and isinstance(expr, f.Call) else ():
                name = text(item.args[0]) if isinstance(item, f.Call) and item.args else None
                if table is not None and name and isinstance(item, f.Call) and call_name(item) == "Column":
                    column = column_from(name, [item], item.pos)
                    self.tables.setdefault(table, {})[name] = column
                    self.columns[table, name] = Storage(
                        table, name, module.path, item.pos[0], column.enumerated, item.pos
                    )

    def _table(self, model: Model) -> str | None:
        """The table's name, or None when the class makes it at run time."""
        parts = self._hierarchy.mro(model.id)
        bases = [base.rpartition(".")[2] for base in self._hierarchy.external_bases(model.id)]
        if "AbstractConcreteBase" in bases or "ConcreteBase" in bases:
            return None  # each class below has a table with all columns
        for part in parts:
            if "__tablename__" in part.attributes:
                return text(part.attributes["__tablename__"])
            if "__tablename__" in part.methods or "__table__" in part.attributes:
                return None
        # Flask-SQLAlchemy writes HeroTeam as hero_team, SQLModel as heroteam; a third party may do as it likes.
        return model.name.lower() if "SQLModel" in bases else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model.name).lower()

    def _has_few_values(self, part: Class, name: str) -> bool:
        for expr in (part.annotations.get(name), part.attributes.get(name)):
            for inner in _inside(expr):
                if isinstance(inner, (f.Name, f.Attr)):
                    last = inner.id if isinstance(inner, f.Name) else inner.name
                    if last in _FEW:
                        return True
                    symbol = self._hierarchy.resolve_expr(part.path, inner, part.facts.qualname)
                    if self._is_enum(symbol) or self._names_few(symbol):
                        return True
        return False

    def _names_few(self, symbol: Symbol | None) -> bool:
        """``flag = Annotated[bool, mapped_column(…)]``."""
        if not isinstance(symbol, GlobalSymbol):
            return False
        values = self._hierarchy.symbols.modules[symbol.path].assigns.get(symbol.name, [])
        inside = (inner for value in values if isinstance(value, f.Subscript) for inner in _inside(value))
        return any(isinstance(inner, f.Name) and inner.id in _FEW for inner in inside)

    def _is_enum(self, symbol: Symbol | None) -> bool:
        if not isinstance(symbol, ClassSymbol):
            return False
        ends = (base.rpartition(".")[2] for base in self._hierarchy.external_bases(symbol.id))
        return any(end in ("Enum", "StrEnum", "IntEnum") for end in ends)

    # -- indexes ------------------------------------------------------------------------------------------------

    def declared(self) -> Iterator[Index]:
        """Yield the indexes that models and tables declare."""
        for model in self._models.values():
            yield from self._of_model(model)
        for module in self._hierarchy.symbols.modules.values():
            if module.facts.body.mentions & {"Index", "Table"}:
                yield from self._of_module(module)

    def _of_model(self, model: Model) -> Iterator[Index]:
        primary: dict[str, list[Storage]] = {}
        for name, column in model.columns.items():
            storage = self.columns.get((model.id, name))
            if storage is None:
                continue
            if column.primary_key:
                primary.setdefault(storage.table, []).append(storage)
            if column.index or column.unique or self._may_be_indexed(model, name):
                kind = f"ix_{storage.table}_{storage.column}" if column.index else ""
                yield Index(kind, storage.table, (storage.column,), MODEL, storage.path, storage.line)
        for table, keys in primary.items():
            columns = tuple(key.column for key in keys)
            yield Index(PRIMARY_KEY, table, columns, MODEL, keys[0].path, keys[0].line)
        yield from self._of_arguments(model)

    def _may_be_indexed(self, model: Model, name: str) -> bool:
        """``index=…`` with what is no literal, or handed on in a dictionary: it may be true."""
        for part in self._hierarchy.mro(model.id):
            for inner in _inside(part.attributes.get(name)):
                if isinstance(inner, f.Call):
                    for key, value in _options(inner):
                        if key in ("index", "unique") and not _is_false(value):
                            return True
        return False

    def _of_arguments(self, model: Model) -> Iterator[Index]:
        """``__table_args__`` of the class itself and of its mixins, also as a method."""
        table = self._table(model)
        if table is None:
            return
        for part in self._hierarchy.mro(model.id):
            if part.id != model.id and part.id in self._models and self._table(self._models[part.id]) != table:
                continue
            method = part.methods.get("__table_args__")
            written = list(expressions(method.facts.body)) if method is not None else []
            for call in (
                *_calls(part.attributes.get("__table_args__")),
                *(e for e in written if isinstance(e, f.Call)),
            ):
                yield from self._constraint(call, table, part.path, model)
            for value in part.attributes.values():  # an index that a class body assigns to a name, or declares beside
                if call_name(value) == "Index" and isinstance(value, f.Call):
                    yield from self._constraint(value, table, part.path, model)

    def _constraint(self, call: f.Call, table: str, path: str, model: Model | None) -> Iterator[Index]:
        kind = call_name(call)
        if kind not in CONSTRAINTS:
            return
        given = call.args[1:] if kind == "Index" else call.args
        name = text(call.args[0]) if kind == "Index" and call.args else text(keywords(call).get("name"))
        columns = tuple(self._column(argument, model) for argument in given if not isinstance(argument, f.Starred))
        if columns:
            yield Index(name or "", table, columns, MODEL, path, call.pos[0])
            for column in self._conditions(call, model):
                yield Index(name or "", table, (column,), MODEL, path, call.pos[0])

    def _conditions(self, call: f.Call, model: Model | None) -> Iterator[str]:
        """The columns on which a partial index depends: it holds the rows that a filter on them wants."""
        for inner in (inner for value in conditions(call) for inner in _inside(value)):
            literal = text(inner)
            yield from ddl.words(literal) if literal is not None else ()
            if isinstance(inner, (f.Name, f.Attr)):
                yield self._column(inner, model)

    def _column(self, argument: f.Expr, model: Model | None) -> str:
        """The column that an argument of ``Index`` means, or `ddl.EXPRESSION`."""
        literal = text(argument)
        if literal is not None:
            return literal
        if isinstance(argument, f.Call):
            if call_name(argument) == "text" and argument.args:
                return ddl.column_of(text(argument.args[0]) or "(")
            if call_name(argument) in ("desc", "asc", "nulls_last", "nulls_first", "nullslast", "nullsfirst"):
                inner = argument.args[0] if argument.args else None
                inner = argument.func.value if inner is None and isinstance(argument.func, f.Attr) else inner
                return self._column(inner, model) if inner is not None else ddl.EXPRESSION
            return ddl.EXPRESSION
        last = ".".join(names(argument)).rpartition(".")[2]
        known = model.columns.get(last) if model is not None else None
        return known.column_name if known is not None else last

    def _of_module(self, module: Module) -> Iterator[Index]:
        for expr in expressions(module.facts.body.body):
            if isinstance(expr, f.Call) and call_name(expr) == "Table":
                yield from self._of_table(module, expr)
            elif isinstance(expr, f.Call) and call_name(expr) == "Index":
                yield from self._standing_alone(module, expr)

    def _of_table(self, module: Module, call: f.Call) -> Iterator[Index]:
        table = table_name(call)
        if table is None:
            return
        for columns, name, line in table_parts(call.args[1:], table):
            yield Index(name, table, columns, MODEL, module.path, line)

    def _standing_alone(self, module: Module, call: f.Call) -> Iterator[Index]:
        """``Index("ix", Hero.name)`` and ``Index("ix", heroes.c.name)`` beside the class or table."""
        for argument in _inside(call):
            if not isinstance(argument, f.Attr):
                continue
            symbol = self._hierarchy.resolve_expr(module.path, argument.value)
            if isinstance(symbol, ClassSymbol) and symbol.id in self._models:
                model = self._models[symbol.id]
                table = self._table(model)
                if table is not None:
                    yield from self._constraint(call, table, module.path, model)
                return
            if isinstance(argument.value, f.Attr) and argument.value.name in ("c", "columns"):
                held = self._hierarchy.resolve_expr(module.path, argument.value.value)
                table = self._held_table(held) if isinstance(held, GlobalSymbol) else None
                if table is not None:
                    yield from self._constraint(call, table, module.path, None)
                    return

    def _held_table(self, symbol: GlobalSymbol) -> str | None:
        values = self._hierarchy.symbols.modules[symbol.path].assigns.get(symbol.name, [])
        return next((name for name in map(table_name, values) if name is not None), None)


def _options(call: f.Call) -> Iterator[tuple[str, f.Expr]]:
    for key, value in call.keywords:
        if key is not None:
            yield key, value
        if isinstance(value, f.Dict):
            yield from ((str(text(k)), v) for k, v in value.items)


def _is_false(value: f.Expr) -> bool:
    return isinstance(value, f.Const) and not value.value


def _checks(parts: Iterable[Class]) -> Iterator[str]:
    for part in parts:
        for call in _calls(part.attributes.get("__table_args__")):
            if call_name(call) == "CheckConstraint" and call.args:
                yield text(call.args[0]) or ""


def _is_listed(column: Column, checked: str) -> bool:
    return re.search(rf"\b{re.escape(column.column_name)}\b[\"'`]?\s+IN\s*\(", checked, re.IGNORECASE) is not None


def _calls(expr: f.Expr | None) -> Iterator[f.Call]:
    return (inner for inner in _inside(expr) if isinstance(inner, f.Call))


def _inside(expr: f.Expr | None) -> list[f.Expr]:
    """The expression and all inside it, the bodies of lambdas included."""
    found: list[f.Expr] = []
    if expr is not None:
        _gather(expr, found)
    return found


def _gather(expr: f.Expr, found: list[f.Expr]) -> None:
    found.append(expr)
    if isinstance(expr, f.Lambda):
        found += expressions(expr.function.body)
    for child in children(expr):
        _gather(child, found)
