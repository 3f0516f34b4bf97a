"""Proofs about loader options: what a program costs without one of them."""

from __future__ import annotations

import ast
import contextlib
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy.exc import InvalidRequestError

from tests.executed import LARGE, eager_strategies, files_of, made_lazy, materialise, run

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.rules.base import Example
    from tests.executed import Log

OPTIONS = ("selectinload", "joinedload", "subqueryload", "immediateload")
_IMPORT = "from sqlalchemy.orm import "


class Option(NamedTuple):
    """A loader option in a source: its name's place and the relationship that it loads."""

    file: str
    name: str
    relationship: str
    line: int
    start: int


def options_in(file: str, text: str) -> list[Option]:
    """Return every ``selectinload(A.bs)`` of a file, chained ones too."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        func = node.func
        name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
        if name in OPTIONS:
            end = func.end_col_offset or 0
            relationship = ast.unparse(node.args[0]).rpartition(".")[2]
            found.append(Option(file, name, relationship, func.end_lineno or 0, end - len(name)))
    return found


def without(text: str, option: Option) -> str:
    """Return *text* with one option made ``defaultload``, which keeps the chain and loads as the mapping says."""
    lines = text.split("\n")
    line = lines[option.line - 1]
    assert line[option.start :].startswith(option.name)
    lines[option.line - 1] = line[: option.start] + "defaultload" + line[option.start + len(option.name) :]
    changed = "\n".join(lines)
    return changed if f"{_IMPORT}defaultload, " in changed else changed.replace(_IMPORT, f"{_IMPORT}defaultload, ", 1)


def prove_options(example: Example, folder: Path, *, bad: bool) -> None:
    """Each option is taken away by itself; a join counts as much as a statement."""
    files = files_of(example)
    before = run(materialise(files, folder / "written"), files, LARGE)
    for number, option in enumerate([one for name, text in files.items() for one in options_in(name, text)]):
        changed = {**files, option.file: without(files[option.file], option)}
        after = run(materialise(changed, folder / f"without-{number}"), changed, LARGE)
        needed = option.relationship in after.lazy
        cheaper = _cost(after, option) < _cost(before, option)
        if bad and cheaper and not needed:
            return
        told = f"{option.name} of {option.relationship}: {_cost(before, option)}, {_cost(after, option)} without"
        assert bad or needed or not cheaper, f"{example.name}: loaded for nothing by {told}"
    assert not bad, f"{example.name}: no option of a bad example is there for nothing"


def _cost(log: Log, option: Option) -> int:
    return len(log.statements) + (log.joins if option.name == "joinedload" else 0)


def prove_rows(example: Example, folder: Path, *, bad: bool) -> None:
    """Select-in loading fetches every row once."""
    files = files_of(example)
    apart = {name: _in_statements_of_their_own(name, text) for name, text in files.items()}
    written = run(materialise(files, folder / "written"), files, LARGE)
    once = run(materialise(apart, folder / "apart"), apart, LARGE)
    assert written.outcome == once.outcome, f"{example.name}: the options change the result"
    told = f"{example.name}: the first statement fetches {written.rows[0]} rows, {once.rows[0]} with select-in loading"
    assert once.rows[0] > 0, f"{told}; rows are not counted"
    assert (written.rows[0] > once.rows[0]) is bad, told


def _in_statements_of_their_own(name: str, text: str) -> str:
    joined = [one for one in eager_strategies(name, text) if one.value in ("joined", "False")]
    return made_lazy(text, joined, "selectin").replace("joinedload", "selectinload")


def prove_result(example: Example, folder: Path, *, bad: bool) -> None:
    """All options are taken away at once: what the rows give then is right, only dearer."""
    files = files_of(example)
    right = right_outcome(files, folder / "lazily")
    assert right, f"{example.name}: returns nothing to compare"
    materialise(files, folder / "written")
    if not bad:
        assert run(folder / "written", files, LARGE).outcome == right
        return
    wrong: object = None
    with contextlib.suppress(InvalidRequestError):
        wrong = run(folder / "written", files, LARGE).outcome
    assert wrong != right, f"{example.name}: returns {right!r} with its options and without"


def right_outcome(files: dict[str, str], folder: Path) -> object:
    """Run a program without any of its loader options."""
    lazily = dict(files)
    for name, text in files.items():
        for option in sorted(options_in(name, text), key=lambda one: (one.line, one.start), reverse=True):
            lazily[name] = without(lazily[name], option)
    return run(materialise(lazily, folder), lazily, LARGE).outcome
