"""Loader options as text: the option, or the chain of options, that loads what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.effects import Effect
    from nplus1_lint.link import Project
    from nplus1_lint.link.models import Model


def option_for(project: Project, effect: Effect) -> str:
    """Return the loader option that would have loaded what an effect loads lazily.

    Args:
        project: the mapped classes.
        effect: a lazy load; one for a schema gets the whole chain from the row that the schema was given.

    Returns:
        ``selectinload(Team.heroes)``, ``selectinload(Team.heroes).joinedload(Hero.team)`` or ``undefer(Hero.bio)``.
    """
    model = project.models[effect.subject]
    last = _step(model, effect.attribute)
    if effect.reader is None or not effect.reader.path:
        return last
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


def options_for(project: Project, effects: Iterable[Effect]) -> str:
    """Return the options for several lazy loads, each once, those that others continue left out."""
    written = list(dict.fromkeys(option_for(project, effect) for effect in effects))
    kept = [one for one in written if not any(other.startswith(f"{one}.") for other in written)]
    return ", ".join(kept)
