"""Which indexes serve a query, and which columns it searches without one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.infer.effects import DELETE, LOAD
from nplus1_lint.link.ddl import ANY_TABLE
from nplus1_lint.link.declarations import PRIMARY_KEY
from nplus1_lint.link.indexes import SQL, Index, Schema, Storage

if TYPE_CHECKING:
    from nplus1_lint.infer.effects import Filter, Lookup

_ORDER: Final = ("Eq", LOAD, DELETE, "In", "Range", "Prefix")
_EXACT: Final = frozenset({"Eq", LOAD, DELETE, "In"})


class _Term(NamedTuple):
    """A lookup with the place where its column is kept."""

    lookup: Lookup
    storage: Storage

    @property
    def column(self) -> str:
        return self.storage.column


@dataclass(frozen=True, slots=True)
class Need:
    """A column by which a query searches a table without an index.

    Attributes:
        lookup: the expression.
        storage: the column.
        partners: further columns of the table that belong into the same index, in order.
        minor: little is won: few values, a grouping, or another way to the rows by an index.
    """

    lookup: Lookup
    storage: Storage
    partners: tuple[str, ...]
    minor: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a query makes of the indexes: what it lacks and what serves it."""

    needs: tuple[Need, ...]
    used: tuple[Index, ...]


def judge(schema: Schema, query: Filter) -> Verdict:
    """Compare a query with the indexes of its tables.

    A table that an index already narrows needs no other. Of several columns that lack one, the first of the index that
    would serve them all stands for them.

    Args:
        schema: the tables and indexes.
        query: an executed query.

    Returns:
        One need per table at most, but for the branches of an ``OR``.
    """
    tables: dict[str, list[_Term]] = {}
    fixed: set[Storage] = set()
    searched: set[str] = set()
    for lookup in query.lookups:
        column = lookup.model, lookup.column
        storage = schema.columns.get(schema.searched.get(column, column) if lookup.op == LOAD else column)
        if storage is None:
            continue
        tables.setdefault(storage.table, []).append(_Term(lookup, storage))
        if lookup.op in _EXACT and not lookup.either:
            searched.add(storage.table)
            fixed |= {storage} if lookup.op == "Eq" else set()
    needs: list[Need] = []
    used: list[Index] = []
    for table, terms in tables.items():
        one = _Table(schema, table, [_through_join(schema, term, fixed) for term in terms], searched, query.counts)
        used += one.used
        needs += one.needs()
    return Verdict(tuple(needs), tuple(used))


def _through_join(schema: Schema, term: _Term, fixed: set[Storage]) -> _Term:
    """``a.x = b.y AND b.y = 5`` is ``a.x = 5``."""
    lookup = term.lookup
    if lookup.op == "Join" and lookup.other is not None and schema.columns.get(lookup.other) in fixed:
        return _Term(lookup._replace(op="Eq"), term.storage)
    return term


class _Table:
    """One table of a query."""

    def __init__(self, schema: Schema, table: str, terms: list[_Term], searched: set[str], counts: bool) -> None:
        self._schema = schema
        self._table = table
        self._terms = terms
        self._searched = searched
        self._counts = counts
        self._indexes = [index for index in schema.of(table) if index.source != SQL]
        self._keys = {index.columns[0] for index in self._indexes if index.name == PRIMARY_KEY}
        self._narrowed = False
        self.used = tuple(index for index in self._indexes if self._serves(index))

    def _serves(self, index: Index) -> bool:
        """True if an index is of use; one that narrows the rows, rather than split them in few parts, is enough."""
        if index.columns[0] == ANY_TABLE:
            self._narrowed = True
            return False
        sure = [term for term in self._terms if not term.lookup.either]
        exact = {term.column: term for term in sure if term.lookup.op in _EXACT}
        matched = list(takewhile(exact.__contains__, index.columns))
        rest = index.columns[len(matched) : len(matched) + 1]
        ranged = any(term.column in rest for term in sure if term.lookup.op in ("Range", "Prefix"))
        # `id > last_seen` by itself is a page's start: it leaves out no row that matters.
        page = ranged and not matched and index.columns[0] in self._keys
        self._narrowed |= any(not exact[column].storage.few for column in matched) or (ranged and not page)
        joins = {term.column for term in sure if term.lookup.op == "Join"}
        both = list(takewhile(lambda column: column in exact or column in joins, index.columns))
        # An index on (rom_id, user_id) serves `rom_id = roms.id AND user_id = 5`.
        self._narrowed |= len(both) > 1 and any(c in exact and not exact[c].storage.few for c in both)
        grouped = any(term.column == index.columns[0] for term in sure if term.lookup.op == "Group")
        return bool(both) or ranged or grouped

    def needs(self) -> list[Need]:
        """Return what the table lacks for this query."""
        if self._narrowed:
            return []
        values = [term for term in self._terms if term.lookup.op in _ORDER and not term.lookup.either]
        bare = [term for term in values if not self._leads(term.column)]
        if bare:
            first = min(bare, key=lambda term: (term.storage.few, _ORDER.index(term.lookup.op)))
            return [self._need(first, self._partners(first, values), first.storage.few or self._reached())]
        either = [term for term in self._terms if term.lookup.either and not self._leads(term.column)]
        if values or either:
            return [self._need(term, (), term.storage.few) for term in either]
        return self._joined() or self._grouped()

    def _joined(self) -> list[Need]:
        """The rows that belong to those of another table, which the query has found by a value."""
        joins = [term for term in self._terms if term.lookup.op == "Join"]
        if any(self._leads(term.column) for term in joins):
            return []
        for term in joins:
            other = self._schema.columns.get(term.lookup.other) if term.lookup.other else None
            if other is not None and other.table != self._table and other.table in self._searched:
                return [self._need(term, (), term.storage.few)]
        return []

    def _grouped(self) -> list[Need]:
        """A count per value reads an index alone; other groupings read the rows anyway."""
        groups = [term for term in self._terms if term.lookup.op == "Group"]
        if not self._counts or len(groups) != 1 or len(self._terms) != 1 or self._leads(groups[0].column):
            return []
        return [self._need(groups[0], (), True)]

    def _reached(self) -> bool:
        """True if the rows can be found from a joined table, by an index."""
        return any(term.lookup.op == "Join" and self._leads(term.column) for term in self._terms)

    def _leads(self, column: str) -> bool:
        return any(index.columns[0] == column for index in self._indexes)

    def _partners(self, first: _Term, values: list[_Term]) -> tuple[str, ...]:
        """Columns compared for equality go first, then one range; a column of few values adds little behind others."""
        if first.lookup.op not in _EXACT:
            equal = [term.column for term in values if term.lookup.op == "Eq" and term is not first]
            return tuple(dict.fromkeys(equal))
        equal = [term.column for term in values if term.lookup.op in _EXACT]
        ranged = [term.column for term in values if term.lookup.op == "Range"][:1]
        groups = [term.column for term in self._terms if term.lookup.op == "Group"] if self._counts else []
        return tuple(c for c in dict.fromkeys([*equal, *(ranged or groups)]) if c != first.column)

    def _need(self, term: _Term, partners: tuple[str, ...], minor: bool) -> Need:
        return Need(term.lookup, term.storage, partners, minor)
