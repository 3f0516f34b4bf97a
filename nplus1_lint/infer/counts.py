"""The same COUNT, or the same lookup of association rows by one key, in several places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nplus1_lint.infer.effects import Ask, Kind
from nplus1_lint.infer.lookups import COUNTS, counted_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nplus1_lint.infer.effects import Change
    from nplus1_lint.infer.equalities import Equality
    from nplus1_lint.infer.frame import Frame, Place
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Site, Statement
    from nplus1_lint.link.models import Model

_CALLS: Final = 3  # functions that call the one which holds the only COUNT
_LOOKUPS: Final = 3  # functions that look up the same: two are a reader and a writer of the rows
_OTHER: Final = frozenset(
    {"limit", "paged", "single", "group_by", "distinct", "joined", "subquery", "from_statement", "for_update",
     "dynamic", "yield_per", "populate_existing"}
)  # fmt: skip
_KINDS: Final = {Kind.COUNT: True, Kind.SELECT: False, Kind.EXISTS: False}


@dataclass(frozen=True, slots=True)
class Asked:
    """One place that asks.

    Attributes:
        site: the query, or the call of the function that holds the only one.
        query: the query.
        is_async: it is awaited.
    """

    site: Site
    query: Site
    is_async: bool


@dataclass(frozen=True, slots=True)
class Repeated:
    """A question that several places ask alike.

    Attributes:
        model: id of the class whose rows are counted or looked up.
        key: the foreign key, as the mapped attribute, that is compared with a value which varies.
        constants: further columns, each with the value that it equals everywhere.
        counts: it is a COUNT.
        parent: id of the class to which the key refers.
        places: where it is asked, in order.
        callers: calls of the functions that hold its queries, in order.
        looped: a loop runs one of the queries.
    """

    model: str
    key: str
    constants: tuple[tuple[str, str], ...]
    counts: bool
    parent: str
    places: tuple[Asked, ...]
    callers: tuple[Site, ...]
    looped: bool


def note(frame: Frame, atom: Statement, place: Place, kind: Kind, method: str) -> None:
    """Note an executed statement that counts rows, or looks up association rows.

    Args:
        frame: the running function.
        atom: the statement.
        place: its execution.
        kind: what it does.
        method: the executing method.
    """
    counts = _KINDS.get(kind)
    if counts is None or atom.style == "text" or len(atom.entities) > 1 or (not counts and not atom.equalities):
        return
    model, equal = _asked_of(atom), atom.equalities
    plain = not (atom.flags & _OTHER) and equal is not None and all(e.model in ("", model) for e in equal)
    if counts and not _counts_rows(frame, atom, method, model):
        plain = False
    entity = frame.engine.project.models.get(model)
    if entity is None or (not counts and not (plain and _is_association(entity))):
        return
    site = frame.site(place)
    known = tuple(sorted(e._replace(model=model) for e in equal)) if plain and equal is not None else None
    frame.asks[Ask(site, model, counts, known, atom.is_async, frame.scopes[-1])] = None


def _asked_of(atom: Statement) -> str:
    """The id of the one class that a statement asks about."""
    sources = [flag[5:] for flag in atom.flags if flag.startswith("from:")]
    owners = [name if kind == "row" else name.rpartition(".")[0] for kind, name in atom.entities if kind != "aggregate"]
    equal = [e.model for e in atom.equalities or ()]
    found = {name for name in (*sources, *owners, counted_class(atom), *equal) if name}
    return found.pop() if len(found) == 1 else ""


def _counts_rows(frame: Frame, atom: Statement, method: str, model: str) -> bool:
    """False for a count of values that may be NULL or equal, and for other aggregates."""
    if method != "count" and atom.entities != (("aggregate", "count"),):
        return False
    counted = next((flag[len(COUNTS) :] for flag in atom.flags if flag.startswith(COUNTS)), "")
    entity = frame.engine.project.models.get(model)
    return not counted or (
        entity is not None
        and (counted.rpartition(".")[2] in entity.primary_key or counted.rpartition(".")[2] in _fixed(atom))
    )


def _fixed(atom: Statement) -> set[str]:
    """Columns that equal a value, so that they are not NULL in the rows that are counted."""
    return {e.column for e in atom.equalities or () if e.constant != "None"}


def _is_association(model: Model) -> bool:
    """True for a class whose rows tie two others: its primary key, or a unique key, is made of foreign keys."""
    keys = {c.name for c in model.columns.values() if c.foreign_key}
    return len(keys) > 1 and any(len(unique) > 1 and unique <= keys for unique in model.unique_keys)


def repeated(engine: Engine, looped: frozenset[Site]) -> Iterator[Repeated]:
    """Yield what several places ask alike.

    A query whose filter differs from run to run counts nothing in particular. Places in one function count once.

    Args:
        engine: the engine after all functions have run.
        looped: executing calls that loops repeat.

    Yields:
        The questions, by their first places.
    """
    forms: dict[Site, set[Ask]] = {}
    callers: dict[Site, set[Site]] = {}
    for facts in engine.facts.values():
        for ask in facts.asks:
            forms.setdefault(ask.site, set()).add(ask)
    for facts in engine.facts.values():
        for site, call in facts.asked_by:
            if site in forms:
                callers.setdefault(site, set()).add(call)
    updates: dict[str, list[Change]] = {}
    for facts in engine.facts.values():
        updates.setdefault(facts.function, []).extend(change for change in facts.changes if change.how == "update")
    groups: dict[tuple[str, str, tuple[tuple[str, str], ...], bool], list[Ask]] = {}
    for asks in forms.values():
        ask = next(iter(asks))
        told = _told(engine.project.models, ask.equalities) if len({a.equalities for a in asks}) == 1 else None
        if told is not None and engine.templates.call(ask.site.function) is None:
            groups.setdefault((ask.model, *told, ask.counts), []).append(ask)
    made = (_made(engine, key, asks, callers, looped, updates) for key, asks in groups.items())
    yield from sorted((one for one in made if one is not None), key=lambda one: _order(engine, one.places[0].site))


def _told(
    models: Mapping[str, Model], equalities: tuple[Equality, ...] | None
) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """The foreign key that varies, and the constants beside it; None where it is not exactly one key."""
    varying = [e for e in equalities or () if not e.constant]
    if len(varying) != 1:
        return None
    column = models[varying[0].model].columns.get(varying[0].column)
    if column is None or not column.foreign_key or column.unique:
        return None
    return column.name, tuple((e.column, e.constant) for e in equalities or () if e.constant)


def _made(
    engine: Engine,
    key: tuple[str, str, tuple[tuple[str, str], ...], bool],
    asks: list[Ask],
    callers: Mapping[Site, set[Site]],
    looped: frozenset[Site],
    updates: Mapping[str, list[Change]],
) -> Repeated | None:
    model, column, constants, counts = key
    parent = referred(engine.project.models, model, column)
    if parent is None:
        return None
    asks = [ask for ask in asks if not _stored(updates, ask, parent.id)]
    asks.sort(key=lambda ask: _order(engine, ask.site))
    calls = sorted({call for ask in asks for call in callers.get(ask.site, ())}, key=lambda site: _order(engine, site))
    calls = [call for call in calls if engine.templates.call(call.function) is None]
    functions = len({ask.site.function for ask in asks})
    if functions >= (2 if counts else _LOOKUPS):
        places = tuple(Asked(ask.site, ask.site, ask.is_async) for ask in asks)
    elif counts and len(asks) == 1 and len({call.function for call in calls}) >= _CALLS:
        places = tuple(Asked(call, asks[0].site, asks[0].is_async) for call in calls)
    else:
        return None
    in_loop = any(ask.site in looped for ask in asks)
    return Repeated(model, column, constants, counts, parent.id, places, tuple(calls), in_loop)


def _stored(updates: Mapping[str, list[Change]], ask: Ask, parent: str) -> bool:
    """True if the answer is assigned to an attribute of the parent: it is a stored count that is kept right."""
    first, last = ask.scope[:2], ask.scope[2:]
    own = (change for change in updates.get(ask.site.function, ()) if change.model == parent)
    return any(first <= change.place.place[:2] <= last for change in own)


def referred(models: Mapping[str, Model], model: str, column: str) -> Model | None:
    """Return the class to which a foreign key refers; of several over one table, the one that holds the column alone.

    Args:
        models: the mapped classes by id.
        model: id of the class that holds the key.
        column: the mapped attribute.
    """
    table, _, target = (models[model].columns[column].foreign_key or "").rpartition(".")
    found = [
        m for m in models.values() if m.table == table and any(c.column_name == target for c in m.columns.values())
    ]
    return min(found, key=lambda m: (len(m.columns), m.id)) if found else None


def _order(engine: Engine, site: Site) -> tuple[str, tuple[int, ...]]:
    return engine.path_of(site), site.place
