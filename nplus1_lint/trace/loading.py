"""By what a relationship or a column of a row is loaded, or why reading it queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.infer import loading
from nplus1_lint.infer.values import PENDING, READ
from nplus1_lint.trace.source import Source

if TYPE_CHECKING:
    from nplus1_lint.infer.recorder import AttributeRead
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Loads, Origin
    from nplus1_lint.link.models import Relationship

_UNKNOWN = ("unknown", "how the row was loaded is unknown")


def state_and_why(engine: Engine, read: AttributeRead) -> tuple[str, str]:
    """Return the state of what was read, and the clause that explains it.

    Args:
        engine: knows the mapped classes, and where rows were queried.
        read: what was noted when it was read.

    Returns:
        One of the states of `traces.TracedRead`, and its reason.
    """
    model = engine.project.models[read.row.model]
    relationship = model.relationships.get(read.attribute)
    if relationship is None:
        return _column(read)
    if relationship.target is None or relationship.target not in engine.project.models:
        return "unknown", "the class that it refers to is not found"
    mapped = f'lazy="{relationship.lazy}" on the mapping'
    if relationship.lazy in ("dynamic", "write_only"):
        return "query", mapped
    loads, plain = read.row.loads, loading.state_of(read.row.loads, relationship)
    if plain:
        return "loaded", _by_what(engine, loads, read.row.origin, relationship, mapped)
    if plain is None:
        return _without_statement(loads, relationship, mapped)
    if loads is not None and f"{READ}{relationship.name}" in loads:
        return "loaded", "an earlier read has loaded it"
    if read.loaded:
        return "loaded", "rows of its class are held, so the identity map answers"
    off = _marked("!", relationship.name) & (loads or frozenset())
    return "unloaded", "an option of the query leaves it out" if off else f"{mapped}, and no option of the query"


def _without_statement(loads: Loads | None, relationship: Relationship, mapped: str) -> tuple[str, str]:
    """A read that sends nothing: it raises, it is empty, or nothing is known of the row."""
    if loads is None or PENDING in loads:
        return _UNKNOWN
    if _marked("%", relationship.name) & loads:
        return "raises", "an option of the query makes it raise or gives nothing"
    return ("loaded", f"{mapped}: it is empty") if relationship.lazy == "noload" else ("raises", mapped)


def _marked(mark: str, name: str) -> frozenset[str]:
    """The loads that concern a relationship under one mark."""
    return frozenset({f"{mark}{name}", f"{mark}*", f"{mark}**"})


def _column(read: AttributeRead) -> tuple[str, str]:
    if read.loaded is None:
        return _UNKNOWN
    if read.loaded:
        return "loaded", "an option of the query"
    loads = read.row.loads or frozenset()
    left_out = f"~{read.attribute}" in loads or any(load.startswith("=") for load in loads)
    return "unloaded", "an option of the query leaves it out" if left_out else "deferred on the mapping"


def _by_what(
    engine: Engine, loads: Loads | None, origin: Origin | None, relationship: Relationship, mapped: str
) -> str:
    if loads is not None and relationship.name in loads:
        back = origin is not None and relationship.back_populates == _followed(engine, origin)
        return "the way back to the row that it was reached from" if back else "an option of the query"
    return mapped if relationship.eager else "an option of the query for all relationships"


def _followed(engine: Engine, origin: Origin) -> str | None:
    """The relationship by which a row was reached, loaded with its parent or lazily."""
    if origin.path:
        return origin.path[-1]
    node = Source(engine.definition(origin.site.function).facts).at(origin.site.place)
    return node.name if isinstance(node, f.Attr) else None
