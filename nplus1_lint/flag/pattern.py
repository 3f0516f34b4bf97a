"""What the visitor recognises by itself on a node: a query that counts in a loop, and a relationship's ``lazy=``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import LoaderPlan, Suspect
from nplus1_lint.flag.chain import EXECUTORS, RESULTS, links, outermost
from nplus1_lint.flag.names import walk
from nplus1_lint.flag.visitor import COMPREHENSIONS, LOOPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.flag.visitor import Located, Region


_DECLARATIONS: Final = frozenset({"relationship", "Relationship", "relation", "backref"})


def mismatch(region: Region, found: Located, suspect: Suspect) -> str:
    """Check that a node carries the pattern of its rule.

    Args:
        region: the parsed statements.
        found: the node.
        suspect: what the rule said.

    Returns:
        What is missing, or an empty string when all is there.
    """
    if suspect.code == "NP101":
        if not executes(region, found.node):
            return "no executed query stands there"
        if repeated_in(found) is None:
            return "no loop stands around it"
    if suspect.code in ("NP201", "NP203") or (suspect.code == "NP206" and _declares(found.node)):
        plan = suspect.plan if isinstance(suspect.plan, LoaderPlan) else None
        value = lazy_value(found.node, plan)
        if value is None:
            return "no relationship with lazy= stands there"
        written = _literal(value)
        if plan is not None and written is not None and written != plan.lazy:
            return f'lazy is "{written}" there, not "{plan.lazy}"'
    return ""


def executes(region: Region, node: cst.CSTNode) -> bool:
    """True if a call executes a query and takes its result (``q.count()``, ``session.scalar(…)``, ``len(q.all())``)."""
    if not isinstance(node, cst.Call):
        return False
    outer: cst.BaseExpression = outermost(region, node)
    while isinstance(outer, cst.Call) and isinstance(outer.func, cst.Name) and len(outer.args) == 1:
        outer = outer.args[0].value
    _, chain = links(outer)
    return any(link.call is not None and link.name in RESULTS | EXECUTORS for link in chain)


def repeated_in(found: Located) -> cst.CSTNode | None:
    """The innermost construct that runs a node more than once: a loop, a lambda or a function that recurs."""
    path = [*found.ancestors, found.node]
    for at in range(len(path) - 2, -1, -1):
        if repeats(path[at], path[at + 1 :]):
            return path[at]
    return None


def repeats(node: cst.CSTNode, below: Sequence[cst.CSTNode]) -> bool:
    """True if *node* is a loop (or the like) and repeats the part that the path *below* leads into."""
    child = below[0]
    if isinstance(node, cst.For):
        return child is node.body
    if isinstance(node, cst.While):
        return child is not node.orelse
    if isinstance(node, COMPREHENSIONS):
        return child is not node.for_in or below[1] is not node.for_in.iter
    if isinstance(node, cst.FunctionDef):
        return _calls_itself(node)
    return isinstance(node, cst.Lambda)


def in_loop(found: Located, loop: cst.CSTNode) -> bool:
    """True if a loop repeats a node."""
    if loop not in found.ancestors:
        return False
    if not isinstance(loop, LOOPS):
        return True
    at = found.ancestors.index(loop)
    return repeats(loop, [*found.ancestors[at + 1 :], found.node])


def lazy_value(node: cst.CSTNode, plan: LoaderPlan | None) -> cst.BaseExpression | None:
    """The value of ``lazy=`` in a relationship's call.

    Args:
        node: the call: ``relationship(…)``, SQLModel's ``Relationship(sa_relationship_kwargs=…)`` or a ``backref(…)``.
        plan: names the relationship when the call declares two, one by ``backref``.

    Returns:
        The value's expression, or None when the call sets no loader strategy.
    """
    if not isinstance(node, cst.Call):
        return None
    named = {arg.keyword.value: arg.value for arg in node.args if arg.keyword is not None}
    backref = named.get("backref")
    if plan is not None and isinstance(backref, cst.Call) and _names(backref, plan.relationship):
        return lazy_value(backref, None)
    if "lazy" in named:
        return named["lazy"]
    options = named.get("sa_relationship_kwargs")
    if isinstance(options, cst.Dict):
        for element in options.elements:
            if isinstance(element, cst.DictElement) and _literal(element.key) == "lazy":
                return element.value
    for inner in (options, named.get("sa_relationship"), backref):
        value = lazy_value(inner, None) if isinstance(inner, cst.Call) else None
        if value is not None:
            return value
    return None


def _declares(node: cst.CSTNode) -> bool:
    """True for a call that declares a relationship, as opposed to one that executes a query."""
    func = node.func if isinstance(node, cst.Call) else None
    last = func.attr if isinstance(func, cst.Attribute) else func
    return isinstance(last, cst.Name) and last.value in _DECLARATIONS


def _names(backref: cst.Call, relationship: str) -> bool:
    return bool(backref.args) and _literal(backref.args[0].value) == relationship


def _literal(node: cst.BaseExpression) -> str | None:
    """A literal's value as text; None for any other expression."""
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return node.value if isinstance(node, cst.Name) and node.value in ("True", "False") else None


def _calls_itself(node: cst.FunctionDef) -> bool:
    called = [here.func for here in walk(node.body) if isinstance(here, cst.Call)]
    names = [func.attr if isinstance(func, cst.Attribute) else func for func in called]
    return any(isinstance(name, cst.Name) and name.value == node.name.value for name in names)
