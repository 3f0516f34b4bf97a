"""A call per iteration of a function that queries becomes one call of its batch variant before the loop.

The variant is a new function behind the old one, made from its text: what the callee does for one value it does for
all, with its queries run once. Unsafe, for the rows are read once before the loop rather than anew in each iteration,
and an exception for one value is raised before the first iteration; a callee that commits changes all rows in one
transaction. Shown only where the loop changes rows of a class that the callee queries.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Applicability, Edit, FileChange
from nplus1_lint.flag.keys import Collector
from nplus1_lint.flag.many import plural
from nplus1_lint.flag.names import bindings, reads, targets, walk
from nplus1_lint.flag.rewrite import Context, Rewrite, flat
from nplus1_lint.flag.variant import Maker, Variant, awaited_call, called, held_names, looked_up, varying_argument
from nplus1_lint.flag.visitor import COMPREHENSIONS, REPEATERS, Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.findings import Callee, CalleePlan, Suggestion

_RAISES: Final = re.compile(r"^\s*raise\b", re.MULTILINE)
_ALL: Final = "all rows are changed in one transaction, so that an exception for one undoes the others"


def rewrite(context: Context, plan: CalleePlan) -> Suggestion | None:
    """Suggest the batch variant and its call.

    Args:
        context: the call in its loop.
        plan: the function that is called.

    Returns:
        The new function and the changed loop; None when the function or the call is not understood well enough.
    """
    call = cst.ensure_type(context.found.node, cst.Call) if isinstance(context.found.node, cst.Call) else None
    loop = context.at(plan.loop, "a loop", REPEATERS).node
    if call is None or not isinstance(loop, (cst.For, *COMPREHENSIONS)):
        return None
    given = varying_argument(call, plan.callee.name, set(bindings(loop)))
    if given is None or not isinstance(call.func, (cst.Name, cst.Attribute)):
        return None
    parent = context.region.located(call).ancestors[-1]
    results = not isinstance(parent, cst.Expr)
    variant = Maker(context, plan).variant(plan.callee, call, given, results=results)
    if variant is None:
        return None
    use = Use(context, plan, call, given, variant)
    made = use.read(loop) if variant.results else use.written(loop) if isinstance(loop, cst.For) else None
    if made is None:
        return None
    shown = made.suggestion(context)
    added = [_shown(one, context.region.source.path) for one in variant.every() if one.at is not None]
    return replace(shown, code="\n\n\n".join([*added, shown.code]))


@dataclass(frozen=True, slots=True)
class Use:
    """The call of a batch variant in the place of a loop's calls.

    Attributes:
        context: the call in its loop.
        plan: what is called.
        call: the call.
        given: position of the argument that varies.
        variant: the batch variant.
    """

    context: Context
    plan: CalleePlan
    call: cst.Call
    given: int
    variant: Variant

    def read(self, loop: cst.CSTNode) -> Rewrite | None:
        """Call the variant before the loop, and look up in it what each iteration needs."""
        region, call = self.context.region, self.call
        argument = call.args[self.given].value
        names = self.context.names()
        keys = Collector(region, loop, call, f"{flat(region, call.func)}(", names).collect([argument])
        outer, awaited = awaited_call(region, call)
        if keys is None or not (self.variant.by_value or (self.plan.rows and _is_target(loop, argument))):
            return None
        caught = _caught(region, loop, call)
        if caught and any(_RAISES.search(one.text) for one in self.variant.every()):
            return None  # one value's exception, which the loop goes on from, would end all of it
        key = flat(region, argument)
        name = names.fresh(*held_names(region, outer, self.plan.callee.name, key))
        before = called(region, call, self.given, self.variant, keys.expression, f"{name} = {awaited}")
        used = Edit(*region.outer_offsets(outer), looked_up(name, key, self.variant.missing))
        end = ", outside of the loop's own try" if caught else ""
        lean = ", without the relationships that the loop does not read" if _lean(self.plan.callee) else ""
        behaviour = f"rows are read once before the loop{lean}, and an exception for one key is raised there{end}"
        title = f"Add {self.variant.name}(), which queries once for all keys, and call it before the loop"
        return self._rewrite(title, keys.start, [*keys.before, *before], [used, *keys.edits], behaviour)

    def written(self, loop: cst.For) -> Rewrite | None:
        """Call the variant instead of the loop, or behind it with what the loop has collected."""
        region = self.context.region
        body = loop.body.body if isinstance(loop.body, cst.IndentedBlock) else ()
        outside = region.located(loop).ancestors
        loops = [node for node in outside if isinstance(node, (cst.For, cst.While, *COMPREHENSIONS))]
        leaves = any(isinstance(node, (cst.Return, cst.Yield)) for node in walk(loop.body))
        if self.plan.followed or not body or loops or leaves or loop.orelse or loop.asynchronous:
            return None
        line = region.located(self.call).ancestors
        statement = next((node for node in reversed(line) if isinstance(node, cst.SimpleStatementLine)), None)
        if statement is None or len(statement.body) != 1:
            return None
        if len(body) == 1 and body[0] is statement:
            return self._instead(loop)
        if not _caught(region, loop, self.call):
            return self._behind(loop)
        one = body[0]
        only = isinstance(one, cst.Try) and len(body) == 1 and one.orelse is None and one.finalbody is None
        if only and isinstance(one, cst.Try) and list(one.body.body) == [statement]:
            return self._tried(loop, one)
        return None

    def _instead(self, loop: cst.For) -> Rewrite | None:
        """``for x in xs: f(x)`` becomes ``f_many(xs)``."""
        region = self.context.region
        argument = flat(region, self.call.args[self.given].value)
        target, iterable = flat(region, loop.target), flat(region, loop.iter)
        keys = f"list({iterable})" if argument == target else f"[{argument} for {target} in {iterable}]"
        _, awaited = awaited_call(region, self.call)
        before = called(region, self.call, self.given, self.variant, keys, awaited)
        title = f"Add {self.variant.name}(), which changes all rows at once, and call it instead of the loop"
        return self._rewrite(title, loop, before, [Edit(*_whole(region, loop), "")], _ALL)

    def _tried(self, loop: cst.For, node: cst.Try) -> Rewrite | None:
        """A ``try`` around the only call goes around the variant's; its handlers speak of all keys."""
        region, names = self.context.region, self.context.names()
        argument = self.call.args[self.given].value
        if not _is_target(loop, argument) or not isinstance(argument, cst.Name):
            return None
        many = names.fresh(plural(argument.value), f"all_{plural(argument.value)}")
        outer, awaited = awaited_call(region, self.call)
        flat_call = "".join(called(region, self.call, self.given, self.variant, many, awaited))
        edits = [Edit(*region.outer_offsets(outer), re.sub(r"\(\s+", "(", flat_call))]
        for handler in node.handlers:
            for here in walk(handler):
                if isinstance(here, (cst.Attribute, cst.Subscript)) and argument.value in reads(here.value):
                    return None
                if isinstance(here, cst.Name) and here.value == argument.value:
                    edits.append(Edit(*region.offsets(here), many))
        source = region.source
        inner, around = (region.place(one)[1] for one in (node, loop))
        start, end = _whole(region, loop)
        first, last = region.place(node)[0], source.line_of(end - 1)
        if any(number in source.in_string for number in range(first, last + 1)):
            return None
        header = Edit(start, source.starts[first - 1], "")
        deep = " " * 0 + source.line(first)[around:inner]
        dedents = [
            Edit(source.starts[number - 1], source.starts[number - 1] + len(deep), "")
            for number in range(first, last + 1)
            if source.line(number).startswith(deep) and source.line(number).strip()
        ]
        before = [f"{many} = list({flat(region, loop.iter)})"]
        title = f"Add {self.variant.name}(), which changes all rows at once, and call it instead of the loop"
        inside = [edit for edit in dedents if not any(other.start < edit.start < other.end for other in edits)]
        return self._rewrite(title, loop, before, [header, *inside, *edits], _ALL)

    def _behind(self, loop: cst.For) -> Rewrite | None:
        """The loop collects the arguments, and the variant is called behind it."""
        region, names = self.context.region, self.context.names()
        argument = self.call.args[self.given]
        items = names.fresh(f"{self.plan.callee.name.lstrip('_')}_items", "collected_items")
        outer, awaited = awaited_call(region, self.call)
        source = region.source
        _, end = _whole(region, loop)
        indent = source.line(region.place(loop)[0])[: region.place(loop)[1]]
        after = called(region, self.call, self.given, self.variant, items, awaited)
        gap = "" if source.text[:end].endswith(("\n", "\r")) else "\n"
        edits = [
            Edit(*region.outer_offsets(outer), f"{items}.append({flat(region, argument.value)})"),
            Edit(end, end, gap + "".join(f"{indent}{line}\n" for line in after)),
        ]
        title = f"Add {self.variant.name}(), which changes all rows at once, and call it behind the loop"
        return self._rewrite(title, loop, [f"{items} = []"], edits, _ALL)

    def _rewrite(
        self, title: str, start: cst.CSTNode, before: Sequence[str], edits: Sequence[Edit], behaviour: str
    ) -> Rewrite:
        region = self.context.region
        run = region.source.statements(region.place(start)[0], region.place(start)[2])
        changes = _changes(self.variant)
        own = changes.pop(region.source.path, FileChange(region.source.path, ()))
        shown_only = self.plan.changes
        return Rewrite(
            title=title,
            anchor=run[0] if run else region.first,
            before=tuple(before),
            edits=(*edits, *own.edits),
            imports=own.imports,
            applicability=Applicability.DISPLAY if shown_only else Applicability.UNSAFE,
            behaviour="" if shown_only else behaviour,
            elsewhere=tuple(changes.values()),
        )


def _whole(region: Region, node: cst.CSTNode) -> tuple[int, int]:
    """The lines of a statement."""
    first, _, last, _ = region.place(node)
    starts = region.source.starts
    return starts[first - 1], starts[last] if last < len(starts) else len(region.source.text)


def _shown(variant: Variant, here: str) -> str:
    """A new function for the reader; the imports of the suspect's own file are shown with its loop."""
    imports = "" if variant.path == here or not variant.imports else "\n".join([*variant.imports, "", "", ""])
    return f"# {variant.path}\n{imports}{textwrap.dedent(variant.text).rstrip()}"


def _is_target(loop: cst.CSTNode, argument: cst.BaseExpression) -> bool:
    """True for the loop's own variable: the very object that the keys hold."""
    around = loop if isinstance(loop, cst.For) else getattr(loop, "for_in", None)
    return (
        isinstance(argument, cst.Name)
        and isinstance(around, (cst.For, cst.CompFor))
        and argument.value in targets(around.target)
    )


def _lean(callee: Callee) -> bool:
    """True if loader options of a query are left out."""
    queries = [step.query for step in callee.steps if step.query is not None]
    return any(query.unread for query in queries) or any(_lean(step.callee) for step in callee.steps if step.callee)


def _caught(region: Region, loop: cst.CSTNode, call: cst.Call) -> bool:
    """True if a ``try`` inside the loop stands around the call."""
    path = region.located(call).ancestors
    inside = path[path.index(loop) :]
    return any(isinstance(node, cst.Try) and child is node.body for node, child in itertools.pairwise(inside))


def _changes(variant: Variant) -> dict[str, FileChange]:
    """The new functions by file, and what lets their callers reach them."""
    found: dict[str, FileChange] = {}
    for one in dict.fromkeys(variant.every()):
        new = (
            () if one.at is None else (FileChange(one.path, (Edit(one.at, one.at, one.gap + one.text),), one.imports),)
        )
        for change in (*new, *one.handed_on):
            before = found.get(change.path, FileChange(change.path, ()))
            edits, imports = (*before.edits, *change.edits), (*before.imports, *change.imports)
            found[change.path] = FileChange(change.path, tuple(dict.fromkeys(edits)), imports)
    return found
