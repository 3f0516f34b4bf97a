"""The place of a query in its loop: what is compared with what, what stays of the query and which code it replaces."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import libcst as cst

from nplus1_lint.findings import Applicability, Edit
from nplus1_lint.flag.chain import Link, Query, Reader, criteria, links, outermost
from nplus1_lint.flag.imports import import_of, merged
from nplus1_lint.flag.key_types import misses
from nplus1_lint.flag.keys import Collector, KeyList
from nplus1_lint.flag.names import Names, bindings, reads, targets, walk
from nplus1_lint.flag.per_value import guarded
from nplus1_lint.flag.rewrite import Context, Rewrite, flat
from nplus1_lint.flag.visitor import COMPREHENSIONS, REPEATERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nplus1_lint.findings import BatchPlan
    from nplus1_lint.flag.visitor import Region

_DIRECTIVE: Final = re.compile(r"#\s*(?:noqa|nosec|[a-z0-9-]+:)")
_NAMES: Final = re.compile(r"(?<![\w.])[^\W\d]\w*")
_BEHAVIOUR: Final = (
    "everything is read before the loop, so what the loop changes meanwhile is not seen; all keys go into one "
    "statement, and Python compares them"
)


@dataclass(frozen=True, slots=True)
class KeyTerm:
    """A comparison that ties the query to the loop.

    Attributes:
        column: the column's code.
        attribute: the mapped attribute's name.
        value: the compared expression.
        suffix: ``.id`` where the value is a row and the column holds its key.
    """

    column: str
    attribute: str
    value: cst.BaseExpression
    suffix: str = ""

    def code(self, region: Region) -> str:
        """The value that the column holds."""
        return f"{flat(region, self.value)}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Site:
    """All that a batch rewrite is written from.

    Attributes:
        region: the parsed statements.
        plan: what the analysis concluded.
        loop: the loop.
        query: the query as its syntax tells it.
        outer: the expression that the rewrite replaces.
        terms: the comparisons that become the key.
        keys: the list of all key values.
        steps: the query's other calls, ready to lay out: joins, loader options and the like.
        filters: the conditions that stay.
        session: the session's code.
        entity: the first selected entity's code.
        dead: assignments that lose their reader.
        names: source of fresh names.
    """

    region: Region
    plan: BatchPlan
    loop: cst.CSTNode
    query: Query
    outer: cst.BaseExpression
    terms: tuple[KeyTerm, ...]
    keys: KeyList
    steps: tuple[tuple[str, tuple[str, ...]], ...]
    filters: tuple[str, ...]
    session: str
    entity: str
    dead: tuple[cst.Assign, ...]
    names: Names

    @property
    def columns(self) -> list[str]:
        """The key columns' code."""
        return [term.column for term in self.terms]

    @property
    def nullable(self) -> bool:
        """A key may be None, and rows without one are then asked for."""
        return self.query.style != "get" and any(key.nullable for key in self.plan.keys)

    @property
    def writes(self) -> bool:
        """The loop makes rows of the queried class, or may do so: what is read before the loop would miss them."""
        made = (here for here in walk(self.loop) if isinstance(here, cst.Call))
        return self.plan.writes or any(flat(self.region, call.func) in (self.entity, self.plan.model) for call in made)

    @property
    def legacy(self) -> bool:
        """1.x style: the query executes itself."""
        return self.query.style in ("query", "legacy-flask") or (
            self.query.style == "get" and self.plan.style == "query"
        )

    @property
    def anchor(self) -> int:
        """The logical line before which new statements go."""
        start = self.region.place(self.keys.start)
        run = self.region.source.statements(start[0], start[2])
        return run[0] if run else self.region.first

    def key(self) -> str:
        """The key of the current iteration, as it stands in the loop."""
        values = [term.code(self.region) for term in self.terms]
        return values[0] if len(values) == 1 else f"({', '.join(values)})"

    def within(self) -> tuple[str, tuple[str, ...]]:
        """The ``IN`` condition over all keys, and the import lines that it needs."""
        if len(self.terms) == 1:
            found = f"{self.columns[0]}.in_({self.keys.expression})"
            if self.nullable:
                # ``== None`` is written IS NULL, which IN is not.
                found += f" if None not in {self.keys.expression} else {found} | {self.columns[0]}.is_(None)"
            return found, ()
        written, line = import_of(self.region.source, "sqlalchemy", "tuple_", self.anchor)
        return f"{written}({', '.join(self.columns)}).in_({self.keys.expression})", (line,) if line else ()

    def rewrite(self, title: str, before: Sequence[str], new: str, imports: Sequence[str]) -> Rewrite:
        """Put the parts together.

        Args:
            title: one line, imperative.
            before: the statements that run the batched query.
            new: the expression that replaces the query in the loop.
            imports: import lines.

        Returns:
            The whole change.
        """
        edits = [Edit(*self.region.outer_offsets(self.outer), new), *self.keys.edits, *self._removed()]
        only_shown = self.writes or (self.nullable and len(self.terms) > 1)
        return Rewrite(
            title,
            self.anchor,
            (*self._comments(), *self.keys.before, *before),
            tuple(edits),
            merged(imports),
            Applicability.DISPLAY if only_shown else Applicability.UNSAFE,
            "" if only_shown else _BEHAVIOUR,
        )

    def _comments(self) -> list[str]:
        """The comments inside the code that gives way, to stand above the new statements; not what they tell tools."""
        source = self.region.source
        spans = [self.region.outer_offsets(self.outer)]
        spans += [(edit.start, edit.end) for edit in (*self.keys.edits, *self._removed())]
        lines = sorted({n for start, end in spans for n in range(source.line_of(start), source.line_of(end) + 1)})
        found = []
        for number in lines:
            begin, text = source.starts[number - 1], source.line(number)
            comment = re.search(r"#.*", text[len(source.code[begin : begin + len(text)].rstrip()) :])
            at = begin + text.rindex(comment.group()) if comment else -1
            told = comment and not _DIRECTIVE.match(comment.group())
            if comment and told and any(start <= at < end for start, end in spans):
                found.append(comment.group())
        return found

    def _removed(self) -> list[Edit]:
        """Take out assignments of the old statement that nothing else reads."""
        source = self.region.source
        edits = []
        for assign in self.dead:
            ancestors = self.region.located(assign.targets[0].target).ancestors
            line, block = ancestors[-3], ancestors[-4]
            alone = isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1
            roomy = isinstance(block, cst.IndentedBlock) and len(block.body) > len(self.dead)
            name = cst.ensure_type(assign.targets[0].target, cst.Name).value
            if (
                alone
                and roomy
                and self._readers(name) <= sum(self._reads(node, name) for node in (*self.dead, self.outer))
            ):
                place = self.region.place(assign)
                end = source.starts[place[2]] if place[2] < len(source.starts) else len(source.text)
                edits.append(Edit(source.starts[place[0] - 1], end, ""))
        return edits

    def _readers(self, name: str) -> int:
        first, last = self.region.source.function(self.region.first)
        words = self.region.source.lines(first, last)
        return _count(words, name)

    def _reads(self, node: cst.CSTNode, name: str) -> int:
        return _count(self.region.code(node), name)


def _count(text: str, word: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(word)}(?!\w)", text))


def read_site(context: Context, plan: BatchPlan) -> Site | None:
    """Read all that a batch rewrite needs from the syntax.

    Args:
        context: the flagged node.
        plan: the analysis' conclusion.

    Returns:
        The site, or None when part of the query or its key is not understood.

    Raises:
        InternalError: the plan names places at which nothing fitting stands.
    """
    names = context.names()

    def collected(loop: cst.CSTNode, terms: Sequence[KeyTerm], session: str) -> KeyList | None:
        collector = Collector(context.region, loop, context.found.node, session, names)
        repeating = loop.for_in if isinstance(loop, COMPREHENSIONS) else loop
        repeated = targets(repeating.target) if isinstance(repeating, (cst.For, cst.CompFor)) else set()
        if any(term.suffix and flat(context.region, term.value) not in repeated for term in terms):
            return None  # it may be None, which has no attributes
        return collector.collect([term.value for term in terms], [term.suffix for term in terms])

    return _site(context, plan, names, collected, lambda loop: set(bindings(loop)))


def site_for(context: Context, plan: BatchPlan, param: str, many: str, local: set[str], names: Names) -> Site | None:
    """Read all that a batch variant needs of a query in a function.

    Args:
        context: the executing call in its function.
        plan: the query; its loop is the function.
        param: the parameter that becomes many.
        many: its new name.
        local: names that have a value for one of the many only.
        names: source of fresh names.

    Returns:
        The site, or None when part of the query or its key is not understood.

    Raises:
        InternalError: the plan names places at which nothing fitting stands.
    """
    values = [context.at(key.value, "a compared value").node for key in plan.keys]
    keys = tuple(key for key, value in zip(plan.keys, values, strict=True) if param in reads(value))

    def listed(loop: cst.CSTNode, terms: Sequence[KeyTerm], session: str) -> KeyList | None:
        needed = {name for term in terms for name in reads(term.value)} | {session.partition(".")[0]}
        codes = [term.code(context.region) for term in terms]
        if needed & local:
            return None
        value = codes[0] if len(codes) == 1 else f"({', '.join(codes)})"
        if value != param and any(guarded(context.region, context.found.node, code, param) for code in codes):
            return None
        return KeyList(many if value == param else f"[{value} for {param} in {many}]", (), (), loop)

    return _site(context, replace(plan, keys=keys), names, listed, lambda _: {param, *local}) if keys else None


def _site(
    context: Context,
    plan: BatchPlan,
    names: Names,
    collect: Callable[[cst.CSTNode, Sequence[KeyTerm], str], KeyList | None],
    bound: Callable[[cst.CSTNode], set[str]],
) -> Site | None:
    region = context.region
    loop = context.at(plan.loop, "a loop", REPEATERS).node
    reader = Reader(region, loop)
    outer: cst.BaseExpression = outermost(region, context.found.node)
    query = reader.read(outer)
    dead: tuple[cst.Assign, ...] = ()
    if query is not None:
        outer, query, dead = _through_result(region, loop, outer, query)
    if query is None:
        return None
    session = _session(context, plan, query)
    terms = _terms(context, plan, query, loop)
    if terms is None or session is None or bound(loop) & set(_NAMES.findall(session)):
        return None
    if isinstance(region.located(context.found.node).ancestors[-1], cst.Await):
        plan = replace(plan, is_async=True)
    keys = collect(loop, terms, session)
    rest = _rest(region, plan, query, terms, bound(loop))
    if keys is None or rest is None:
        return None
    entity = flat(region, query.entities[0]) if query.entities else plan.model
    statements = (*query.statements, *dead)
    site = Site(region, plan, loop, query, outer, terms, keys, *rest, session, entity, statements, names)
    return replace(site, keys=keys.named(names)) if site.nullable else site


def _through_result(
    region: Region, loop: cst.CSTNode, outer: cst.BaseExpression, query: Query
) -> tuple[cst.BaseExpression, Query | None, tuple[cst.Assign, ...]]:
    """Follow ``result = session.execute(…)`` to the one place that takes the rows out of the result."""
    parent = region.located(outer).ancestors[-1]
    if query.results or query.executor not in ("execute", "exec", "scalars"):
        return outer, query, ()
    if not (isinstance(parent, cst.Assign) and isinstance(parent.targets[0].target, cst.Name)):
        return outer, query, ()
    name = parent.targets[0].target.value
    stored = [target.target for target in _assigned(loop) if name in reads(target.target)]
    uses = [node for node in walk(loop) if isinstance(node, cst.Name) and node.value == name and node not in stored]
    after = [use for use in uses if region.offsets(use)[0] > region.offsets(parent)[1]]
    if len(after) != 1 or len(stored) != 1:
        return outer, None, ()
    taken = outermost(region, after[0])
    follower = Reader(region, loop).read(taken)
    if taken is after[0] and query.executor == "scalars":
        return outer, query, ()
    if taken is after[0] or follower is None:
        return outer, None, ()
    return taken, replace(follower, statements=()), (*query.statements, parent)


def _assigned(loop: cst.CSTNode) -> list[cst.AssignTarget]:
    return [node for node in walk(loop) if isinstance(node, cst.AssignTarget)]


def _session(context: Context, plan: BatchPlan, query: Query) -> str | None:
    if query.session is not None:
        return flat(context.region, query.session)
    if plan.session is not None:
        return flat(context.region, context.at(plan.session, "a session").node)
    return plan.model if query.style == "legacy-flask" else None


def _terms(context: Context, plan: BatchPlan, query: Query, loop: cst.CSTNode) -> tuple[KeyTerm, ...] | None:
    """Find each key of the plan in the query; None when one stands in no plain comparison."""
    region = context.region
    values = [context.at(key.value, "a compared value").node for key in plan.keys]
    if "get" in query.results:
        entity = flat(region, query.entities[0])
        if any(misses(region, loop, key, value) for key, value in zip(plan.keys, values, strict=True)):
            return None
        return tuple(
            KeyTerm(f"{entity}.{key.column}", key.column, cast("cst.BaseExpression", value))
            for key, value in zip(plan.keys, values, strict=True)
        )
    terms: list[KeyTerm] = []
    for key, value in zip(plan.keys, values, strict=True):
        term = next((term for step in query.steps if (term := _compared(context, plan, query, step.call, value))), None)
        if term is None or key.refers is None or misses(region, loop, key, term.value):
            return None
        if key.refers:
            owner = term.column.rpartition(".")[0]
            term = replace(term, column=f"{owner}.{key.column}", attribute=key.column, suffix=f".{key.refers}")
        terms.append(term if term.attribute else replace(term, attribute=key.column))
    return tuple(terms) or None


def _compared(
    context: Context, plan: BatchPlan, query: Query, call: cst.Call | None, value: cst.CSTNode
) -> KeyTerm | None:
    region = context.region
    ancestors = region.located(value).ancestors
    if call is None or not any(node is call for node in ancestors):
        return None
    around = {id(node) for node in (*ancestors, value)}
    for arg in call.args:
        if id(arg.value) in around and arg.keyword is not None:
            owner = plan.model if query.step("join", "outerjoin") or not query.entities else _class(region, plan, query)
            return KeyTerm(f"{owner}.{arg.keyword.value}", arg.keyword.value, arg.value)
    return None if call.func is value else _comparison(region, call, around)


def _class(region: Region, plan: BatchPlan, query: Query) -> str:
    """The class that ``filter_by`` means: the selected one, or the one whose column is selected."""
    entity = query.entities[0]
    if not isinstance(entity, (cst.Name, cst.Attribute)) or len(query.entities) != 1:
        return plan.model
    text = flat(region, entity)
    if isinstance(entity, cst.Attribute) and not entity.attr.value[:1].isupper():
        return text.rpartition(".")[0]
    return text


def _comparison(region: Region, call: cst.Call, around: set[int]) -> KeyTerm | None:
    for node in criteria(Link("", call, call)):
        if id(node) not in around or not isinstance(node, cst.Comparison) or len(node.comparisons) != 1:
            continue
        target = node.comparisons[0]
        if not isinstance(target.operator, cst.Equal):
            return None
        column, compared = node.left, target.comparator
        if id(column) in around:
            column, compared = compared, column
        if not isinstance(column, cst.Attribute):
            return None
        return KeyTerm(flat(region, column), column.attr.value, compared)
    return None


def _rest(
    region: Region, plan: BatchPlan, query: Query, terms: Sequence[KeyTerm], bound: set[str]
) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[str, ...]] | None:
    """What stays of the query; None when some of it depends on the loop too."""
    keyed = {id(term.value) for term in terms}
    steps: list[tuple[str, tuple[str, ...]]] = []
    filters: list[str] = []
    joined = query.step("join", "outerjoin", "select_from") is not None
    for step in query.steps:
        arguments = step.call.args if step.call else ()
        if step.name in ("filter", "where"):
            for node in criteria(step):
                sides = [node.left, node.comparisons[0].comparator] if isinstance(node, cst.Comparison) else []
                if not keyed & {id(side) for side in sides}:
                    if reads(node) & bound:
                        return None
                    filters.append(_condition(region, node))
            continue
        kept = [arg for arg in arguments if id(arg.value) not in keyed]
        if step.name == "options" and plan.unread:
            kept = [arg for arg in kept if not _unread(region, plan, arg)]
            if not kept:
                continue
        if any(reads(arg.value) & bound for arg in kept):
            return None
        if step.name == "filter_by" and not joined:
            owner = _class(region, plan, query)
            filters += [f"{owner}.{arg.keyword.value} == {flat(region, arg.value)}" for arg in kept if arg.keyword]
        elif step.name != "filter_by" or kept:
            steps.append((step.name, tuple(_argument(region, arg) for arg in kept)))
    return tuple(steps), tuple(filters)


def _unread(region: Region, plan: BatchPlan, arg: cst.Arg) -> bool:
    """True for a loader option of which the loop needs no part."""
    line, column, end_line, end_column = region.place(arg.value)
    places = ((pos.line, region.source.column(pos.line, pos.column) or 0) for pos in plan.unread)
    inside = [place for place in places if (line, column) <= place < (end_line, end_column)]
    return bool(inside) and len(inside) == len(links(arg.value)[1])


def _condition(region: Region, node: cst.BaseExpression) -> str:
    text = flat(region, node)
    return f"({text})" if node.lpar and isinstance(node, cst.BinaryOperation) else text


def _argument(region: Region, arg: cst.Arg) -> str:
    name = f"{arg.keyword.value}=" if arg.keyword else arg.star
    return name + flat(region, arg.value)
