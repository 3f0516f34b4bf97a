"""What the arguments and annotations of declarative attributes say: readers of `relationship`, `Column`, `Mapped`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, children, dotted, last_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.link.hierarchy import Class, Hierarchy


COLUMN_CALLS = frozenset({"Column", "mapped_column", "column_property", "deferred", "synonym", "composite"})
RELATIONSHIP_CALLS = frozenset({"relationship", "Relationship", "relation", "dynamic_loader"})
PRIMARY_KEY = "the primary key"
CONSTRAINTS = frozenset({"Index", "UniqueConstraint", "PrimaryKeyConstraint", "ExcludeConstraint"})
COLLECTIONS = frozenset(
    {"list", "List", "set", "Set", "Sequence", "Collection", "Iterable", "DynamicMapped", "WriteOnlyMapped",
     "AppenderQuery", "MutableSequence", "InstrumentedList", "FrozenSet", "frozenset"}
)  # fmt: skip
MAPPINGS = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
TRANSPARENT = frozenset({"Mapped", "Optional", "Union", "Annotated", "Final", "ClassVar", "RelationshipProperty"})


@dataclass(frozen=True, slots=True)
class Column:
    """A mapped column.

    Attributes:
        name: the mapped attribute.
        foreign_key: ``table.column`` it refers to, or None.
        deferred: loaded only when read.
        enumerated: of an ``Enum`` type, so that it has as many values as the source says.
        on_delete: what the foreign key does when the row is deleted to which it refers, as written.
        required: it is known to hold no NULL.
        type: its type as the call gives it, ``int`` and ``str`` for all integers and texts, or an empty string.
        uuid: its values may be objects of ``uuid.UUID``, which equal no text.
        integer: its values are surely integers.
        place: the whole assignment.
    """

    name: str
    primary_key: bool
    unique: bool
    index: bool
    nullable: bool
    foreign_key: str | None
    deferred: bool
    place: f.Place
    column_name: str
    enumerated: bool = False
    on_delete: str = ""
    required: bool = False
    type: str = ""
    uuid: bool = False
    integer: bool = False


def relationship_values(cls: Class) -> Iterator[tuple[str, f.Call]]:
    """Yield the relationships that a class body declares: (attribute, call)."""
    for name, value in cls.attributes.items():
        call = next(
            (c for c in calls(value) if call_name(c) in RELATIONSHIP_CALLS),
            None,
        )
        if call is not None:
            yield name, call
    for name, method in cls.methods.items():
        if any(_is_declared_attr(decorator) for decorator in method.facts.decorators):
            for statement in method.facts.body:
                if isinstance(statement, f.Return) and statement.value is not None:
                    call = next((c for c in calls(statement.value) if call_name(c) == "relationship"), None)
                    if call is not None:
                        yield name, call


def _is_declared_attr(decorator: f.Expr) -> bool:
    """``@declared_attr``, ``@declared_attr.directive`` and their dotted spellings."""
    written = dotted(decorator.func if isinstance(decorator, f.Call) else decorator) or ""
    return "declared_attr" in written.split(".")


def calls(value: f.Expr | None) -> Iterator[f.Call]:
    """The call itself and calls it wraps: ``deferred(Column(…))``, ``Field(sa_column=Column(…))``; both of an if."""
    if isinstance(value, f.Conditional):
        for way in (value.body, value.orelse):
            yield from calls(way)
    elif isinstance(value, f.Call):
        yield value
        for argument in (*value.args, *(v for _, v in value.keywords)):
            if isinstance(argument, f.Call) and call_name(argument) in COLUMN_CALLS:
                yield from calls(argument)


def keywords(call: f.Call) -> dict[str, f.Expr]:
    """Return a call's keyword arguments; those that SQLModel hands on are among them."""
    options = {key: value for key, value in call.keywords if key}
    extra = options.get("sa_relationship_kwargs")
    if isinstance(extra, f.Dict):
        options.update({str(k.value): v for k, v in extra.items if isinstance(k, f.Const)})
    wrapped = options.get("sa_relationship")
    if isinstance(wrapped, f.Call):
        options.update(keywords(wrapped))
    return options


def lazy(options: dict[str, f.Expr], annotation: f.Expr | None) -> tuple[str, str | None]:
    """Normalise ``lazy=``, and keep it as written: True means select, False joined, None noload.

    Source: SQLAlchemy, "Relationship Loading Techniques".
    """
    head = outer(annotation) if annotation is not None else ""
    value = options.get("lazy")
    if value is None:
        return {"DynamicMapped": "dynamic", "WriteOnlyMapped": "write_only"}.get(head, "select"), None
    if isinstance(value, f.Const):
        if isinstance(value.value, str):
            return value.value, value.value
        if value.value is None or isinstance(value.value, bool):
            return {True: "select", False: "joined", None: "noload"}[value.value], str(value.value)
    return "select", None


def shape(annotation: f.Expr) -> bool | None:
    """True for a collection, False for a scalar, None when the annotation does not say."""
    if isinstance(annotation, f.Subscript):
        head = outer(annotation)
        if head in COLLECTIONS or head in MAPPINGS:
            return True
        if head in TRANSPARENT:
            return shape(annotation.index)
        return None
    if isinstance(annotation, f.Display):
        return next((s for s in map(shape, annotation.items) if s is not None), None)
    if isinstance(annotation, f.Binary):
        return bool(shape(annotation.left)) or bool(shape(annotation.right))
    if isinstance(annotation, f.Const):
        return None if annotation.value is None else False
    if isinstance(annotation, (f.Name, f.Attr)):
        return False
    return None


def outer(annotation: f.Expr) -> str:
    """Return the outermost name of an annotation."""
    head = annotation.value if isinstance(annotation, f.Subscript) else annotation
    return last_name(head)


def join_keys(options: dict[str, f.Expr]) -> tuple[str, ...] | None:
    """Return what ``foreign_keys`` names; None where it names nothing plain, or where ``primaryjoin`` says the join."""
    if "primaryjoin" in options:
        return None
    written = options.get("foreign_keys")
    return () if written is None else tuple(names(written)) or None


def is_sqlmodel(hierarchy: Hierarchy, cls: Class) -> bool:
    """True for classes below SQLModel."""
    return any(e.endswith("SQLModel") for e in hierarchy.external_bases(cls.id))


def column_from(name: str, calls: list[f.Call], place: f.Place, annotation: f.Expr | None = None) -> Column:
    """Read a column off the calls that declare it, and off its annotation."""
    options: dict[str, f.Expr] = {}
    foreign, column_name, deferred, enumerated = None, name, False, False
    on_delete, kind = "", ""
    for call in calls:
        options = {**keywords(call), **options}
        deferred |= call_name(call) == "deferred"
        for position, argument in enumerate(call.args):
            if call_name(argument) == "ForeignKey" and isinstance(argument, f.Call) and argument.args:
                foreign = text(argument.args[0]) or ".".join(names(argument.args[0]))
                on_delete = text(keywords(argument).get("ondelete")) or ""
            elif call_name(argument) in ("Enum", "SAEnum", "SQLEnum"):
                enumerated = True
            elif position == 0 and isinstance(argument, f.Const) and isinstance(argument.value, str):
                column_name = argument.value
            if position < 2 and not kind:
                kind = _type(argument)
    foreign = foreign or text(options.get("foreign_key"))
    return Column(
        name,
        truth(options.get("primary_key")),
        truth(options.get("unique")),
        truth(options.get("index")),
        truth(options.get("nullable")),
        foreign,
        deferred or truth(options.get("deferred")),
        place,
        column_name,
        enumerated,
        on_delete or text(options.get("ondelete")) or "",
        truth(options.get("primary_key")) or _required(options.get("nullable"), annotation),
        kind or _type(options.get("type_") or options.get("sa_type")),
    )


def referred_columns(call: f.Call) -> Iterator[f.Attr]:
    """Yield the columns that the foreign keys in a column's declaration name by attributes, not by text."""
    for argument in call.args:
        if isinstance(argument, f.Call) and call_name(argument) == "ForeignKey" and argument.args:
            if isinstance(argument.args[0], f.Attr):
                yield argument.args[0]


def holds_uuids(kind: str, annotation: f.Expr | None) -> bool:
    """True if the type of a column, else its annotation, is one of UUIDs that are no text in Python."""
    if kind:
        return _UUID.search(kind.partition("(")[0]) is not None and "as_uuid=False" not in kind
    return annotation is not None and any(map(_UUID.search, _words(annotation)))


def holds_integers(kind: str, annotation: f.Expr | None) -> bool:
    """True if the type of a column, else its annotation, is one of integers alone."""
    if kind or annotation is None:
        return kind == "int"
    words = set(_words(annotation))
    return "int" in words and words <= {"Mapped", "Optional", "int"}


def _words(annotation: f.Expr) -> Iterator[str]:
    """The names in an annotation, those of attributes and in text included."""
    yield from names(annotation)
    for part in children(annotation):
        yield from _words(part)


_UUID: Final = re.compile("uuid|guid", re.IGNORECASE)
_NO_TYPES: Final = frozenset({"ForeignKey", "Identity", "Sequence", "Computed", "CheckConstraint", "FetchedValue"})
_FAMILIES: Final = {
    **dict.fromkeys(("Integer", "BigInteger", "SmallInteger", "INTEGER", "BIGINT", "SMALLINT", "INT"), "int"),
    **dict.fromkeys(("String", "Unicode", "Text", "UnicodeText", "VARCHAR", "NVARCHAR", "TEXT", "AutoString"), "str"),
}


def _type(argument: f.Expr | None) -> str:
    """What an argument of a column says of its type, alike for types whose values are alike in Python."""
    called = argument.func if isinstance(argument, f.Call) else argument
    name = last_name(called) if isinstance(called, (f.Name, f.Attr)) else ""
    if not name or name in _NO_TYPES or call_name(argument) in COLUMN_CALLS:
        return ""
    given = argument if isinstance(argument, f.Call) else None
    parts = [(key, value) for key, value in (*[("", a) for a in given.args], *given.keywords)] if given else []
    said = ",".join(f"{key}={value.value if isinstance(value, f.Const) else names(value)}" for key, value in parts)
    return _FAMILIES.get(name) or f"{name}({said})"


def _required(nullable: f.Expr | None, annotation: f.Expr | None) -> bool:
    """True if a column is known to hold no NULL: by ``nullable=False``, or by an annotation that is not optional."""
    if isinstance(nullable, f.Const) and isinstance(nullable.value, bool):
        return not nullable.value
    return nullable is None and annotation is not None and not _optional(annotation)


_PLAIN: Final = frozenset(
    {"int", "str", "float", "bool", "bytes", "date", "datetime", "time", "timedelta", "Decimal", "UUID"}
)


def _optional(annotation: f.Expr) -> bool:
    """True unless an annotation is known to leave None out; names that stand for types unknown may mean anything."""
    if isinstance(annotation, (f.Name, f.Attr)):
        return outer(annotation) not in _PLAIN
    if isinstance(annotation, f.Subscript):
        inner = annotation.index
        if outer(annotation) == "Annotated" and isinstance(inner, f.Display):
            inner = inner.items[0]
        return outer(annotation) not in ("Mapped", "Annotated") or _optional(inner)
    return not (isinstance(annotation, f.Const) and annotation.value in _PLAIN)


def table_arguments(value: f.Expr, indexes: list[tuple[str, ...]], unique: list[frozenset[str]]) -> None:
    """Read indexes and unique keys off ``__table_args__``."""
    for item in value.items if isinstance(value, f.Display) else ():
        kind = call_name(item)
        if not isinstance(item, f.Call) or kind not in ("Index", "UniqueConstraint", "PrimaryKeyConstraint"):
            continue
        columns = [text(a) or ".".join(names(a)) for a in item.args]
        columns = [c for c in columns[1 if kind == "Index" else 0 :] if c]
        if not columns:
            continue  # over an expression, such as text("(true)")
        indexes.append(tuple(columns))
        partial = any(key.endswith("_where") for key in keywords(item))  # unique among some rows only
        if kind != "Index" or (truth(keywords(item).get("unique")) and not partial):
            unique.append(frozenset(columns))


def composite_keys(value: f.Expr) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the foreign keys of several columns in ``__table_args__``: the columns, and the table or class named."""
    for item in value.items if isinstance(value, f.Display) else ():
        given = item.args[:2] if isinstance(item, f.Call) and call_name(item) == "ForeignKeyConstraint" else ()
        sides = [tuple(map(_written, side.items)) for side in given if isinstance(side, f.Display)]
        if len(sides) == 2 and len(sides[0]) == len(sides[1]) > 1 and all(sides[0]):
            tables = {column.rpartition(".")[0] for column in sides[1]}
            if len(tables) == 1:
                yield sides[0], tables.pop()


def _written(column: f.Expr) -> str:
    return text(column) or ".".join(names(column))


def table_parts(items: Iterable[f.Expr], table: str) -> Iterator[tuple[tuple[str, ...], str, int]]:
    """Read the arguments of ``Table(…)`` or ``op.create_table(…)``.

    Args:
        items: columns and constraints.
        table: the table's name.

    Yields:
        Columns (an empty string for what is no plain column), name and line of each index, key and unique constraint.
    """
    primary: list[str] = []
    line = 0
    for item in items:
        kind = call_name(item)
        if not isinstance(item, f.Call):
            continue
        line = line or item.pos[0]
        if kind == "Column" and item.args:
            column = text(item.args[0]) or ""
            options = keywords(item)
            if truth(options.get("primary_key")):
                primary.append(column)
            if truth(options.get("index")) or truth(options.get("unique")):
                yield (column,), f"ix_{table}_{column}", item.pos[0]
        elif kind in CONSTRAINTS:
            given = item.args[1:] if kind == "Index" else item.args
            columns = tuple(text(argument) or "" for argument in given)
            name = text(item.args[0]) if kind == "Index" and item.args else text(keywords(item).get("name"))
            if columns:
                yield columns, name or "", item.pos[0]
    if primary:
        yield tuple(primary), PRIMARY_KEY, line


def conditions(call: f.Call) -> Iterator[f.Expr]:
    """Yield the conditions of a partial index: ``postgresql_where=``, ``sqlite_where=`` and their kind."""
    return (value for key, value in call.keywords if key is not None and key.endswith("_where"))


def text(value: f.Expr | None) -> str | None:
    """Return a string literal."""
    return value.value if isinstance(value, f.Const) and isinstance(value.value, str) else None


def truth(value: f.Expr | None) -> bool:
    """True for a literal that is true."""
    return isinstance(value, f.Const) and bool(value.value)


def names(value: f.Expr | None) -> list[str]:
    """Return the names that an argument refers to."""
    if isinstance(value, f.Name):
        return [value.id]
    if isinstance(value, f.Attr):
        return [".".join([*names(value.value), value.name])]
    if isinstance(value, f.Const) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, f.Display):
        return [n for item in value.items for n in names(item)]
    return []
