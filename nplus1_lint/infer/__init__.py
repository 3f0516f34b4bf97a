"""A linked project to inferred facts: values, loader state, summaries, effects."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nplus1_lint.infer.analysis import Analysis
from nplus1_lint.infer.binding import entry_arguments
from nplus1_lint.infer.handlers import is_handler, response_annotation
from nplus1_lint.infer.reach import uses_sqlalchemy
from nplus1_lint.infer.solve import Engine
from nplus1_lint.infer.widening import widen

if TYPE_CHECKING:
    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.recorder import Recorder
    from nplus1_lint.link import Project
    from nplus1_lint.link.hierarchy import Function as Definition

_RECURSION_LIMIT = 12_000  # an abstract call takes about 30 Python frames; the engine allows 28 of them on the stack


def infer(project: Project, recorder: Recorder | None = None, *, counts: bool = False) -> Analysis:
    """Run every function that may reach a query, on what its annotations say of its arguments.

    Args:
        project: the linked project.
        recorder: keeps notes of chosen functions; it changes nothing in the analysis.
        counts: count what each function costs, for `Analysis.costs`; it changes nothing else.

    Returns:
        The analysis; it depends on the project alone.
    """
    engine = Engine(project, recorder, counts=counts)
    if recorder is not None:
        recorder.engine = engine
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        return _infer(engine)
    finally:
        sys.setrecursionlimit(limit)


def _infer(engine: Engine) -> Analysis:
    entries: list[tuple[Definition, Key, bool]] = []
    idle: list[Definition] = []
    writers: list[Definition] = []
    if not uses_sqlalchemy(engine.project):
        return Analysis(engine, entries)
    functions = engine.project.hierarchy.functions
    for function_id in sorted(functions):
        definition = functions[function_id]
        handles = is_handler(engine, definition)
        if not engine.reaches(definition.facts):
            idle += [definition] if handles else []
            writers += [definition] if engine.reach.may_write(definition.facts) else []
            continue
        nested = engine.closures.get((definition.path, definition.facts.pos))
        if nested is not None:
            entries.append((*nested, handles))  # it has been run with what it captures
            continue
        values = entry_arguments(engine, definition, None)
        response = response_annotation(engine, definition) if handles else None
        engine.run_entry(definition, values, handles, response)
        key: Key = (definition.id, tuple(widen(v) for v in values), ())
        entries.append((definition, key, handles))
    for definition in writers:
        # They query nothing, so no rule looks at them; `Analysis.changes` says what they write.
        engine.run_entry(definition, entry_arguments(engine, definition, None), False, None)
    return Analysis(engine, entries, idle)


__all__ = ["Analysis", "infer"]
