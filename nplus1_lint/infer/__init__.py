"""A linked project to inferred facts: values, loader state, summaries, effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.analysis import Analysis
from nplus1_lint.infer.deep_stack import on_deep_stack
from nplus1_lint.infer.entries import Inherited, run_alone, run_uncalled
from nplus1_lint.infer.handlers import is_handler
from nplus1_lint.infer.reach import uses_sqlalchemy
from nplus1_lint.infer.solve import Engine

if TYPE_CHECKING:
    from nplus1_lint.failures import Failures
    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.former import Former
    from nplus1_lint.infer.recorder import Recorder
    from nplus1_lint.link import Project
    from nplus1_lint.link.hierarchy import Function as Definition


def infer(
    project: Project,
    recorder: Recorder | None = None,
    *,
    counts: bool = False,
    former: Former | None = None,
    failures: Failures | None = None,
) -> Analysis:
    """Run every function that may reach a query, on what its annotations say of its arguments.

    Args:
        project: the linked project.
        recorder: keeps notes of chosen functions; it changes nothing in the analysis.
        counts: count what each function costs, for `Analysis.costs`; it changes nothing else.
        former: what a former run has found out; it changes nothing in the analysis.
        failures: takes what goes wrong in following a function, so that the rest is followed; without it, it is raised.

    Returns:
        The analysis; it depends on the project alone.
    """
    engine = Engine(project, recorder, counts=counts, failures=failures)
    return on_deep_stack(lambda: _infer(engine, recorder, former))


def _infer(engine: Engine, recorder: Recorder | None, former: Former | None) -> Analysis:
    if recorder is not None:
        recorder.engine = engine
    if not uses_sqlalchemy(engine.project):
        return Analysis(engine, ())
    if former is not None:
        engine.cells.done.update(former.holding(engine))
    entries, idle = _run_all(engine)
    sound = former is not None and former.is_sound(engine)
    if former is not None and former.fits and not sound:
        engine = Engine(engine.project, failures=engine.failures)
        entries, idle = _run_all(engine)
    engine.finish()
    if former is not None and sound:
        former.take(engine)
    return Analysis(engine, entries, idle)


def _run_all(engine: Engine) -> tuple[list[tuple[Definition, Key, bool]], list[Definition]]:
    """Run the functions, and return those that may reach a query and the handlers among the others."""
    functions, inherited = engine.project.hierarchy.functions, Inherited(engine)
    entries: list[tuple[Definition, Key, bool]] = []
    nested: list[tuple[Definition, bool]] = []
    idle: list[Definition] = []
    writers: list[Definition] = []
    for function_id in sorted(functions):
        definition = functions[function_id]
        handles = is_handler(engine, definition)
        if not engine.reaches(definition.facts):
            idle += [definition] if handles else []
            writers += [definition] if engine.reach.may_write(definition.facts) else []
        elif definition.cls is None and function_id.rpartition(".")[0] in functions:
            nested.append((definition, handles))
        else:
            entries.append((definition, run_alone(engine, definition), handles))
            inherited.run(definition)
    closures = run_uncalled(engine, [key for _, key, _ in entries])
    for definition, handles in nested:
        known = closures.get((definition.path, definition.facts.pos))  # it has been run with what it captures
        entries.append((*(known or (definition, run_alone(engine, definition))), handles))
    entries.sort(key=lambda entry: entry[0].id)
    for definition in writers:
        # They query nothing, so no rule looks at them; `Analysis.changes` says what they write.
        run_alone(engine, definition)
    return entries, idle


__all__ = ["Analysis", "infer"]
