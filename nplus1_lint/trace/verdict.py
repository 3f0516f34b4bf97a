"""Effects with the loops around them, and whether each loop multiplies them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.findings import Step
from nplus1_lint.infer.analysis import in_chunks
from nplus1_lint.infer.effects import Effect, Emission, Kind, Loop
from nplus1_lint.infer.memos import ONE_ITERATION
from nplus1_lint.infer.periodic import EVERY_SO_OFTEN
from nplus1_lint.infer.recorder import LAMBDA
from nplus1_lint.infer.values import LAST_PARAM
from nplus1_lint.rules.repeated import what, why_quiet
from nplus1_lint.traces import LoopAround, TracedEffect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nplus1_lint.infer.frame import Frame, Place
    from nplus1_lint.trace.words import Words

_ANY_VALUE = frozenset({Kind.COMMIT, Kind.FLUSH})  # their rule asks for changes, not for the loop's value
_NO_BATCH = {
    Kind.CHANGE: "it is no statement: the next flush writes it",
    Kind.WORK: "it is no statement",
    Kind.COMMAND: "no batch could replace what is neither SELECT nor INSERT, UPDATE, DELETE",
}


class _Met(NamedTuple):
    """An effect, each time that a round of the analysis has met it under the same loops."""

    emission: Emission
    indices: tuple[int, ...]


def effects(frame: Frame, words: Words, path: str, codes: Mapping[Place, tuple[str, ...]]) -> Iterator[TracedEffect]:
    """Yield the effects of a run in the order in which they were met.

    Args:
        frame: the run, ended.
        words: writes values and places.
        path: the function's file as it is shown.
        codes: the rules that report something, by place in that file.
    """
    for met in _met(frame):
        effect, place = met.emission.effect, met.emission.place
        loops = tuple(_around(frame, met, loop, words) for loop in met.emission.loops)
        places = dict.fromkeys([place, *_inside_lambdas(frame, effect)])
        found = [code for one in places for code in codes.get(one, ())] if any(loop.counted for loop in loops) else []
        yield TracedEffect(
            kind=effect.kind.value,
            what=statement(effect),
            path=path,
            line=place[0],
            chain=tuple(_chain(effect, words)),
            depends_on=depends_on(frame, effect.deps),
            loops=loops,
            codes=tuple(dict.fromkeys(found)),
        )


def statement(effect: Effect) -> str:
    """Name an effect: ``COUNT Item``, ``SELECT by SQL text``."""
    if effect.kind is Kind.WORK:
        return f"long work: {effect.subject}"
    if effect.kind is Kind.CHANGE:
        return "change of the session"
    named = what(effect)
    by_text = effect.query is not None and effect.query.style == "text" and not effect.subject
    return f"{named} by SQL text" if by_text else named


def depends_on(frame: Frame, mask: int) -> tuple[str, ...]:
    """Return the parameters, captured names and loops that a mask of the run stands for."""
    found = [
        f"parameter {param.name}"
        for position, param in enumerate(frame.function.facts.params)
        if mask >> min(position, LAST_PARAM) & 1
    ]
    if mask & frame.captured_mask:
        found.append("captured names")
    loops = sorted(frame.finished_loops(), key=lambda loop: loop.site.place)
    found += [f"loop `{loop.text}`" for loop in loops if mask & loop.bit]
    return tuple(dict.fromkeys(found))


def _met(frame: Frame) -> Iterable[_Met]:
    """Group the rounds of the analysis: a loop whose first round changes what its head sees runs twice."""
    found: dict[tuple[object, ...], _Met] = {}
    for index, emission in enumerate(frame.emissions):
        effect = emission.effect
        if effect.kind is Kind.OPAQUE:
            continue  # no effect of its own: what was known before it may no longer hold
        around = tuple((loop.site, loop.bit) for loop in emission.loops)
        key = (effect.kind, effect.site, effect.subject, effect.attribute, effect.chain, emission.place, around)
        present = found.get(key)
        if present is not None:
            joined = effect._replace(
                deps=effect.deps | present.emission.effect.deps,
                session=effect.session & present.emission.effect.session,
            )
            found[key] = _Met(emission._replace(effect=joined), (*present.indices, index))
        else:
            found[key] = _Met(emission, (index,))
    return found.values()


def _around(frame: Frame, met: _Met, loop: Loop, words: Words) -> LoopAround:
    reason = _why_not(frame, met, loop)
    return LoopAround(
        line=loop.site.place[0],
        text=loop.text,
        over=words.value(loop.over) if loop.kind != "while" else "",
        bounded=loop.bounded,
        chunked=loop.chunked,
        waiting=loop.waiting,
        counted=not reason,
        why=reason or "it runs once per iteration",
    )


def _why_not(frame: Frame, met: _Met, loop: Loop) -> str:
    """Return why a loop does not multiply an effect, in the order in which the analysis asks, or an empty string."""
    effect = met.emission.effect
    if effect.kind in _NO_BATCH:
        return _NO_BATCH[effect.kind]
    fates = {frame.fate(index, loop) for index in met.indices}
    if "repeated" not in fates:
        if "guarded" not in fates:
            return "the iteration does not go on after it (return, break, raise, or a search that ends at its hit)"
        memos = [memo for index in met.indices for memo in frame.memos_in(index, loop)]
        if any(memo.startswith(ONE_ITERATION) for memo in memos):
            return "at most one iteration meets its condition"
        if not memos:
            return "the object that it is called on keeps what it gives"
        return "it runs every so often only" if EVERY_SO_OFTEN in memos else f"`{memos[0]}` is asked first"
    if in_chunks(met.emission, loop):
        return "a loop inside hands it one batch at a time"
    if loop.bounded:
        return "the source fixes how often the loop runs"
    if not effect.deps & loop.bit and effect.kind not in _ANY_VALUE:
        return "it does not depend on the loop's values"
    return why_quiet(loop, effect)


def _inside_lambdas(frame: Frame, effect: Effect) -> Iterator[Place]:
    """Places of the effect that stand in the text of lambdas of this function: findings stand there."""
    prefix = f"{frame.function.id}{LAMBDA}"
    for site in (*effect.chain, effect.site):
        if site.function.startswith(prefix):
            yield site.place


def _chain(effect: Effect, words: Words) -> Iterator[Step]:
    if not effect.chain:
        return
    for call, inside in itertools.pairwise((*effect.chain, effect.site)):
        path, _, line = words.place(call).rpartition(":")
        yield Step(path, int(line), f"calls {words.function(inside.function)}")
    path, _, line = words.place(effect.site).rpartition(":")
    yield Step(path, int(line), statement(effect))
