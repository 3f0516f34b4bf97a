"""Trails of rows: where a run of a function lets rows go, and what it reads without knowing of what.

An `Escape` says that rows went where nobody can follow, out of the project. A `Leave` says that they went on inside the
project by a way that values do not take: an attribute, a callback, a constructor. Who reads them there can be told by
name alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index.walk import dotted
from nplus1_lint.infer.values import (
    BoundMethod,
    External,
    Function,
    Instance,
    Many,
    Mapping,
    Origin,
    Row,
    Scalar,
    Tuple,
    Value,
)

if TYPE_CHECKING:
    from nplus1_lint.index import facts as f
    from nplus1_lint.infer.frame import Arguments, Frame, Place
    from nplus1_lint.infer.loaders import Loaders
    from nplus1_lint.infer.values import Site

HELD = "fetched into the identity map"

_DEPTH = 6
_BLIND = (External, Scalar, BoundMethod)
_CONTAINERS = (Many, Mapping)
_CONTAINER_METHODS = frozenset({
    "add", "add_all", "aclose", "all", "append", "appendleft", "asend", "choose", "clear", "close", "columns", "copy",
    "count", "data", "difference", "difference_update", "discard", "extend", "extendleft", "fetchall", "fetchmany",
    "fetchone", "filter", "first", "freeze", "fromkeys", "get", "get_nowait", "has_next", "has_prev", "index", "insert",
    "intersection", "intersection_update", "isdisjoint", "issubset", "issuperset", "items", "iter_pages", "keys",
    "limit", "mappings", "merge", "move_to_end", "next", "next_num", "one", "one_or_none", "page", "pages",
    "partitions", "per_page", "pop", "popitem", "popleft", "prev", "prev_num", "put", "put_nowait", "remove", "results",
    "reverse", "rotate", "rowcount", "scalar", "scalar_one", "scalar_one_or_none", "scalars", "send", "setdefault",
    "sort", "symmetric_difference", "throw", "total", "tuples", "union", "unique", "update", "values", "yield_per",
})  # fmt: skip


class Leave(NamedTuple):
    """Rows went on inside the project where their values are not followed."""

    site: Site
    path: tuple[str, ...]
    why: str


class RowQuery(NamedTuple):
    """A query for whole rows, as it is run.

    Attributes:
        site: the executing call.
        model: id of the class whose rows it loads.
        loaders: its loader options.
        style: as in `values.Statement`.
        method: name of the executing method.
        flags: as in `values.Statement`.
        unique: its criteria select at most one row by a key.
    """

    site: Site
    model: str
    loaders: Loaders
    style: str
    method: str
    flags: frozenset[str]
    unique: bool


class Trail(NamedTuple):
    """What one run of a function says of the ways of rows.

    Attributes:
        returned: origins of the rows in its result.
        leaves: rows that went on by other ways.
        strays: (class id, relationship) read on rows of unknown making.
        blind: attributes read on values of which nothing is known.
        touched: origins of the rows of which it reads anything.
        fetches: queries for whole rows that it runs.
        taken: (executing call, method of its result) by which rows are taken from a result; ``__iter__`` for a loop.
    """

    returned: tuple[Origin, ...]
    leaves: tuple[Leave, ...]
    strays: tuple[tuple[str, str], ...]
    blind: frozenset[str]
    touched: tuple[Origin, ...]
    fetches: tuple[RowQuery, ...]
    taken: tuple[tuple[Site, str], ...]


class Tracker:
    """Collects the trail of a run."""

    __slots__ = ("blind", "fetches", "leaves", "returned", "strays", "taken", "touched")

    def __init__(self) -> None:
        self.returned: dict[Origin, None] = {}
        self.leaves: dict[Leave, None] = {}
        self.strays: dict[tuple[str, str], None] = {}
        self.blind: set[str] = set()
        self.touched: dict[Origin, None] = {}
        self.fetches: dict[RowQuery, None] = {}
        self.taken: dict[tuple[Site, str], None] = {}

    def trail(self) -> Trail:
        """Return what was collected."""
        return Trail(
            tuple(self.returned), tuple(self.leaves), tuple(self.strays), frozenset(self.blind), tuple(self.touched),
            tuple(self.fetches), tuple(self.taken),
        )  # fmt: skip

    def leave(self, value: Value, why: str) -> None:
        """Record that the rows in a value go where values are not followed."""
        for origin in origins_in(value):
            self.leaves[Leave(origin.site, origin.path, why)] = None

    def take(self, result: Many, method: str) -> None:
        """Record that rows are taken from the result of an executed statement, or made unique first."""
        if result.kind in ("result", "scalars"):
            for origin in origins_in(result.item):
                self.taken[origin.site, method] = None

    def attribute(self, value: Value, name: str) -> None:
        """Record an attribute's name when what it is read on is not known, or only in part."""
        if not value.atoms:
            self.blind.add(name)
        for atom in value.atoms:
            if type(atom) in _BLIND:
                self.blind.add(name)
            elif type(atom) in _CONTAINERS and name not in _CONTAINER_METHODS:
                # What was taken for a collection is none.
                self.blind.add(name)
                self.leave(Value((atom,)), f"read for {name}")


def origins_in(value: Value, depth: int = _DEPTH) -> list[Origin]:
    """Return the origins of the rows that a value holds, in collections, instances and closures too."""
    found: list[Origin] = []
    if depth == 0:
        return found
    for atom in value.atoms:
        kind = type(atom)
        if kind is Row:
            if atom.origin is not None:
                found.append(atom.origin)
        elif kind in (Many, Mapping):
            found += origins_in(atom.item if kind is Many else atom.value, depth - 1)
        elif kind is Tuple:
            for item in atom.items:
                found += origins_in(item, depth - 1)
        elif kind is Instance:
            for _, field in atom.fields:
                found += origins_in(field, depth - 1)
        elif kind is Function:
            for _, captured in atom.captured:
                found += origins_in(captured, depth - 1)
            if atom.receiver is not None:
                found += origins_in(atom.receiver, depth - 1)
        elif kind is BoundMethod:
            found += origins_in(atom.receiver, depth - 1)
    return found


def stored(frame: Frame, holder: f.Expr, value: Value) -> None:
    """Rows put into something that outlives the run leave it: an attribute, a parameter, a global."""
    path = dotted(holder)
    outer = path in frame.params or path in frame.globals or path in frame.captured_names or path not in frame.state.env
    if path is None or "." in path or outer:
        frame.tracker.leave(value, "kept in something that outlives the call")


def kept(frame: Frame, arguments: Arguments) -> None:
    """A constructor keeps its arguments in the object that it makes."""
    for value, _ in (*arguments.positional, *arguments.keywords.values(), *arguments.starred):
        frame.tracker.leave(value, "kept in an object")


def dropped(frame: Frame, value: Value, place: Place) -> None:
    """Rows fetched for no name at all fill the identity map: whoever reads them meets them there.

    Args:
        frame: the running function.
        value: what a statement gives that is nothing but an expression.
        place: the statement.
    """
    for origin in origins_in(value):
        line, column, end_line, end_column = origin.site.place
        inside = place[:2] <= (line, column) and (end_line, end_column) <= place[2:]
        if origin.site.function == frame.function.id and inside:
            frame.tracker.leaves[Leave(origin.site, origin.path, HELD)] = None


def lost(caller: Frame | None, values: tuple[Value, ...]) -> None:
    """A run that another one stands for does not follow its arguments."""
    for value in values if caller is not None else ():
        caller.tracker.leave(value, "given to a call that is not followed")  # type: ignore[union-attr]
