"""What a name can stand for: small sets of abstract values, and dependence masks.

Atoms are named tuples because they are hashed and compared millions of times. Each carries its own tag first, so that
two kinds with equal fields never compare equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from nplus1_lint.infer.effects import Lookup
    from nplus1_lint.infer.equalities import Equality
    from nplus1_lint.infer.loaders import Loaders

MAX_ATOMS: Final = 6
MAX_DEPTH: Final = 5

# A mask says on what a value depends: one bit per parameter, then one bit per loop of the running function.
PARAM_BITS: Final = 25
CAPTURE_BIT: Final = 1 << (PARAM_BITS - 1)
"""What a nested function has captured, beyond the names that have a bit of their own behind the parameters."""
OWN_BIT: Final = 1 << (PARAM_BITS - 2)
"""A session that the function has opened itself."""
LAST_PARAM: Final = PARAM_BITS - 3
"""The bit of a parameter, counting from 0, that it shares with all behind it."""
CONTENTS: Final = 256
"""The bits from here on stand for those below: what is stored in a value depends on them, the value itself does not."""
PARAMS_MASK: Final = ((1 << PARAM_BITS) - 1) | ((1 << PARAM_BITS) - 1) << CONTENTS

Loads: TypeAlias = frozenset[str]
"""Loader options of a row: ``a.b`` is loaded; ``!a`` is overridden to stay unloaded, ``%a`` to raise or give nothing;
``*`` covers everything; ``=a`` and ``~a`` list columns kept and deferred. See `nplus1_lint.infer.loading`."""

NO_LOADS: Final[Loads] = frozenset()
SOME_FIXED: Final = -1
"""The size of a collection that the source fixes without saying how large it is."""
OF_SESSION: Final = "session:"
OF_CLASS: Final = "class:"
"""Precedes, among a statement's flags, the mask (in hexadecimal) of the session from which it was built."""
ONE_PARENT: Final = "#"
"""Precedes, among a row's loads, a many-to-one relationship whose target the query's other rows share."""
OF_PARENT: Final = "&"
"""Precedes, among a row's loads, a many-to-one over a part of the key by which the row stands in a collection."""
READ: Final = ">"
"""Precedes, among the loads of a row, what a read has loaded: see `nplus1_lint.infer.rereads`."""
PENDING: Final = "@"
"""The mark among the loads of a row made here and added to a session: nothing of it is loaded, a commit expires it."""


class Site(NamedTuple):
    """A place in the project's code.

    Attributes:
        function: id of the function around it.
        place: (line, column, end line, end column) as `ast` counts.
    """

    function: str
    place: tuple[int, int, int, int]


class Origin(NamedTuple):
    """Where a row was loaded: the executing call, and the relationships followed from its entity."""

    site: Site
    path: tuple[str, ...]


class Row(NamedTuple):
    """An instance of a mapped class.

    Attributes:
        model: the class' id.
        loads: loader options that reached it, or None when how it was loaded is unknown.
        origin: None for rows made by hand or of unknown making.
        is_async: it belongs to an ``AsyncSession``.
    """

    tag: str
    model: str
    loads: Loads | None
    origin: Origin | None
    is_async: bool


class Many(NamedTuple):
    """Something that is iterated.

    Attributes:
        item: what an iteration yields.
        kind: ``rows`` (a fetched list), ``list``, ``set``, ``result`` (executed, not fetched), ``iterator``, ``page``
            and ``made page`` (see `nplus1_lint.infer.pages`), ``context`` (what a context manager yields).
        size: a fixed number of items (a literal, a constant), `SOME_FIXED`, or None.
    """

    tag: str
    item: Value
    kind: str
    size: int | None


class Mapping(NamedTuple):
    """A dictionary.

    Attributes:
        size: as for `Many`.
        entries: what it holds under names that are known, sorted: see `nplus1_lint.infer.keywords`.
        complete: it holds nothing else.
    """

    tag: str
    key: Value
    value: Value
    size: int | None = None
    entries: tuple[tuple[str, Value], ...] = ()
    complete: bool = False


class Tuple(NamedTuple):
    """A tuple, or a result row of several columns, item by item."""

    tag: str
    items: tuple[Value, ...]


class Criterion(NamedTuple):
    """``model.column <op> value`` inside a statement.

    Attributes:
        op: the operator's class name in `ast`, or ``Parent``: *column* is a relationship that all rows share.
        value: where the compared value stands (in *function*), or None.
        function: id of the function that wrote it.
        bare: the compared value is a bare name or literal rather than a part of something.
        filled: the compared value is known not to be None.
        held: the name of the row whose primary key is compared, or the row itself; empty for anything else.
        text: the compared value may be text where the column holds UUIDs, which the database takes for the same.
    """

    model: str
    column: str
    op: str
    value: tuple[int, int, int, int] | None
    function: str
    bare: bool
    filled: bool = False
    held: str = ""
    text: bool = False


class Statement(NamedTuple):
    """A statement being built: ``session.query(…)``, ``select(…)``, ``update(…)``, ``text(…)``.

    Attributes:
        style: ``query``, ``flask-query``, ``select``, ``insert``, ``update``, ``delete``, ``text``, ``exists``.
        entities: what a row holds: ``("row", model)``, ``("column", "model.attribute")``, ``("aggregate", name)``.
        loads: loader options; with several entities each is written ``class|path``.
        criteria: the WHERE clause, as far as it is understood.
        flags: ``limit``, ``paged``, ``group_by``, ``distinct``, ``for_update``, ``ordered``, ``joined``, ``unique``,
            ``single`` (limited to one row), ``subquery``, ``session:MASK`` (see `OF_SESSION`), ``class:CLASS``
            (the project's own class of queries, see `OF_CLASS`),
            ``from:CLASS`` (``select_from``), ``last:CLASS`` (the last join's target), ``with:CLASS`` (any join's
            target), ``unique-order`` (the order may well be total), ``yield_per``, ``counts:MODEL.COLUMN`` (what
            ``func.count`` is given; ``counts:?`` for an expression), ``writes`` or ``command`` (SQL text that is no
            SELECT), ``window`` (SQL text for what lies between two bounds), ``many`` (executed with a list of values).
        is_async: known only for a query bound to its session.
        loaders: the loader options one by one.
        lookups: by which columns it finds its rows, as far as an index could help.
        equalities: the whole filter, or None when it is more than columns compared with values.
    """

    tag: str
    style: str
    entities: tuple[tuple[str, str], ...]
    loads: Loads
    criteria: tuple[Criterion, ...]
    flags: frozenset[str]
    is_async: bool
    loaders: Loaders = ()
    lookups: tuple[Lookup, ...] = ()
    equalities: tuple[Equality, ...] | None = ()


class Condition(NamedTuple):
    """A boolean SQL expression; *lookups* and *equalities* as in `Statement`."""

    tag: str
    criteria: tuple[Criterion, ...]
    lookups: tuple[Lookup, ...] = ()
    equalities: tuple[Equality, ...] | None = None


class ColumnRef(NamedTuple):
    """``Model.column`` at class level."""

    tag: str
    model: str
    column: str


class RelationRef(NamedTuple):
    """``Model.relationship`` at class level."""

    tag: str
    model: str
    relationship: str


class Option(NamedTuple):
    """A loader option: the loads it contributes, and where a chained call continues.

    Attributes:
        prefix: the path to which a chained call appends.
        model: id of the class at the end of that path.
        root: id of the class from which the path starts, or an empty string.
        loaders: the same step by step.
    """

    tag: str
    loads: Loads
    prefix: str
    model: str
    root: str
    loaders: Loaders = ()


class Aggregate(NamedTuple):
    """``func.count(…)`` and other SQL functions.

    Attributes:
        counted: an empty string for rows, ``Model.column`` for a column, ``?`` for any other argument.
    """

    tag: str
    name: str
    counted: str = "?"


class Session(NamedTuple):
    """A session or connection.

    Attributes:
        kind: ``session`` or ``connection``.
        is_async: awaited.
        expires: rows expire at commit.
    """

    tag: str
    kind: str
    is_async: bool
    expires: bool


class SessionFactory(NamedTuple):
    """``sessionmaker(…)``, ``scoped_session(…)``: called, it gives a session.

    Attributes:
        scoped: a registry, that gives the same session to all of a thread or task.
    """

    tag: str
    is_async: bool
    expires: bool
    scoped: bool = False


class ClassRef(NamedTuple):
    """A class of the project.

    Attributes:
        arguments: ids of the classes that its type parameters are bound to, an empty string for any other type.
    """

    tag: str
    id: str
    arguments: tuple[str, ...] = ()


class Instance(NamedTuple):
    """An instance of a class of the project that is not mapped.

    Attributes:
        cls: the class' id.
        exact: it was constructed, so no subclass can stand in its place.
        fields: interesting constructor arguments by parameter, sorted.
    """

    tag: str
    cls: str
    exact: bool
    fields: tuple[tuple[str, Value], ...]


class Function(NamedTuple):
    """A function, method or lambda.

    Attributes:
        id: the function's id; lambdas and nested functions are known to the engine by it.
        receiver: what ``self`` is bound to, or None.
        captured: values of the enclosing function's names that it uses, sorted.
        bound: positional arguments that ``functools.partial`` has fixed.
    """

    tag: str
    id: str
    receiver: Value | None
    captured: tuple[tuple[str, Value], ...]
    bound: tuple[Value, ...]


class External(NamedTuple):
    """Something outside the project, by dotted name; a call's result ends in ``()``."""

    tag: str
    name: str


class ModuleRef(NamedTuple):
    """A module of the project."""

    tag: str
    path: str


class BoundMethod(NamedTuple):
    """A method of an abstract value that is no project function: ``session.query``, ``rows.append``."""

    tag: str
    receiver: Value
    name: str


class Const(NamedTuple):
    """A literal that steers control flow."""

    tag: str
    value: bool | int | str | None


class Adapter(NamedTuple):
    """``TypeAdapter(…)``: the ids of the schemas in its annotation."""

    tag: str
    schemas: tuple[str, ...]


class Scalar(NamedTuple):
    """Plain data: a column's value, a number, a string; *answers* as in `ScalarOf`."""

    tag: str
    answers: tuple[str, ...] = ()


class ScalarOf(NamedTuple):
    """The value of a column of a row.

    Attributes:
        answers: ids of the classes of which the row holds the rows that this value finds, as their key or a part of it.
    """

    tag: str
    model: str
    column: str
    answers: tuple[str, ...] = ()


class Reflection(NamedTuple):
    """What the mapping says of a class' attributes, asked at run time: see `nplus1_lint.infer.reflection`.

    Attributes:
        part: ``mapper``, ``table``, ``state`` (of a row), ``attributes`` (a collection of them), ``attribute`` (one of
            them: a property, a column, an attribute's state) or ``name`` (its name).
        model: the class' id.
        names: the attributes that the collection has, or each of which it may be.
        vague: a condition that is not understood has left some out.
        row: the row that is inspected, or None for its class.
    """

    tag: str
    part: str
    model: str
    names: tuple[str, ...] = ()
    vague: bool = False
    row: Row | None = None


Atom: TypeAlias = Any  # one of the named tuples above; a closed union of NamedTuples costs more in casts than it finds


class Value(NamedTuple):
    """A set of atoms in order of first sight; empty means unknown, for *reason*."""

    atoms: tuple[Atom, ...]
    reason: str = ""

    def only(self, kind: type) -> list[Any]:
        """Return the atoms of one kind."""
        return [a for a in self.atoms if type(a) is kind]

    def first(self, kind: type) -> Any:
        """Return the first atom of a kind, or None."""
        for atom in self.atoms:
            if type(atom) is kind:
                return atom
        return None


UNKNOWN: Final = Value((), "unknown")
SOME: Final = Scalar("some")
"""A literal whose value does not matter, but that it is not None."""

SCALAR: Final = Value((Scalar("scalar"),))
NONE: Final = Value((Const("const", None),))
ELLIPSIS: Final = Value((External("external", "builtins.Ellipsis"),))
SENTINEL: Final = "object() "
"""Precedes, as something outside the project, the name of a variable of a module that holds an ``object()``."""
TRUE: Final = Value((Const("const", True),))
FALSE: Final = Value((Const("const", False),))


def unknown(reason: str) -> Value:
    """Return the unknown value with its reason."""
    return Value((), reason)


def of(*atoms: Atom) -> Value:
    """Return the value that is one of these atoms."""
    return Value(atoms)


def row(model: str, loads: Loads | None = None, origin: Origin | None = None, is_async: bool = False) -> Row:
    """Make a row atom."""
    return Row("row", model, loads, origin, is_async)


def class_of(atom: Row | Instance) -> Value:
    """Return the class of a row or an instance."""
    return of(ClassRef("class", atom.model if isinstance(atom, Row) else atom.cls))


def many(item: Value, kind: str = "list", size: int | None = None) -> Value:
    """Return a collection of *item*; nesting deeper than `MAX_DEPTH` is cut."""
    if depth(item) >= MAX_DEPTH:
        item = UNKNOWN
    return Value((Many("many", item, kind, size),))


def mapping(key: Value, value: Value, size: int | None = None) -> Value:
    """Return a dictionary; nesting deeper than `MAX_DEPTH` is cut."""
    if depth(value) >= MAX_DEPTH:
        value = UNKNOWN
    return Value((Mapping("mapping", key, value, size),))


def tuple_of(items: tuple[Value, ...]) -> Value:
    """Return a tuple; nesting deeper than `MAX_DEPTH` is cut."""
    if any(depth(item) >= MAX_DEPTH for item in items):
        items = tuple(UNKNOWN for _ in items)
    return Value((Tuple("tuple", items),))


def depth(value: Value) -> int:
    """Return how deeply collections and instances nest in a value."""
    deepest = 0
    for atom in value.atoms:
        kind = type(atom)
        if kind is Many:
            deepest = max(deepest, 1 + depth(atom.item))
        elif kind is Mapping:
            deepest = max(deepest, 1 + depth(atom.value))
        elif kind is Tuple:
            deepest = max(deepest, 1 + max((depth(item) for item in atom.items), default=0))
        elif kind is Instance:
            deepest = max(deepest, 1 + max((depth(v) for _, v in atom.fields), default=0))
        elif kind is Function:
            deepest = max(deepest, 1 + max((depth(v) for _, v in atom.captured), default=0))
            if atom.receiver is not None:
                deepest = max(deepest, 1 + depth(atom.receiver))
    return deepest
