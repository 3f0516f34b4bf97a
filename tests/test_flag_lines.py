"""Logical lines and imports are read without a parser, and are those that Python itself reads."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

from nplus1_lint.flag.source import SourceText
from tests.test_flag_exactness import SNIPPETS

_LAYOUT = {
    tokenize.NL,
    tokenize.COMMENT,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.NEWLINE,
}
ODD = {
    "quotes in a field": 'x = f\'{a["b"]} "{c}\', "#", f"{\'}\'}{d!r:>{e}}"  # \'\ny = 1\n',
    "braces that are none": "x = f'}} {{ {a}' + f\"\"\"\n{{ \" {b} '''\n\"\"\", '''#'''\ny = 1\n",
    "a backslash in a field's string": "x = f'\\N{BULLET} {a}\\'{b}', rf'\\{c}'\ny = 1\n",
    "prefixes": "x = rb'\\'', Rb\"#\", u'a' if'b'else'c', not\"d\"\ny = 1\n",
    "no strings between": "x = ''; y = \"\"; z = ''''''\n",
    "a string over lines": "x = 'a\\\n  b'\ny = (  # )\n    '''\n  [\n'''\n)\n",
    "a continuation in brackets": "x = [a \\\n  for a in b]\ny = 1 \\\n  + 2\n",
    "only a comment": "# a\n\n  # b\n",
    "nothing": "",
}
MODULES = ("ast", "dataclasses", "typing", "argparse", "difflib", "tokenize")


def texts() -> dict[str, str]:
    library = Path(ast.__file__).parent
    return {**SNIPPETS, **ODD, **{name: (library / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}}


def logical(text: str) -> list[tuple[int, int]]:
    """First and last physical line of each statement, as Python's own tokenizer tells them."""
    found: list[tuple[int, int]] = []
    first = 0
    for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
        if token.type == tokenize.NEWLINE:
            found.append((first, token.start[0]))
            first = 0
        elif token.type not in _LAYOUT:
            first = first or token.start[0]
    return found


@pytest.mark.parametrize("text", texts().values(), ids=texts().keys())
def test_logical_lines_are_those_of_python(text: str) -> None:
    text = text.removeprefix("\ufeff")
    if text.count("\r") > text.count("\r\n"):  # the tokenizer of the standard library knows no such line ends
        text = text.replace("\r", "\n")
    assert [line[:2] for line in SourceText("app/x.py", text).logical] == logical(text)


@pytest.mark.parametrize("text", texts().values(), ids=texts().keys())
def test_code_keeps_all_but_strings_and_comments(text: str) -> None:
    source = SourceText("app/x.py", text)
    assert len(source.code) == len(source.text)
    assert all(a == b or a == " " for a, b in zip(source.code, source.text, strict=True))
    assert not set(source.code) & {"'", '"', "#"}
    tree = ast.parse(source.text.encode())
    fields = {id(name) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for name in ast.walk(node)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in fields}
    assert all(source.mentions(name) for name in names)


IMPORTS = """
import a, b.c as d  # import e
import f.g; from h import i; j()
from . import k
from ..l.m import (
    n,  # import o
    p as q,
)
from .r import *
def s():
    from t \\
        import u, v
    return "import w"
"""


def test_imports_are_read_off_their_words() -> None:
    source = SourceText("x/y/z.py", IMPORTS)
    found = [(one.module, one.name, one.bound, one.alone) for one in source.imports]
    assert found == [
        ("a", None, "a", True),
        ("b.c", None, "d", True),
        ("f.g", None, "f", False),
        ("h", "i", "i", False),
        ("x.y", "k", "k", True),
        ("x.l.m", "n", "n", True),
        ("x.l.m", "p", "q", True),
        ("x.y.r", "*", "*", True),
        ("t", "u", "u", True),
        ("t", "v", "v", True),
    ]


@pytest.mark.parametrize("text", [text for name, text in texts().items() if name in MODULES], ids=MODULES)
def test_imports_are_those_of_python(text: str) -> None:
    expected: list[tuple[str | None, str]] = []
    for node in sorted(ast.walk(ast.parse(text)), key=lambda node: getattr(node, "lineno", 0)):
        if isinstance(node, ast.Import):
            expected += [(one.name, one.asname or one.name.partition(".")[0]) for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            expected += [(node.module, one.asname or one.name) for one in node.names]
    assert [(one.module, one.bound) for one in SourceText("x.py", text).imports] == expected
