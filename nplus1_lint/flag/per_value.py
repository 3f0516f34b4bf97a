"""What a batch variant begins anew for each value: names whose value, or object, would pass from one value to the next.

A function gives its local names their first values in every call. In the variant the statements that a value does not
need run once, so that what the others assign or change would still be there for the next value.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.flag.names import asked, reads, targets, walk
from nplus1_lint.flag.visitor import COMPREHENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nplus1_lint.flag.visitor import Region

_CHANGERS: Final = frozenset({
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "insert",
    "intersection_update", "pop", "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort", "subtract",
    "symmetric_difference_update", "update",
})  # fmt: skip
"""Methods of the collections of Python's library that change them."""
_READERS: Final = frozenset({
    "all", "any", "bool", "dict", "enumerate", "float", "frozenset", "hasattr", "int", "isinstance", "len", "list",
    "max", "min", "print", "range", "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "type", "zip",
})  # fmt: skip
"""Built-in functions that keep no hold of what they are given."""
_COLLECTIONS: Final = frozenset({"Counter", "OrderedDict", "defaultdict", "deque", "dict", "list", "set"})
_DISPLAYS: Final = (cst.List, cst.Set, cst.Dict, cst.ListComp, cst.SetComp, cst.DictComp)
_LEAVE: Final = (cst.Return, cst.Raise, cst.Continue, cst.Break)
_ALWAYS_THERE: Final = re.compile(r"\w+\.\w+")
"""An attribute that every value has, where it is not None or of another class."""


def assigned(node: cst.CSTNode) -> set[str]:
    """The names that a statement gives a value in its own scope: not the variables of comprehensions.

    Args:
        node: the statement.

    Returns:
        The names.
    """
    found: set[str] = set()
    for here in walk(node):
        if isinstance(here, (cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.For, cst.NamedExpr)):
            found |= targets(here.target) if not isinstance(here, cst.AnnAssign) or here.value is not None else set()
        elif isinstance(here, cst.WithItem) and here.asname is not None:
            found |= targets(here.asname.name)
        elif isinstance(here, (cst.FunctionDef, cst.ClassDef)):
            found.add(here.name.value)
    return found


def passed_on(before: Sequence[cst.CSTNode], each: Sequence[cst.CSTNode], parameters: Iterable[str]) -> set[str]:
    """The names through which one run of some statements would tell the next.

    Args:
        before: the statements that run once.
        each: the statements that run again and again.
        parameters: names that have a value when the first of all statements runs.

    Returns:
        Those that must have their first value or object anew for each run.
    """
    given = {name for one in before for name in assigned(one)}
    rebound = {name for one in each for name in assigned(one)} & {*given, *parameters}
    found = {name for name in rebound if not _set_first(each, name)}
    fresh = {name: value for one in before for name, value in _fresh(one)}
    for one in each:
        for here in walk(one):
            found |= _changed(here, set(fresh)) & given
            found |= {name for name in _escaping(here) if name in fresh}
    return found


def _set_first(statements: Sequence[cst.CSTNode], name: str) -> bool:
    """True if a plain assignment, which does not read it, is the first of some statements to mention a name."""
    first = next((one for one in statements if name in reads(one)), None)
    parts = first.body if isinstance(first, cst.SimpleStatementLine) else ()
    for part in parts:
        if isinstance(part, cst.Assign) and any(name in targets(one.target) for one in part.targets):
            return name not in reads(part.value)
        if name in reads(part):
            return False
    return False


def _fresh(node: cst.CSTNode) -> Iterator[tuple[str, cst.BaseExpression]]:
    """The names that a statement gives an object of their own, which nobody else holds."""
    for here in walk(node):
        if not isinstance(here, (cst.Assign, cst.AnnAssign)) or here.value is None:
            continue
        made = isinstance(here.value, _DISPLAYS)
        if isinstance(here.value, cst.Call):
            func = here.value.func
            word = func.attr.value if isinstance(func, cst.Attribute) else getattr(func, "value", "")
            made = word in _COLLECTIONS
        into = [one.target for one in here.targets] if isinstance(here, cst.Assign) else [here.target]
        if made:
            yield from ((one.value, here.value) for one in into if isinstance(one, cst.Name))


def _changed(node: cst.CSTNode, fresh: set[str]) -> set[str]:
    """The names of the objects that a piece of code changes, be it deep inside them."""
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _CHANGERS:
        # A session has such a method too, and what it holds is for all values.
        return _root(node.func.value) & fresh if node.func.attr.value == "add" else _root(node.func.value)
    if isinstance(node, (cst.AssignTarget, cst.AugAssign, cst.Del)):
        return {name for here in walk(node.target) if isinstance(here, cst.Subscript) for name in _root(here.value)}
    return set()


def _root(node: cst.BaseExpression) -> set[str]:
    while isinstance(node, (cst.Attribute, cst.Subscript)):
        node = node.value
    return {node.value} if isinstance(node, cst.Name) else set()


def _escaping(node: cst.CSTNode) -> set[str]:
    """The names whose objects a piece of code hands on as they are: returned, stored or given to a function."""
    values: list[cst.BaseExpression] = []
    if isinstance(node, (cst.Return, cst.Assign, cst.Yield)) and isinstance(node.value, cst.BaseExpression):
        values = [node.value]
    elif isinstance(node, cst.Call) and getattr(node.func, "value", "") not in _READERS:
        values = [arg.value for arg in node.args]
    elif isinstance(node, (cst.List, cst.Tuple, cst.Set, cst.Dict)):
        values = [element.value for element in node.elements]
    return {value.value for value in values if isinstance(value, cst.Name)}


def guarded(region: Region, node: cst.CSTNode, text: str, param: str) -> bool:
    """True if a value of which something is read need not have it, for the function asks first.

    Args:
        region: the parsed function.
        node: the query or call that is given what is read.
        text: what is read, as ``team.id``.
        param: the parameter that holds the value.

    Returns:
        False where *text* can be read for each value before the function's own statements run.
    """
    found: list[cst.CSTNode] = []
    for outer, inner in itertools.pairwise((*region.located(node).ancestors, node)):
        if isinstance(outer, (cst.If, cst.IfExp, cst.While)) and inner is not outer.test:
            found.append(outer.test)
        elif isinstance(outer, cst.BooleanOperation) and inner is outer.right:
            found.append(outer.left)
        elif isinstance(outer, cst.Match):
            found.append(outer.subject)
        elif isinstance(outer, (cst.For, cst.CompFor)) and inner is not outer.iter:
            found.append(outer.iter)
        elif isinstance(outer, COMPREHENSIONS) and inner is not outer.for_in:
            found.append(outer.for_in)
        elif isinstance(outer, cst.Try):
            found.append(outer)
        elif isinstance(outer, cst.IndentedBlock):
            above = itertools.takewhile(lambda one, inner=inner: one is not inner, outer.body)  # type: ignore[misc]
            found += [one for one in above if any(isinstance(here, _LEAVE) for here in walk(one))]
    if _ALWAYS_THERE.fullmatch(text) is None:
        return bool(found)
    return any(param in asked(one) for one in found if not isinstance(one, cst.Try))
