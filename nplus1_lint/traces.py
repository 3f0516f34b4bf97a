"""What ``trace`` says of a function: the contexts in which it ran, and what happened in each.

All texts are ready to print; places are named from the working directory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nplus1_lint.findings import Step


class TraceError(Exception):
    """No function can be traced under this name; the message says how to name one."""


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A parameter, a captured name or an attribute with what it holds.

    Attributes:
        name: as the source has it.
        value: what it holds, in words.
        declared: nothing but its annotation or default says so.
    """

    name: str
    value: str
    declared: bool


@dataclass(frozen=True, slots=True)
class LoopAround:
    """A loop of the function around an effect, and what it makes of the effect.

    Attributes:
        line: where the loop begins, counting from 1.
        text: its header in short.
        over: what it iterates, in words; empty for ``while``.
        bounded: the source fixes how often it runs.
        chunked: an iteration handles a batch.
        waiting: it sleeps between iterations.
        counted: the effect counts as one per iteration.
        why: why it does or does not, as a clause.
    """

    line: int
    text: str
    over: str
    bounded: bool
    chunked: bool
    waiting: bool
    counted: bool
    why: str


@dataclass(frozen=True, slots=True)
class TracedEffect:
    """A statement (or a pending change, or long work) that the function runs, itself or through calls.

    Attributes:
        kind: the name of an `infer.effects.Kind`.
        what: kind and subject: ``COUNT Item``.
        path: file of the function.
        line: where the function runs it or calls what runs it.
        chain: each call on the way and the statement itself, outermost first; empty when the statement stands here.
        depends_on: parameters, captured names and loops whose values it uses.
        loops: the loops around it in this function, outermost first.
        codes: rules that report it here.
    """

    kind: str
    what: str
    path: str
    line: int
    chain: tuple[Step, ...]
    depends_on: tuple[str, ...]
    loops: tuple[LoopAround, ...]
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TracedRead:
    """A relationship or a deferred column that the function reads from a row.

    Attributes:
        model: name of the row's class.
        attribute: the relationship or column.
        state: ``loaded``, ``unloaded`` (the read queries), ``raises``, ``query`` (it gives a query) or ``unknown``.
        why: by what it is loaded, or why not, as a clause.
        loaded_at: the query that loaded the row as ``path:line``, or None when that is unknown.
    """

    path: str
    line: int
    model: str
    attribute: str
    state: str
    why: str
    loaded_at: str | None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Something that the analysis does not know, or does not follow.

    Attributes:
        kind: ``callee``, ``receiver`` (of an attribute), ``iterable``, ``statement``, ``outside`` (a callee outside
            the project), ``depth`` (a callee below too many calls) or ``escape`` (rows that go where they cannot be
            followed).
        line: the first place.
        more: further lines of the same file with the same text and reason.
        text: the expression in short.
        reason: a clause.
    """

    kind: str
    path: str
    line: int
    more: tuple[int, ...]
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class WithoutCost:
    """A call that would query and costs nothing.

    Attributes:
        what: the callee with parentheses, or what is not run.
        why: a clause.
    """

    path: str
    line: int
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Context:
    """One context in which a function ran: the values of its parameters, and what they make of it.

    Attributes:
        declared: the parameters hold what annotations and defaults say, and nothing more.
        parameters: in order.
        captured: names of the function around it.
        called_by: functions that call it so, as steps at their definitions.
        generator: *returns* is what an iteration yields.
        returns: what it returns, in words.
        depends_on: parameters on which the result depends.
        sets: what it leaves on its first parameter.
        effects: in the order in which they were met.
        reads: by place.
        without_cost: by place.
        unknowns: by place.
    """

    declared: bool
    parameters: tuple[NamedValue, ...]
    captured: tuple[NamedValue, ...]
    called_by: tuple[Step, ...]
    generator: bool
    returns: str
    depends_on: tuple[str, ...]
    sets: tuple[NamedValue, ...]
    effects: tuple[TracedEffect, ...]
    reads: tuple[TracedRead, ...]
    without_cost: tuple[WithoutCost, ...]
    unknowns: tuple[Unresolved, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """A lambda inside the traced function.

    Attributes:
        line: where it stands.
    """

    line: int
    contexts: tuple[Context, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """All that is known of a function.

    Attributes:
        function: qualified name inside its file.
        path: its file.
        line: its definition.
        notes: sentences on how it was treated: left out by the sieve, contexts merged, marked, cached.
        contexts: in the order in which they were finished.
        lambdas: lambdas inside it, by place.
    """

    function: str
    path: str
    line: int
    notes: tuple[str, ...]
    contexts: tuple[Context, ...]
    lambdas: tuple[Body, ...]
