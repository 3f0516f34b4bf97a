"""Loader options as text: the option, or the chain of options, that loads what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.effects import Effect
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link import Project
    from nplus1_lint.link.models import Model

_MAX_STEPS: Final = 6


def lazy_chain(analysis: Analysis, effect: Effect) -> tuple[Effect, ...]:
    """Return the lazy loads that lead to one, itself last: the first reads rows that a query has made.

    Args:
        analysis: the lazy loads of each place.
        effect: a lazy load; its rows may themselves have been loaded lazily.
    """
    chain = [effect]
    while len(chain) < _MAX_STEPS and chain[0].origin is not None:
        before = [
            e for e in analysis.lazy_loads.get(chain[0].origin, ()) if _target(analysis.project, e) == chain[0].subject
        ]
        if not before or before[0] in chain:
            break
        chain.insert(0, before[0])
    return tuple(chain)


def made_by(analysis: Analysis, effect: Effect) -> Site | None:
    """Return the query that made the rows to which a loader option for an effect belongs."""
    return lazy_chain(analysis, effect)[0].origin


def _target(project: Project, effect: Effect) -> str | None:
    relationship = project.models[effect.subject].relationships.get(effect.attribute)
    return relationship.target if relationship is not None else None


def option_for(analysis: Analysis, effect: Effect) -> str:
    """Return the loader option that would have loaded what an effect loads lazily.

    Args:
        analysis: the mapped classes and the lazy loads.
        effect: a lazy load; one for a schema gets the whole chain from the row that the schema was given.

    Returns:
        ``selectinload(Team.heroes)``, ``selectinload(Team.heroes).joinedload(Hero.team)`` or ``undefer(Hero.bio)``.
    """
    project = analysis.project
    if effect.reader is None or not effect.reader.path:
        return ".".join(_step(project.models[e.subject], e.attribute) for e in lazy_chain(analysis, effect))
    last = _step(project.models[effect.subject], effect.attribute)
    steps = []
    here: Model | None = project.models.get(effect.reader.model)
    for name in effect.reader.path[:-1]:
        relationship = here.relationships.get(name) if here is not None else None
        if here is None or relationship is None:
            return last
        steps.append(_step(here, name))
        here = project.models.get(relationship.target or "")
    return ".".join([*steps, last])


def _step(model: Model, attribute: str) -> str:
    relationship = model.relationships.get(attribute)
    if relationship is None:
        return f"undefer({model.name}.{attribute})"
    return f"{'selectinload' if relationship.uselist else 'joinedload'}({model.name}.{attribute})"


def options_for(analysis: Analysis, effects: Iterable[Effect]) -> str:
    """Return the options for several lazy loads, each once, those that others continue left out."""
    written = list(dict.fromkeys(option_for(analysis, effect) for effect in effects))
    kept = [one for one in written if not any(other.startswith(f"{one}.") for other in written)]
    return ", ".join(kept)
