"""Batch variants: new functions that do for many values of a parameter what an old one does for one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

import libcst as cst

from nplus1_lint.findings import Edit, FileChange
from nplus1_lint.flag import aggregate, batch
from nplus1_lint.flag.chain import outermost
from nplus1_lint.flag.hand_on import handed_on
from nplus1_lint.flag.many import Hoisted, Split, Writer, local_names, plural, split
from nplus1_lint.flag.names import Names, bindings, reads
from nplus1_lint.flag.per_value import guarded
from nplus1_lint.flag.rewrite import Context, flat, wrap
from nplus1_lint.flag.site import site_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nplus1_lint.findings import Callee, CalleePlan, CalleeStep
    from nplus1_lint.flag.visitor import Region

_VERBS: Final = re.compile(r"^_*(?:get|fetch|find|load|list|read|lookup|query|select)_(?!by_)")
_READS: Final = frozenset({"SELECT", "COUNT", "EXISTS", "GET"})
_HELD: Final = re.compile(r"(?P<name>\w+)(?:\.get\((?P<key>.*?)(?:, (?P<missing>\[\]|0))?\)|\[(?P<exact>.*)\])")


@dataclass(frozen=True, slots=True)
class Variant:
    """The batch variant of a function.

    Attributes:
        name: its name.
        text: its definition, indented as it is to stand.
        path: project path of its file.
        at: where it goes, in characters; None when it stands there already.
        gap: the blank lines before it.
        many: the name of the parameter that takes many.
        missing: as in `many.Hoisted`.
        imports: import lines that it needs.
        others: the variants that it calls.
        by_value: its keys are compared by value, so that equal keys will do.
        results: it gives a dictionary back.
        handed_on: changes by which the call reaches it.
    """

    name: str
    text: str
    path: str
    at: int | None
    gap: str
    many: str
    missing: str
    imports: tuple[str, ...]
    others: tuple[Variant, ...]
    by_value: bool
    results: bool
    handed_on: tuple[FileChange, ...]

    def every(self) -> Iterable[Variant]:
        """This variant and those that it calls."""
        yield self
        for other in self.others:
            yield from other.every()


def varying_argument(call: cst.Call, name: str, varying: set[str]) -> int | None:
    """The position of the one argument that varies; None when several do, or the receiver does."""
    last = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    if not isinstance(last, cst.Name) or last.value != name or reads(call.func) & varying:
        return None
    if any(arg.star for arg in call.args):
        return None
    found = [at for at, arg in enumerate(call.args) if reads(arg.value) & varying]
    return found[0] if len(found) == 1 else None


def awaited_call(region: Region, call: cst.Call) -> tuple[cst.BaseExpression, str]:
    """A call with the ``await`` before it, and that word."""
    parent = region.located(call).ancestors[-1]
    return (parent, "await ") if isinstance(parent, cst.Await) else (call, "")


def held_names(region: Region, outer: cst.BaseExpression, name: str, key: str) -> list[str]:
    """Names for what the variant gives, by the name that one of it has in the loop."""
    parent = region.located(outer).ancestors[-1]
    target = parent.targets[0].target if isinstance(parent, cst.Assign) and len(parent.targets) == 1 else None
    one = target.value if isinstance(target, cst.Name) else _VERBS.sub("", name)
    by = re.findall(r"\w+", key)
    word = by[-1] if by and by[-1].isidentifier() else "key"
    return [f"{one}_by_{word}", f"{one}_by_key", f"all_{one}_by_key"]


def called(region: Region, call: cst.Call, given: int, variant: Variant, keys: str, prefix: str) -> list[str]:
    """The call of a variant, laid out."""
    func = call.func
    receiver = f"{flat(region, func.value)}." if isinstance(func, cst.Attribute) else ""
    arguments = []
    for at, arg in enumerate(call.args):
        value, keyword = flat(region, arg.value), arg.keyword.value if arg.keyword else ""
        if at == given:
            value, keyword = keys, variant.many if keyword else ""
        arguments.append(f"{keyword}={value}" if keyword else value)
    return wrap(f"{prefix}{receiver}{variant.name}(", [", ".join(arguments)], ")")


def looked_up(name: str, key: str, missing: str) -> str:
    """The expression that takes one value's result out of what a variant gave."""
    if missing:
        return f"{name}.get({key})" if missing == "None" else f"{name}.get({key}, {missing})"
    return f"{name}[{key}]"


def taken_out(region: Region, call: cst.Call) -> Edit | None:
    """Take a call out that is a statement of its own; None for any other."""
    ancestors = region.located(call).ancestors
    if isinstance(ancestors[-1], cst.Await):
        ancestors = ancestors[:-1]
    line, block = ancestors[-2], ancestors[-3]
    if not (isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 and isinstance(block, cst.IndentedBlock)):
        return None
    source = region.source
    first, _, last, _ = region.place(ancestors[-1])
    if len(block.body) == 1:
        return Edit(*region.offsets(ancestors[-1]), "pass")
    return Edit(source.starts[first - 1], source.starts[last] if last < len(source.starts) else len(source.text), "")


@dataclass(slots=True)
class Rest:
    """What else a callee runs for each value.

    Attributes:
        hoisted: queries that need no value.
        removed: statements that are taken out of the loop.
        commit: what runs once behind it.
        writes: the callee writes.
    """

    hoisted: list[Hoisted] = field(default_factory=list)
    removed: list[Edit] = field(default_factory=list)
    commit: str = ""
    writes: bool = False


@dataclass(slots=True)
class Maker:
    """Makes batch variants."""

    context: Context
    plan: CalleePlan

    def variant(self, callee: Callee, call: cst.Call, given: int, *, results: bool = True) -> Variant | None:
        """The batch variant of a function for one argument of a call; None when it cannot be made."""
        region = self._region(callee)
        found = region.find(callee.pos, (cst.FunctionDef,))
        if found is None:
            return None
        function = cst.ensure_type(found.node, cst.FunctionDef)
        param = _param(function, call, given, _is_method(region, function))
        if param is None or not _plain(function, param):
            return None
        optional = isinstance(param.default, cst.Name) and param.default.value == "None"
        parts = split(function, param.name.value, optional=optional)
        if parts is None or param.name.value in {n for one in function.body.body for n in bindings(one)}:
            return None
        return self._written(callee, region, function, param, parts, results=results)

    def _region(self, callee: Callee) -> Region:
        region, _ = self.context.elsewhere(callee.path, callee.pos, "a function", (cst.FunctionDef,))
        return region

    def _written(
        self,
        callee: Callee,
        region: Region,
        function: cst.FunctionDef,
        param: cst.Param,
        parts: Split,
        *,
        results: bool,
    ) -> Variant | None:
        source = region.source
        place = region.place(function)
        names = Names(source.identifiers(place[0], place[2]))
        one = param.name.value
        many = names.fresh(plural(one), f"all_{plural(one)}")
        hoisted: list[Hoisted] = []
        others: list[Variant] = []
        for step in callee.steps:
            if step.query is not None:
                made = self._query(region, step, step.query.aggregate, one, many, local_names(parts), names)
            else:
                made = self._call(region, step, one, many, local_names(parts), names, others)
            if made is None:
                return None
            hoisted.append(made)
        rest = self._others(region, callee, parts, one, names)
        if rest is None or (rest.writes and results):
            return None
        hoisted += rest.hoisted
        last = (rest.commit,) if rest.commit else ()
        writer = Writer(region, function, one, many, names, last, results=not rest.writes)
        writer.edits += rest.removed
        missing = writer.body(parts, hoisted)
        if missing is None:
            return None
        name = f"{function.name.value}_many"
        _head(writer, param, name, missing, given=parts.guard is not None)
        text = writer.text()
        around = _around(region)
        present = name in around and re.sub(r"\s", "", text) in re.sub(r"\s", "", around)
        indent = source.line(place[0])[: region.place(function)[1]]
        if not present and re.search(rf"^{indent}(?:async\s+)?def\s+{name}\b", around, re.MULTILINE):
            return None
        at = source.starts[place[2]] if place[2] < len(source.starts) else len(source.text)
        newline = text[len(text.rstrip("\r\n")) :]
        gap = newline if region.source.logical[region.first].indent else newline * 2
        gap = gap if source.text[:at].endswith(("\n", "\r")) else newline + gap
        imports = tuple(line for part in hoisted for line in part.imports)
        by_value = all(part.missing is not None for part in hoisted if part.keyed)
        return Variant(
            name, text, callee.path, None if present else at, gap, many, missing, imports, tuple(others), by_value,
            results=not rest.writes, handed_on=handed_on(self.context.files, callee, name),
        )  # fmt: skip

    def _others(self, region: Region, callee: Callee, parts: Split, param: str, names: Names) -> Rest | None:
        """Statements for each value that no value needs by itself; None when one cannot leave the loop."""
        rest = Rest()
        local = {param, *local_names(parts)}
        inside = [region.place(one) for one in parts.each]
        for pos, kind in callee.others:
            if not any(first <= pos.line <= last for first, _, last, _ in inside):
                continue
            found = region.find(pos, (cst.Call, cst.Attribute, cst.Name))
            if found is None:
                return None
            outer = outermost(region, found.node)
            if kind in _READS and isinstance(outer, cst.Call) and not reads(outer) & local:
                held = held_names(region, outer, "result", "once")
                name = names.fresh(held[0].replace("_by_once", "_once"), "result_once")
                edit = Edit(*region.outer_offsets(outer), name)
                rest.hoisted.append(Hoisted((f"{name} = {flat(region, outer)}",), (edit,), name, None, keyed=False))
                continue
            taken = taken_out(region, found.node) if isinstance(found.node, cst.Call) else None
            if taken is None or taken.text or kind not in ("COMMIT", "REFRESH"):
                return None
            if kind == "COMMIT" and self._uses_session_behind(region, parts, found.node):
                return None
            rest.removed.append(taken)
            rest.writes = True
            if kind != "REFRESH":
                rest.commit = flat(region, found.node)
        deletes = any(re.search(r"\.delete\(", region.code(one)) for one in parts.each)
        return None if deletes and self.plan.cascades else rest

    def _uses_session_behind(self, region: Region, parts: Split, commit: cst.CSTNode) -> bool:
        """True if the session is used for one value behind its commit, which must have run before."""
        func = commit.func if isinstance(commit, cst.Call) else None
        receiver = region.code(func.value) if isinstance(func, cst.Attribute) else ""
        path = region.located(commit).ancestors
        blocks = [node.body for node in path if isinstance(node, cst.IndentedBlock)]
        for block in (*blocks, parts.each):
            at = next((at for at, one in enumerate(block) if one in path), None)
            for one in (
                block[at + 1 :] if at is not None and (block is parts.each or block[at] not in parts.each) else ()
            ):
                called_on = re.findall(rf"(?<![\w.]){re.escape(receiver)}\.(\w+)\(", region.code(one))
                if any(name not in ("commit", "refresh") for name in called_on):
                    return True
        return False

    def _query(
        self,
        region: Region,
        step: CalleeStep,
        aggregated: str | None,
        param: str,
        many: str,
        local: set[str],
        names: Names,
    ) -> Hoisted | None:
        found = region.find(step.pos, (cst.Call, cst.Attribute, cst.Name))
        if found is None or step.query is None:
            return None
        context = Context(self.context.suspect, found, region, self.context.files)
        site = site_for(context, step.query, param, many, local, names)
        made = None
        if site is not None:
            made = aggregate.site_rewrite(site) if aggregated else batch.site_rewrite(site)
        if site is None or made is None:
            return None
        held = _HELD.fullmatch(made.edits[0].text)
        by_value = held is not None and (held["key"] or held["exact"]) == param
        missing = None
        if held is not None and by_value:
            missing = "" if held["exact"] else held["missing"] or "None"
        return Hoisted(made.before, made.edits, held["name"] if held else "", missing, made.imports)

    def _call(
        self,
        region: Region,
        step: CalleeStep,
        param: str,
        many: str,
        local: set[str],
        names: Names,
        others: list[Variant],
    ) -> Hoisted | None:
        found = region.find(step.pos, (cst.Call,))
        if found is None or step.callee is None:
            return None
        call = cst.ensure_type(found.node, cst.Call)
        given = varying_argument(call, step.callee.name, {param, *local})
        if given is None or reads(call.args[given].value) & local:
            return None
        variant = self.variant(step.callee, call, given)
        if variant is None:
            return None
        others.append(variant)
        outer, awaited = awaited_call(region, call)
        key = flat(region, call.args[given].value)
        if key != param and guarded(region, call, key, param):
            return None
        name = names.fresh(*held_names(region, outer, step.callee.name, key))
        keys = many if key == param else f"[{key} for {param} in {many}]"
        before = called(region, call, given, variant, keys, f"{name} = {awaited}")
        new = looked_up(name, key, variant.missing)
        missing = variant.missing if key == param else None
        return Hoisted(tuple(before), (Edit(*region.outer_offsets(outer), new),), name, missing)


def _around(region: Region) -> str:
    """The text of the class in which a function stands, or of its file."""
    source = region.source
    parent = source.parent(region.first)
    if parent is None:
        return source.text
    run = source.statements(source.logical[parent].first, source.logical[parent].first)
    return source.lines(source.logical[run[0]].first, source.logical[run[1]].last) if run else source.text


def _is_method(region: Region, function: cst.FunctionDef) -> bool:
    parent = region.source.parent(region.first)
    static = any(region.code(one.decorator) == "staticmethod" for one in function.decorators)
    return parent is not None and region.source.logical[parent].word == "class" and not static


def _param(function: cst.FunctionDef, call: cst.Call, given: int, method: bool) -> cst.Param | None:
    """The parameter that gets an argument."""
    keyword = call.args[given].keyword
    positional = (*function.params.posonly_params, *function.params.params)
    if keyword is not None:
        named = (*positional, *function.params.kwonly_params)
        return next((param for param in named if param.name.value == keyword.value), None)
    at = given + (1 if method else 0)
    return positional[at] if at < len(positional) else None


def _plain(function: cst.FunctionDef, param: cst.Param) -> bool:
    """True for a function whose text can be changed: no decorator but of a static method, the parameter in place."""
    if any(
        not isinstance(one.decorator, cst.Name) or one.decorator.value != "staticmethod" for one in function.decorators
    ):
        return False
    if function.name.value.startswith("__") or param not in function.params.params:
        return False
    before = function.params.params[: list(function.params.params).index(param)]
    return all(one.default is None for one in before)


def _head(writer: Writer, param: cst.Param, name: str, missing: str, *, given: bool) -> None:
    """Change the name, the parameter, the annotations and the docstring."""
    region, function = writer.region, writer.function
    writer.edits.append(Edit(*region.offsets(function.name), name))
    last = param.default or (param.annotation.annotation if param.annotation else param.name)
    annotation = flat(region, param.annotation.annotation) if param.annotation else ""
    annotation = _without_none(annotation) if given else annotation
    text = f"{writer.many}: list[{annotation}]" if annotation else writer.many
    writer.edits.append(Edit(region.offsets(param.name)[0], region.outer_offsets(last)[1], text))
    if function.returns is not None and not writer.results:
        writer.edits.append(Edit(*region.outer_offsets(function.returns.annotation), "None"))
    elif function.returns is not None:
        value = flat(region, function.returns.annotation)
        value = _without_none(value) if missing == "None" else value
        whole = f"dict[{annotation}, {value}]" if annotation else "dict"
        writer.edits.append(Edit(*region.outer_offsets(function.returns.annotation), whole))
    first = cast("Sequence[cst.BaseStatement]", function.body.body)[0]
    if isinstance(first, cst.SimpleStatementLine) and isinstance(first.body[0], cst.Expr):
        value_node = first.body[0].value
        if isinstance(value_node, (cst.SimpleString, cst.ConcatenatedString)):
            gives = "what it gives, by each of them" if writer.results else "one transaction, and nothing given back"
            told = f'"""As {function.name.value}(), for all of *{writer.many}* at once: {gives}."""'
            writer.edits.append(Edit(*region.outer_offsets(value_node), told))


def _without_none(annotation: str) -> str:
    inner = re.fullmatch(r"(?:\w+\.)?Optional\[(?P<a>.*)\]|(?P<b>.*?) \| None", annotation, re.DOTALL)
    return (inner["a"] or inner["b"]) if inner is not None else annotation
