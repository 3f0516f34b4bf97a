"""Where an executed query is built: the ``select(…)`` or ``query(…)`` behind it, looked up through names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.flag.chain import BUILDERS, EXECUTORS, RESULTS, Link, links
from nplus1_lint.flag.names import bindings, targets, walk

if TYPE_CHECKING:
    from nplus1_lint.flag.visitor import Region

_MORE: Final = frozenset({"group_by", "having", "offset", "slice", "with_for_update", "add_columns", "correlate"})
_STEPS: Final = BUILDERS | _MORE
_PAGINATES: Final = frozenset({"paginate", "apaginate"})  # fastapi-pagination's
_TAKERS: Final = frozenset({"paginate", "first_or_404", "one_or_404", "partitions", "fetchmany", "columns"})
_BINDERS: Final = {
    *(cst.FunctionDef, cst.Assign, cst.AnnAssign, cst.Param, cst.AsName),
    *(cst.For, cst.CompFor, cst.AugAssign, cst.NamedExpr),
}


@dataclass(frozen=True, slots=True)
class Construction:
    """The beginning of a query and the calls that build on it.

    Attributes:
        head: ``select(…)``, ``session.query(…)``, ``M.query`` or ``session.get(M, key)``.
        entities: what is selected.
        steps: builder calls, those on later assignments of the same name included.
        after: the link that follows the head in its own expression, or None.
    """

    head: cst.BaseExpression
    entities: tuple[cst.BaseExpression, ...]
    steps: tuple[Link, ...]
    after: Link | None

    @property
    def gets(self) -> bool:
        """True for ``session.get(M, key)``, which takes its options as an argument."""
        func = self.head.func if isinstance(self.head, cst.Call) else None
        return isinstance(func, cst.Attribute) and func.attr.value == "get"

    def step(self, *names: str) -> Link | None:
        """The last builder call of some names."""
        return next((step for step in reversed(self.steps) if step.name in names), None)


def constructions(region: Region, scope: cst.CSTNode | None, node: cst.BaseExpression) -> list[Construction] | None:
    """Find where the query is built that an expression executes.

    Args:
        region: the parsed statements.
        scope: the function (or the module's statements) in which names are looked up; None looks up none.
        node: the executing call, or the query itself.

    Returns:
        Each construction that may be meant, in the order of the file; None when the query comes from elsewhere (a
        parameter, a call of the project) or is not understood.
    """
    found = _Builder(scope).of(node)
    return sorted(found, key=lambda one: region.offsets(one.head)) if found else None


class _Builder:
    def __init__(self, scope: cst.CSTNode | None) -> None:
        self._scope = scope
        self._names: set[str] = set()

    def of(self, node: cst.BaseExpression) -> list[Construction] | None:
        """The constructions behind an expression; None when any of them is not understood."""
        root, chain = links(node)
        for at, link in enumerate(chain):
            after = chain[at + 1] if at + 1 < len(chain) else None
            entities = _entities(link)
            if entities is not None:
                head = link.call or (after.value if after is not None else _bare(node))
                steps = _steps(chain[at + 1 :])
                return [Construction(head, entities, steps, after)] if steps is not None else None
            if link.call is not None and link.value is not link.call and link.name in EXECUTORS | {"paginate"}:
                statement = _statement(link.call)
                return self.of(statement) if statement is not None else None
            if link.value is link.call and link.name in _PAGINATES:
                return self._paginated(link.call)
        steps = _steps(chain)
        if not isinstance(root, cst.Name) or steps is None:
            return None
        return self._named(root.value, steps)

    def _paginated(self, call: cst.Call) -> list[Construction] | None:
        """The query of ``paginate(session, query)``; an old ``paginate(query)`` has no session."""
        for arg in call.args[:2]:
            built = (
                self.of(arg.value) if not arg.star and (arg.keyword is None or arg.keyword.value == "query") else None
            )
            if built is not None:
                return built
        return None

    def _named(self, name: str, steps: tuple[Link, ...]) -> list[Construction] | None:
        """What the assignments of a name build, calls on the name itself included."""
        if name in self._names or self._scope is None:
            return None
        self._names.add(name)
        values = _values(self._scope, name)
        if not values:
            return None
        found: list[Construction] = []
        more = list(steps)
        for value in values:
            root, chain = links(value)
            if isinstance(root, cst.Name) and root.value == name:
                own = _steps(chain)
                if own is None:
                    return None
                more += own
                continue
            built = self.of(value)
            if built is None:
                return None
            found += built
        return [Construction(one.head, one.entities, (*one.steps, *more), one.after) for one in found]


def _entities(link: Link) -> tuple[cst.BaseExpression, ...] | None:
    """What a link selects if a query begins with it."""
    call = link.call
    if call is None:
        plain = link.name == "query" and isinstance(link.value, (cst.Name, cst.Attribute))
        return (link.value,) if plain else None
    args = tuple(arg.value for arg in call.args if arg.keyword is None and not arg.star)
    if link.name in ("select", "query") and args and len(args) == len(call.args):
        return args
    return args[:1] if link.name == "get" and link.value is not call and len(args) == 2 else None


def _bare(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.expression if isinstance(node, cst.Await) else node


def _statement(call: cst.Call) -> cst.BaseExpression | None:
    for arg in call.args:
        if not arg.star and (arg.keyword is None or arg.keyword.value in ("statement", "select")):
            return arg.value
    return None


def _steps(chain: list[Link]) -> tuple[Link, ...] | None:
    """The builder calls of a chain, up to where the result is taken; None when some link is not understood."""
    steps: list[Link] = []
    for link in chain:
        if link.call is None:
            return None
        if link.name in _STEPS:
            steps.append(link)
        elif link.name in RESULTS or link.name in _TAKERS or (link.name == "get" and len(link.call.args) == 1):
            break
        else:
            return None
    return tuple(steps)


def _values(scope: cst.CSTNode, name: str) -> list[cst.BaseExpression] | None:
    """All that a function gives a name by plain assignment; None if anything else binds it."""
    found: list[cst.BaseExpression] = []
    for node in walk(scope):
        if type(node) not in _BINDERS:
            continue
        if isinstance(node, cst.FunctionDef) and node is not scope and name in bindings(node.body):
            return None
        if isinstance(node, cst.Assign):
            bound = [target for target in node.targets if name in targets(target.target)]
            if bound and not (len(node.targets) == 1 and isinstance(node.targets[0].target, cst.Name)):
                return None
            if bound:
                found.append(node.value)
        elif isinstance(node, cst.AnnAssign) and name in targets(node.target):
            if node.value is not None:
                found.append(node.value)
        elif isinstance(node, (cst.Param, cst.AsName)):
            if name in targets(node.name):
                return None
        elif isinstance(node, (cst.For, cst.CompFor, cst.AugAssign, cst.NamedExpr)) and name in targets(node.target):
            return None
    return found
