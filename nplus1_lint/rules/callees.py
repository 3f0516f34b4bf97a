"""Plans for the batch variant of a function that a loop calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.findings import BatchPlan, Callee, CalleePlan, CalleeStep, Pos
from nplus1_lint.infer.effects import CHANGES, Kind
from nplus1_lint.infer.joins import item_of
from nplus1_lint.infer.values import Row, Statement, Value
from nplus1_lint.link.import_chain import import_chain
from nplus1_lint.rules.repeated import batch_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.infer.analysis import Analysis, Repetition
    from nplus1_lint.infer.effects import Effect
    from nplus1_lint.infer.frame import Place
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link.hierarchy import Function as Definition

    Way = tuple[tuple[Site, ...], Effect]

_BY_VALUE = frozenset({"SQLModel", "MappedAsDataclass"})
_WRITTEN = frozenset({"for", "comprehension"})
"""Loops that stand around the call; what a helper such as ``executor.map`` repeats is no part of it."""
_SILENT = frozenset({Kind.CHANGE, Kind.WORK, Kind.OPAQUE})


def callee_plan(analysis: Analysis, repetition: Repetition, effects: Sequence[Effect]) -> CalleePlan | None:
    """Return what the rewriter needs to batch a call.

    Args:
        analysis: the facts.
        repetition: the call in its loop.
        effects: the queries behind the call that depend on the loop.

    Returns:
        The plan; None when the call may mean several functions, or one that cannot be told by its name.
    """
    if repetition.loop.kind not in _WRITTEN or any(not effect.chain or effect.loops for effect in effects):
        return None
    loop = repetition.loop.site.place
    if repetition.place == loop or not Pos(*loop).contains(Pos(*repetition.place)):
        return None  # a function that is repeated by what it is handed to
    rest = [(e.chain[1:], e) for e in repetition.effects if e not in effects and e.kind not in _SILENT]
    if any(not effect.chain for _, effect in rest):
        return None
    function = repetition.loop.site.function
    called = repetition.path, function, repetition.place
    callee = _callee(analysis, called, [(effect.chain[1:], effect) for effect in effects], rest, function)
    if callee is None:
        return None
    classes = {effect.subject for effect in effects}
    around = [r for r in analysis.repetitions if r.loop.site == repetition.loop.site and r.place != repetition.place]
    followed = any(r.place > repetition.place and any(e.kind not in _SILENT for e in r.effects) for r in around)
    changes = any(
        e.kind in CHANGES and e.kind is not Kind.WORK and (e.subject in classes or not e.subject)
        for r in around
        for e in r.effects
    )
    cascades = any(_cascades(analysis, one) for one in classes if one)
    models = _iterated(repetition)
    rows = bool(models) and all(one and _hashable(analysis, one) for one in models)
    return CalleePlan(Pos(*repetition.loop.site.place), callee, changes, cascades, rows, followed)


def _iterated(repetition: Repetition) -> list[str]:
    """The classes of the rows that a loop iterates; an empty string among them for anything else."""
    models: list[str] = []
    for atom in repetition.loop.over.atoms:
        if type(atom) is Statement:
            models += [name if kind == "row" and len(atom.entities) == 1 else "" for kind, name in atom.entities]
        else:
            models += [item.model if type(item) is Row else "" for item in item_of(Value((atom,))).atoms]
    return models


def _hashable(analysis: Analysis, class_id: str) -> bool:
    """False for a class that may compare its rows by value: those cannot be keys."""
    hierarchy = analysis.project.hierarchy
    if any("__eq__" in one.methods or one.facts.decorators for one in hierarchy.mro(class_id)):
        return False
    return not any(base.rpartition(".")[2] in _BY_VALUE for base in hierarchy.external_bases(class_id))


def _cascades(analysis: Analysis, class_id: str) -> bool:
    """True if a deleted row's relationships are read: collections are detached, others may be deleted with it."""
    return any(
        (one.uselist and not one.viewonly) or "delete" in one.cascade or "all" in one.cascade
        for one in analysis.project.models[class_id].relationships.values()
    )


def _callee(
    analysis: Analysis, called: tuple[str, str, Place], ways: list[Way], rest: list[Way], caller: str
) -> Callee | None:
    """The one function in which the next sites of all ways stand."""
    heads = [_head(way) for way in ways]
    found = analysis.project.hierarchy.functions.get(heads[0].function)
    every = (*heads, *map(_head, rest))
    if found is None or any(head.function != found.id for head in every) or _overridden(analysis, found.cls, found):
        return None
    imports = import_chain(analysis.project, *called, found)
    if imports is None:
        return None
    steps = []
    for site in sorted(dict.fromkeys(heads), key=lambda head: head.place):
        here = [way for way, head in zip(ways, heads, strict=True) if head == site]
        step = _step(analysis, site, here, [way for way in rest if _head(way) == site], caller)
        if step is None:
            return None
        steps.append(step)
    others = {(Pos(*_head(way).place), way[1].kind.value): None for way in rest if _head(way) not in heads}
    place = Pos(*found.facts.pos)
    return Callee(found.path, place, found.facts.name, tuple(steps), tuple(sorted(others)), imports)


def _head(way: Way) -> Site:
    """Where a way goes on, or ends."""
    sites, effect = way
    return sites[0] if sites else effect.site


def _overridden(analysis: Analysis, cls: str | None, function: Definition) -> bool:
    """True if a call by the function's name may mean that of another class: an interface or a subclass has it too."""
    hierarchy = analysis.project.hierarchy
    if cls is None:
        return False
    family = {*(one.id for one in hierarchy.mro(cls)), *hierarchy.descendants(cls)} - {cls}
    return any(function.facts.name in hierarchy.classes[one].methods for one in family if one in hierarchy.classes)


def _step(analysis: Analysis, site: Site, ways: list[Way], rest: list[Way], caller: str) -> CalleeStep | None:
    if all(not sites for sites, _ in ways):
        query = _query(analysis, ways[0][1], caller) if len(ways) == 1 and not rest else None
        return CalleeStep(Pos(*site.place), query, None) if query is not None else None
    if any(not sites for sites, _ in (*ways, *rest)):
        return None
    inside = [(sites[1:], effect) for sites, effect in ways], [(sites[1:], effect) for sites, effect in rest]
    holder = analysis.project.hierarchy.functions.get(site.function)
    callee = (
        _callee(analysis, (holder.path, site.function, site.place), *inside, caller) if holder is not None else None
    )
    return CalleeStep(Pos(*site.place), None, callee) if callee is not None else None


def _query(analysis: Analysis, effect: Effect, caller: str) -> BatchPlan | None:
    query = effect.query
    model = analysis.project.models.get(effect.subject)
    definition = analysis.project.hierarchy.functions.get(effect.site.function)
    if query is None or model is None or definition is None:
        return None
    keys = tuple(
        batch_key(analysis, criterion, model)
        for criterion, mask in query.criteria
        if criterion.op == "Eq" and mask and criterion.value is not None and criterion.function == effect.site.function
    )
    if not keys:
        return None
    return BatchPlan(
        loop=Pos(*definition.facts.pos),
        iterable=None,
        model=analysis.local_name(definition.path, model.id),
        keys=keys,
        aggregate=query.aggregate,
        session=Pos(*query.session) if query.session else None,
        style="legacy-flask" if query.style == "flask-query" else "query" if query.style == "query" else "select",
        is_async=query.is_async,
        primary_key=model.primary_key[0] if len(model.primary_key) == 1 else None,
        unique=query.unique,
        unread=tuple(Pos(*loader.site.place) for loader in analysis.origins.unread(caller, effect.site)),
    )
