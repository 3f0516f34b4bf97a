"""What the analysis could not resolve in a run, each with its reason; plain data is no doubt."""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.infer import library as lib
from nplus1_lint.trace.source import Source, text
from nplus1_lint.traces import Unresolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.frame import Place
    from nplus1_lint.infer.recorder import Notes
    from nplus1_lint.trace.words import Words

_VAGUE = frozenset({"", "unknown", "the callee is unknown", "the iterable is unknown"})
_CALLS = frozenset({"callee", "outside", "statement"})


class _Entry(NamedTuple):
    kind: str
    place: Place
    text: str
    reason: str


def unresolved(notes: Notes, words: Words, path: str) -> tuple[Unresolved, ...]:
    """Return what a run left unresolved, by place; equal entries of several lines are one.

    Args:
        notes: of the run, ended.
        words: writes places and functions.
        path: the function's file as it is shown.
    """
    source = Source(notes.frame.function.facts)
    lines: dict[tuple[str, str, str], list[int]] = {}
    for entry in sorted({*_doubts(notes, source), *_escapes(notes, words, source), *_cut(notes, words)}):
        lines.setdefault((entry.kind, entry.text, entry.reason), []).append(entry.place[0])
    found = []
    for (kind, subject, reason), at in lines.items():
        first, *more = dict.fromkeys(sorted(at))
        found.append(Unresolved(kind, path, first, tuple(more), subject, reason))
    return tuple(sorted(found, key=lambda one: (one.line, one.kind, one.text, one.reason)))


def _doubts(notes: Notes, source: Source) -> Iterator[_Entry]:
    ended = source.raised | {escape.place.place for escape in notes.frame.escapes}
    known = [doubt for doubt in notes.doubts if doubt.kind != "outside" or _matters(doubt.reason)]
    calls = [doubt for doubt in known if doubt.kind in _CALLS]
    results = {doubt.place for doubt in calls}
    parts = {getattr(source.subject(doubt.kind, doubt.place), "pos", None) for doubt in calls}
    for doubt in known:
        subject = source.subject(doubt.kind, doubt.place)
        if doubt.kind == "iterable" and doubt.place in results:
            continue  # what a doubtful call gives
        if doubt.kind == "receiver" and (doubt.place in parts or getattr(subject, "pos", None) in results):
            continue  # a doubtful callee or statement itself, or an attribute of what a doubtful call gives
        kind, reason = doubt.kind, doubt.reason
        if kind == "outside":
            if doubt.place in ended:
                continue  # an exception, or stated as an escape
            kind, reason = _outside(reason)
        yield _Entry(kind, doubt.place, text(subject), _reason(subject) if reason in _VAGUE else reason)


def _reason(subject: f.Expr | None) -> str:
    """A reason for a value that carries none: what gives it."""
    if isinstance(subject, f.Call):
        return f"what {text(subject.func)}() gives is not known"
    if isinstance(subject, f.Subscript):
        return f"what {text(subject.value)} holds is not known"
    if isinstance(subject, f.Attr):
        return _reason(subject.value) if isinstance(subject.value, f.Call) else f"{text(subject.value)} is not known"
    return f"what {text(subject)} stands for is not known"


def _matters(name: str) -> bool:
    """True for callees outside the project that are no builtin, no standard library and not SQLAlchemy's own."""
    root, _, rest = name.partition(".")
    if root == "builtins":
        return not hasattr(builtins, rest.partition(".")[0].removesuffix("()"))
    return root not in sys.stdlib_module_names and not lib.is_sql(name)


def _outside(name: str) -> tuple[str, str]:
    root, _, rest = name.partition(".")
    if root != "builtins":
        return "outside", f"{name} is outside the project"
    missing = rest.partition(".")[0].removesuffix("()")
    return "callee", f"{missing} is no name of the module and no builtin, or nothing is known of what it captures"


def _escapes(notes: Notes, words: Words, source: Source) -> Iterator[_Entry]:
    for escape in notes.frame.escapes:
        place = escape.place.place
        expr = source.at(place)
        shown = "the result" if expr is None else text(expr.func) if isinstance(expr, f.Call) else text(expr)
        reason = f"rows queried at {words.place(escape.site)} are not followed further: {escape.why}"
        yield _Entry("escape", place, shown, reason)


def _cut(notes: Notes, words: Words) -> Iterator[_Entry]:
    for function_id in notes.cut:
        reason = "calls nest too deeply to be followed below here"
        yield _Entry("depth", notes.frame.function.facts.pos, words.function(function_id), reason)
