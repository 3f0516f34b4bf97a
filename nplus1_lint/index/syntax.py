"""Source to `ast`, whatever version of Python wrote it and whichever reads it."""

from __future__ import annotations

import ast
import warnings


class TypeParam(ast.AST):
    """A type parameter of whichever kind; nodes that have some carry a list of them, as `ast` does from 3.12 on."""

    _fields = ("name", "bound")

    def __init__(self, name: str, bound: ast.expr | None) -> None:
        super().__init__()
        self.name = name
        self.bound = bound


class TypeStatement(ast.stmt):
    """``type name[type_params] = value``, as `ast` has it from 3.12 on."""

    _fields = ("name", "type_params", "value")

    def __init__(self, name: ast.Name, type_params: list[TypeParam]) -> None:
        super().__init__()
        self.name = name
        self.type_params = type_params
        self.value: ast.expr = name  # until the parser has found it


def parse(source: bytes) -> ast.Module:
    """Parse a file; syntax newer than the running Python is respelt, with every node at its own place.

    Args:
        source: the file's bytes; the encoding cookie and a BOM are honoured.

    Returns:
        The tree, with nodes of this module for what the running `ast` has none for.

    Raises:
        SyntaxError: no version of Python that is known here reads it.
        ValueError: it holds a null byte.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError as error:
            from nplus1_lint.index import older

            return older.parse(source, error)


def fault(source: bytes, path: str, before: bytes) -> str | None:
    """Return what the compiler says against a changed file, or None when it compiles. Nothing of it is run.

    Args:
        source: the new content.
        path: where the file stands, for the sentence.
        before: its content so far. Where that is of syntax newer than the running Python, so may the new content be;
            where it is broken, nothing is said.
    """
    wrong = _fault(source, path)
    if wrong is None or _fault(before, path) is None:
        return wrong
    return _newer_fault(source, path) if _newer_fault(before, path) is None else None


def _fault(source: bytes | str, path: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return str(error)
    return None


def _newer_fault(source: bytes, path: str) -> str | None:
    from nplus1_lint.index import older

    try:
        parse(source)
        return _fault(older.respelt(source), path)
    except (SyntaxError, ValueError) as error:
        return str(error)
