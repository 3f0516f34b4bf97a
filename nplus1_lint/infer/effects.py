"""What a function does to the database, and the loops around it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from nplus1_lint.findings import NodeKind  # noqa: TC001 (compiled, a named tuple looks at the types of its fields)

if TYPE_CHECKING:
    from nplus1_lint.infer.equalities import Equality
    from nplus1_lint.infer.loaders import Loaders
    from nplus1_lint.infer.spent import FunctionCost
    from nplus1_lint.infer.trails import Trail
    from nplus1_lint.infer.values import Criterion, Site, Value
    from nplus1_lint.query_costs import Polynomial


class Kind(enum.Enum):
    """What a statement does."""

    SELECT = "SELECT"
    COUNT = "COUNT"
    EXISTS = "EXISTS"
    GET = "GET"
    WRITE = "WRITE"
    FLUSH = "FLUSH"
    COMMIT = "COMMIT"
    REFRESH = "REFRESH"
    LAZY_LOAD = "LAZY_LOAD"
    CHANGE = "CHANGE"  # no statement yet: something for the next flush to write
    COMMAND = "COMMAND"  # settings, locks, notifications, changes of the schema
    WORK = "WORK"  # no statement: network, subprocesses, model calls
    OPAQUE = "OPAQUE"  # no statement that is seen: a session or rows were given to unknown code


READS = frozenset({Kind.SELECT, Kind.COUNT, Kind.EXISTS, Kind.GET})
ASKS = frozenset({Kind.SELECT, Kind.COUNT, Kind.EXISTS})
"""What may be an `Ask`."""

KEPT = READS | {Kind.LAZY_LOAD}
"""What a memo on an object may keep for it."""

CHANGES = frozenset({
    Kind.WRITE, Kind.COMMIT, Kind.FLUSH, Kind.CHANGE, Kind.REFRESH, Kind.COMMAND, Kind.WORK, Kind.OPAQUE,
})  # fmt: skip
"""After these the same question may have another answer."""


PLAIN_FILTER: Final = "plain-filter"
"""The flag of a query whose filter is nothing but columns compared with values."""

OWN_SESSION: Final = "own-session"
"""The flag of a query of a session that the function which runs it has opened."""

ISOLATED = "isolated"
"""The attribute of a commit whose failure is rolled back alone."""


class Query(NamedTuple):
    """How a statement is made, for the rules and the rewrites.

    Attributes:
        style: as in `values.Statement`.
        aggregate: ``count``, ``sum``, …, or None for rows.
        criteria: the WHERE clause with the mask of each compared value.
        flags: as in `values.Statement`, `PLAIN_FILTER` and `OWN_SESSION`.
        unique: the criteria select at most one row by a key.
        session: where the session expression stands, or None.
        is_async: awaited.
        rows: ids of the mapped classes whose whole rows it loads.
        method: name of the executing method.
        nullable: a missing row gives None rather than an exception.
    """

    style: str
    aggregate: str | None
    criteria: tuple[tuple[Criterion, int], ...]
    flags: frozenset[str]
    unique: bool
    session: tuple[int, int, int, int] | None
    is_async: bool
    rows: tuple[str, ...]
    method: str
    nullable: bool


class Reader(NamedTuple):
    """A serialiser's schema on its way through the attributes of a row.

    Attributes:
        schema: id of the outermost schema.
        model: id of the mapped class that it was given.
        path: the attributes from there to the one read, itself included.
    """

    schema: str
    model: str
    path: tuple[str, ...]


class Effect(NamedTuple):
    """One statement that a function runs, itself or through calls.

    Attributes:
        site: the executing call or the read.
        subject: id of the mapped class, or an empty string.
        attribute: the relationship or column read, for ``LAZY_LOAD``; the one set, for ``CHANGE`` by an assignment;
            `ISOLATED` for a ``COMMIT``, or an empty string.
        deps: mask of what its arguments depend on, in the running function's bits.
        session: mask of what its session depends on.
        chain: the calls from the running function to the site, outermost first.
        loops: how many loops of callees stand around it.
        query: how it was made, or None.
        reader: the schema for which it runs, or None when code reads.
        callback: it is run per iteration by a function that the caller has passed in: the caller's call repeats it.
        origin: the query that made the row, for ``LAZY_LOAD``, or None.
        handed: its function was handed to unknown code, which may call it with other arguments, or never.
        keeper: mask of the objects that keep what it gives, so that it runs once for each; 0 where nothing is kept.
    """

    kind: Kind
    site: Site
    subject: str
    attribute: str
    deps: int
    session: int
    chain: tuple[Site, ...]
    loops: int
    query: Query | None
    reader: Reader | None = None
    handed: bool = False
    origin: Site | None = None
    callback: bool = False
    keeper: int = 0


class Loop(NamedTuple):
    """A loop of the running function.

    Attributes:
        site: the loop statement or comprehension (for helpers such as ``map``, the call).
        kind: ``for``, ``while``, ``comprehension``, ``schema``, ``pool``, or the helper's name.
        bit: its bit in masks.
        iterable: where the iterated expression stands, or None.
        text: its header in short, for evidence.
        bounded: it runs a fixed number of times.
        chunked: an iteration handles a batch.
        waiting: it sleeps between iterations.
        targets: names that it binds.
        over: the value that it iterates.
        times: how often it runs, where costs are asked for.
        unique: those of its targets that are different in every iteration.
        windows: it is a ``while`` whose body moves a name on by more than one.
    """

    site: Site
    kind: str
    bit: int
    iterable: tuple[int, int, int, int] | None
    text: str
    bounded: bool
    chunked: bool
    waiting: bool
    targets: frozenset[str]
    over: Value
    times: Polynomial | None = None
    unique: frozenset[str] = frozenset()
    windows: bool = False


class Emission(NamedTuple):
    """An effect where it happened in the running function.

    Attributes:
        scope: the innermost statement (or loop header) around it.
        loops: the loops around it, outermost first.
        memos: root names of the containers that are asked before it runs.
    """

    effect: Effect
    place: tuple[int, int, int, int]
    scope: tuple[int, int, int, int]
    loops: tuple[Loop, ...]
    memos: tuple[str, ...]


class Read(NamedTuple):
    """A relationship of a loaded row was read.

    Attributes:
        site: the query that loaded the root row.
        path: relationships from the root entity to the one read, itself included.
        place: where it was read.
        by_delete: a delete cascade reads it, on the deleted row alone.
    """

    site: Site
    path: tuple[str, ...]
    place: Site
    by_delete: bool


class Execution(NamedTuple):
    """A query that loads whole rows.

    Attributes:
        site: the executing call.
        models: ids of the loaded classes.
        loads: loader options.
        loaders: the same one by one.
        takes_options: a loader option can be given there; not so where rows are reloaded, or loaded by a read.
    """

    site: Site
    models: tuple[str, ...]
    loads: frozenset[str]
    loaders: Loaders = ()
    takes_options: bool = True


class Fetch(NamedTuple):
    """A SELECT whose rows, or whose number, this function is given.

    Attributes:
        site: the executing call.
        models: ids of the classes whose whole rows it fetches; for a COUNT, of the class that it counts.
        width: how many things a row holds.
        method: name of the executing method.
        flags: as in `values.Statement`; ``unique`` for at most one row by a key.
        counts: the database counts.
    """

    site: Site
    models: tuple[str, ...]
    width: int
    method: str
    flags: frozenset[str]
    counts: bool


LOAD: Final = "Load"
"""What a `Lookup` does that is the load of a relationship: the column is found by the mapping."""


DELETE: Final = "Delete"
"""What a `Lookup` does by which the database finds the rows that refer to a deleted one: ``ON DELETE``."""

BY_MAPPING: Final = frozenset({LOAD, DELETE})
"""What a `Lookup` does that nobody wrote as an expression."""


class Lookup(NamedTuple):
    """A column by which a statement finds, joins or groups rows, where an index of it would help.

    Attributes:
        model: id of the mapped class.
        column: the mapped attribute; for `LOAD`, the relationship.
        op: ``Eq``, ``In``, ``Range``, ``Prefix``, ``Join`` (equal to another table's column), ``Group``, `LOAD`
            or `DELETE`.
        function: id of the function that wrote it.
        place: the expression.
        node: what stands there.
        other: the other side of a join, (model, attribute), where it is known; the deleted row's class for `DELETE`.
        either: an ``OR`` lets rows in by another column too.
    """

    model: str
    column: str
    op: str
    function: str
    place: tuple[int, int, int, int]
    node: NodeKind
    other: tuple[str, str] | None = None
    either: bool = False


class Filter(NamedTuple):
    """A query that finds, joins or groups rows by columns.

    Attributes:
        site: the executing call.
        lookups: the columns.
        counts: it is a COUNT.
    """

    site: Site
    lookups: tuple[Lookup, ...]
    counts: bool


class Ask(NamedTuple):
    """A COUNT, or a lookup of association rows, by columns that equal values.

    Attributes:
        site: the executing call.
        model: id of the class whose rows are counted or looked up.
        counts: it is a COUNT.
        equalities: the whole filter; None when it is more than that, which tells one COUNT of the site from another.
        is_async: awaited.
        scope: the statement around it.
    """

    site: Site
    model: str
    counts: bool
    equalities: tuple[Equality, ...] | None
    is_async: bool
    scope: tuple[int, int, int, int]


class Change(NamedTuple):
    """A place that adds, changes or deletes rows of a table.

    Attributes:
        place: the call or the assignment.
        model: id of the mapped class; for SQL text, its lower-case words that may name a table.
        how: ``insert``, ``made`` (constructed; a session may take it along), ``update``, ``delete``, ``collection`` (of
            the relationship *attribute*), or ``text``.
        attribute: the column or relationship that is set; an empty string for any.
    """

    place: Site
    model: str
    how: str
    attribute: str = ""


class Escape(NamedTuple):
    """Rows of a query went where the analysis cannot follow."""

    site: Site
    path: tuple[str, ...]
    place: Site
    why: str


class Misread(NamedTuple):
    """A read on a row of an ``AsyncSession`` that would query outside its greenlet: it raises ``MissingGreenlet``.

    Attributes:
        place: the read.
        scope: the innermost statement around it.
        model: id of the mapped class.
        attribute: the relationship or column.
        origin: the query that loaded the row, or None.
        expired: a commit or rollback has expired the row.
        reader: as in `Effect`.
    """

    place: Site
    scope: tuple[int, int, int, int]
    model: str
    attribute: str
    origin: Site | None
    expired: bool
    reader: Reader | None


class Repeat(NamedTuple):
    """The same query with the same arguments, a second time on one path.

    Attributes:
        place: the second call.
        scope: the innermost statement around it.
        first: the first call.
        effects: what it runs.
    """

    place: Site
    scope: tuple[int, int, int, int]
    first: Site
    effects: tuple[Effect, ...]


Key: TypeAlias = "tuple[str, tuple[Value, ...], tuple[tuple[str, Value], ...]]"
"""A context: the function's id, its abstract arguments, and what it captures by name."""


class Requery(NamedTuple):
    """A query for rows that a row in hand already holds.

    Attributes:
        place: the query.
        scope: the innermost statement around it.
        model: id of the class of the row in hand.
        relationship: its loaded collection.
        name: the name that holds the row.
        origin: the query that made the row, or None.
    """

    place: Site
    scope: tuple[int, int, int, int]
    model: str
    relationship: str
    name: str
    origin: Site | None


class Loaded(NamedTuple):
    """What a function loads, on every path, of the rows of an argument.

    Attributes:
        position: the parameter's position.
        name: its name.
        model: id of the mapped class.
        marks: as in `values.Loads`.
    """

    position: int
    name: str
    model: str
    marks: frozenset[str]


TO_TEMPLATES: Final = "context "
"""How the names begin that a context processor gives to templates, among all that a function gives."""

RETURNED: Final = "returned "
"""How the names begin of what a returned dictionary holds, if a template can read rows through it."""


class Summary(NamedTuple):
    """All that a caller needs of a function in one context.

    Attributes:
        returns: what it returns (for a generator, what it yields), and the mask in parameter bits.
        effects: statements on any path, each once.
        fields: attributes that it leaves on its receiver (``__init__`` only).
        loaded: what it has loaded of its arguments' rows.
        cost: what it costs; None where costs are not asked for, or it runs inside itself.
        stored: positions of the arguments in which it stores something, with what that depends on.
        given: what it assigns to attributes of Flask's ``g``, by their names; what a context processor gives to
            templates, each name behind `TO_TEMPLATES`; items of the dictionary that it returns, behind `RETURNED`.
    """

    returns: Value
    mask: int
    effects: tuple[Effect, ...]
    fields: tuple[tuple[str, Value], ...]
    loaded: tuple[Loaded, ...] = ()
    cost: FunctionCost | None = None
    stored: tuple[tuple[int, int], ...] = ()
    given: tuple[tuple[str, Value], ...] = ()


class Facts(NamedTuple):
    """What one run of a function in one context contributes to the analysis.

    Attributes:
        function: the function's id; empty where a flag is open, and each of `calls` is the function for one outcome.
        held: ids of the classes of which held rows have answered in place of a query, through the identity map.
        asked_by: the site of what may be an `Ask` in a callee, and the call that reaches it.
    """

    function: str
    emissions: tuple[tuple[Emission, Loop], ...]
    reads: tuple[Read, ...]
    executions: tuple[Execution, ...]
    escapes: tuple[Escape, ...]
    misreads: tuple[Misread, ...]
    repeats: tuple[Repeat, ...]
    requeries: tuple[Requery, ...]
    calls: tuple[Key, ...]
    trail: Trail
    fetches: tuple[Fetch, ...]
    held: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    asks: tuple[Ask, ...] = ()
    asked_by: tuple[tuple[Site, Site], ...] = ()
    changes: tuple[Change, ...] = ()
