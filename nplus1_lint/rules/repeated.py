"""What the rules of a query per iteration share: when to stay quiet, the evidence, the plan of the rewrite."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from nplus1_lint.findings import BatchPlan, Confidence, Key, LoopPlan, Plan, Pos, Severity, Step, Suspect
from nplus1_lint.infer.effects import READS, Effect, Kind
from nplus1_lint.link.foreign_keys import foreign_key
from nplus1_lint.rules.options import made_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis, Repetition
    from nplus1_lint.infer.effects import Loop, Query
    from nplus1_lint.infer.values import Criterion
    from nplus1_lint.link.models import Model

_MAX_STEPS = 12
_MAX_NAMED = 3


def dependent_reads(analysis: Analysis) -> Iterator[tuple[Repetition, tuple[Effect, ...]]]:
    """Yield each site of a loop with the SELECTs, COUNTs and gets that depend on the loop and count as an N+1."""
    for repetition in analysis.repetitions:
        effects = tuple(
            effect
            for effect in repetition.effects
            if effect.kind in READS and repetition.dependent(effect) and not quiet(repetition, effect)
        )
        if effects and repetition.loop.site not in analysis.claiming_loops:
            yield repetition, effects


def quiet(repetition: Repetition, effect: Effect) -> bool:
    """True for loops that look like an N+1 and are none.

    Chunks, polling, one session per iteration, paging and level-wise search; constants, retries, searches and memos
    never come this far, because inference does not see them repeat.
    """
    return bool(why_quiet(repetition.loop, effect))


def why_quiet(loop: Loop, effect: Effect) -> str:
    """Return why an effect that a loop repeats is no N+1, as a clause, or an empty string."""
    if loop.chunked:
        return "an iteration handles a batch"
    if effect.session & loop.bit:
        return "each iteration has a session of its own"
    if loop.waiting and loop.kind == "while":
        return "the loop waits between its iterations, so it polls"
    query = effect.query
    if query is None:
        return ""
    if "for_update" in query.flags:
        return "a lock per item is taken on purpose"
    if query.flags & {"limit", "paged"} and (loop.kind == "while" or "paged" in query.flags):
        return "each iteration fetches a page"
    if loop.kind == "while" and any(criterion.op == "In" for criterion, _ in query.criteria):
        return "each iteration fetches a whole level with IN"
    if loop.kind == "while" and "many" in query.flags:
        return "each iteration writes a batch"
    if loop.windows and query.aggregate is None and is_window(query):
        return "each iteration fetches a window"
    return ""


def is_window(query: Query) -> bool:
    """True for a query for rows between two bounds of one column."""
    bounds: dict[tuple[str, str], set[str]] = {}
    for criterion, _ in query.criteria:
        bounds.setdefault((criterion.model, criterion.column), set()).add(criterion.op[:2])
    return "window" in query.flags or any(ops >= {"Gt", "Lt"} or "Be" in ops for ops in bounds.values())


def confidence(repetition: Repetition, effects: Iterable[Effect]) -> Confidence:
    """High when the loop's values are known; medium when they or the statement are not."""
    known = bool(repetition.loop.over.atoms) or repetition.loop.kind == "while"
    raw = all(effect.query is not None and effect.query.style == "text" for effect in effects)
    return Confidence.HIGH if known and not raw else Confidence.MEDIUM


def severity(analysis: Analysis, repetition: Repetition, most: Severity) -> Severity:
    """One less where long work (network, subprocesses) dominates the loop."""
    if repetition.loop.site in analysis.long_loops and most > Severity.INFO:
        return Severity(most - 1)
    return most


def suspect(
    code: str,
    analysis: Analysis,
    repetition: Repetition,
    effects: tuple[Effect, ...],
    message: str,
    most: Severity,
    plan: Plan | None = None,
    advice: str = "",
) -> Suspect:
    """Build the suspect of one site."""
    return Suspect(
        code=code,
        path=repetition.path,
        pos=Pos(*repetition.place),
        node=repetition.node,
        # The visitor sees for itself that an aggregate stands in a loop, so it gets the loop to read.
        scope=Pos(*(repetition.loop.site.place if code == "NP101" else repetition.scope)),
        function=repetition.function,
        message=message,
        severity=severity(analysis, repetition, most),
        confidence=confidence(repetition, effects),
        evidence=tuple(evidence(analysis, repetition, effects)),
        plan=plan,
        advice=advice,
    )


def evidence(analysis: Analysis, repetition: Repetition, effects: Iterable[Effect]) -> Iterator[Step]:
    """The query that made the rows, the loop, each call on the way, each statement, the relationship that it loads.

    In the order in which execution meets them.
    """
    effects = tuple(effects)
    loop = repetition.loop
    steps = [*_queries(analysis, effects), Step(repetition.path, loop.site.place[0], f"loop: {loop.text}")]
    for effect in effects:
        steps += _steps(analysis, repetition, effect)
    steps += _declarations(analysis, effects)
    yield from itertools.islice(dict.fromkeys(steps), _MAX_STEPS)


def _queries(analysis: Analysis, effects: tuple[Effect, ...]) -> Iterator[Step]:
    for effect in effects:
        origin = made_by(analysis, effect) if effect.kind is Kind.LAZY_LOAD else None
        if origin is not None:
            yield Step(analysis.path_of(origin), origin.place[0], "the query that made the rows")


def _declarations(analysis: Analysis, effects: tuple[Effect, ...]) -> Iterator[Step]:
    for effect in effects:
        model = analysis.project.models.get(effect.subject)
        relationship = model.relationships.get(effect.attribute) if model and effect.kind is Kind.LAZY_LOAD else None
        if model is not None and relationship is not None:
            path, line = relationship.declared_in, relationship.place[0]
            yield Step(path, line, f"{model.name}.{relationship.name} has lazy={relationship.lazy!r}")


def _steps(analysis: Analysis, repetition: Repetition, effect: Effect) -> Iterator[Step]:
    sites = (*effect.chain, effect.site)
    for call, inside in itertools.pairwise(sites):
        path = repetition.path if call is sites[0] else analysis.path_of(call)
        yield Step(path, call.place[0], f"calls {analysis.function_name(inside.function)}()")
    path = analysis.path_of(effect.site) if effect.chain else repetition.path
    yield Step(path, effect.site.place[0], what(effect))


def what(effect: Effect) -> str:
    """Name a statement: ``SELECT Artifact``, ``lazy load of Team.heroes``."""
    subject = effect.subject.rpartition(":")[2] or ("of rows" if effect.kind in READS else "")
    if effect.kind is Kind.LAZY_LOAD:
        return f"lazy load of {subject}.{effect.attribute}"
    verb = {Kind.GET: "SELECT", Kind.REFRESH: "reload of"}.get(effect.kind, effect.kind.value)
    by_key = " by its key" if effect.kind is Kind.GET else ""
    return f"{verb} {subject}{by_key}".strip()


def named(effects: tuple[Effect, ...]) -> str:
    """Name the first few of several statements, and say how many others there are."""
    said = tuple(dict.fromkeys(what(effect) for effect in effects))
    others = f" and {len(said) - _MAX_NAMED} more" if len(said) > _MAX_NAMED else ""
    return ", ".join(said[:_MAX_NAMED]) + others


def per(repetition: Repetition) -> str:
    """Say how often: ``per iteration of `for a in b` ``, or for each item of a loop that no line shows."""
    loop = repetition.loop
    return f"for {loop.text}" if loop.kind in ("schema", "callback") else f"per iteration of `{loop.text}`"


def where(analysis: Analysis, effect: Effect) -> str:
    """Return ``path:line`` of a statement."""
    return f"{analysis.path_of(effect.site)}:{effect.site.place[0]}"


def batch_plan(analysis: Analysis, repetition: Repetition, effect: Effect) -> BatchPlan | None:
    """Return what the rewriter needs to lift a query of the loop's own function out of it, or None."""
    query = effect.query
    model = analysis.project.models.get(effect.subject)
    if query is None or model is None or effect.chain:
        return None
    keys = tuple(
        replace(batch_key(analysis, criterion, model), nullable=_nullable(analysis, criterion, model))
        for criterion, mask in query.criteria
        if criterion.op == "Eq"
        and mask & repetition.loop.bit
        and criterion.value is not None
        and criterion.function == effect.site.function
    )
    if not keys:
        return None
    loop = repetition.loop
    columns = {key.column for key in keys}
    return BatchPlan(
        loop=Pos(*loop.site.place),
        iterable=Pos(*loop.iterable) if loop.iterable else None,
        model=analysis.local_name(repetition.path, model.id),
        keys=keys,
        aggregate=query.aggregate,
        session=Pos(*query.session) if query.session else None,
        style="legacy-flask" if query.style == "flask-query" else "query" if query.style == "query" else "select",
        is_async=query.is_async,
        primary_key=model.primary_key[0] if len(model.primary_key) == 1 else None,
        unique=query.unique,
        writes=any(
            other.kind is Kind.WRITE
            or (other.kind is Kind.CHANGE and (not other.attribute or other.attribute in columns))
            for repeated in analysis.repetitions
            if repeated.loop.site == loop.site
            for other in repeated.effects
            if other.subject in ("", model.id)
        ),
    )


def batch_key(analysis: Analysis, criterion: Criterion, model: Model) -> Key:
    """Return what the rewriter needs to know of a criterion, whose value has a place, on a class."""
    owner = analysis.project.models.get(criterion.model, model)
    relationship = owner.relationships.get(criterion.column)
    value = Pos(*(criterion.value or ()))
    if relationship is None:
        column = owner.columns.get(criterion.column)
        integer = column is not None and column.integer
        return Key(criterion.column, value, text=criterion.text, integer=integer)
    found = foreign_key(analysis.project, owner, relationship)
    return Key(found.column, value, refers=found.referred) if found else Key(criterion.column, value, refers=None)


def loop_plan(analysis: Analysis, repetition: Repetition, effects: Iterable[Effect], what: str) -> LoopPlan | None:
    """Return what the rewriter needs to move a statement out of its loop, or None for one behind a call."""
    effects = tuple(effects)
    if any(effect.chain for effect in effects) or repetition.loop.kind not in ("for", "comprehension"):
        return None
    sent = (
        (other.place, effect.kind)
        for other in analysis.repetitions
        if other.loop.site == repetition.loop.site
        for effect in other.effects
    )
    others = any(place != repetition.place and kind not in (Kind.CHANGE, Kind.WORK) for place, kind in sent)
    return LoopPlan(Pos(*repetition.loop.site.place), what, others)


def _nullable(analysis: Analysis, criterion: Criterion, model: Model) -> bool:
    """True if the value of a criterion may be None where rows may hold NULL."""
    owner = analysis.project.models.get(criterion.model, model)
    column = owner.columns.get(criterion.column)
    return (
        criterion.column not in owner.relationships and not criterion.filled and (column is None or not column.required)
    )


def direct(
    code: str,
    analysis: Analysis,
    most: Severity,
    wanted: Callable[[Effect], bool],
    message: Callable[[Repetition, Effect], str],
) -> Iterator[Suspect]:
    """Yield a suspect for each query that stands in the loop's own function and is of the wanted kind."""
    for repetition, effects in dependent_reads(analysis):
        own = tuple(effect for effect in effects if not effect.chain and wanted(effect))
        if own:
            plan = batch_plan(analysis, repetition, own[0])
            yield suspect(code, analysis, repetition, own, message(repetition, own[0]), most, plan)


def repeated(
    code: str,
    analysis: Analysis,
    most: Severity,
    wanted: Callable[[Effect], bool],
    message: Callable[[Repetition, tuple[Effect, ...]], str],
    advice: Callable[[Repetition, tuple[Effect, ...]], str],
    once: Callable[[Effect], object] | None = None,
    plan: Callable[[Repetition, tuple[Effect, ...]], Plan | None] | None = None,
) -> Iterator[Suspect]:
    """Yield a suspect for each site with effects of the wanted kind, its own or a callee's.

    Args:
        code: the rule's code.
        analysis: the inferred facts.
        most: the severity, long work in the loop aside.
        wanted: tells the kind of effect.
        message: words the finding.
        advice: words the remedy.
        once: names what a single remedy in the loop mends: only its first site is reported.
        plan: gives the rewriter what it needs.
    """
    mended: set[tuple[object, ...]] = set()
    for repetition in analysis.repetitions:
        effects = tuple(
            effect
            for effect in repetition.effects
            if wanted(effect) and repetition.dependent(effect) and not quiet(repetition, effect)
        )
        if once is not None:
            effects = tuple(e for e in effects if (repetition.path, repetition.loop.site, once(e)) not in mended)
            mended |= {(repetition.path, repetition.loop.site, once(e)) for e in effects}
        if effects and repetition.loop.site not in analysis.claiming_loops:
            text, hint = message(repetition, effects), advice(repetition, effects)
            made = plan(repetition, effects) if plan is not None else None
            yield suspect(code, analysis, repetition, effects, text, most, made, hint)


def is_aggregate(effect: Effect) -> bool:
    """True for counts, sums and existence checks."""
    if effect.kind in (Kind.COUNT, Kind.EXISTS):
        return True
    return effect.query is not None and effect.query.aggregate is not None
