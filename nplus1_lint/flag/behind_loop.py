"""A commit or a write per iteration goes behind the loop: one commit, one statement for all rows.

Unsafe: what was one transaction (or one statement) per row is one for all, so that an exception in one iteration undoes
the others, and what the loop reads does not see the rows that it writes. Shown only where the loop sends other
statements as well. A sentence where the commit or write stands in a condition, a ``try`` or a loop inside the loop,
where the loop is left by ``return``, or where what is written cannot be collected.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from nplus1_lint.findings import Applicability, Edit
from nplus1_lint.flag.chain import Link, criteria, links
from nplus1_lint.flag.names import bindings, reads, walk
from nplus1_lint.flag.rewrite import Context, Rewrite, flat
from nplus1_lint.flag.variant import awaited_call, taken_out
from nplus1_lint.flag.visitor import COMPREHENSIONS, REPEATERS, Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.findings import LoopPlan, Suggestion


def rewrite(context: Context, plan: LoopPlan) -> Suggestion | None:
    """Suggest the statement behind the loop.

    Args:
        context: the commit, flush or write.
        plan: its loop.

    Returns:
        The changed loop; None when it is not understood well enough.
    """
    loop = context.at(plan.loop, "a loop", REPEATERS).node
    call = context.found.node
    if not isinstance(loop, cst.For) or not isinstance(call, cst.Call) or not _movable(context.region, loop, call):
        return None
    made = _commit(context, loop, call, plan) if plan.what == "commit" else _write(context, loop, call, plan)
    return made.suggestion(context) if made is not None else None


def _movable(region: Region, loop: cst.For, call: cst.Call) -> bool:
    """True for a statement of its own, directly in the body of a loop around which no other loop stands."""
    outside = region.located(loop).ancestors
    if any(isinstance(node, (cst.For, cst.While, *COMPREHENSIONS)) for node in outside):
        return False
    if loop.orelse or any(isinstance(node, (cst.Return, cst.Yield)) for node in walk(loop.body)):
        return False
    path = region.located(call).ancestors
    inside = [node for node in path[path.index(loop) + 1 :] if not isinstance(node, cst.Await)]
    shapes = (cst.IndentedBlock, cst.SimpleStatementLine, cst.Expr)
    if len(inside) != 3 or not all(isinstance(node, kind) for node, kind in zip(inside, shapes, strict=True)):
        return False
    return len(cst.ensure_type(inside[1], cst.SimpleStatementLine).body) == 1


def _commit(context: Context, loop: cst.For, call: cst.Call, plan: LoopPlan) -> Rewrite | None:
    region = context.region
    removed = taken_out(region, call)
    body = cst.ensure_type(loop.body, cst.IndentedBlock).body
    last = region.place(body[-1])[2] == region.place(call)[2]
    func = call.func
    # What a flush has made, an identifier for one, is used behind it.
    flush = isinstance(func, cst.Attribute) and func.attr.value == "flush"
    if removed is None or (flush and not last) or reads(call) & set(bindings(loop)):
        return None
    outer, _ = awaited_call(region, call)
    behind = "an exception in one iteration undoes all of them, and rows keep their locks to the end"
    edits = [removed, _after(region, loop, [flat(region, outer)])]
    return _made(context, loop, plan, f"{'Flush' if flush else 'Commit'} once, behind the loop", [], edits, behind)


def _write(context: Context, loop: cst.For, call: cst.Call, plan: LoopPlan) -> Rewrite | None:
    region = context.region
    varying = set(bindings(loop))
    outer, awaited = awaited_call(region, call)
    _, chain = links(call)
    found = _inserted(region, chain, varying) or _by_key(region, chain, varying)
    if found is None:
        return None
    name, item, edits = found
    items = context.names().fresh(name, f"all_{name}")
    start = region.offsets(call)[0]
    text = region.code(call)
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = text[: edit.start - start] + edit.text.replace("\0", items) + text[edit.end - start :]
    one_line = re.sub(r"\s*\n\s*", "", text) if "#" not in text and '"""' not in text else text
    changes = [
        Edit(*region.outer_offsets(outer), f"{items}.append({item})"),
        _after(region, loop, [f"if {items}:", f"    {awaited}{one_line}"]),
    ]
    behind = "all rows are written behind the loop by one statement, so that an error concerns all of them"
    return _made(context, loop, plan, "Write once, behind the loop", [f"{items} = []"], changes, behind)


def _inserted(region: Region, chain: Sequence[Link], varying: set[str]) -> tuple[str, str, list[Edit]] | None:
    """``session.execute(insert(M).values(…))``: what is collected, and the changes of the call."""
    execute = chain[-1].call if chain and chain[-1].name == "execute" else None
    if execute is None or len(execute.args) != 1 or reads(execute.func) & varying:
        return None
    root, inner = links(execute.args[0].value)
    values = inner[-1] if inner and inner[-1].name == "values" else None
    if values is None or values.call is None or not inner or inner[0].name != "insert" or len(inner) != 2:
        return None
    args = values.call.args
    if len(args) == 1 and args[0].keyword is None and not args[0].star and isinstance(args[0].value, cst.Dict):
        item = flat(region, args[0].value)
    elif args and all(arg.keyword is not None for arg in args):
        item = ", ".join(f'"{arg.keyword.value}": {flat(region, arg.value)}' for arg in args if arg.keyword)
        item = f"{{{item}}}"
    else:
        return None
    head = region.outer_offsets(values.value)[1]
    edit = Edit(head, region.offsets(values.call)[1], ", \0")
    return ("rows", item, [edit]) if not reads(values.value) & varying and root is not None else None


def _by_key(region: Region, chain: Sequence[Link], varying: set[str]) -> tuple[str, str, list[Edit]] | None:
    """An UPDATE or DELETE whose one condition is a column that is equal to something of the loop."""
    inner = list(chain)
    if chain and chain[-1].name == "execute" and chain[-1].call is not None and len(chain[-1].call.args) == 1:
        inner = links(chain[-1].call.args[0].value)[1]
        if not inner or inner[0].name not in ("update", "delete"):
            return None
    elif not chain or chain[-1].name not in ("update", "delete") or not any(link.name == "query" for link in chain):
        return None
    found: tuple[str, str, list[Edit]] | None = None
    for link in inner:
        if link.call is None or not any(reads(arg.value) & varying for arg in link.call.args):
            continue
        keyed = _equal(region, link, varying) if link.name in ("where", "filter") else None
        if keyed is None or found is not None:
            return None
        found = keyed
    return found


def _equal(region: Region, link: Link, varying: set[str]) -> tuple[str, str, list[Edit]] | None:
    conditions = [one for one in criteria(link) if reads(one) & varying]
    if len(conditions) != 1 or not isinstance(conditions[0], cst.Comparison):
        return None
    node = conditions[0]
    if len(node.comparisons) != 1 or not isinstance(node.comparisons[0].operator, cst.Equal):
        return None
    column, value = node.left, node.comparisons[0].comparator
    if reads(column) & varying:
        column, value = value, column
    if reads(column) & varying or not isinstance(column, cst.Attribute):
        return None
    edit = Edit(*region.outer_offsets(node), f"{flat(region, column)}.in_(\0)")
    return f"{column.attr.value}_keys", flat(region, value), [edit]


def _after(region: Region, loop: cst.For, lines: Sequence[str]) -> Edit:
    """Statements behind a loop."""
    source = region.source
    first, column, last, _ = region.place(loop)
    end = source.starts[last] if last < len(source.starts) else len(source.text)
    line = source.lines(first, first)
    newline = line[len(line.rstrip("\r\n")) :] or "\n"
    gap = "" if source.text[:end].endswith(("\n", "\r")) else newline
    indent = source.line(first)[:column]
    return Edit(end, end, gap + "".join(f"{indent}{one}{newline}" for one in lines))


def _made(
    context: Context,
    loop: cst.For,
    plan: LoopPlan,
    title: str,
    before: Sequence[str],
    edits: Sequence[Edit],
    behaviour: str,
) -> Rewrite:
    region = context.region
    return Rewrite(
        title=title,
        anchor=region.source.index(region.place(loop)[0]) or region.first,
        before=tuple(before),
        edits=tuple(edits),
        applicability=Applicability.DISPLAY if plan.others else Applicability.UNSAFE,
        behaviour="" if plan.others else behaviour,
    )
