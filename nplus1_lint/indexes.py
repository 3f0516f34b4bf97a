"""Which indexes a project has, and how many places with queries each of them serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.index_use import judge
from nplus1_lint.link.ddl import ANY_TABLE, EXPRESSION
from nplus1_lint.link.indexes import SQL
from nplus1_lint.remedies import IndexUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link.indexes import Index


def tabulate(analysis: Analysis, named: Callable[[str], str]) -> tuple[IndexUse, ...]:
    """Return the indexes of all tables, each once however often it is declared, by table and columns.

    Args:
        analysis: the inferred facts of the project.
        named: project path to the path that is shown.
    """
    schema = analysis.project.schema
    places: dict[tuple[str, tuple[str, ...]], set[Site]] = {}
    for query in analysis.filters:
        for index in judge(schema, query.filter).used:
            places.setdefault((index.table, index.columns), set()).add(query.filter.site)
    found: dict[tuple[str, tuple[str, ...]], Index] = {}
    for table, indexes in schema.indexes.items():
        for index in indexes if table != ANY_TABLE else ():
            if index.source != SQL and EXPRESSION not in index.columns:
                _keep(found, index)
    return tuple(_uses(found, places, named))


def _keep(found: dict[tuple[str, tuple[str, ...]], Index], index: Index) -> None:
    """Of several declarations of one index, the one with a name stands for all."""
    key = (index.table, index.columns)
    if key not in found or (not found[key].name and index.name):
        found[key] = index


def _uses(
    found: dict[tuple[str, tuple[str, ...]], Index],
    places: dict[tuple[str, tuple[str, ...]], set[Site]],
    named: Callable[[str], str],
) -> Iterator[IndexUse]:
    for key, index in sorted(found.items()):
        beside = [other for other in found.values() if other.table == index.table and other != index]
        yield IndexUse(
            table=index.table,
            name=_name(index),
            columns=index.columns,
            path=named(index.path),
            line=index.line,
            queries=len(places.get(key, ())),
            covered_by=_wider(index, beside),
        )


def _wider(index: Index, others: Sequence[Index]) -> str:
    count = len(index.columns)
    wider = [other for other in others if len(other.columns) > count and other.columns[:count] == index.columns]
    return min((_name(other) for other in wider), default="")


def _name(index: Index) -> str:
    return index.name or f"unique ({', '.join(index.columns)})"
