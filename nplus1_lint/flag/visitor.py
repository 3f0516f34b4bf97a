"""The libcst side: one region of a file parsed, and the visitor that raises flags on its exact nodes.

`ast` gave the places. libcst counts columns in characters, leaves an expression's own parentheses out of its position
(as `ast` does) and differs on a few nodes, which `_edges` accounts for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

import libcst as cst

from nplus1_lint.findings import InternalError, NodeKind, Pos, Span
from nplus1_lint.flag.names import children, types_of
from nplus1_lint.flag.offsets import offsets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.flag.source import SourceText

Place: TypeAlias = tuple[int, int, int, int]
"""First line, first column, last line and end column of a node in its file, in characters, columns from 0."""

COMPREHENSIONS: Final = (cst.GeneratorExp, cst.ListComp, cst.SetComp, cst.DictComp)
LOOPS: Final = (cst.For, cst.While, *COMPREHENSIONS)
REPEATERS: Final = (*LOOPS, cst.Call, cst.FunctionDef)
"""What can be the loop of a plan: also a call, as in ``map(lambda row: …, rows)``, or a function that recurs."""
_WHITE: Final = types_of(cst.BaseParenthesizableWhitespace, cst.EmptyLine, cst.TrailingWhitespace)
_WHOLE: Final = types_of(cst.BaseStatement)
_STATEMENTS: Final = types_of(cst.BaseStatement, cst.BaseSmallStatement)
_BLOCKS: Final = types_of(cst.BaseSuite, cst.Else, cst.ExceptHandler, cst.ExceptStarHandler, cst.Finally, cst.MatchCase)
KINDS: Final[dict[NodeKind, tuple[type[cst.CSTNode], ...]]] = {
    NodeKind.CALL: (cst.Call,),
    NodeKind.ATTRIBUTE: (cst.Attribute,),
    NodeKind.LOOP: LOOPS,
    NodeKind.NAME: (cst.Name,),
    NodeKind.SUBSCRIPT: (cst.Subscript,),
}


@dataclass(frozen=True, slots=True)
class Located:
    """A node found in its file.

    Attributes:
        node: the node.
        place: where it stands.
        ancestors: the nodes around it, outermost first.
    """

    node: cst.CSTNode
    place: Place
    ancestors: tuple[cst.CSTNode, ...]

    @property
    def span(self) -> Span:
        """The place as reports print it."""
        line, column, end_line, end_column = self.place
        return Span(line, column + 1, end_line, end_column + 1)


class FlagVisitor(cst.CSTVisitor):
    """Finds one node in a statement by its place and types. Statements on other lines are not entered.

    Args:
        region: the parsed statements.
        place: where the node stands.
        kinds: its allowed types.
        around: the nodes around the statement, outermost first.
    """

    def __init__(
        self, region: Region, place: Place, kinds: tuple[type[cst.CSTNode], ...], around: Sequence[cst.CSTNode]
    ) -> None:
        super().__init__()
        self.found: Located | None = None
        self._region = region
        self._place = place
        self._kinds = types_of(*kinds)
        self._stack = list(around)

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Compare a node with the one that is looked for; enter it if that can stand inside."""
        enter = self.found is None and not self._elsewhere(node)
        if enter and type(node) in self._kinds and _edges(self._region, node, self._stack) == self._place:
            self.found = Located(node, self._place, tuple(self._stack))
        self._stack.append(node)
        return enter

    def on_leave(self, original_node: cst.CSTNode) -> None:
        """Step out of a node."""
        self._stack.pop()

    def _elsewhere(self, node: cst.CSTNode) -> bool:
        kind = type(node)
        return kind in _WHITE or (kind in _STATEMENTS and not self._region.covers(node, self._place))


class Region:
    """Whole statements of one file, parsed when they are looked at, and once for all suspects in them.

    Args:
        source: the file.
        first: index of the first logical line.
        last: index of the last logical line.
    """

    def __init__(self, source: SourceText, first: int, last: int) -> None:
        self.source = source
        self.first = first
        self.last = last
        self.first_line = source.logical[first].first
        self.last_line = source.logical[last].last
        self._header = "if True:\n" if source.logical[first].indent else ""
        self._shift = source.starts[self.first_line - 1] - len(self._header)
        self._found: dict[tuple[Place, tuple[type[cst.CSTNode], ...]], Located | None] = {}

    @cached_property
    def module(self) -> cst.Module:
        """The statements' tree.

        Raises:
            InternalError: the lines do not parse although the file did.
        """
        # The lines keep their indentation, for a dedent would change strings that span lines.
        text = self.source.lines(self.first_line, self.last_line)
        try:
            return cst.parse_module(self._header + text)
        except cst.ParserSyntaxError as error:
            raise InternalError(
                f"{self.source.path}:{self.first_line}: these lines parsed as part of their file but not alone "
                f"({error.message}); please report this as a bug of nplus1-lint"
            ) from error

    @cached_property
    def _spans(self) -> dict[int, tuple[int, int]]:
        return offsets(self.module)

    @cached_property
    def _parents(self) -> dict[int, cst.CSTNode]:
        """What stands around each node, by the node's identity."""
        found: dict[int, cst.CSTNode] = {}
        stack: list[cst.CSTNode] = [self.module]
        while stack:
            node = stack.pop()
            below = children(node)
            found.update((id(child), node) for child in below)
            stack += below
        return found

    def find(self, pos: Pos, kinds: tuple[type[cst.CSTNode], ...]) -> Located | None:
        """The node of one of some types that stands exactly at a place.

        Args:
            pos: the place in `ast` coordinates.
            kinds: the libcst types allowed.

        Returns:
            The node, or None when no such node begins and ends there.
        """
        start = self.source.column(pos.line, pos.column)
        end = self.source.column(pos.end_line, pos.end_column)
        if start is None or end is None:
            return None
        key = (pos.line, start, pos.end_line, end), kinds
        if key not in self._found:
            statement, around = self._statement(key[0])
            visitor = FlagVisitor(self, *key, around)
            statement.visit(visitor)
            self._found[key] = visitor.found
        return self._found[key]

    def _statement(self, place: Place) -> tuple[cst.CSTNode, list[cst.CSTNode]]:
        """The innermost statement that can hold a place, and the nodes around it."""
        inner: list[cst.CSTNode] | None = []
        path: list[cst.CSTNode] = [self.module]
        while inner is not None:
            inner = self._inner(path[-1], place)
            path += inner or ()
        return path[-1], path[:-1]

    def _inner(self, node: cst.CSTNode, place: Place) -> list[cst.CSTNode] | None:
        """The way from a statement to the one in its blocks that can hold a place."""
        for child in children(node):
            if type(child) in _BLOCKS:
                inner = self._inner(child, place)
                if inner is not None:
                    return [child, *inner]
            elif type(child) in _WHOLE and self.covers(child, place):
                return [child]
        return None

    def covers(self, statement: cst.CSTNode, place: Place) -> bool:
        """True if a place can stand in a statement; decorators stand before what they decorate."""
        first, _, last, _ = self.place(statement)
        if isinstance(statement, (cst.FunctionDef, cst.ClassDef)) and statement.decorators:
            first = self.place(statement.decorators[0])[0]
        return first <= place[0] and place[2] <= last

    def located(self, node: cst.CSTNode) -> Located:
        """A node of this region with its ancestors."""
        ancestors: list[cst.CSTNode] = []
        here = node
        while here is not self.module:
            if id(here) not in self._parents:
                raise InternalError(f"{self.source.path}:{self.place(node)[0]}: a node is not in its own region")
            here = self._parents[id(here)]
            ancestors.append(here)
        return Located(node, self.place(node), tuple(reversed(ancestors)))

    def place(self, node: cst.CSTNode) -> Place:
        """Where any node of this region stands, without its own parentheses."""
        start, end = self.offsets(node)
        line, end_line = self.source.line_of(start), self.source.line_of(end)
        return line, start - self.source.starts[line - 1], end_line, end - self.source.starts[end_line - 1]

    def offsets(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where a node begins and ends in the file's text, in characters, without its own parentheses."""
        start, end = self._spans[id(node)]
        return start + self._shift, end + self._shift

    def outer_offsets(self, node: cst.BaseExpression) -> tuple[int, int]:
        """Where an expression begins and ends in the file's text, with its own parentheses."""
        start, end = self.offsets(node)
        if node.lpar:
            return self.offsets(node.lpar[0])[0], self.offsets(node.rpar[-1])[1]
        return start, end

    def code(self, node: cst.CSTNode) -> str:
        """The source text of a node as it stands, without its own parentheses."""
        start, end = self.offsets(node)
        return self.source.text[start:end]


def _edges(region: Region, node: cst.CSTNode, ancestors: Sequence[cst.CSTNode]) -> Place:
    """A node's place by the rules of `ast`, in characters."""
    line, column, end_line, end_column = region.place(node)
    if isinstance(node, (cst.GeneratorExp, cst.Tuple)):
        # The innermost parentheses belong to these two; a sole argument's are those of its call.
        if node.lpar:
            line, column = region.place(node.lpar[-1])[:2]
            end_line, end_column = region.place(node.rpar[0])[2:]
        elif isinstance(node, cst.GeneratorExp) and len(ancestors) > 1 and isinstance(ancestors[-2], cst.Call):
            end_line, end_column = region.place(ancestors[-2])[2:]
            start = region.source.text.rfind("(", 0, region.source.starts[line - 1] + column)
            line = region.source.line_of(start)
            column = start - region.source.starts[line - 1]
    elif isinstance(node, (cst.For, cst.While)):
        # A semicolon that ends the last line counts for `ast`.
        rest = region.source.line(end_line)[end_column:]
        if rest.lstrip().startswith(";"):
            end_column += len(rest) - len(rest.lstrip()) + 1
    return line, column, end_line, end_column
