"""The statements that eager loading sends along with a query, by the mapping and by loader options.

None of them runs for an empty set of rows. Source: SQLAlchemy, "Relationship Loading Techniques"; measured for
`refresh()` and for expired rows, which load as a query for the one row does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.infer.loading import below, by_mapping

if TYPE_CHECKING:
    from nplus1_lint.infer.loaders import Loaders
    from nplus1_lint.infer.values import Loads
    from nplus1_lint.link.models import Model

_BY_OPTION = {
    "selectinload": "selectin", "subqueryload": "subquery", "subqueryload_all": "subquery",
    "immediateload": "immediate", "joinedload": "joined", "contains_eager": "joined", "eagerload": "joined",
    "joinedload_all": "joined",
}  # fmt: skip
_DEEPEST = 8


class EagerStatement(NamedTuple):
    """One relationship that is loaded by a statement of its own.

    Attributes:
        owner: id of the class that carries it.
        path: relationships from the entity to it.
        strategy: ``selectin``, ``subquery`` or ``immediate``; the last sends a statement per row of the owner.
    """

    owner: str
    path: tuple[str, ...]
    strategy: str


def eager_statements(
    models: dict[str, Model], model: str, loads: Loads | None, loaders: Loaders = (), *, new: bool = False
) -> tuple[EagerStatement, ...]:
    """Return what is sent beside the query for the rows of a class, in the order of the mapping.

    The way back to a class already on the path is not followed by the mapping's strategies, as SQLAlchemy does not.

    Args:
        models: all mapped classes.
        model: id of the class.
        loads: loader options of its rows.
        loaders: the same one by one, with paths from the class.
        new: the row has just been inserted, so that its collections are empty.
    """
    options = {loader.path: loader.strategy for loader in loaders}
    return tuple(_below(models, model, loads, options, (), (model,), new))


def _below(
    models: dict[str, Model],
    model: str,
    loads: Loads | None,
    options: dict[tuple[str, ...], str],
    path: tuple[str, ...],
    seen: tuple[str, ...],
    new: bool,
) -> list[EagerStatement]:
    found: list[EagerStatement] = []
    for name, relationship in models[model].relationships.items():
        here = (*path, name)
        asked = _BY_OPTION.get(options.get(here, ""), "")
        target = relationship.target
        if not asked:
            if here in options or not by_mapping(loads, relationship) or target in seen:
                continue
            asked = relationship.lazy
        if asked != "joined":
            found.append(EagerStatement(model, here, asked))
        if target in models and len(here) < _DEEPEST and not (new and relationship.uselist):
            found += _below(models, target, below(loads, name), options, here, (*seen, target), new)
    return found
