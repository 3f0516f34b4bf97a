"""What stands at a place of a function, in short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions, statements
from nplus1_lint.infer.loops import describe

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Place


class Source:
    """The expressions of one function by place; those of nested functions and lambdas are theirs.

    Attributes:
        raised: places of the calls in ``raise`` statements.
    """

    def __init__(self, facts: f.FunctionFacts) -> None:
        self._found: dict[Place, f.Expr] = {}
        for expr in expressions(facts.body):
            place = getattr(expr, "pos", None)
            if place is not None:
                self._found.setdefault(place, expr)
        for statement in statements(facts.body):
            if isinstance(statement, f.For):
                self._found.setdefault(statement.pos, statement.iterable)
        raised = tuple(statement for statement in statements(facts.body) if isinstance(statement, f.Raise))
        self.raised = frozenset(expr.pos for expr in expressions(raised) if isinstance(expr, f.Call))

    def at(self, place: Place) -> f.Expr | None:
        """Return the expression at a place; for a ``for`` statement, what it iterates."""
        return self._found.get(place)

    def subject(self, kind: str, place: Place) -> f.Expr | None:
        """Return what a doubt of some kind is about: the callee, the receiver of an attribute, the statement."""
        expr = self.at(place)
        if isinstance(expr, f.Call):
            if kind in ("callee", "outside"):
                return expr.func
            if kind in ("receiver", "statement"):
                return expr.args[0] if expr.args else None
        if isinstance(expr, f.Attr) and kind == "receiver":
            return expr.value
        return expr


def text(expr: f.Expr | None) -> str:
    """Return an expression in short; … stands for one that the facts do not keep."""
    return describe(expr) if expr is not None else "…"
