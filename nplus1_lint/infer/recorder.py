"""What `trace` wants to know of a run beyond its results: loader states, unresolved places, calls that cost nothing.

A normal run has no recorder, and pays one comparison with None per hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.infer.values import UNKNOWN, External

if TYPE_CHECKING:
    from collections.abc import Collection

    from nplus1_lint.infer.effects import Key, Summary
    from nplus1_lint.infer.frame import Frame, Place
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Row, Value
    from nplus1_lint.link.hierarchy import Function as Definition

LAMBDA = ".<lambda>@"
"""What follows the id of a function in the ids of its lambdas."""


class AttributeRead(NamedTuple):
    """A relationship, or a column that can be deferred, was read from a row.

    Attributes:
        loaded: True when no statement runs, False when one does, None when that cannot be known.
    """

    place: Place
    row: Row
    attribute: str
    loaded: bool | None


class Doubt(NamedTuple):
    """Something at a place could not be resolved.

    Attributes:
        kind: ``callee``, ``receiver``, ``iterable``, ``statement``, or ``outside`` for a callee outside the project.
        reason: as the unknown value carries it; for ``outside`` the dotted name.
    """

    kind: str
    place: Place
    reason: str


class Free(NamedTuple):
    """Something at a place that would query, and does not.

    Attributes:
        what: the callee's id, or what is not run.
        why: a clause.
    """

    place: Place
    what: str
    why: str


class Notes:
    """What is noted of one run of a traced function.

    Attributes:
        frame: the run, with its effects and loops.
        summary: what it gives to callers; set when it has ended.
        cut: functions that it calls where calls nest too deeply to be followed.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.summary: Summary | None = None
        self.reads: dict[AttributeRead, None] = {}
        self.doubts: dict[Doubt, None] = {}
        self.free: dict[Free, None] = {}
        self.cut: dict[str, None] = {}

    def read(self, place: Place, row: Row, attribute: str, loaded: bool | None) -> None:
        """Note the loader state that a read has met."""
        self.reads[AttributeRead(place, row, attribute, loaded)] = None

    def doubt(self, kind: str, place: Place, reason: str) -> None:
        """Note what could not be resolved."""
        self.doubts[Doubt(kind, place, reason)] = None

    def items_unknown(self, place: Place, iterated: Value, item: Value) -> None:
        """Note that nothing is known of what an iteration gives."""
        reason = item.reason
        outside = iterated.first(External)
        if outside is not None:
            reason = f"{outside.name} is outside the project"
        elif iterated.atoms and reason == UNKNOWN.reason:
            reason = "nothing is known of its items"
        self.doubt("iterable", place, reason)

    def without_cost(self, place: Place, what: str, why: str) -> None:
        """Note what runs no query, and why."""
        self.free[Free(place, what, why)] = None


class Recorder:
    """Keeps notes of the runs of chosen functions, and of the lambdas inside them.

    Attributes:
        engine: the engine that runs them; `infer` sets it.
        runs: the notes of the last run in each context, in the order in which the contexts were finished.
        merged: in how many contexts a function was run of which the declared one has stood for all others.
    """

    engine: Engine

    def __init__(self, traced: Collection[tuple[str, Place]]) -> None:
        """Choose functions.

        Args:
            traced: each function's file and the place of its definition.
        """
        self._traced = frozenset(traced)
        self._opened: set[str] = set()
        self.runs: dict[Key, Notes] = {}
        self.merged: dict[str, int] = {}

    def open(self, function: Definition, frame: Frame) -> Notes | None:
        """Return the notes of a run that begins, or None when its function was not chosen."""
        chosen = (function.path, function.facts.pos) in self._traced
        if chosen or (LAMBDA in function.id and function.id.rpartition(LAMBDA)[0] in self._opened):
            self._opened.add(function.id)
            return Notes(frame)
        return None

    def close(self, key: Key, notes: Notes, summary: Summary) -> None:
        """Keep the notes of a run that has ended; of the rounds of a recursion the last one counts."""
        notes.summary = summary
        self.runs.pop(key, None)
        self.runs[key] = notes
