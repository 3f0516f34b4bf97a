"""Reading a query off its syntax: where it starts, what it is built of, how it is executed and what replaces it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, cast

import libcst as cst

from nplus1_lint.flag.names import targets, walk

if TYPE_CHECKING:
    from nplus1_lint.flag.visitor import Region

EXECUTORS: Final = frozenset({"scalar", "scalars", "execute", "exec", "stream", "stream_scalars"})
RESULTS: Final = frozenset(
    {"all", "count", "exists", "exec", "fetchall", "fetchone", "first", "mappings", "one", "one_or_none", "scalar"}
    | {"scalar_one", "scalar_one_or_none", "scalars", "tuples", "unique"}
)
BUILDERS: Final = frozenset(
    {"distinct", "execution_options", "filter", "filter_by", "join", "limit", "options", "order_by", "outerjoin"}
    | {"select_from", "where"}
)


@dataclass(frozen=True, slots=True)
class Link:
    """One attribute of a dotted chain, called or not."""

    name: str
    call: cst.Call | None
    value: cst.BaseExpression


@dataclass(frozen=True, slots=True)
class Query:
    """A query as its syntax tells it.

    Attributes:
        style: ``query``, ``legacy-flask``, ``select``, ``get`` or ``exists``.
        entities: what is selected.
        steps: the builder calls in order.
        results: how the result is taken, in order (``scalars``, ``all``, ``len``, …).
        session: the session's expression, when it stands there.
        executor: the session's method (``scalar``, ``execute``, …) for a 2.0 statement.
        head: the call or attribute that starts the query (``select(…)``, ``session.query(…)``, ``M.query``).
        statements: assignments of the statement's earlier parts, which the rewrite leaves without a reader.
    """

    style: str
    entities: tuple[cst.BaseExpression, ...]
    steps: tuple[Link, ...]
    results: tuple[str, ...]
    session: cst.BaseExpression | None = None
    executor: str | None = None
    head: cst.BaseExpression | None = None
    statements: tuple[cst.Assign, ...] = ()

    def step(self, *names: str) -> Link | None:
        """The last builder call of some names."""
        return next((step for step in reversed(self.steps) if step.name in names), None)


def links(node: cst.BaseExpression) -> tuple[cst.BaseExpression, list[Link]]:
    """Take a chain such as ``a.b(c).d`` apart.

    Args:
        node: the outermost expression.

    Returns:
        The innermost expression and the links from there outwards; a call of a plain name (``select(…)``) is a link
        whose value is the call itself.
    """
    found: list[Link] = []
    while True:
        if isinstance(node, cst.Await):
            node = node.expression
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            found.append(Link(node.func.attr.value, node, node.func.value))
            node = node.func.value
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Name):
            found.append(Link(node.func.value, node, node))
            break
        elif isinstance(node, cst.Attribute):
            found.append(Link(node.attr.value, None, node.value))
            node = node.value
        else:
            break
    return node, found[::-1]


@dataclass(slots=True)
class Reader:
    """Reads queries of one region.

    Attributes:
        region: the parsed statements.
        loop: the loop; earlier parts of a statement are looked up inside it only.
        seen: assignments on the way, against cycles.
    """

    region: Region
    loop: cst.CSTNode
    seen: list[cst.Assign] = field(default_factory=list)

    def read(self, node: cst.BaseExpression) -> Query | None:
        """Read the query that an expression executes or builds.

        Args:
            node: the expression.

        Returns:
            The query, or None when some part of it is not understood.
        """
        if isinstance(node, cst.Await):
            return self.read(node.expression)
        wrapped = _sole_argument(node)
        if isinstance(node, cst.Call) and wrapped is not None:
            inner = self.read(wrapped)
            word = cst.ensure_type(node.func, cst.Name).value
            return replace(inner, results=(*inner.results, word)) if inner else None
        root, chain = links(node)
        for at, link in enumerate(chain):
            query = self._anchor(link)
            if query is not None:
                return _extend(query, chain[at + 1 :])
        if isinstance(root, cst.Name):
            assign = self._assignment(root)
            if assign is not None:
                self.seen.append(assign)
                base = self.read(assign.value)
                if base is not None:
                    return _extend(replace(base, statements=(*base.statements, assign)), chain)
        return None

    def _anchor(self, link: Link) -> Query | None:
        call = link.call
        if call is None:
            if link.name == "query" and isinstance(link.value, (cst.Name, cst.Attribute)):
                return Query("legacy-flask", (link.value,), (), (), head=link.value)
            return None
        args = tuple(arg.value for arg in call.args if arg.keyword is None and not arg.star)
        if link.name in ("select", "query") and len(args) == len(call.args):
            session = link.value if link.name == "query" else None
            query = Query(link.name, args, (), (), session=session, head=call)
            return self._unwrap_exists(query)
        if link.name == "exists" and link.value is call:
            inner = self.read(args[0]) if args else Query("exists", (), (), ())
            return replace(inner, results=("exists",)) if inner else None
        if link.name in EXECUTORS and link.value is not call and args and len(args) == len(call.args):
            statement = self.read(args[0])
            if statement is None or statement.session is not None:
                return None
            return replace(statement, session=link.value, executor=link.name)
        if link.name == "get" and len(args) == len(call.args) == 2 and link.value is not call:
            return Query("get", args[:1], (), ("get",), session=link.value, head=call)
        return None

    def _unwrap_exists(self, query: Query) -> Query | None:
        """``session.query(q.exists())`` and ``select(exists()…)`` are the inner query, asked for existence."""
        if len(query.entities) != 1 or not isinstance(query.entities[0], cst.Call):
            return query
        _, chain = links(query.entities[0])
        if not any(link.name == "exists" for link in chain):
            return query
        inner = self.read(query.entities[0])
        if inner is None or "exists" not in inner.results:
            return None
        return replace(inner, session=query.session or inner.session, results=("exists",))

    def _assignment(self, name: cst.Name) -> cst.Assign | None:
        """The one earlier assignment in the loop that gives a name its value; None when a branch could give another."""
        here = self.region.offsets(name)[0]
        assignments = _assignments(self.loop, name.value) or []
        starts = [(self.region.offsets(assign)[0], assign) for assign in assignments]
        found = [(start, assign) for start, assign in starts if start < here and not self._inside(name, assign)]
        if not found:
            return None
        assign = max(found, key=lambda pair: pair[0])[1]
        block = set(map(id, self.region.located(name).ancestors))
        own = self.region.located(assign.targets[0].target).ancestors
        dominates = all(id(node) in block for node in own[:-3])
        return assign if dominates and assign not in self.seen else None

    def _inside(self, name: cst.Name, assign: cst.Assign) -> bool:
        return any(node is assign for node in self.region.located(name).ancestors)


def _assignments(loop: cst.CSTNode, name: str) -> list[cst.Assign] | None:
    """The plain assignments of a name; None if something else binds it too."""
    found: list[cst.Assign] = []
    for node in walk(loop):
        if isinstance(node, cst.Assign):
            bound = [name in targets(target.target) for target in node.targets]
            if len(bound) == 1 and isinstance(node.targets[0].target, cst.Name) and bound[0]:
                found.append(node)
            elif any(bound):
                return None
        elif isinstance(node, (cst.For, cst.AugAssign)) and name in targets(node.target):
            return None
    return found


def _sole_argument(node: cst.BaseExpression) -> cst.BaseExpression | None:
    if (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Name)
        and node.func.value in ("len", "list", "bool")
        and len(node.args) == 1
        and not node.args[0].star
    ):
        return node.args[0].value
    return None


def _extend(query: Query, chain: list[Link]) -> Query | None:
    """Add builder calls and result calls; None when one is not understood."""
    steps, results = list(query.steps), list(query.results)
    for link in chain:
        call = link.call
        if call is None:
            return None
        if link.name in BUILDERS and not results:
            steps.append(link)
        elif link.name == "get" and query.style in ("query", "legacy-flask") and len(call.args) == 1:
            results.append("get")
        elif link.name in RESULTS and not call.args:
            results.append(link.name)
        elif (query.style == "exists" or "exists" in results) and link.name in ("where", "filter", "select_from"):
            steps.append(link)
        else:
            return None
    return replace(query, steps=tuple(steps), results=tuple(results))


def outermost(region: Region, node: cst.CSTNode) -> cst.BaseExpression:
    """Climb from the call that executes to the whole expression that takes its result.

    Args:
        region: the parsed statements.
        node: the flagged call.

    Returns:
        The expression with ``await``, result methods and ``len()`` or ``list()`` around it.
    """
    here = cast("cst.BaseExpression", node)
    while True:
        ancestors = region.located(here).ancestors
        parent = ancestors[-1] if ancestors else None
        grand = ancestors[-2] if len(ancestors) > 1 else None
        if isinstance(parent, cst.Await):
            here = parent
            continue
        method = isinstance(parent, cst.Attribute) and parent.attr.value in RESULTS
        if not isinstance(grand, cst.Call) or not (method or _sole_argument(grand) is here):
            return here
        here = grand


def criteria(step: Link) -> list[cst.BaseExpression]:
    """The conditions of a ``filter`` or ``where``, taken out of ``and_()`` and ``&``.

    Args:
        step: the call.

    Returns:
        The conditions in order, none of them a conjunction.
    """
    found: list[cst.BaseExpression] = []

    def add(node: cst.BaseExpression) -> None:
        called = node.func if isinstance(node, cst.Call) else None
        name = called.attr.value if isinstance(called, cst.Attribute) else getattr(called, "value", None)
        if isinstance(node, cst.Call) and name == "and_" and not any(arg.star or arg.keyword for arg in node.args):
            for arg in node.args:
                add(arg.value)
        elif isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.BitAnd):
            add(node.left)
            add(node.right)
        else:
            found.append(node)

    for arg in step.call.args if step.call else ():
        add(arg.value)
    return found
