"""Notes of a function's runs to what ``trace`` says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.findings import Step
from nplus1_lint.infer.binding import entry_arguments
from nplus1_lint.infer.frame import MAX_EFFECTS
from nplus1_lint.infer.recorder import LAMBDA
from nplus1_lint.infer.values import UNKNOWN, Value
from nplus1_lint.infer.widening import widen
from nplus1_lint.trace import verdict
from nplus1_lint.trace.doubts import unresolved
from nplus1_lint.trace.loading import state_and_why
from nplus1_lint.trace.target import find, name_of
from nplus1_lint.trace.words import Words, class_name
from nplus1_lint.traces import Body, Context, NamedValue, Trace, TracedRead, WithoutCost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nplus1_lint.findings import Suspect
    from nplus1_lint.index.facts import Param
    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.frame import Frame, Place
    from nplus1_lint.infer.recorder import Notes, Recorder
    from nplus1_lint.link.hierarchy import Function

__all__ = ["find", "trace"]


def trace(recorder: Recorder, suspects: Iterable[Suspect], target: Function, named: Callable[[str], str]) -> Trace:
    """Say all that is known of a function.

    Args:
        recorder: what was noted while it ran.
        suspects: what the rules report, in any file.
        target: the function that the recorder was told to note.
        named: project path to the path that is shown.
    """
    return _Teller(recorder, suspects, target, named).tell()


class _Teller:
    """Turns the notes of one function, and of the lambdas inside it, into words."""

    def __init__(
        self, recorder: Recorder, suspects: Iterable[Suspect], target: Function, named: Callable[[str], str]
    ) -> None:
        self._recorder = recorder
        self._engine = recorder.engine
        self._target = target
        self._path = named(target.path)
        self._named = named
        self._words = Words(recorder.engine, named)
        self._codes: dict[Place, tuple[str, ...]] = {}
        for suspect in suspects:
            if suspect.path == target.path:
                place = (suspect.pos.line, suspect.pos.column, suspect.pos.end_line, suspect.pos.end_column)
                self._codes[place] = (*self._codes.get(place, ()), suspect.code)
        self._callers = self._calling()

    def tell(self) -> Trace:
        runs: dict[Place, list[tuple[Key, Notes]]] = {}
        for key, notes in self._recorder.runs.items():
            function = notes.frame.function
            outer = self._engine.definition(function.id.partition(LAMBDA)[0])
            if (outer.path, outer.facts.pos) == (self._target.path, self._target.facts.pos):
                runs.setdefault(function.facts.pos, []).append((key, notes))
        own = runs.pop(self._target.facts.pos, [])
        return Trace(
            function=name_of(self._target),
            path=self._path,
            line=self._target.facts.pos[0],
            notes=tuple(self._notes(own)),
            contexts=self._contexts(own),
            lambdas=tuple(Body(place[0], self._contexts(runs[place])) for place in sorted(runs)),
        )

    def _notes(self, runs: list[tuple[Key, Notes]]) -> Iterator[str]:
        engine, target = self._engine, self._target
        if not engine.reaches(target.facts):
            ran = "ran only where others call it, plain arguments unknown" if runs else "did not run: nothing calls it"
            yield f"The sieve left it out: none of the names in it leads to a query. It {ran}."
        elif not runs:
            yield "It did not run: what defines it did not run, or calls nest too deeply above it."
        free = engine.free_of_cost(target)
        if free:
            yield f"A call of it costs nothing: {free}."
        if target.cls is not None and engine.classes.is_abstract(target):
            yield "It is abstract: a call of it runs its implementations instead."
        ways = self._recorder.merged.get(target.id)
        if ways is not None:
            yield (
                f"It is called in more than {ways} different ways; for those beyond, the context that its annotations "
                "declare stands in."
            )
        if any(notes.summary is not None and len(notes.summary.effects) >= MAX_EFFECTS for _, notes in runs):
            yield f"Its callers see the first {MAX_EFFECTS} of its statements."

    def _calling(self) -> dict[Key, set[str]]:
        """The functions that call each context; those that call a function with a flag open call each outcome."""
        callers: dict[Key, set[str]] = {}
        by_outcome: list[tuple[Key, Key]] = []
        for key, facts in self._engine.facts.items():
            for called in facts.calls:
                if facts.function:
                    callers.setdefault(called, set()).add(facts.function)
                else:
                    by_outcome.append((key, called))
        for key, outcome in by_outcome:
            callers.setdefault(outcome, set()).update(callers.get(key, ()))
        return callers

    def _contexts(self, runs: list[tuple[Key, Notes]]) -> tuple[Context, ...]:
        told = [self._context(key, notes) for key, notes in runs]
        return tuple(sorted(told, key=lambda context: not context.declared))

    def _context(self, key: Key, notes: Notes) -> Context:
        frame, summary, words = notes.frame, notes.summary, self._words
        assert summary is not None, "the recorder keeps ended runs"
        parameters = tuple(self._parameters(frame.function, key[1]))
        return Context(
            declared=all(parameter.declared for parameter in parameters),
            parameters=parameters,
            captured=tuple(NamedValue(name, words.value(value), False) for name, value in key[2]),
            called_by=self._called_by(key),
            generator=frame.function.facts.is_generator,
            returns=words.value(summary.returns) if _gives(frame) else "nothing",
            depends_on=verdict.depends_on(frame, summary.mask),
            sets=tuple(NamedValue(name, words.value(value), False) for name, value in summary.fields),
            effects=tuple(verdict.effects(frame, words, self._path, self._codes)),
            reads=tuple(self._reads(notes)),
            without_cost=tuple(self._without_cost(notes)),
            unknowns=unresolved(notes, words, self._path),
        )

    def _parameters(self, function: Function, values: tuple[Value, ...]) -> Iterator[NamedValue]:
        expected = entry_arguments(self._engine, function, None)
        for param, value, declared in zip(function.facts.params, values, expected, strict=True):
            if not value.atoms:
                value = declared if declared.atoms else Value((), _why_unknown(param, declared))
            same = not value.atoms or value == widen(declared)
            yield NamedValue(param.name, self._words.value(value), same)

    def _called_by(self, key: Key) -> tuple[Step, ...]:
        steps = set()
        for function_id in self._callers.get(key, ()):
            caller = self._engine.definition(function_id)
            steps.add((self._named(caller.path), caller.facts.pos[0], self._words.function(function_id)))
        return tuple(Step(*step) for step in sorted(steps))

    def _reads(self, notes: Notes) -> Iterator[TracedRead]:
        found: dict[TracedRead, None] = {}
        for read in sorted(notes.reads, key=lambda read: (read.place, read.attribute)):
            state, why = state_and_why(self._engine, read)
            at = self._words.place(read.row.origin.site) if read.row.origin is not None else None
            name = class_name(read.row.model)
            found[TracedRead(self._path, read.place[0], name, read.attribute, state, why, at)] = None
        yield from found

    def _without_cost(self, notes: Notes) -> Iterator[WithoutCost]:
        for free in sorted(notes.free):
            what = self._words.function(free.what) if ":" in free.what else free.what
            yield WithoutCost(self._path, free.place[0], what, free.why)


def _gives(frame: Frame) -> bool:
    """False for a body that ends without a result."""
    facts = frame.function.facts
    return bool(frame.returns or facts.is_generator or facts.returns is not None)


def _why_unknown(param: Param, declared: Value) -> str:
    if declared.reason not in ("", UNKNOWN.reason):
        return declared.reason
    return "its annotation says nothing" if param.annotation else "it has no annotation"
