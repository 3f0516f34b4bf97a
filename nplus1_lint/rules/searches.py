"""What NP401 says of a column by which rows are searched without an index: the places, the message, the advice."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from nplus1_lint.findings import Step
from nplus1_lint.infer.effects import BY_MAPPING, DELETE, LOAD
from nplus1_lint.infer.values import Site
from nplus1_lint.link.indexes import SQL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.filters import Filtered
    from nplus1_lint.infer.index_use import Need
    from nplus1_lint.link.indexes import Index, Schema, Storage

_MAX_PLACES = 8
_MAX_INDEXES = 4
_MAX_COLUMNS = 3
_MAX_NAMES = 3
_NO_INDEX = "no index, key or unique constraint begins with it"
_WORDS = {"Join": "joined on", "Group": "grouped on"}

Where: TypeAlias = "tuple[str, int]"
Places: TypeAlias = "dict[Where, tuple[Need, Filtered]]"
"""Each place (file, line) that searches by a column, and the query."""


def matters(place: tuple[Need, Filtered]) -> bool:
    """True where an index is worth most: a router or a loop runs the query; what deletes rows, a loop."""
    need, query = place
    often = query.repeated or (query.routers > 0 and need.lookup.op != DELETE)
    return often and not need.minor


def column_of(analysis: Analysis, need: Need) -> tuple[str, str]:
    """Return the column that a query lacks an index of: the class, or the table of an association, and its name."""
    lookup = need.lookup
    column = lookup.model, lookup.column
    return analysis.project.schema.searched[column] if lookup.op == LOAD else column


def first_of(places: Places) -> Where:
    """Return the place where an index is worth most; a load has no expression to stand on, and comes last."""
    return min(places, key=lambda where: (*_weight(*places[where]), where))


def keep(places: Places, analysis: Analysis, need: Need, query: Filtered) -> None:
    """Add a query to the places; of several on one line the one that matters most is kept."""
    path = analysis.path_of(Site(need.lookup.function, need.lookup.place))
    where = (path, need.lookup.place[0])
    present = places.get(where)
    if present is None or _weight(*present) > _weight(need, query):
        places[where] = (need, query)


def _weight(need: Need, query: Filtered) -> tuple[bool, bool, int, bool]:
    return need.lookup.op in BY_MAPPING, need.minor, -query.routers, not query.repeated


def message(analysis: Analysis, model: str, places: Places) -> str:
    """Say how a class' column is searched at the first of the places.

    Args:
        analysis: the inferred facts.
        model: the class' name.
        places: the queries, not loads of relationships alone.
    """
    need, _ = places[first_of(places)]
    storage = need.storage
    doing = _WORDS.get(need.lookup.op, "filtered on")
    others = sum(one.lookup.op not in BY_MAPPING for one, _ in places.values()) - 1
    more = f" and in {others} more place{'s' if others > 1 else ''}" if others else ""
    unwritten = _unwritten(analysis, places)
    also = f" and searched by {unwritten}" if unwritten else ""
    said = f"{model}.{need.lookup.column} is {doing} here{more}{also}, and {_NO_INDEX}"
    schema = analysis.project.schema
    unsure = [i for i in schema.of(storage.table) if i.source == SQL and i.columns[0] == storage.column]
    if unsure:
        said += f"; {unsure[0].name or 'an index'} is in the SQL text of {unsure[0].path} only, which no migration runs"
    if storage.few:
        said += "; it has few values"
    return said


def message_of_loads(analysis: Analysis, column: str, places: Places) -> str:
    """Say what searches by a column that no expression names; the column is given with its class or table."""
    more = f" in {len(places)} places" if len(places) > 1 else ""
    return f"{column} is searched by {_unwritten(analysis, places)}{more}, and {_NO_INDEX}"


def _unwritten(analysis: Analysis, places: Places) -> str:
    """The loads of relationships and the deletions among the places."""
    needs = [need for need, _ in places.values()]
    loads = _listed({_attribute(analysis, need) for need in needs if need.lookup.op == LOAD})
    deleted = _listed({_deleted(analysis, need) for need in needs if need.lookup.op == DELETE})
    said = (f"loads of {loads}" if loads else "", f"deletions of {deleted} rows" if deleted else "")
    return " and ".join(filter(None, said))


def _listed(names: set[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"{', '.join(sorted(names)[:_MAX_NAMES])}{more}"


def _attribute(analysis: Analysis, need: Need) -> str:
    return f"{analysis.project.models[need.lookup.model].name}.{need.lookup.column}"


def _deleted(analysis: Analysis, need: Need) -> str:
    return analysis.project.models[need.lookup.other[0]].name if need.lookup.other is not None else ""


def _doing(analysis: Analysis, need: Need) -> str:
    if need.lookup.op == LOAD:
        return f"{_attribute(analysis, need)} is loaded"
    if need.lookup.op == DELETE:
        return f"{_deleted(analysis, need)} rows are deleted: ON DELETE finds those that refer to them"
    return f"{_WORDS.get(need.lookup.op, 'filtered on')} {_attribute(analysis, need)}"


def evidence(analysis: Analysis, places: Places, used: dict[Index, int]) -> Iterator[Step]:
    """Yield the places, the column's declaration, and the indexes that are good.

    Args:
        analysis: the inferred facts.
        places: the queries.
        used: how many queries each index serves.
    """
    first = first_of(places)
    ordered = [
        first,
        *sorted(set(places) - {first}, key=lambda where: (places[where][0].lookup.op in BY_MAPPING, where)),
    ]
    for where in ordered[:_MAX_PLACES]:
        yield Step(*where, _doing(analysis, places[where][0]))
    storage = places[ordered[0]][0].storage
    yield Step(storage.path, storage.line, f"{storage.table}.{storage.column} is declared without an index")
    for index in _good(analysis.project.schema, storage, used)[:_MAX_INDEXES]:
        count = used[index]
        name = index.name or "an index"
        serves = f"serves {count} other quer{'ies' if count > 1 else 'y'}"
        yield Step(
            index.path, index.line, f"{name} on ({', '.join(c or '…' for c in index.columns)}) is good: {serves}"
        )


def _good(schema: Schema, storage: Storage, used: dict[Index, int]) -> list[Index]:
    """The indexes of the table that serve queries, each once however often it is declared."""
    seen: dict[tuple[str, ...], Index] = {}
    for index in schema.of(storage.table):
        if index in used:
            seen.setdefault(index.columns, index)
    return list(seen.values())


def advice(name: str, needs: Iterable[Need]) -> str:
    """Return one index for what is always filtered together, else for the column alone.

    Args:
        name: of the class that has the column, or of a table without a class.
        needs: what the queries lack, of one column.
    """
    every = list(needs)
    storage = every[0].storage
    written = [need for need in every if need.lookup.op not in BY_MAPPING]
    common = [c for c in written[0].partners if all(c in need.partners for need in written)] if written else []
    behind = all(need.lookup.op in ("Eq", "In") for need in written)
    if len(written) < len(every) and not behind:
        common = []  # a load needs the column in front
    columns = ([storage.column, *common] if behind else [*common, storage.column])[:_MAX_COLUMNS]
    index = f"ix_{storage.table}_{'_'.join(columns)}"
    declared = ", ".join(f'"{column}"' for column in columns)
    where = f"the table {name}" if name == storage.table else f"__table_args__ of {name}"
    title = f"Declare the index in {where} and create it in a migration"
    if storage.few and not common:
        title = f"Declare the index, better with a column of many values in front, in {name} and in a migration"
    return f'{title}\nIndex("{index}", {declared})\nop.create_index("{index}", "{storage.table}", [{declared}])'
