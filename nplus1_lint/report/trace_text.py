"""A trace for a person: one block per context, every place as ``path:line``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.findings import Step
    from nplus1_lint.traces import Context, LoopAround, NamedValue, Trace, TracedEffect, TracedRead, Unresolved

# Escape sequences in what is scanned must not reach the terminal.
_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")
_NOTHING: Final = "    nothing"


def write(trace: Trace) -> str:
    """Return the trace as text.

    Args:
        trace: what is known of a function.

    Returns:
        The text, without escape sequences; lines are not wrapped.
    """
    lines = [f"{trace.function}() at {trace.path}:{trace.line}", *(f"  {note}" for note in trace.notes)]
    lines += _contexts(trace.contexts, "context")
    for body in trace.lambdas:
        lines += ["", f"lambda at {trace.path}:{body.line}", *_contexts(body.contexts, "context of the lambda")]
    return "".join(f"{line.translate(_CONTROLS)}\n" for line in lines)


def _contexts(contexts: tuple[Context, ...], word: str) -> Iterator[str]:
    told: dict[tuple[str, ...], int] = {}
    for number, context in enumerate(contexts, 1):
        said = "what annotations and defaults say" if context.declared else "what a caller gives"
        yield ""
        yield f"{word} {number} of {len(contexts)}: {said}"
        yield from _steps("called so by", context.called_by)
        yield from _values("parameters", context.parameters)
        yield from _values("captured names", context.captured)
        body = tuple(_body(context))
        if body in told:
            yield f"  the rest is as in {word} {told[body]}"
        else:
            told[body] = number
            yield from body


def _steps(heading: str, steps: tuple[Step, ...]) -> Iterator[str]:
    if steps:
        yield f"  {heading}"
    for step in steps:
        yield f"    {step.path}:{step.line} {step.message}"


def _values(heading: str, values: tuple[NamedValue, ...]) -> Iterator[str]:
    if values:
        yield f"  {heading}"
    for value in values:
        yield f"    {value.name}: {value.value}"


def _body(context: Context) -> Iterator[str]:
    depends = f" (depends on {', '.join(context.depends_on)})" if context.depends_on else ""
    yield f"  {'yields' if context.generator else 'returns'} {context.returns}{depends}"
    yield from _values("sets on its first parameter", context.sets)
    yield "  effects, in the order in which they are met"
    loops: set[tuple[int, str]] = set()
    for effect in context.effects:
        yield from _effect(effect, loops)
    if not context.effects:
        yield _NOTHING
    if context.without_cost:
        yield "  calls that cost nothing"
    for free in context.without_cost:
        yield f"    {free.path}:{free.line} {free.what}: {free.why}"
    if context.reads:
        yield "  reads of relationships and deferred columns"
    for read in context.reads:
        yield f"    {_read(read)}"
    if context.unknowns:
        yield "  unknown"
    for unknown in context.unknowns:
        yield f"    {_unknown(unknown)}"


def _effect(effect: TracedEffect, told: set[tuple[int, str]]) -> Iterator[str]:
    """Write an effect; what a loop iterates is written once, and *told* keeps of which loops it is."""
    codes = f", reported here: {', '.join(effect.codes)}" if effect.codes else ""
    yield f"    {effect.path}:{effect.line} {effect.what}{codes}"
    for step in effect.chain:
        yield f"      --> {step.path}:{step.line} {step.message}"
    if effect.depends_on:
        yield f"      depends on {', '.join(effect.depends_on)}"
    for loop in effect.loops:
        yield _loop(loop)
        if loop.over and (loop.line, loop.text) not in told:
            told.add((loop.line, loop.text))
            yield f"        over {loop.over}"


def _loop(loop: LoopAround) -> str:
    traits = {"bounded": loop.bounded, "chunked": loop.chunked, "waiting": loop.waiting}
    said = "".join(f", {trait}" for trait, holds in traits.items() if holds)
    return (
        f"      in `{loop.text}` (line {loop.line}{said}): {'counted' if loop.counted else 'not counted'}, {loop.why}"
    )


def _read(read: TracedRead) -> str:
    said = {
        "loaded": "loaded by",
        "unloaded": "not loaded, so it queries:",
        "raises": "not loaded, so it raises:",
        "query": "a query of its own:",
        "unknown": "unknown whether it is loaded:",
    }[read.state]
    queried = f" (row queried at {read.loaded_at})" if read.loaded_at and read.state != "loaded" else ""
    return f"{read.path}:{read.line} {read.model}.{read.attribute} {said} {read.why}{queried}"


def _unknown(unknown: Unresolved) -> str:
    more = f" (also line {', '.join(map(str, unknown.more))})" if unknown.more else ""
    return f"{unknown.path}:{unknown.line} {unknown.kind} {unknown.text}: {unknown.reason}{more}"
