"""A relationship that is loaded lazily once per row becomes a loader option on each query that made the rows.

Safe where query and reads stand in one function that changes nothing: the same rows, read by one more statement (or a
join to one parent) instead of one per row. Unsafe otherwise: callers that do not read the relationship load it too, and
what the function changes between the query and the reads is no longer seen by them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import libcst as cst

from nplus1_lint.findings import Applicability, Edit, FileChange, Pos
from nplus1_lint.flag.chain import links
from nplus1_lint.flag.construction import Construction, constructions
from nplus1_lint.flag.imports import import_of
from nplus1_lint.flag.names import walk
from nplus1_lint.flag.rewrite import WIDTH, Context, Rewrite, flat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nplus1_lint.findings import Hop, OptionPlace, OptionsPlan, Suggestion
    from nplus1_lint.flag.chain import Link
    from nplus1_lint.flag.source import SourceText
    from nplus1_lint.flag.visitor import Region

_EAGER: Final = frozenset(
    {"joinedload", "selectinload", "subqueryload", "immediateload", "contains_eager", "defaultload"}
)
_QUERIES: Final = (cst.Call, cst.Attribute, cst.Name)
_BEGINNING: Final = re.compile(r"\b(?:select|query|get)\b")
_LONG: Final = 120
"""A longer line is broken inside the new call."""
_BESIDE: Final = frozenset({"load_only", "defer", "undefer", "options", "with_expression", "selectin_polymorphic"})


def rewrite(context: Context, plan: OptionsPlan) -> Suggestion | None:
    """Suggest the options.

    Args:
        context: the flagged node.
        plan: the queries and what they lack.

    Returns:
        The rewritten queries; None when one of them is not understood well enough.
    """
    found: dict[str, Added] = {}
    shown: Region | None = None
    for place in plan.places:
        region = function_at(context.files[place.path], place.pos)
        added = added_at(context.files[place.path], place)
        if region is None or added is None:
            return None
        shown = shown or region
        before = found.get(place.path, Added((), ()))
        edits = dict.fromkeys((*before.edits, *added.edits))
        found[place.path] = Added(tuple(edits), (*before.imports, *added.imports))
    if shown is None:
        return None
    own = found.pop(plan.places[0].path)
    source = shown.source
    anchor = source.index(source.line_of(min(edit.start for edit in own.edits))) or 0
    others = tuple(FileChange(path, added.edits, added.imports) for path, added in found.items())
    behaviour = _behaviour(plan)
    made = Rewrite(
        title=context.suspect.advice.partition("\n")[0],
        anchor=anchor,
        before=(),
        edits=own.edits,
        imports=own.imports,
        applicability=Applicability.UNSAFE if behaviour else Applicability.SAFE,
        behaviour=behaviour,
        elsewhere=others,
    )
    return made.suggestion(replace(context, region=shown))


def _behaviour(plan: OptionsPlan) -> str:
    parts = []
    if plan.shared:
        parts.append("other callers of the query load the relationship too")
    if plan.changes:
        parts.append("what is changed between the query and the read is not seen by the read")
    return " and ".join(parts)


def function_at(source: SourceText, pos: Pos) -> Region | None:
    """The whole function around a place."""
    at = source.index(pos.line)
    if at is None:
        return None
    first, last = source.function(at)
    run = source.statements(source.logical[source.index(first) or 0].first, last)
    return source.region(*run) if run is not None else None


def added_at(source: SourceText, place: OptionPlace) -> Added | None:
    """Give the query at a place the options that it lacks, as `add_options` does."""
    run = source.statements(place.pos.line, place.pos.end_line) if source.index(place.pos.line) is not None else None
    if run is not None and _BEGINNING.search(source.lines(place.pos.line, place.pos.end_line)):
        # Most queries are built where they run, and one statement is read in a moment.
        region = source.region(*run)
        call = region.find(place.pos, _QUERIES)
        built = constructions(region, None, cast("cst.BaseExpression", call.node)) if call is not None else None
        if built:
            return add_options(region, built, place)
    around = function_at(source, place.pos)
    call = around.find(place.pos, _QUERIES) if around is not None else None
    if around is None or call is None:
        return None
    scope = next((node for node in reversed(call.ancestors) if isinstance(node, cst.FunctionDef)), around.module)
    built = constructions(around, scope, cast("cst.BaseExpression", call.node))
    return add_options(around, built, place) if built else None


class Added(NamedTuple):
    """The change of one file.

    Attributes:
        edits: the inserted options.
        imports: the import lines that they need.
    """

    edits: tuple[Edit, ...]
    imports: tuple[str, ...]


class _Present(NamedTuple):
    """An option that the query has: the attributes of its path and the last expression of its chain."""

    path: tuple[str, ...]
    strategies: tuple[str, ...]
    node: cst.BaseExpression


def add_options(region: Region, built: Iterable[Construction], place: OptionPlace) -> Added | None:
    """Give a query the options that it lacks.

    Args:
        region: the parsed statements that hold what follows.
        built: where the query is built.
        place: the options.

    Returns:
        The insertions; None when the query's options are not understood.
    """
    edits: list[Edit] = []
    imports: list[str] = []
    for one in built:
        chains = _chains(region, one, place.chains)
        if chains is None or one.step("yield_per") or _streams(region, one):
            return None
        made = _edits(region, one, chains, imports)
        if made is None:
            return None
        edits += made
    return Added(tuple(dict.fromkeys(edits)), tuple(dict.fromkeys(imports)))


def _streams(region: Region, built: Construction) -> bool:
    """True for a query that fetches in parts: which options it takes depends on the version."""
    step = built.step("execution_options")
    return step is not None and step.call is not None and "yield_per" in region.code(step.call)


def _chains(region: Region, built: Construction, chains: Sequence[tuple[Hop, ...]]) -> list[tuple[Hop, ...]] | None:
    """The options, the first hop on the entity as this query writes it; None when it selects another."""
    found = []
    # A lock or a grouping does not go with the join of a many-to-one.
    joins = not built.step("with_for_update", "group_by", "distinct")
    for chain in chains:
        entity = _entity(region, built, chain[0])
        if entity is None:
            return None
        hops = [replace(chain[0], model=entity, module=""), *chain[1:]]
        if not joins:
            hops = [replace(h, strategy="selectinload") if h.strategy == "joinedload" else h for h in hops]
        found.append(tuple(hops))
    return found


def _entity(region: Region, built: Construction, hop: Hop) -> str | None:
    written = [flat(region, entity) for entity in built.entities]
    if len(written) == 1:
        return written[0] if _is_entity(region, built, written[0], hop) else None
    same = [one for one in written if one == hop.model]
    return same[0] if len(same) == 1 else None


def _is_entity(region: Region, built: Construction, written: str, hop: Hop) -> bool:
    """True for the class itself or an alias of it; a parameter (``cls``, ``self.model``) may be any other class."""
    if not written.replace(".", "").isidentifier():
        return False
    if written.rpartition(".")[2] == hop.model.rpartition(".")[2]:
        return True
    around = function_at(region.source, Pos(*region.place(built.head)))
    return around is not None and not any(
        isinstance(node, cst.Param) and node.name.value == written.partition(".")[0] for node in walk(around.module)
    )


def _edits(
    region: Region, built: Construction, chains: Iterable[tuple[Hop, ...]], imports: list[str]
) -> list[Edit] | None:
    """Extend options that lead part of the way, and add the others in one ``options()``."""
    step = built.step("options")
    present = [one for link in built.steps if link.name == "options" for one in _present(link)]
    edits: list[Edit] = []
    added: list[str] = []
    for chain in chains:
        path = tuple(hop.attribute for hop in chain)
        known = max(
            (one for one in present if path[: len(one.path)] == one.path), key=lambda o: len(o.path), default=None
        )
        if known is not None and not _EAGER.issuperset(known.strategies):
            return None
        if known is None:
            added.append(_written(region, built, chain, imports))
            continue
        if len(known.path) == len(path):
            return None
        end = region.offsets(known.node)[1]
        edits.append(Edit(end, end, "." + _written(region, built, chain[len(known.path) :], imports, chained=True)))
    if added and built.gets:
        last = cst.ensure_type(built.head, cst.Call).args[-1]
        end = region.outer_offsets(last.value)[1]
        edits.append(Edit(end, end, f", options=[{', '.join(added)}]"))
    elif added and step is not None and step.call is not None and step.call.args:
        edits.append(_appended(region, step.call, added))
    elif added:
        edits.append(_inserted(region, built, added))
    return edits


def _present(link: Link) -> Iterable[_Present]:
    """The options in a call of ``options()``; of a chain each part of the way."""
    for arg in link.call.args if link.call else ():
        if arg.star or arg.keyword:
            continue
        path: list[str] = []
        strategies: list[str] = []
        _, chain = links(arg.value)
        for one in chain:
            called = one.call
            if called is None or one.name in _BESIDE or one.name == "Load":
                continue
            path += [part.value.attr.value for part in called.args if isinstance(part.value, cst.Attribute)]
            strategies.append(one.name)
        # What stands behind the last step may go on from it.
        if path:
            yield _Present(tuple(path), tuple(strategies), arg.value)


def _written(
    region: Region, built: Construction, chain: Sequence[Hop], imports: list[str], *, chained: bool = False
) -> str:
    """A chain of options as text; notes the imports that it needs."""
    steps: list[str] = []
    at = region.source.index(region.place(built.head)[0])
    for hop in chain:
        name, model = hop.strategy, hop.model
        line = None
        if not steps and not chained:
            name, line = import_of(region.source, "sqlalchemy.orm", hop.strategy, at)
            imports += [line] if line else []
        if hop.module:
            model, line = import_of(region.source, hop.module, hop.model, at)
            imports += [line] if line else []
        steps.append(f"{name}({model}.{hop.attribute})")
    return ".".join(steps)


def _appended(region: Region, call: cst.Call, added: Sequence[str]) -> Edit:
    """Further arguments of an ``options()`` that is there, laid out as its last one is."""
    last = call.args[-1]
    start, end = region.offsets(last.value)
    if last.value.rpar:
        end = region.outer_offsets(last.value)[1]
    text = region.source.text
    begin = region.source.starts[region.source.line_of(start) - 1]
    own_line = not text[begin:start].strip()
    if own_line and isinstance(last.comma, cst.Comma):
        number = region.source.line_of(end)
        stop = region.source.starts[number - 1] + len(region.source.line(number))
        return Edit(stop, stop, "".join(f"{_newline(region)}{text[begin:start]}{one}," for one in added))
    separator = f",{_newline(region)}{text[begin:start]}" if own_line else ", "
    return Edit(end, end, "".join(f"{separator}{one}" for one in added))


def _inserted(region: Region, built: Construction, added: Sequence[str]) -> Edit:
    """A new ``options()`` right behind the query's head, on a line of its own where the next call has one."""
    text = region.source.text
    end = region.outer_offsets(built.head)[1]
    start = region.source.starts[region.source.line_of(end) - 1]
    line = region.source.line(region.source.line_of(end))
    call = f".options({', '.join(added)})"
    if built.after is not None:
        dot = text.index(".", end) if "#" not in text[end : text.index(".", end)] else _dot(text, end)
        begin = region.source.starts[region.source.line_of(dot) - 1]
        if begin > end and not text[begin:dot].strip():
            indent = text[begin:dot]
            if len(indent) + len(call) > WIDTH:
                call = _broken(region, added, indent)
            # Outside of brackets a backslash continues the line.
            continued = text[end:dot] if "\\" in text[end:dot].partition("#")[0] else f"{_newline(region)}{indent}"
            return Edit(dot, dot, f"{call}{continued}")
    code = line.partition("  #")[0]
    if len(code) + len(call) > _LONG:
        call = _broken(region, added, line[: len(line) - len(line.lstrip())] if start <= end else "")
    return Edit(end, end, call)


def _dot(text: str, start: int) -> int:
    """The first dot behind the comments that follow an offset."""
    at = start
    while text[at] != ".":
        at = text.index("\n", at) + 1 if text[at] == "#" else at + 1
    return at


def _broken(region: Region, added: Sequence[str], indent: str) -> str:
    newline = _newline(region)
    inner = "".join(f"{indent}    {one},{newline}" for one in added)
    return f".options({newline}{inner}{indent})"


def _newline(region: Region) -> str:
    text = region.source.text
    at = text.find("\n")
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n" if at >= 0 or "\r" not in text else "\r"
