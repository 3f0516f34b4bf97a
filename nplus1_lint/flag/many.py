"""A function's text, changed so that it takes many values of one parameter: the body of a batch variant.

What does not depend on the parameter stays as it is and runs once; the queries run once for all values; the rest runs
in a loop over the values, in which ``return`` becomes an entry of the result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Edit
from nplus1_lint.flag.diff import edited
from nplus1_lint.flag.names import Names, bindings, reads, walk
from nplus1_lint.flag.per_value import assigned, passed_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.flag.visitor import Region

_LOGS: Final = frozenset({"critical", "debug", "error", "exception", "info", "log", "warn", "warning"})
_LITERALS: Final = ("None", "True", "False", "0", '""', "''")


@dataclass(frozen=True, slots=True)
class Hoisted:
    """A query (or a call that queries) as it runs once for all values.

    Attributes:
        before: the statements that run it, not indented.
        edits: what replaces it for one value, and statements that are no longer needed.
        name: the name that holds what was found.
        missing: code of what a value without an entry means; empty where every value has one; None where the name
            holds no dictionary by the value.
        imports: import lines.
        keyed: it depends on the values at all.
    """

    before: tuple[str, ...]
    edits: tuple[Edit, ...]
    name: str
    missing: str | None
    imports: tuple[str, ...] = ()
    keyed: bool = True


@dataclass(slots=True)
class Split:
    """A function's body, parted into what runs once and what runs for each value.

    Attributes:
        block: the block whose end runs for each value.
        first: index in the block of the first such statement.
        handlers: statements around it that run for all values and name the parameter.
        guard: ``if PARAM:``, the block's last statement, that asks whether a value was given at all; what runs for
            each value stands in it, and its ``else`` is left out.
    """

    block: cst.IndentedBlock
    first: int
    handlers: list[cst.CSTNode] = field(default_factory=list)
    guard: cst.If | None = None

    @property
    def before(self) -> Sequence[cst.BaseStatement]:
        """The statements of the block that run once."""
        return self.block.body[: self.first]

    @property
    def each(self) -> Sequence[cst.BaseStatement]:
        """The statements that run for each value."""
        if self.guard is not None:
            return cst.ensure_type(self.guard.body, cst.IndentedBlock).body
        return self.block.body[self.first :]


def plural(name: str) -> str:
    """The name of a list of what a name stands for."""
    if re.search(r"[^aeiou]y$", name):
        return f"{name[:-1]}ies"
    return f"{name}es" if re.search(r"(s|x|ch|sh)$", name) else f"{name}s"


def split(function: cst.FunctionDef, param: str, *, optional: bool) -> Split | None:
    """Part a function's body.

    Args:
        function: the definition.
        param: the parameter that becomes many.
        optional: it may be left out.

    Returns:
        The parts; None when a block that depends on the parameter is not the function's last, or when a value would
        find what another one has left.
    """
    levels = _levels(function, param, optional=optional)
    names = {one.name.value for one in _parameters(function)} - {param}
    outside = [[one for outer in levels[:at] for one in outer.before] for at in range(len(levels))]
    for level, around in zip(reversed(levels), reversed(outside), strict=True):
        here = level.block.body[level.first]
        if level is not levels[-1] and isinstance(here, cst.Try):
            return None  # it would not catch what the queries raise, and what it closes would be closed for all
        while passed := passed_on([*around, *level.before], level.each, names):
            at = next((at for at, one in enumerate(level.before) if assigned(one) & passed), None)
            if at is None or level.guard is not None:
                break
            level.first = at
        else:
            level.handlers = [one for one in level.handlers if one not in level.each]
            return level
    return None


def _parameters(function: cst.FunctionDef) -> list[cst.Param]:
    every = function.params
    stars = [one for one in (every.star_arg, every.star_kwarg) if isinstance(one, cst.Param)]
    return [*every.posonly_params, *every.params, *every.kwonly_params, *stars]


def _levels(function: cst.FunctionDef, param: str, *, optional: bool) -> list[Split]:
    """The ways to part a function's body, the outermost block first; none where the innermost is not understood."""
    if not isinstance(function.body, cst.IndentedBlock):
        return []
    found = Split(function.body, 0)
    levels = []
    while True:
        body = found.block.body
        found.first = next((at for at, one in enumerate(body) if param in reads(one) and not _logs(one)), len(body))
        if found.first == len(body):
            return []
        levels.append(found)
        found.handlers += [one for one in body[: found.first] if param in reads(one)]
        here = body[found.first]
        if isinstance(here, cst.Try) and here is body[-1] and here.orelse is None:
            handlers = [*found.handlers, *here.handlers]
            if here.finalbody is not None and param in reads(here.finalbody):
                return []
            inner = here.body
        elif isinstance(here, cst.With) and here is body[-1] and not any(param in reads(item) for item in here.items):
            handlers, inner = found.handlers, here.body
        else:
            if optional and here is body[-1] and isinstance(here, cst.If) and _given(here, param):
                found.guard = here
            return levels
        if not isinstance(inner, cst.IndentedBlock):
            return []
        found = Split(inner, 0, handlers)


def _given(node: cst.If, param: str) -> bool:
    """True for ``if PARAM:`` and ``if PARAM is not None:``."""
    test = node.test
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        against = test.comparisons[0]
        none = isinstance(against.comparator, cst.Name) and against.comparator.value == "None"
        test = test.left if none and isinstance(against.operator, cst.IsNot) else test
    return isinstance(test, cst.Name) and test.value == param and isinstance(node.body, cst.IndentedBlock)


def _logs(statement: cst.CSTNode) -> bool:
    """True for a call that only writes to a log."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    for part in statement.body:
        func = part.value.func if isinstance(part, cst.Expr) and isinstance(part.value, cst.Call) else None
        if not (isinstance(func, cst.Attribute) and func.attr.value in _LOGS):
            return False
    return True


def returns(nodes: Sequence[cst.CSTNode]) -> list[cst.Return] | None:
    """The ``return`` statements that leave a function; None when one stands where ``continue`` means something else."""
    found: list[cst.Return] = []
    for node in nodes:
        for here in walk(node):
            if isinstance(here, (cst.FunctionDef, cst.ClassDef, cst.Yield, cst.Match)):
                return None
            if isinstance(here, (cst.For, cst.While)) and any(isinstance(one, cst.Return) for one in walk(here)):
                return None
            if isinstance(here, cst.Return):
                found.append(here)
    return found


def ends(body: Sequence[cst.BaseStatement]) -> bool:
    """True if control never runs off the end of some statements."""
    last = body[-1] if body else None
    if isinstance(last, cst.SimpleStatementLine):
        return isinstance(last.body[-1], (cst.Return, cst.Raise))
    if isinstance(last, cst.With):
        return _block_ends(last.body)
    if isinstance(last, cst.Try):
        body_ends = _block_ends(last.body) and last.orelse is None
        return body_ends and all(_block_ends(handler.body) for handler in last.handlers)
    return isinstance(last, cst.If) and last.orelse is not None and _if_ends(last)


def _if_ends(node: cst.If) -> bool:
    other = node.orelse
    otherwise = _if_ends(other) if isinstance(other, cst.If) else other is not None and _block_ends(other.body)
    return _block_ends(node.body) and otherwise


def _block_ends(body: cst.BaseSuite) -> bool:
    return isinstance(body, cst.IndentedBlock) and ends(body.body)


@dataclass(slots=True)
class Writer:
    """Writes the text of a batch variant.

    Attributes:
        region: the parsed function.
        function: its definition.
        param: the parameter.
        many: the parameter's new name.
        names: source of fresh names.
        last: statements that run once behind the loop, not indented: what was taken out of it.
        results: the function gives something back; otherwise its results are not asked for.
        edits: changes of the old text.
    """

    region: Region
    function: cst.FunctionDef
    param: str
    many: str
    names: Names
    last: tuple[str, ...] = ()
    results: bool = True
    edits: list[Edit] = field(default_factory=list)

    def body(self, parts: Split, hoisted: Sequence[Hoisted]) -> str | None:
        """Note the changes of the body.

        Args:
            parts: the body's parts.
            hoisted: the queries.

        Returns:
            What a value without an entry in the result means, as in `Hoisted`; None when the body cannot be changed.
        """
        direct = self._direct(parts, hoisted) if self.results else None
        if direct is not None:
            return direct
        found = returns(parts.each)
        if found is None or not self._handlers(parts):
            return None
        if any(isinstance(node, (cst.Continue, cst.Break)) for one in parts.each for node in _outside_loops(one)):
            return None
        result = self.names.fresh("found", "results", "result_by_key") if self.results else ""
        for one in found:
            if not self._returned(parts, one, result):
                return None
        self._looped(parts, hoisted, result)
        return ""

    def _direct(self, parts: Split, hoisted: Sequence[Hoisted]) -> str | None:
        """``return QUERY``, or a name that is given it and returned: what was found is the result."""
        if len(hoisted) != 1 or hoisted[0].missing is None or parts.guard is not None:
            return None
        value = self._plain(parts)
        whole = hoisted[0].edits[0]
        if value is None or self.region.outer_offsets(value) != (whole.start, whole.end):
            return None
        if parts.handlers and not self._handlers(parts):
            return None
        indent = self._indent(parts.each[0])
        first, *more = hoisted[0].before
        if first.startswith(f"{hoisted[0].name} = ") and all(line.startswith((" ", ")", "}", "]")) for line in more):
            lines = [first.replace(f"{hoisted[0].name} = ", "return ", 1), *more]
        else:
            lines = [*hoisted[0].before, f"return {hoisted[0].name}"]
        start, end = self._lines(parts)
        self.edits.append(Edit(start, end, "".join(f"{indent}{line}{self._newline}" for line in lines)))
        return hoisted[0].missing

    def _plain(self, parts: Split) -> cst.BaseExpression | None:
        """The value of ``return VALUE``, or of ``NAME = VALUE`` and ``return NAME``, where these are all."""
        small = [part for one in parts.each if isinstance(one, cst.SimpleStatementLine) for part in one.body]
        if len(small) != len(parts.each) or not isinstance(small[-1], cst.Return):
            return None
        value = small[-1].value
        if len(small) == 1:
            return value
        given = small[0]
        if len(small) != 2 or not isinstance(given, cst.Assign) or not isinstance(value, cst.Name):
            return None
        target = given.targets[0].target
        return given.value if isinstance(target, cst.Name) and target.value == value.value else None

    def _handlers(self, parts: Split) -> bool:
        """Statements around the loop speak of all values."""
        for handler in parts.handlers:
            for node in walk(handler):
                if isinstance(node, (cst.Attribute, cst.Subscript)) and self.param in reads(node.value):
                    return False
                if isinstance(node, cst.Name) and node.value == self.param:
                    self.edits.append(Edit(*self.region.offsets(node), self.many))
            found = returns([handler])
            if found is None:
                return False
            if not self.results:
                self.edits += [Edit(*self.region.offsets(one), "return") for one in found]
                continue
            if isinstance(handler, cst.ExceptHandler) and not _block_ends(handler.body):
                return False
            for one in found:
                code = self.region.code(one.value) if one.value is not None else "None"
                if one.value is not None and self.param in reads(one.value):
                    return False
                whole = f"dict.fromkeys({self.many}, {code})"
                if code not in _LITERALS:
                    whole = f"{{{self.param}: {code} for {self.param} in {self.many}}}"
                self.edits.append(Edit(*self.region.offsets(one), f"return {whole}"))
        return True

    def _returned(self, parts: Split, node: cst.Return, result: str) -> bool:
        ancestors = self.region.located(node).ancestors
        line = ancestors[-1]
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            return False
        start, end = self.region.offsets(node)
        tail = self._tail(parts.each, node)
        if not result:
            if not (node.value is None or isinstance(node.value, (cst.Name, cst.BaseNumber, cst.SimpleString))):
                return False
            if tail and not isinstance(ancestors[-2], cst.IndentedBlock):
                return False
            alone = len(cst.ensure_type(ancestors[-2], cst.IndentedBlock).body) == 1 if tail else True
            number = self.region.source.line_of(start)
            starts = self.region.source.starts
            below = self.region.source.line_of(end)
            whole = Edit(starts[number - 1], starts[below] if below < len(starts) else len(self.region.source.text), "")
            self.edits.append(Edit(start, end, "pass" if tail else "continue") if alone else whole)
            return True
        if node.value is None:
            self.edits.append(Edit(start, end, f"{result}[{self.param}] = None"))
        else:
            self.edits.append(Edit(start, self.region.outer_offsets(node.value)[0], f"{result}[{self.param}] = "))
        if not tail:
            number = self.region.source.line_of(end)
            stop = self.region.source.starts[number - 1] + len(self.region.source.line(number))
            deeper = "" if parts.guard is not None else "    "
            self.edits.append(Edit(stop, stop, f"{self._newline}{self._indent(node)}{deeper}continue"))
        return True

    def _tail(self, body: Sequence[cst.BaseStatement], node: cst.Return) -> bool:
        """True if nothing follows a ``return`` in the loop's body."""
        last = body[-1]
        if isinstance(last, cst.SimpleStatementLine):
            return last.body[-1] is node
        branches: list[cst.BaseSuite] = []
        while isinstance(last, cst.If):
            branches.append(last.body)
            orelse = last.orelse
            if isinstance(orelse, cst.Else):
                branches.append(orelse.body)
            last = orelse if isinstance(orelse, cst.If) else None  # type: ignore[assignment]
        return any(isinstance(one, cst.IndentedBlock) and self._tail(one.body, node) for one in branches)

    def _looped(self, parts: Split, hoisted: Sequence[Hoisted], result: str) -> None:
        """Put the statements for each value into a loop behind the queries."""
        source = self.region.source
        indent = self._indent(parts.guard or parts.each[0])
        start, end = self._lines(parts)
        opening = [line for one in hoisted for line in one.before]
        opening += [f"{result} = {{}}"] if result else []
        opening.append(f"for {self.param} in {self.many}:")
        changed = [edit for one in hoisted for edit in one.edits]
        taken = [*changed, *(edit for edit in self.edits if not edit.text)]
        self.edits += changed
        first, last = source.line_of(start), source.line_of(end - 1)
        head = "".join(f"{indent}{line}{self._newline}" for line in opening)
        if parts.guard is not None:
            above = source.starts[self.region.place(parts.guard)[0] - 1]
            below = self.region.place(parts.guard)[2]
            self.edits.append(Edit(above, start, head))
            self.edits.append(Edit(end, source.starts[below] if below < len(source.starts) else len(source.text), ""))
        for number in range(first, last + 1) if parts.guard is None else ():
            at = source.starts[number - 1]
            inside = any(edit.start < at < edit.end or (edit.start == at and not edit.text) for edit in taken)
            deeper = "    " if source.line(number).strip() and number not in source.in_string and not inside else ""
            text = head + deeper if number == first else deeper
            if text:
                self.edits.append(Edit(at, at, text))
        closing = [f"{indent}    {result}[{self.param}] = None"] if result and not ends(parts.each) else []
        closing += [f"{indent}{line}" for line in self.last]
        closing += [f"{indent}return {result}"] if result else []
        self.edits.append(Edit(end, end, "".join(f"{line}{self._newline}" for line in closing)))

    def _lines(self, parts: Split) -> tuple[int, int]:
        """Where the statements for each value begin and end, whole lines, comments before the first included."""
        source = self.region.source
        first = self.region.place(parts.each[0])[0]
        above = self.region.place(parts.block.body[parts.first - 1])[2] if parts.first else 0
        above = max(above, self.region.place(parts.guard)[0]) if parts.guard is not None else above
        while first - 1 > above and source.line(first - 1).lstrip().startswith("#"):
            first -= 1
        last = self.region.place(parts.each[-1])[2]
        return source.starts[first - 1], source.starts[last] if last < len(source.starts) else len(source.text)

    def _indent(self, node: cst.CSTNode) -> str:
        line = self.region.source.line(self.region.place(node)[0])
        return line[: len(line) - len(line.lstrip())]

    @property
    def _newline(self) -> str:
        line = self.region.source.lines(1, 1)
        return line[len(line.rstrip("\r\n")) :] or "\n"

    def text(self) -> str:
        """The whole definition with all changes made, its last line ended."""
        source = self.region.source
        place = self.region.place(self.function)
        run = source.statements(place[0], place[2])
        first = source.logical[run[0]].first if run else place[0]
        start = source.starts[first - 1]
        end = source.starts[place[2]] if place[2] < len(source.starts) else len(source.text)
        inside = [Edit(e.start - start, e.end - start, e.text) for e in self.edits]
        text = edited(source.text[start:end], inside)
        return text if text.endswith(("\n", "\r")) else text + self._newline


def _outside_loops(node: cst.CSTNode) -> list[cst.CSTNode]:
    """The nodes of a statement that no loop inside it holds."""
    if isinstance(node, (cst.For, cst.While)):
        return []
    inner = {id(one) for here in walk(node) if isinstance(here, (cst.For, cst.While)) for one in walk(here)}
    return [one for one in walk(node) if id(one) not in inner]


def local_names(parts: Split) -> set[str]:
    """The names that the statements for each value bind."""
    return {name for one in parts.each for name in bindings(one)}
