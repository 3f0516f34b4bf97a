"""Builds suspects from source text for the tests of the flag stage."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass, field
from typing import Any

from nplus1_lint.findings import (
    BatchPlan,
    Confidence,
    Finding,
    Key,
    LoaderPlan,
    NodeKind,
    Pos,
    Severity,
    Step,
    Suspect,
)
from nplus1_lint.flag import flag

LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
KINDS = {ast.Call: NodeKind.CALL, ast.Attribute: NodeKind.ATTRIBUTE, ast.Name: NodeKind.NAME}
NAMES = {code: code.lower() for code in ("NP101", "NP102", "NP103", "NP105", "NP201")}


def pos(node: ast.AST) -> Pos:
    """Where an expression or a statement of parsed source stands."""
    assert isinstance(node, ast.expr | ast.stmt)
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return Pos(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)


def kind(node: ast.AST) -> NodeKind:
    return NodeKind.LOOP if isinstance(node, LOOPS) else KINDS.get(type(node), NodeKind.SUBSCRIPT)


def node_of(source: str, text: str, *types: type[ast.AST]) -> ast.AST:
    """The node whose source, white space and own brackets aside, is *text*; the last of several."""
    wanted = "".join(text.split())
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if hasattr(node, "lineno")
        and isinstance(node, types or (ast.expr, ast.stmt))
        and "".join((ast.get_source_segment(source, node) or "").split()) == wanted
    ]
    assert found, f"{text!r} does not stand in the source"
    return found[-1]


def iterable(loop: ast.AST) -> ast.AST | None:
    return loop.generators[0].iter if hasattr(loop, "generators") else getattr(loop, "iter", None)


def suspect_at(source: str, node: ast.AST, code: str = "NP105", **extra: Any) -> Suspect:
    values: dict[str, Any] = {
        "code": code,
        "path": "app/x.py",
        "pos": pos(node),
        "node": kind(node),
        "scope": pos(node),
        "function": "run",
        "message": "message",
        "severity": Severity.ERROR,
        "confidence": Confidence.HIGH,
        "evidence": (Step("app/x.py", 1, "loop"),),
    }
    return Suspect(**{**values, **extra})


@dataclass
class Case:
    """A loop query with its plan, given by pieces of its source."""

    source: str
    call: str
    keys: dict[str, str]
    aggregate: str | None = None
    model: str = "Hero"
    session: str | None = "session"
    style: str = "query"
    unique: bool = False
    primary_key: str | None = "id"
    is_async: bool = False
    code: str = ""
    expected: str = ""
    inside: type[ast.AST] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return textwrap.dedent(self.source).lstrip("\n")

    def suspect(self) -> Suspect:
        text = self.text
        node = node_of(text, self.call, ast.Call)
        around = [
            loop
            for loop in ast.walk(ast.parse(text))
            if isinstance(loop, self.inside or LOOPS)
            and pos(loop).contains(pos(node))
            and pos(loop) != pos(node)
            and not ((over := iterable(loop)) and pos(over).contains(pos(node)))
        ]
        loop = max(around, key=lambda loop: pos(loop)[:2])
        over = iterable(loop)
        plan = BatchPlan(
            loop=pos(loop),
            iterable=pos(over) if over is not None else None,
            model=self.model,
            keys=tuple(Key(column, self._value(node, value)) for column, value in self.keys.items()),
            aggregate=self.aggregate,
            session=pos(node_of(text, self.session)) if self.session else None,
            style=self.style,
            is_async=self.is_async,
            primary_key=self.primary_key,
            unique=self.unique,
        )
        code = self.code or ("NP101" if self.aggregate else "NP102" if self.unique else "NP103")
        return suspect_at(text, node, code, plan=plan, scope=pos(loop), **self.extra)

    def _value(self, node: ast.AST, value: str) -> Pos:
        """The compared value: inside the call when it stands there, else wherever it stands last before it."""
        text = self.text
        found = [
            part
            for part in ast.walk(ast.parse(text))
            if isinstance(part, ast.expr)
            and ast.get_source_segment(text, part) == value
            and pos(part)[:2] < pos(node)[2:]
        ]
        inside = [part for part in found if pos(node).contains(pos(part))]
        return pos(max(inside or found, key=lambda part: pos(part)[:2]))

    def finding(self) -> Finding:
        (finding,) = flag([self.suspect()], lambda _: self.text, NAMES)
        return finding


def loader_plan(**changes: object) -> LoaderPlan:
    values: dict[str, Any] = {
        "model": "Artifact",
        "relationship": "tags",
        "lazy": "selectin",
        "router": "app/routers/x.py",
        "readers": (),
        "wasters": (),
    }
    return LoaderPlan(**{**values, **changes})
