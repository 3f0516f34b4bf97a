"""What rendering a template repeats: gathered at the call in Python, wherever in the templates it happens."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nplus1_lint.findings import NodeKind
from nplus1_lint.infer.origins import Origins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nplus1_lint.infer.analysis import Repetition
    from nplus1_lint.infer.effects import Effect, Key
    from nplus1_lint.infer.frame import Place
    from nplus1_lint.infer.origins import Behind
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Site


@dataclass(frozen=True, slots=True)
class Rendering:
    """A call that renders a template, and the effects that run once per iteration in the course of it.

    Attributes:
        path: project path of the function's file.
        place: the call; in a loop of Python, the call that leads to it.
        function: qualified name of the function.
        caller: id of the function that renders.
        node: the syntax that stands there.
        templates: project paths of the templates that are rendered there.
        repetitions: loops in templates first, then loops of Python around the call.
        loads: for each read (its place and attribute), the queries for the rows on which it reads; rows that were
            themselves loaded lazily are traced back to a query.
    """

    path: str
    place: Place
    function: str
    caller: str
    node: NodeKind
    templates: tuple[str, ...]
    repetitions: tuple[Repetition, ...]
    loads: Behind = field(repr=False)


@dataclass(slots=True)
class _Group:
    function: str
    node: NodeKind
    calls: dict[Site, None] = field(default_factory=dict)
    inside: list[Repetition] = field(default_factory=list)
    around: list[Repetition] = field(default_factory=list)


def renderings(
    engine: Engine, found: Iterable[Repetition], name: Callable[[str], str]
) -> tuple[tuple[Repetition, ...], tuple[Rendering, ...]]:
    """Part what templates repeat from what Python does.

    Args:
        engine: the engine after all functions have run.
        found: every repetition, those inside templates included.
        name: gives a function's qualified name by its id.

    Returns:
        The repetitions without any effect of a template, and one rendering per call that repeats some, by place.
    """
    templates = engine.templates
    own: list[Repetition] = []
    groups: dict[tuple[str, Place], _Group] = {}
    for repetition in found:
        call = templates.call(repetition.loop.site.function)
        if call is not None:
            key = (engine.path_of(call), call.place)
            group = groups.setdefault(key, _Group(name(call.function), NodeKind.CALL))
            group.calls[call] = None
            group.inside.append(repetition)
            continue
        through = tuple(effect for effect in repetition.effects if _call(engine, effect) is not None)
        rest = tuple(effect for effect in repetition.effects if effect not in through)
        if rest:
            own.append(replace(repetition, effects=rest) if through else repetition)
        if through:
            group = groups.setdefault((repetition.path, repetition.place), _Group(repetition.function, repetition.node))
            group.calls.update({call: None for effect in through if (call := _call(engine, effect)) is not None})
            group.around.append(replace(repetition, effects=through))
    runs: dict[Site, list[Key]] = {}
    for run in engine.facts:
        call = templates.call(run[0])
        if call is not None:
            runs.setdefault(call, []).append(run)
    origins = Origins(engine)
    return tuple(own), tuple(_rendering(engine, key, groups[key], runs, origins) for key in sorted(groups))


def _call(engine: Engine, effect: Effect) -> Site | None:
    """The rendering call that an effect happens behind, or None."""
    for site in (*effect.chain, effect.site):
        call = engine.templates.call(site.function)
        if call is not None:
            return call
    return None


def _rendering(
    engine: Engine,
    key: tuple[str, Place],
    group: _Group,
    runs: dict[Site, list[Key]],
    origins: Origins,
) -> Rendering:
    keys = [run for call in group.calls for run in runs.get(call, ())]
    rendered = {path for call in group.calls for path in engine.templates.rendered[call]}
    inside = sorted(group.inside, key=lambda one: (one.path, one.place, -one.loop.site.place[0]))
    repetitions = (*inside, *group.around)
    caller = next(iter(group.calls)).function
    loads = origins.loads(keys)
    return Rendering(*key, group.function, caller, group.node, tuple(sorted(rendered)), repetitions, loads)
