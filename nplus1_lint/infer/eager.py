"""What the mapping's own strategies load in the reach of each router, and who reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.findings import Hop
from nplus1_lint.infer.class_names import written
from nplus1_lint.infer.loading import Declaration, cascade, declaration_of, follow

if TYPE_CHECKING:
    from nplus1_lint.infer.analysis import Reach
    from nplus1_lint.infer.effects import Execution
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link import Project
    from nplus1_lint.link.models import Model, Relationship


class Loading(NamedTuple):
    """A query that loads a relationship on one way.

    Attributes:
        execution: the query.
        model: id of the class that it asks for.
        path: relationships from there to the one loaded, itself included.
        read: its rows are read for it.
        escaped: the rows that carry it escape.
    """

    execution: Execution
    model: str
    path: tuple[str, ...]
    read: bool
    escaped: bool


@dataclass(slots=True)
class Load:
    """A relationship as one router loads it by the mapping's own strategy; a query on two ways counts twice."""

    relationship: Relationship
    loadings: list[Loading] = field(default_factory=list)

    @property
    def executions(self) -> list[tuple[Execution, tuple[str, ...]]]:
        """Each query that loads it, with the path from its entity."""
        return [(loading.execution, loading.path) for loading in self.loadings]

    @property
    def read(self) -> list[Execution]:
        """The queries whose rows are read for it."""
        return [loading.execution for loading in self.loadings if loading.read]

    @property
    def escaped(self) -> list[Execution]:
        """The queries whose rows escape."""
        return [loading.execution for loading in self.loadings if loading.escaped]


def way_of(models: dict[str, Model], loading: Loading) -> tuple[tuple[str, str], ...]:
    """Return the way on which a query loads a relationship: class and attribute, step by step.

    Args:
        models: all mapped classes.
        loading: the query, and the path from its entity.
    """
    way = []
    model = models[loading.model]
    for name in loading.path:
        way.append((model.name, name))
        model = models.get(model.relationships[name].target or "", model)
    return tuple(way)


def hops_of(project: Project, path: str, loading: Loading) -> tuple[Hop, ...] | None:
    """Return the same way as options that change nothing, as a file may write them.

    Args:
        project: classes and names.
        path: project path of the query's file.
        loading: the query, and the path from its entity.

    Returns:
        One option per step; None where the file cannot write the class of a step behind the first.
    """
    hops: list[Hop] = []
    model = project.models[loading.model]
    for name in loading.path:
        known = written(project.symbols, path, model.id) if hops else (model.name, "")
        if known is None:
            return None
        hops.append(Hop("defaultload", known[0], name, known[1]))
        model = project.models.get(model.relationships[name].target or "", model)
    return tuple(hops)


def eager_loads(models: dict[str, Model], reach: Reach, held: dict[Site, frozenset[Site]]) -> list[Load]:
    """Return every relationship that the mapping loads in a router's reach, with who reads it.

    Args:
        models: all mapped classes.
        reach: the router.
        held: for a query, others that may find its rows in the identity map, so that reads of theirs are reads of its.
    """
    reads = {(read.site, read.path) for read in reach.reads if not read.by_delete}
    deleted = {(read.site, read.path) for read in reach.reads if read.by_delete}
    escapes = {(escape.site, escape.path) for escape in reach.escapes}
    loads: dict[Declaration, Load] = {}
    called = frozenset(reach.called)
    for execution in (*reach.executions, *reach.called):
        for model in execution.models:
            for path in cascade(models, model, execution.loads):
                relationship = follow(models, model, path)
                if relationship is None or not relationship.eager:
                    continue
                read = (execution.site, path) in reads
                if (execution.site, path) in deleted and not read:
                    continue  # the cascade needs what this query loads, and says nothing of the others
                escaped = any((execution.site, path[:length]) in escapes for length in range(len(path)))
                escaped = escaped or any((site, path) in reads for site in held.get(execution.site, ()))
                if execution in called and not read and not escaped:
                    continue
                load = loads.setdefault(declaration_of(relationship), Load(relationship))
                load.loadings.append(Loading(execution, model, path, read, escaped))
    return list(loads.values())
