"""The list of key values of all iterations, computed before the loop from the loop's own code."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Edit
from nplus1_lint.flag.names import asked, bindings, reads, targets, walk
from nplus1_lint.flag.once import once_only
from nplus1_lint.flag.rewrite import flat, wrap
from nplus1_lint.flag.visitor import COMPREHENSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nplus1_lint.flag.names import Names
    from nplus1_lint.flag.visitor import Region

_RE_ITERABLE_CALLS: Final = frozenset({"enumerate", "list", "range", "reversed", "set", "sorted", "tuple", "zip"})
_COPIES: Final = frozenset({"list", "set", "sorted", "tuple"})
_CONSUMERS: Final = frozenset({"get_nowait", "input", "next", "pop", "popitem", "popleft", "read", "readline", "recv"})
_SHORT: Final = 60
"""A longer list of keys gets a statement of its own."""
_LATE: Final = "?"
"""Stands among the reads of a condition that means something only inside the loop, and of a loop that runs once."""
_RE_ITERABLE_METHODS: Final = frozenset({"items", "keys", "values"})


@dataclass(frozen=True, slots=True)
class Clause:
    """A step on the way from the loop to the query.

    Attributes:
        kind: ``for``, ``if``, ``match`` or ``let``.
        text: its code (for ``if`` the condition only; for ``match`` several lines up to the case).
        reads: the names that it mentions.
        binds: the names that it gives a value.
        asks: the names with whose objects themselves a condition has to do.
        part: the assignment of a ``let``, read only when a key needs it.
        live: a ``for`` that iterates an object itself rather than a copy, so that it sees what the loop adds.
    """

    kind: str
    text: str
    reads: frozenset[str]
    binds: frozenset[str] = frozenset()
    asks: frozenset[str] = frozenset()
    part: cst.Assign | None = None
    live: bool = False


@dataclass(frozen=True, slots=True)
class KeyList:
    """Code for the key values.

    Attributes:
        expression: the list; a name when statements compute it.
        before: statements that must come first.
        edits: changes of the loop (its iterable gets a name when it can be iterated only once).
        start: the loop or outermost comprehension before which everything goes.
    """

    expression: str
    before: tuple[str, ...]
    edits: tuple[Edit, ...]
    start: cst.CSTNode

    def named(self, names: Names) -> KeyList:
        """The same with a name for the list, for code that mentions it twice."""
        if self.expression.isidentifier():
            return self
        name = names.fresh("keys")
        return replace(self, expression=name, before=(*self.before, *_long_list(name, self.expression)))


@dataclass(slots=True)
class Collector:
    """Finds the code that computes a query's key in every iteration.

    Attributes:
        region: the parsed statements.
        loop: the loop of the plan.
        target: the executed query.
        session: the session's code; what uses it is not run twice.
        names: source of fresh names.
        changed: names whose objects the loop changes.
    """

    region: Region
    loop: cst.CSTNode
    target: cst.CSTNode
    session: str
    names: Names
    changed: set[str] = field(default_factory=set)

    def collect(self, values: Sequence[cst.BaseExpression], suffixes: Sequence[str] = ()) -> KeyList | None:
        """Write the list of key values.

        Args:
            values: the compared expressions, as they stand in the loop.
            suffixes: for each the attribute that is read of it, with its dot, or an empty string; none at all without.

        Returns:
            The code, or None when a value depends on something that exists only once the loop runs.
        """
        ancestors = self.region.located(self.target).ancestors
        start = self._start(ancestors)
        path = [*ancestors[ancestors.index(start) :], self.target]
        self.changed = changed(start)
        clauses = self._clauses(path)
        late = any(self._written(value, start) or self._once_only(value) for value in values)
        if not clauses or clauses[0].kind != "for" or late:
            return None
        before, edits, clauses = self._materialised(start, clauses)
        bound = bindings(start)
        texts, needed = self._inlined(values, clauses, bound)
        texts = [text + suffix for text, suffix in itertools.zip_longest(texts, suffixes, fillvalue="")]
        for keep_conditions in (True, False):
            chosen = self._needed(clauses, needed, bound, keep_conditions)
            if chosen is None or not _readable(texts, clauses, chosen):
                continue
            value = texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
            if all(clause.kind in ("for", "if") for clause in chosen):
                listed = _comprehension(value, chosen)
                if len(listed) <= _SHORT:
                    return KeyList(listed, before, edits, start)
                name = self.names.fresh("keys")
                return KeyList(name, (*before, *_long_list(name, listed)), edits, start)
            name = self.names.fresh("keys")
            return KeyList(name, (*before, *_two_pass(name, value, chosen)), edits, start)
        return None

    def _start(self, ancestors: Sequence[cst.CSTNode]) -> cst.CSTNode:
        """The loop, or the outermost comprehension around it in the same statement."""
        start = self.loop
        for node in reversed(ancestors[: ancestors.index(self.loop)]):
            if isinstance(node, cst.BaseSuite):
                break
            if isinstance(node, COMPREHENSIONS):
                start = node
        return start

    def _clauses(self, path: Sequence[cst.CSTNode]) -> list[Clause] | None:
        clauses: list[Clause] = []
        for node, child in itertools.pairwise(path):
            if isinstance(node, (cst.Lambda, cst.FunctionDef, cst.ClassDef, cst.While)):
                return None
            if isinstance(node, cst.For):
                if child is node.orelse:
                    return None
                if child is node.body:
                    clauses.append(self._for(node))
            elif isinstance(node, cst.IndentedBlock):
                clauses += self._siblings(node, child)
            elif isinstance(node, (cst.If, cst.IfExp)) and child is not node.test:
                clauses.append(self._if(node.test, child is node.body))
            elif isinstance(node, cst.Match) and isinstance(child, cst.MatchCase):
                clauses.append(self._match(node, child))
            elif isinstance(node, cst.Try) and child is node.body and node.handlers:
                clauses.append(Clause("if", "", frozenset({_LATE})))  # what it catches would be raised before the loop
            elif isinstance(node, cst.BooleanOperation) and child is node.right:
                clauses.append(self._if(node.left, isinstance(node.operator, cst.And)))
            elif isinstance(node, COMPREHENSIONS) and child is not node.for_in:
                clauses += self._comp_for(node.for_in, None)
            elif isinstance(node, cst.CompFor):
                clauses += self._comp_for(node, child)
        return clauses

    def _for(self, node: cst.For | cst.CompFor) -> Clause:
        text = f"for {flat(self.region, node.target)} in {self._code(node.iter)}"
        if node.asynchronous is not None:
            text = f"async {text}"
        copied = isinstance(node.iter, cst.Call) and getattr(node.iter.func, "value", "") in _COPIES
        late = frozenset({_LATE} if self._once_only(node.iter) else ())
        return Clause("for", text, late | reads(node.iter), frozenset(targets(node.target)), live=not copied)

    def _comp_for(self, node: cst.CompFor, child: cst.CSTNode | None) -> list[Clause]:
        """Clauses of a comprehension up to one of its parts; all of them for None."""
        if child is node.iter:
            return []
        clauses = [self._for(node)]
        for condition in node.ifs:
            if condition is child:
                return clauses
            clauses.append(self._if(condition.test, True))
        if child is None and node.inner_for_in is not None:
            clauses += self._comp_for(node.inner_for_in, None)
        return clauses

    def _if(self, test: cst.BaseExpression, holds: bool) -> Clause:
        names = frozenset(reads(test))
        late = self._once_only(test) or bool(names & self.changed)
        code = self._code(test)
        if not holds and isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
            code, holds = self._code(test.expression), True
        if not holds:
            code = f"not {code}" if _is_atom(test) else f"not ({code})"
        # A condition that cannot be evaluated before the loop only makes more keys when it is left out.
        return Clause("if", code, frozenset({_LATE}) if late else names, asks=frozenset(asked(test)))

    def _match(self, node: cst.Match, case: cst.MatchCase) -> Clause:
        """A ``match`` up to one of its cases; those before it are left empty."""
        subject = self._code(node.subject)
        lines = [f"match {subject}:"]
        for one in node.cases[: node.cases.index(case) + 1]:
            guard = f" if {self._code(one.guard)}" if one.guard is not None else ""
            lines += [f"    case {flat(self.region, one.pattern)}{guard}:", "        pass"]
        parts = [part for one in node.cases for part in (one.pattern, one.guard) if part is not None]
        binds = {name for part in parts for name in bindings(part)}
        names = reads(node.subject).union(*(reads(part) for part in parts)) - binds
        once = any(
            self._once_only(one) for one in (node.subject, *(c.guard for c in node.cases if c.guard is not None))
        )
        known = frozenset({_LATE} if once or names & self.changed else names)
        return Clause("match", "\n".join(lines[:-1]), known, frozenset(binds), asks=frozenset(reads(node.subject)))

    def _siblings(self, block: cst.IndentedBlock, child: cst.CSTNode) -> list[Clause]:
        """Assignments and ``if …: continue`` guards that stand before a statement of a block."""
        clauses: list[Clause] = []
        for statement in block.body:
            if statement is child:
                break
            if isinstance(statement, cst.SimpleStatementLine):
                clauses += [let for part in statement.body if (let := self._let(part)) is not None]
            elif isinstance(statement, cst.If) and statement.orelse is None and _continues(statement.body):
                clauses.append(self._if(statement.test, False))
        return clauses

    def _let(self, part: cst.BaseSmallStatement) -> Clause | None:
        if not isinstance(part, cst.Assign) or len(part.targets) != 1:
            return None
        bound = targets(part.targets[0].target)
        return Clause("let", "", frozenset(), frozenset(bound), part=part) if bound else None

    def _once_only(self, node: cst.BaseExpression) -> bool:
        return once_only(self.region, node, self.session)

    def _written(self, value: cst.BaseExpression, loop: cst.CSTNode) -> bool:
        """True if the loop assigns the very attribute or item that the key is read from."""
        stored = {
            self.region.code(node.target)
            for node in walk(loop)
            if isinstance(node, (cst.AssignTarget, cst.AugAssign))
            and not isinstance(node.target, (cst.Name, cst.Tuple))
        }
        parts = (node for node in walk(value) if isinstance(node, (cst.Attribute, cst.Subscript)))
        return bool(stored) and any(self.region.code(part) in stored for part in parts)

    def _inlined(
        self, values: Sequence[cst.BaseExpression], clauses: Sequence[Clause], bound: Mapping[str, int]
    ) -> tuple[list[str], set[str]]:
        """Values as text, where a plain name that one assignment defines is replaced by what it was given."""
        texts: list[str] = []
        needed: set[str] = set()
        for value in values:
            text, names = self._code(value), reads(value)
            while bound.get(text) == 1 and (given := self._given(text, clauses)) is not None:
                text, names = self._code(given), reads(given)
            texts.append(text)
            needed |= names
        return texts, needed

    def _given(self, name: str, clauses: Sequence[Clause]) -> cst.BaseExpression | None:
        """What the assignment of a plain name gives it."""
        for clause in clauses:
            part = clause.part
            if part is not None and name in clause.binds and isinstance(part.targets[0].target, cst.Name):
                late = self._once_only(part.value) or reads(part.value) & self.changed
                return None if late or self._written(part.value, self.loop) else part.value
        return None

    def _needed(
        self, clauses: Sequence[Clause], names: set[str], bound: Mapping[str, int], keep_conditions: bool
    ) -> list[Clause] | None:
        """The clauses that the values need; None when a name has no value before the loop or more than one in it."""
        needed = set(names)
        chosen: list[Clause] = []
        for clause in reversed(clauses):
            if clause.kind in _CONDITIONS and (not keep_conditions or _LATE in clause.reads):
                continue
            if clause.kind == "let" and not clause.binds & needed:
                continue
            if any(bound[name] > 1 for name in clause.binds & needed):
                return None
            if clause.kind == "for" and (_LATE in clause.reads or (clause.live and clause.reads & self.changed)):
                return None
            if clause.part is not None:
                value = clause.part.value
                if self._once_only(value) or reads(value) & self.changed or self._written(value, self.loop):
                    return None
                clause = replace(clause, text=flat(self.region, clause.part), reads=frozenset(reads(value)))
            needed = (needed - clause.binds) | clause.reads
            chosen.append(clause)
        return chosen[::-1] if not any(bound.get(name) for name in needed) else None

    def _materialised(
        self, start: cst.CSTNode, clauses: list[Clause]
    ) -> tuple[tuple[str, ...], tuple[Edit, ...], list[Clause]]:
        """Give the iterable a name when iterating it twice would run it twice or find it empty."""
        loop = start if isinstance(start, cst.For) else getattr(start, "for_in", None)
        if not isinstance(loop, (cst.For, cst.CompFor)) or not clauses:
            return (), (), clauses
        if loop.asynchronous is None and self._re_iterable(loop.iter) and _LATE not in clauses[0].reads:
            return (), (), clauses
        target = loop.target.value if isinstance(loop.target, cst.Name) else "loop"
        name = self.names.fresh(f"{target}_rows")
        code = self._code(loop.iter)
        is_list = isinstance(loop.iter, cst.ListComp) or code.endswith((".all()", ".fetchall()"))
        listed = code if is_list else f"list({code})"
        edits = [Edit(*self.region.outer_offsets(loop.iter), name)]
        if loop.asynchronous is not None:
            item = self.names.fresh("item")
            listed = f"[{item} async for {item} in {code}]"
            begin = self.region.offsets(loop.asynchronous)[0]
            edits.append(Edit(begin, self.region.source.text.index("for", begin), ""))
        first = clauses[0]
        text = f"for {flat(self.region, loop.target)} in {name}"
        return (
            (f"{name} = {listed}",),
            tuple(edits),
            [Clause("for", text, frozenset({name}), first.binds), *clauses[1:]],
        )

    def _re_iterable(self, node: cst.BaseExpression) -> bool:
        if isinstance(node, cst.Name):
            return not self._one_shot(node.value)
        if isinstance(node, (cst.Attribute, cst.Subscript)):
            return self._re_iterable(node.value)
        if isinstance(node, (cst.List, cst.Tuple, cst.Set, cst.Dict)):
            return True
        if not isinstance(node, cst.Call):
            return False
        arguments = all(self._re_iterable(arg.value) or _is_number(arg.value) for arg in node.args)
        if isinstance(node.func, cst.Name):
            return node.func.value in _RE_ITERABLE_CALLS and arguments
        return (
            isinstance(node.func, cst.Attribute)
            and node.func.attr.value in _RE_ITERABLE_METHODS
            and not node.args
            and self._re_iterable(node.func.value)
        )

    def _one_shot(self, name: str) -> bool:
        """True if the function gives a name a generator or a result that can be iterated only once."""
        source = self.region.source
        first, last = source.function(self.region.first)
        assigned = re.compile(rf"\s*{re.escape(name)}\s*(?::[^=]*)?=(?!=)(?P<value>.*)", re.DOTALL)
        at = source.index(self.region.place(self.loop)[0])
        for line in reversed(source.logical[:at]):
            if line.first < first or line.last > last:
                continue
            end = source.starts[line.last] if line.last < len(source.starts) else len(source.text)
            match = assigned.match(source.code[source.starts[line.first - 1] : end])
            if match:
                return _ONE_SHOT.search(match["value"].strip()) is not None
        return False

    def _code(self, node: cst.BaseExpression) -> str:
        text = flat(self.region, node)
        return f"({text})" if node.lpar and not isinstance(node, (cst.Name, cst.Attribute, cst.Call)) else text


_ONE_SHOT: Final = re.compile(
    r"\.(scalars|execute|exec|mappings|tuples|unique|stream|stream_scalars|yield_per|partitions)\([^()]*(\([^()]*\)[^()]*)*\)$"
    r"|\.(query|filter|filter_by|order_by|options|join|where|limit)\([^()]*(\([^()]*\)[^()]*)*\)$"
    r"|^\(.*\bfor\b.*\)$|^(map|filter|zip|enumerate|iter|reversed)\(",
    re.DOTALL,
)


_SAFE: Final = re.compile(r"(\w+)(\.\w+)?")
"""A value that can be read also where a condition that could not be kept is false."""
_CONDITIONS: Final = ("if", "match")


def _readable(texts: Sequence[str], clauses: Sequence[Clause], chosen: Sequence[Clause]) -> bool:
    """True if values can be read also where the conditions that could not be kept are false."""
    kept = {id(clause) for clause in chosen}
    lost = [clause for clause in clauses if clause.kind in _CONDITIONS and id(clause) not in kept]
    if not lost or any(clause.kind == "let" for clause in chosen):
        return not lost
    asks = frozenset[str]().union(*(clause.asks for clause in lost))
    found = [_SAFE.fullmatch(text) for text in texts]
    return all(one is not None and not (one[2] and one[1] in asks) for one in found)


def changed(loop: cst.CSTNode) -> set[str]:
    """Names whose objects a loop changes: by a method called for its effect, or by an item that it sets."""
    found: set[str] = set()
    for node in walk(loop):
        if isinstance(node, cst.Expr) and isinstance(node.value, cst.Call):
            func = node.value.func
            if isinstance(func, cst.Attribute) and isinstance(func.value, cst.Name):
                found.add(func.value.value)
        elif isinstance(node, (cst.AssignTarget, cst.AugAssign)) and isinstance(node.target, cst.Subscript):
            found |= reads(node.target.value)
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _CONSUMERS:
            found |= reads(node.func.value)
    return found


def _comprehension(value: str, clauses: Sequence[Clause]) -> str:
    only = clauses[0].text if len(clauses) == 1 else ""
    if only.startswith(f"for {value} in "):
        iterable = only.removeprefix(f"for {value} in ")
        return iterable if iterable.endswith("_rows") else f"list({iterable})"
    parts = [f"if {clause.text}" if clause.kind == "if" else clause.text for clause in clauses]
    return f"[{' '.join([value, *parts])}]"


def _long_list(name: str, listed: str) -> list[str]:
    return wrap(f"{name} = [", [listed[1:-1]], "]") if listed.startswith("[") else [f"{name} = {listed}"]


def _two_pass(name: str, value: str, clauses: Sequence[Clause]) -> list[str]:
    lines, depth = [f"{name} = []"], 0
    for clause in clauses:
        if clause.kind in ("let", "match"):
            text = clause.text
        else:
            text = f"{'if ' if clause.kind == 'if' else ''}{clause.text}:"
        lines += ["    " * depth + line for line in text.split("\n")]
        depth += {"let": 0, "match": 2}.get(clause.kind, 1)
    return [*lines, "    " * depth + f"{name}.append({value})"]


def _continues(body: cst.BaseSuite) -> bool:
    last = body.body[-1] if body.body else None
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1] if last.body else None
    return isinstance(last, cst.Continue)


def _is_atom(node: cst.BaseExpression) -> bool:
    return isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)) or bool(node.lpar)


def _is_number(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.BaseNumber)
