"""Mapped classes: tables, columns, relationships, keys and indexes, read off class bodies.

What counts as mapped follows the declarative documentation of SQLAlchemy 1.4 to 2.1, SQLModel and Flask-SQLAlchemy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name
from nplus1_lint.link.association import association_table
from nplus1_lint.link.column_helpers import made_column
from nplus1_lint.link.declarations import (
    COLLECTIONS,
    COLUMN_CALLS,
    Column,
    calls,
    column_from,
    composite_keys,
    holds_integers,
    holds_uuids,
    is_sqlmodel,
    join_keys,
    keywords,
    lazy,
    names,
    outer,
    referred_columns,
    relationship_values,
    shape,
    table_arguments,
    text,
    truth,
)
from nplus1_lint.link.imperative import add_mappings, is_mapped
from nplus1_lint.link.symbols import ClassSymbol, GlobalSymbol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.link.hierarchy import Class, Hierarchy

_BASE_SUFFIXES = (
    "DeclarativeBase",
    "DeclarativeBaseNoMeta",
    "declarative_base()",
    "SQLAlchemy().Model",
    "generate_base()",
    "automap_base()",
    "sqlmodel.SQLModel",
    "AsyncAttrs.DeclarativeBase",
    "metaclass:sqlalchemy.orm.DeclarativeMeta",
    "metaclass:sqlalchemy.ext.declarative.DeclarativeMeta",
    "metaclass:sqlalchemy.orm.decl_api.DeclarativeMeta",
)
_SQL = ("sqlalchemy", "flask_sqlalchemy", "sqlmodel", "metaclass:", "pydantic", "typing")
_DECLARATIVE_ROOTS = ("DeclarativeBase", "DeclarativeBaseNoMeta", "declarative_base()", "generate_base()")
_DECLARING = COLUMN_CALLS | {"Field"}
_EAGER = frozenset({"selectin", "joined", "subquery", "immediate"})


class Direction(Enum):
    """Which side of a relationship holds the foreign key, in SQLAlchemy's words."""

    ONE_TO_MANY = "one-to-many"
    MANY_TO_ONE = "many-to-one"


@dataclass(frozen=True, slots=True)
class Relationship:
    """A relationship, declared or made by a ``backref``.

    Attributes:
        owner: id of the class that carries it.
        declared_in: path of the file where it is declared.
        target: id of the related class, or None when it cannot be resolved.
        uselist: a collection.
        lazy: the mapping-level strategy, normalised to SQLAlchemy's string names.
        lazy_written: the ``lazy=`` argument as the source has it (``selectin``, ``False``), or None without one.
        cascade: the cascade option as written, or an empty string.
        place: the ``relationship(…)`` call.
        secondary: the table of a many-to-many, by name where that is known, or None.
        foreign_keys: what ``foreign_keys`` names, nothing without it; None where it is not understood, or where the
            join is written out.
        remote_side: what ``remote_side`` names.
    """

    owner: str
    name: str
    declared_in: str
    target: str | None
    uselist: bool
    lazy: str
    lazy_written: str | None
    secondary: str | None
    viewonly: bool
    back_populates: str | None
    cascade: str
    place: f.Place
    foreign_keys: tuple[str, ...] | None = ()
    remote_side: tuple[str, ...] = ()

    @property
    def eager(self) -> bool:
        """True if the mapping itself loads it with its owner."""
        return self.lazy in _EAGER


@dataclass(frozen=True, slots=True)
class Model:
    """A mapped class.

    Attributes:
        id: ``module.name:qualname``.
        columns: by attribute name, inherited ones included.
        relationships: by attribute name, inherited ones and back-references included.
        proxies: association proxies: attribute to (relationship, attribute of its target).
        indexes: column names of each ``Index``, key or unique constraint, in order.
        unique_keys: column sets that select at most one row.
        table: table name, or None.
        composite_keys: foreign keys of several columns: these, and the table or class to which they refer.
    """

    id: str
    name: str
    path: str
    place: f.Place
    table: str | None
    columns: dict[str, Column]
    relationships: dict[str, Relationship]
    proxies: dict[str, tuple[str, str]]
    indexes: tuple[tuple[str, ...], ...]
    unique_keys: tuple[frozenset[str], ...]
    composite_keys: tuple[tuple[tuple[str, ...], str], ...] = ()

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Attribute names of the primary key, in order."""
        return tuple(c.name for c in self.columns.values() if c.primary_key)


def find_models(hierarchy: Hierarchy) -> dict[str, Model]:
    """Return every mapped class of the project by id, relationships resolved."""
    add_mappings(hierarchy)
    mapped = {cls.id: cls for cls in hierarchy.classes.values() if _is_mapped(hierarchy, cls)}
    reader = _Reader(hierarchy, mapped)
    models = _with_tables({cls_id: reader.model(cls) for cls_id, cls in mapped.items()}, hierarchy)
    return reader.with_relationships(models)


def _with_tables(models: dict[str, Model], hierarchy: Hierarchy) -> dict[str, Model]:
    """Name the tables of classes that do not, as foreign keys name them: bases elsewhere make them of the name."""
    referred = {(c.foreign_key or "").rpartition(".")[0] for model in models.values() for c in model.columns.values()}
    referred -= {model.table or "" for model in models.values()}
    named = dict(models)
    for model in models.values() if referred else ():
        if hierarchy.find_attribute(model.id, "__tablename__") is None:
            snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model.name).lower()
            made = next((name for name in (f"{snake}s", snake, f"{model.name.lower()}s") if name in referred), None)
            if made is not None:
                named[model.id] = replace(model, table=made)
    return named


def _is_mapped(hierarchy: Hierarchy, cls: Class) -> bool:
    if is_mapped(cls):
        return True
    own_table = any("__tablename__" in c.attributes or "__table__" in c.attributes or "__tablename__" in c.methods
                    for c in hierarchy.mro(cls.id))  # fmt: skip
    if isinstance(cls.attributes.get("__abstract__"), f.Const):
        return False
    externals = tuple(hierarchy.external_bases(cls.id))
    if any(key == "table" for c in hierarchy.mro(cls.id) for key, _ in c.facts.keywords):
        return any(e.endswith("SQLModel") for e in externals) or own_table
    if any(e.endswith("SQLModel") for e in externals):
        return False
    declarative = any(e.endswith(_BASE_SUFFIXES) for e in externals) or any(
        _is_declarative_decorator(hierarchy, c) for c in hierarchy.mro(cls.id)
    )
    has_columns = any(call_name(v) in COLUMN_CALLS for c in hierarchy.mro(cls.id) for v in c.attributes.values())
    if declarative:
        # Without a table name the name comes from outside: Flask-SQLAlchemy makes it, a third-party mixin brings it.
        return own_table or (has_columns and not any(e.endswith(_DECLARATIVE_ROOTS) for e in cls.external))
    if "__tablename__" in cls.attributes:
        return has_columns and (bool(externals) or bool(cls.bases))
    return any(map(_is_named_as_base, externals)) and _declares_columns(hierarchy, cls)


def _is_named_as_base(base: str) -> bool:
    """True for a class of an unknown package that its name says to be a declarative base: it makes the table's name."""
    name = base.rpartition(".")[2].lower()
    return not base.startswith(_SQL) and ("base" in name or "model" in name) and "mixin" not in name


def _declares_columns(hierarchy: Hierarchy, cls: Class) -> bool:
    """True if a class body itself has columns of SQLAlchemy's."""
    columns = (v for v in cls.attributes.values() if isinstance(v, f.Call) and call_name(v) in COLUMN_CALLS)
    return any((hierarchy.external_name(cls.path, one.func) or "").startswith(_SQL) for one in columns)


def _is_declarative_decorator(hierarchy: Hierarchy, cls: Class) -> bool:
    for decorator in cls.facts.decorators:
        target = decorator.func if isinstance(decorator, f.Call) else decorator
        dotted = hierarchy.external_name(cls.path, target) or ""
        if dotted.startswith("sqlalchemy") and dotted.rpartition(".")[2] in (
            "as_declarative",
            "mapped",
            "mapped_as_dataclass",
        ):
            return True
    return False


class _Reader:
    """Reads mapped classes one by one, then ties their relationships."""

    def __init__(self, hierarchy: Hierarchy, mapped: dict[str, Class]) -> None:
        self._hierarchy = hierarchy
        self._mapped = mapped
        self._by_name: dict[str, list[str]] = {}
        for cls in mapped.values():
            self._by_name.setdefault(cls.name, []).append(cls.id)

    def model(self, cls: Class) -> Model:
        columns: dict[str, Column] = {}
        proxies: dict[str, tuple[str, str]] = {}
        indexes: list[tuple[str, ...]] = []
        unique: list[frozenset[str]] = []
        composite: list[tuple[tuple[str, ...], str]] = []
        for part in reversed(self._hierarchy.mro(cls.id)):
            for name, place in part.places.items():
                value = part.attributes.get(name)
                if name in ("__table_args__", "__mapper_args__"):
                    continue
                column = self._column(part, name, value, place)
                if column is not None:
                    columns[name] = column
                elif value is not None and call_name(value) == "association_proxy":
                    names = [a.value for a in value.args if isinstance(a, f.Const)] if isinstance(value, f.Call) else []
                    if len(names) == 2:
                        proxies[name] = (str(names[0]), str(names[1]))
            arguments = part.attributes.get("__table_args__")
            if arguments is not None:
                table_arguments(arguments, indexes, unique)
                composite += composite_keys(arguments)
        table = self._table(cls)
        indexes += [(c.column_name,) for c in columns.values() if c.index or c.unique]
        keys = tuple(c.column_name for c in columns.values() if c.primary_key)
        if keys:
            indexes.append(keys)
            unique.append(frozenset(c.name for c in columns.values() if c.primary_key))
        unique += [frozenset({c.name}) for c in columns.values() if c.unique]
        return Model(
            cls.id, cls.name, cls.path, cls.facts.pos, table, columns, {}, proxies, tuple(indexes), tuple(unique),
            tuple(composite),
        )  # fmt: skip

    def _table(self, cls: Class) -> str | None:
        found = self._hierarchy.find_attribute(cls.id, "__tablename__")
        if found and isinstance(found[1], f.Const):
            return str(found[1].value)
        return cls.name.lower()

    def _column(self, cls: Class, name: str, value: f.Expr | None, place: f.Place) -> Column | None:
        annotation = cls.annotations.get(name)
        value = made_column(self._hierarchy, cls.path, value) or value
        made = list(calls(value)) + list(self._annotated_calls(cls.path, annotation))
        call = next((c for c in made if call_name(c) in COLUMN_CALLS), None)
        if call is None:
            if any(call_name(c) in ("relationship", "Relationship", "association_proxy", "backref") for c in made):
                return None
            plain = annotation is not None and outer(annotation) == "Mapped" and value is None
            field = any(call_name(c) == "Field" for c in made) or (
                annotation is not None and is_sqlmodel(self._hierarchy, cls) and outer(annotation) not in COLLECTIONS
            )
            if not plain and not field:
                return None
            if plain and self._target(cls, annotation) is not None:
                return None
        declared = [c for c in made if call_name(c) in _DECLARING]
        typed = annotation is not None and (outer(annotation) == "Mapped" or is_sqlmodel(self._hierarchy, cls))
        by_type = typed and all(call_name(c) != "Column" for c in declared)
        column = column_from(name, declared, place, annotation if by_type else None)
        referred = next((key for one in declared for key in referred_columns(one)), None)
        table = self._table_of(cls.path, referred) if referred is not None else None
        if holds_uuids(column.type, annotation):
            column = replace(column, uuid=True)
        elif holds_integers(column.type, annotation):
            column = replace(column, integer=True)
        return replace(column, foreign_key=f"{table}.{referred.name}") if table and referred is not None else column

    def _table_of(self, path: str, column: f.Attr) -> str | None:
        """The table of ``Team.id`` or ``Team.__table__.c.id``."""
        owner = column.value
        while isinstance(owner, f.Attr) and owner.name in ("c", "columns", "__table__"):
            owner = owner.value
        symbol = self._hierarchy.resolve_expr(path, owner) if isinstance(owner, (f.Name, f.Attr)) else None
        cls = self._hierarchy.classes.get(symbol.id) if isinstance(symbol, ClassSymbol) else None
        return self._table(cls) if cls is not None else None

    def _annotated_calls(self, path: str, annotation: f.Expr | None, depth: int = 8) -> Iterator[f.Call]:
        """Calls inside ``Annotated[int, mapped_column(…)]``, aliases followed, both ways of an if."""
        if annotation is None or depth == 0:
            return
        inner: tuple[f.Expr, ...] = ()
        if isinstance(annotation, f.Call):
            yield annotation
        elif isinstance(annotation, f.Subscript):
            inner = (annotation.index,)
        elif isinstance(annotation, f.Display):
            inner = annotation.items
        elif isinstance(annotation, f.Conditional):
            inner = (annotation.body, annotation.orelse)
        elif isinstance(annotation, f.Binary):
            inner = (annotation.left, annotation.right)
        elif isinstance(annotation, (f.Name, f.Attr)):
            name = annotation.id if isinstance(annotation, f.Name) else None
            symbols = self._hierarchy.symbols
            symbol = symbols.resolve(path, name) if name else self._hierarchy.resolve_expr(path, annotation)
            if isinstance(symbol, GlobalSymbol):
                path = symbol.path
                values = symbols.modules[path].assigns.get(symbol.name, [])
                inner = tuple(value for value in values if isinstance(value, (f.Subscript, f.Name, f.Attr)))
        for one in inner:
            yield from self._annotated_calls(path, one, depth - 1)

    # -- relationships ------------------------------------------------------------------------------------------

    def with_relationships(self, models: dict[str, Model]) -> dict[str, Model]:
        backrefs: list[Relationship] = []
        for model in models.values():
            for part in reversed(self._hierarchy.mro(model.id)):
                for name, value in relationship_values(part):
                    made = self._relationship(models, model, part, name, value)
                    if made is not None:
                        model.relationships[name] = made
                        backrefs += self._backref(models, model, made, value)
        for relationship in backrefs:
            owner = models.get(relationship.owner)
            if owner is not None and relationship.name not in owner.relationships:
                owner.relationships[relationship.name] = relationship
        _spread_uuids(models)
        return models

    def _relationship(
        self, models: dict[str, Model], model: Model, part: Class, name: str, call: f.Call
    ) -> Relationship | None:
        options = keywords(call)
        annotation = part.annotations.get(name)
        target = self._argument_target(part, call, options)
        if target is None and annotation is not None:
            target = self._target(part, annotation)
        strategy, written = lazy(options, annotation)
        secondary = association_table(self._hierarchy, part, options.get("secondary"))
        uselist = self._uselist(models, model, target, options, annotation, "secondary" in options)
        return Relationship(
            model.id, name, part.path, target, uselist, strategy, written, secondary,
            truth(options.get("viewonly")), text(options.get("back_populates")), text(options.get("cascade")) or "",
            call.pos, join_keys(options), tuple(names(options.get("remote_side"))),
        )  # fmt: skip

    def _backref(
        self, models: dict[str, Model], model: Model, made: Relationship, call: f.Call
    ) -> Iterator[Relationship]:
        written = keywords(call)
        value = written.get("backref")
        if value is None or made.target is None:
            return
        options: dict[str, f.Expr] = {}
        name = text(value)
        if isinstance(value, f.Call):
            name = text(value.args[0]) if value.args else None
            options = keywords(value)
        if not name:
            return
        strategy, as_written = lazy(options, None)
        if "uselist" in options:
            uselist = truth(options["uselist"])
        elif made.uselist or "secondary" in written:
            uselist = "secondary" in written
        else:  # a scalar is the one side of a one-to-one where the other row holds the foreign key
            uselist = self._direction(models, model, made.target, written) is not Direction.ONE_TO_MANY
        place = value.pos if isinstance(value, f.Call) else made.place
        keys = join_keys(options) if "foreign_keys" in options or "primaryjoin" in options else made.foreign_keys
        yield replace(
            made, owner=made.target, name=name, target=made.owner, uselist=uselist, lazy=strategy,
            lazy_written=as_written, back_populates=made.name, cascade=text(options.get("cascade")) or "",
            place=place, foreign_keys=keys, remote_side=tuple(names(options.get("remote_side"))),
        )  # fmt: skip

    def _argument_target(self, cls: Class, call: f.Call, options: dict[str, f.Expr]) -> str | None:
        written = call.args[0] if call.args else options.get("argument")
        if isinstance(written, f.Lambda):
            statement = written.function.body[0]
            written = statement.value if isinstance(statement, f.Return) else None
        return self._class_of(cls, written) if written is not None else None

    def _class_of(self, cls: Class, written: f.Expr) -> str | None:
        if isinstance(written, f.Const) and isinstance(written.value, str):
            return self._by_text(cls, written.value)
        symbol = self._hierarchy.resolve_expr(cls.path, written, cls.facts.qualname)
        if isinstance(symbol, ClassSymbol) and symbol.id in self._mapped:
            return symbol.id
        if isinstance(written, (f.Name, f.Attr)):
            return self._by_text(cls, written.id if isinstance(written, f.Name) else written.name)
        return None

    def _by_text(self, cls: Class, text: str) -> str | None:
        """SQLAlchemy's class registry finds a class by its name, or by the end of its dotted path."""
        name = text.strip().rpartition(".")[2]
        candidates = self._by_name.get(name, [])
        if len(candidates) > 1:
            here = cls.path.split("/")
            candidates = sorted(candidates, key=lambda c: (-_common(self._mapped[c].path.split("/"), here), c))
        return candidates[0] if candidates else None

    def _target(self, cls: Class, annotation: f.Expr | None) -> str | None:
        """The mapped class inside ``Mapped[list["X"]]`` and the like."""
        if annotation is None:
            return None
        if isinstance(annotation, (f.Name, f.Attr, f.Const)):
            return self._class_of(cls, annotation)
        if isinstance(annotation, f.Subscript):
            return self._target(cls, annotation.index)
        if isinstance(annotation, f.Display):
            parts: tuple[f.Expr, ...] = annotation.items
        elif isinstance(annotation, f.Binary):
            parts = (annotation.left, annotation.right)
        else:
            return None
        return next((t for t in (self._target(cls, p) for p in reversed(parts)) if t), None)

    def _tables(self, models: dict[str, Model], class_id: str) -> set[str | None]:
        """What foreign keys call a class and those that it inherits from: their tables, or themselves."""
        family = [models[cls.id] for cls in self._hierarchy.mro(class_id) if cls.id in models]
        return {name for model in family for name in (model.table, model.name)}

    def _uselist(
        self,
        models: dict[str, Model],
        model: Model,
        target: str | None,
        options: dict[str, f.Expr],
        annotation: f.Expr | None,
        many_to_many: bool,
    ) -> bool:
        if "uselist" in options:
            return truth(options["uselist"])
        if annotation is not None:
            declared = shape(annotation)
            if declared is not None:
                return declared
        if many_to_many or target is None:
            return True
        return self._direction(models, model, target, options) is not Direction.MANY_TO_ONE

    def _direction(
        self, models: dict[str, Model], model: Model, target: str, options: dict[str, f.Expr]
    ) -> Direction | None:
        """Which side holds the foreign key; None where neither is seen to."""
        here, there = self._tables(models, model.id), self._tables(models, target)
        refers = any(_referred_table(c) in there for c in model.columns.values())
        if target in {cls.id for cls in self._hierarchy.mro(model.id)}:
            return Direction.MANY_TO_ONE if "remote_side" in options else Direction.ONE_TO_MANY
        referred = any(_referred_table(c) in here for c in models[target].columns.values())
        if refers and referred:
            # Both sides hold a key; the declared one decides: foreign_keys naming an own column means many-to-one.
            own = [n.rpartition(".")[2] for n in names(options.get("foreign_keys"))]
            return Direction.MANY_TO_ONE if any(n in model.columns for n in own) else Direction.ONE_TO_MANY
        return Direction.MANY_TO_ONE if refers else Direction.ONE_TO_MANY if referred else None


def _referred_table(column: Column) -> str:
    """The table that a foreign key names, without its schema."""
    return (column.foreign_key or "").rpartition(".")[0].rpartition(".")[2]


def _common(left: list[str], right: list[str]) -> int:
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def _spread_uuids(models: dict[str, Model]) -> None:
    """A foreign key without a type of its own has that of the column to which it refers."""
    held = {(model.table, one.column_name) for model in models.values() for one in model.columns.values() if one.uuid}
    while held:
        found = [
            (model, column)
            for model in models.values()
            for column in model.columns.values()
            if column.foreign_key and not column.type and not column.uuid and _referred(column.foreign_key) in held
        ]
        held = {(model.table, column.column_name) for model, column in found}
        for model, column in found:
            model.columns[column.name] = replace(column, uuid=True)


def _referred(foreign_key: str) -> tuple[str, str]:
    """Table and column of a foreign key as it is written, its schema left out."""
    table, _, column = foreign_key.rpartition(".")
    return table.rpartition(".")[2], column
