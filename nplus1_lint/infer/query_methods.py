"""Methods of the project's own classes of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.classes import method_kind
from nplus1_lint.infer.execution import statement_method
from nplus1_lint.infer.values import OF_CLASS, Function, Statement, of

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame, Place, Val


def call(frame: Frame, atom: Statement, mask: int, name: str, arguments: Arguments, place: Place) -> Val:
    """Call a method of a statement: one of the project's own class of queries, or one that all have."""
    return _called(frame, atom, mask, name, arguments, place, None)


def inherited(frame: Frame, atom: Statement, name: str, arguments: Arguments, place: Place) -> Val:
    """``super().name(…)`` in a method of a class of queries."""
    return _called(frame, atom, 1, name, arguments, place, frame.cls)


def _called(
    frame: Frame, atom: Statement, mask: int, name: str, arguments: Arguments, place: Place, after: str | None
) -> Val:
    own = next((flag[len(OF_CLASS) :] for flag in atom.flags if flag.startswith(OF_CLASS)), "")
    method = frame.engine.project.hierarchy.find_method(own, name, after) if own else None
    if method is None or method_kind(method.facts) != "instance":
        return statement_method(frame, atom, mask, name, arguments, place)
    return frame.call((of(Function("function", method.id, of(atom), (), ())), mask), arguments, place)
