"""Whether what a loop writes may change what a query in it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.effects import OWN_SESSION, PLAIN_FILTER, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.effects import Effect

_SOURCES = ("with:", "from:", "last:")
_UNSEEN = frozenset({"subquery", "dynamic"})


def may_change(analysis: Analysis, query: Effect, changes: Iterable[Effect]) -> bool:
    """Return whether the answer of a query may be another one after some changes, or its rows be read anew.

    Rows of other tables change nothing, as long as the query's filter holds nothing but columns compared with values.
    What a trigger writes is not seen.

    Args:
        analysis: the project's.
        query: what reads.
        changes: what the loop around it writes, as `effects.CHANGES`.
    """
    changes = tuple(changes)
    if not changes:
        return False
    read = _read(analysis, query)
    if read is None:
        return True
    tables = {_table(analysis, one) for one in read}
    for change in changes:
        if change.kind is Kind.FLUSH:
            continue  # it writes what has been changed before
        if change.kind is Kind.COMMIT:
            if query.query is not None and query.query.rows and OWN_SESSION not in query.query.flags:
                return True  # the rows expire
            continue
        written = _written(analysis, change)
        if written is None or not tables.isdisjoint(_table(analysis, one) for one in written):
            return True
    return False


def _read(analysis: Analysis, effect: Effect) -> frozenset[str] | None:
    """The ids of the classes whose tables a query reads; None where some may be unknown."""
    query = effect.query
    if query is None or PLAIN_FILTER not in query.flags or query.flags & _UNSEEN:
        return None
    named = {flag.partition(":")[2] for flag in query.flags if flag.startswith(_SOURCES)}
    counted = {flag.partition(":")[2].rpartition(".")[0] for flag in query.flags if flag.startswith("counts:")}
    subject = {effect.subject} if effect.subject else counted
    read = {*subject, *query.rows, *named, *(criterion.model for criterion, _ in query.criteria)}
    models = analysis.project.models
    if not read or not read <= models.keys():
        return None
    eager = (one.target for model in read for one in models[model].relationships.values() if one.eager)
    return frozenset(read).union(*map(analysis.family, (*read, *(target for target in eager if target))))


def _written(analysis: Analysis, effect: Effect) -> frozenset[str] | None:
    """The ids of the classes to whose tables a change may write; None where they are not known."""
    model = analysis.project.models.get(effect.subject)
    if model is None or effect.kind not in (Kind.WRITE, Kind.CHANGE, Kind.REFRESH):
        return None
    found = set(analysis.family(model.id))
    if effect.kind is Kind.REFRESH and effect.attribute != "merge":
        return frozenset()
    if effect.kind is Kind.CHANGE and effect.attribute in model.columns:
        return frozenset(found)
    for one in model.relationships.values():  # cascades, in either direction
        found.update(analysis.family(one.target) if one.target else ())
    referring = (other for other in analysis.project.models.values() for column in other.columns.values()
                 if (column.foreign_key or "").rpartition(".")[0] == model.table)  # fmt: skip
    found.update(other.id for other in referring)
    return frozenset(found)


def _table(analysis: Analysis, model: str) -> str:
    found = analysis.project.models.get(model)
    return found.table or found.id if found is not None else model
