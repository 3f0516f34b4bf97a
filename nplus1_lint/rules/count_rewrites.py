"""What may stand in place of a repeated COUNT or lookup, in rising order of effort: a property, a cache, a column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nplus1_lint.rules.count_migration import StoredCount, migration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.counts import Repeated
    from nplus1_lint.infer.effects import Change
    from nplus1_lint.link.indexes import Storage
    from nplus1_lint.link.models import Model

_LITERALS: Final[dict[str, bool | None]] = {"None": None, "True": True, "False": False}
_SAID: Final = {
    "insert": "adds {model} rows",
    "made": "makes a {model}, which a session may take along",
    "update": "sets {owner}.{attribute}",
    "delete": "deletes {model} rows",
    "collection": "changes {owner}.{attribute}",
    "text": "writes {model} rows in SQL text",
}


def _importable(module: str) -> str:
    """A module's name behind the last folder that can be no package."""
    parts = module.split(".")
    start = max((at + 1 for at, part in enumerate(parts) if not part.isidentifier()), default=0)
    return ".".join(parts[start:]) or parts[-1]


def rewrites(analysis: Analysis, found: Repeated) -> str:
    """Write all that a finding suggests, as one text of Python.

    Args:
        analysis: the facts of the project.
        found: what is asked repeatedly.

    Returns:
        For a COUNT the property, the cache and the migration; for a lookup the cache.
    """
    parts = [_property(analysis, found)] if found.counts else []
    parts.append(_cache(analysis, found))
    if found.counts:
        parts.append(_stored(analysis, found))
    return "\n\n\n".join(f"# --- {number}. {part}" for number, part in enumerate(parts, 1))


def column_name(analysis: Analysis, found: Repeated) -> str:
    """Return a name for the count that the parent does not have yet: ``hero_count``, ``active_hero_count``."""
    parent = analysis.project.models[found.parent]
    words = [column for column, _ in found.constants] + [_snake(analysis.project.models[found.model].name), "count"]
    name = "_".join(words)
    taken = set(parent.columns) | set(parent.relationships) | {c.column_name for c in parent.columns.values()}
    return name if name not in taken else f"{name}_by_{found.key}"


def _property(analysis: Analysis, found: Repeated) -> str:
    model, parent = analysis.project.models[found.model], analysis.project.models[found.parent]
    name = column_name(analysis, found)
    criteria = [
        f"{model.name}.{found.key} == {parent.name}.{_referred(parent, model, found.key)}",
        *_criteria(found, model),
    ]
    beside = model.path if model.path == parent.path else f"{model.path}, or wherever both classes are known"
    return f"""\
Let the database count with each {parent.name} that it selects, in the same statement. In {beside}, below both classes:
from sqlalchemy import func, select
from sqlalchemy.orm import column_property

{parent.name}.{name} = column_property(
    select(func.count())
    .select_from({model.name})
    .where({", ".join(criteria)})
    .correlate_except({model.name})
    .scalar_subquery()
)
# With deferred=True only the queries that ask for it by undefer({parent.name}.{name}) pay for it."""


def _criteria(found: Repeated, model: Model) -> list[str]:
    return [
        f"{model.name}.{column}.is_({value})" if value in _LITERALS else f"{model.name}.{column} == {value}"
        for column, value in found.constants
    ]


def _referred(parent: Model, model: Model, key: str) -> str:
    """The attribute of the parent to which the key refers."""
    target = (model.columns[key].foreign_key or "").rpartition(".")[2]
    return next((c.name for c in parent.columns.values() if c.column_name == target), target)


# -- a cache ---------------------------------------------------------------------------------------------------------


def _cache(analysis: Analysis, found: Repeated) -> str:
    model = analysis.project.models[found.model]
    is_async = any(place.is_async for place in found.places)
    name = column_name(analysis, found) if found.counts else f"{_snake(model.name)}_keys"
    what = ", ".join([f"{model.name}.{found.key} == {found.key}", *_criteria(found, model)])
    session = "AsyncSession" if is_async else "Session"
    wait, make = ("await ", "async def") if is_async else ("", "def")
    if found.counts:
        result, empty = "int", "0"
        ask = f"{wait}session.scalar(select(func.count()).select_from({model.name}).where({what})) or 0"
    else:
        result, empty = "tuple[tuple[object, ...], ...]", "()"
        others = ", ".join(f"{model.name}.{c.name}" for c in model.columns.values() if c.foreign_key)
        rows = f"{wait}session.execute(select({others}).where({what}))"
        ask = f"tuple(tuple(row) for row in {f'({rows})' if is_async else rows})"
    return _CACHE.format(
        file=f"{name}.py",
        imports="func, select" if found.counts else "select",
        module="sqlalchemy.ext.asyncio" if is_async else "sqlalchemy.orm",
        session=session,
        model=model.name,
        model_module=_importable(model.id.partition(":")[0]),
        name=name,
        key=found.key,
        make=make,
        result=result,
        empty=empty,
        ask=ask,
        places="\n".join(_invalidations(analysis, found)) or "# (no such place is known here)",
    )


_CACHE: Final = '''\
Keep each answer for some seconds. In a module of its own, such as {file}:
import threading
import time

from sqlalchemy import {imports}
from {module} import {session}

from {model_module} import {model}

TTL = 60.0  # seconds for which an answer may be out of date
LIMIT = 10_000  # answers kept at once
_kept: dict[object, tuple[float, {result}]] = {{}}
_lock = threading.Lock()


{make} {name}(session: {session}, {key}: object) -> {result}:
    """Return the answer for a key, at most TTL seconds old."""
    with _lock:
        until, answer = _kept.get({key}, (0.0, {empty}))
    if time.monotonic() < until:
        return answer
    answer = {ask}
    with _lock:
        if len(_kept) >= LIMIT:
            _kept.clear()
        _kept[{key}] = (time.monotonic() + TTL, answer)
    return answer


def forget_{name}({key}: object = None) -> None:
    """Forget the answer for a key, or all answers."""
    with _lock:
        if {key} is None:
            _kept.clear()
        else:
            _kept.pop({key}, None)


# Call forget_{name}() after the commit that follows each of these (other processes wait for TTL):
{places}'''


def _invalidations(analysis: Analysis, found: Repeated) -> Iterator[str]:
    """Each place that changes the answer, with file and line."""
    changes = [one for one in analysis.changes if _concerns(analysis, found, one)]
    inserting = {one.place.function for one in changes if one.how in ("insert", "collection")}
    seen: set[tuple[str, int, str]] = set()
    for change in changes:
        if change.how == "made" and change.place.function in inserting:
            continue  # the call beside it adds the row
        where = analysis.path_of(change.place), change.place.place[0]
        said = _said(analysis, found, change)
        if (*where, said) not in seen:
            seen.add((*where, said))
            yield f"# {where[0]}:{where[1]}: {said}"


def _said(analysis: Analysis, found: Repeated, change: Change) -> str:
    model = analysis.project.models[found.model]
    owner = analysis.project.models.get(change.model)
    name = owner.name if owner is not None else model.name
    if change.how == "delete" and change.model != found.model:
        return f"deletes {name} rows, and with them {model.name} rows"
    if change.how == "update" and not change.attribute:
        return f"updates {name} rows"
    return _SAID[change.how].format(model=model.name, owner=name, attribute=change.attribute)


def _concerns(analysis: Analysis, found: Repeated, change: Change) -> bool:
    """True if a place may change the number of rows behind a key, or which rows they are."""
    models = analysis.project.models
    model = models[found.model]
    if change.how == "text":
        return change.model == model.table
    if change.model == found.model:
        columns = {found.key, *(column for column, _ in found.constants), ""}
        ways = {r.name for r in model.relationships.values() if r.target == found.parent and not r.uselist}
        own = change.attribute in columns | ways or (not found.counts and change.attribute in model.columns)
        return change.how not in ("update", "collection") or own
    owner = models.get(change.model)
    if owner is None:
        return False
    if change.how == "collection":
        relationship = owner.relationships[change.attribute]
        return relationship.target == found.model or relationship.secondary == model.table
    return change.how == "delete" and _takes_along(owner, model)


def _takes_along(owner: Model, model: Model) -> bool:
    """True if the deletion of an owner deletes rows of the model: by a cascade of the mapping or of the key."""
    for relationship in owner.relationships.values():
        cascades = "delete" in relationship.cascade or "all" in relationship.cascade
        if (relationship.target == model.id and cascades) or relationship.secondary == model.table:
            return True
    keys = (c for c in model.columns.values() if (c.foreign_key or "").rpartition(".")[0] == owner.table)
    return any(column.on_delete.upper() == "CASCADE" for column in keys)


# -- a stored column -------------------------------------------------------------------------------------------------


def _stored(analysis: Analysis, found: Repeated) -> str:
    parent = analysis.project.models[found.parent]
    count = stored_count(analysis, found)
    if isinstance(count, str):
        return f"A stored column with triggers is not written here: {count}."
    text = migration(count, analysis.project.newest_migrations)
    return f"""\
Store the count in {parent.name} and let triggers keep it. In {parent.path}, in the class {parent.name}:
#     {count.column} = Column(Integer, nullable=False, server_default="0")
# A row in hand keeps the number with which it was loaded, until it is refreshed. The migration, to be saved as it is:
{text.rstrip()}"""


def stored_count(analysis: Analysis, found: Repeated) -> StoredCount | str:
    """Return what the migration stores, or why there is none.

    Args:
        analysis: the facts of the project.
        found: the repeated COUNT.
    """
    model, parent = analysis.project.models[found.model], analysis.project.models[found.parent]
    columns = analysis.project.schema.columns
    own, referred = columns.get((model.id, found.key)), columns.get((parent.id, _referred(parent, model, found.key)))
    if own is None or referred is None:
        return "the names of the tables are made at run time"
    if own.table == referred.table:
        return f"the rows of {own.table} refer to rows of the same table"
    conditions: list[tuple[str, bool | int | str | None]] = []
    for column, value in found.constants:
        storage = columns.get((model.id, column))
        literal = _literal(value)
        if literal is None or storage is None or storage.table != own.table or _differs(literal[0], storage):
            return f"the value of {model.name}.{column} in the database is not known for {value}"
        conditions.append((storage.column, literal[0]))
    name = column_name(analysis, found)
    return StoredCount(referred.table, referred.column, name, own.table, own.column, tuple(sorted(conditions, key=str)))


def _differs(value: bool | int | str | None, storage: Storage) -> bool:
    """True if a column may hold something else for a value: a number for a boolean."""
    return isinstance(value, bool) and not storage.few


def _literal(written: str) -> tuple[bool | int | str | None] | None:
    """The value of a literal, alone in a tuple; None for what is no literal or not plain enough."""
    if written in _LITERALS:
        return (_LITERALS[written],)
    if re.fullmatch(r"-?\d+", written):
        return (int(written),)
    quoted = re.fullmatch(r"(['\"])([^\\'\"]*)\1", written)
    return (quoted[2],) if quoted else None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
