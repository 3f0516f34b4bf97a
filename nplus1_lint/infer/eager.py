"""What the mapping's own strategies load in the reach of each router, and who reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nplus1_lint.infer.loading import Declaration, cascade, declaration_of, follow

if TYPE_CHECKING:
    from nplus1_lint.infer.analysis import Reach
    from nplus1_lint.infer.effects import Execution
    from nplus1_lint.link.models import Model, Relationship


@dataclass(slots=True)
class Load:
    """A relationship as one router loads it by the mapping's own strategy.

    Attributes:
        executions: each query that loads it, with the path from its entity.
        read: the queries whose rows are read for it.
        escaped: the queries whose rows escape.
    """

    relationship: Relationship
    executions: list[tuple[Execution, tuple[str, ...]]] = field(default_factory=list)
    read: list[Execution] = field(default_factory=list)
    escaped: list[Execution] = field(default_factory=list)


def eager_loads(models: dict[str, Model], reach: Reach) -> list[Load]:
    """Return every relationship that the mapping loads in a router's reach, with who reads it.

    Args:
        models: all mapped classes.
        reach: the router.
    """
    reads = {(read.site, read.path) for read in reach.reads if not read.by_delete}
    deleted = {(read.site, read.path) for read in reach.reads if read.by_delete}
    escapes = {(escape.site, escape.path) for escape in reach.escapes}
    loads: dict[Declaration, Load] = {}
    for execution in reach.executions:
        for model in execution.models:
            for path in cascade(models, model, execution.loads):
                relationship = follow(models, model, path)
                if relationship is None or not relationship.eager:
                    continue
                if (execution.site, path) in deleted and (execution.site, path) not in reads:
                    continue  # the cascade needs what this query loads, and says nothing of the others
                load = loads.setdefault(declaration_of(relationship), Load(relationship))
                load.executions.append((execution, path))
                if (execution.site, path) in reads:
                    load.read.append(execution)
                if any((execution.site, path[:length]) in escapes for length in range(len(path))):
                    load.escaped.append(execution)
    return list(loads.values())
