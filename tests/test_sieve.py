"""Which files are set aside unparsed, and that nothing is lost with them."""

from __future__ import annotations

import ast
import json
import os
import unicodedata
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nplus1_lint.cache import stamps
from nplus1_lint.discover import SourceFile
from nplus1_lint.index import index_files
from nplus1_lint.index.sources import Sources
from nplus1_lint.infer.library import SQL_ROOTS
from nplus1_lint.link.symbols import ModuleSymbol, Symbols
from nplus1_lint.sieve import sift
from nplus1_lint.sieve.look import look
from tests.command import invoke
from tests.executed import materialise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from click.testing import Result

ROOT = Path(__file__).parent.parent

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    heroes: Mapped[list["Hero"]] = relationship()


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
"""
APP = """\
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def sizes(session: Session):
    return [len(team.heroes) for team in session.scalars(select(Team))]
"""


# -- the look ---------------------------------------------------------------------------------------------------------


def imports_of(source: bytes) -> set[tuple[str, int, str | None]]:
    """(module, level, name) of each import that the look finds; a name of None for the module itself."""
    found: set[tuple[str, int, str | None]] = set()
    for one in look(source).imports:
        names: tuple[str | None, ...] = one.names if one.names is not None else (None,)
        found |= {(one.module, one.level, name) for name in names}
    return found


def written(tree: ast.Module) -> Iterator[tuple[str, int, str | None]]:
    """The same by Python's own parser."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", node.level, alias.name) for alias in node.names)


def missed(source: bytes) -> set[tuple[str, int, str | None]]:
    return set(written(ast.parse(source))) - imports_of(source)


@pytest.mark.parametrize(
    "source",
    [
        "import a.b as c, d",
        "import a . b",
        "import a, \\\n    b.c \\\n    , d",
        "from a import (\n    b,  # (c)\n    d as e,\n)",
        "from a import(b)",
        "from .. import a, b",
        "from ... a . b import c",
        "from.a import*",
        "from \\\n    . \\\n    a \\\n    import \\\n    b",
        "if x: import a; from b import c",
        "def f():\n    from a import b\n    import c",
        "if TYPE_CHECKING:\n    from a import b",
        "try:\n\timport a\nexcept ImportError:\n\tfrom b import a",
        "'''\nthat comes from here\n'''\nimport a",
        "# taken from here \\\nimport a",
        "x = 1  # from here\nimport a",
        "yield_from = 1\nfrom importlib import import_module\nimport importlib.util",
        "from from_ import import_\n",
        "\x0cimport a\r\nfrom b import c\rimport d",
        "\ufefffrom a import b",
        "from grün import größe",
        "import ﬁnder",  # Python reads the ligature as two letters
        "class A:\n  import a\n  async def f(self): from b import c",
    ],
)
def test_no_import_is_missed(source: str) -> None:
    code = source.encode()
    assert set(written(ast.parse(code)))
    assert not missed(code)


@pytest.mark.parametrize(
    ("source", "module", "level"),
    [
        ('importlib.import_module("a.b")', "a.b", 0),
        ("import_module('.b', package=__package__)", "b", 1),
        ('__import__("a.b")', "a.b", 0),
        ('x = import_string(\n    "a.b:create_app"\n)', "a.b", 0),
        ('pytest.importorskip("a")', "a", 0),
    ],
)
def test_modules_named_by_a_literal_count_as_imports(source: str, module: str, level: int) -> None:
    assert {(one.module, one.level) for one in look(source.encode()).imports} == {(module, level)}


def test_no_import_of_real_files_is_missed() -> None:
    library = sorted(Path(os.__file__).parent.rglob("*.py"))
    files = [*library[::6], *sorted((ROOT / "nplus1_lint").rglob("*.py"))]
    looked = 0
    for file in files:
        source = file.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tree = ast.parse(source)
            except (SyntaxError, ValueError):  # the library's tests hold some
                continue
        looked += 1
        assert not set(written(tree)) - imports_of(source), file
    assert looked > 300


NAMES = st.sampled_from(["a", "from_", "imports", "b1", "é", "_x", "ab"])
GAPS = st.sampled_from([" ", "  ", "\t", " \\\n ", "\\\n\t", " \\\r\n", "\f "])
MAYBE = st.one_of(st.just(""), GAPS)
LINES = st.sampled_from(["\n", "  # from x import y\n", " # (,\n  ", "\r\n"])


@st.composite
def dotted(draw: st.DrawFn) -> str:
    parts = draw(st.lists(NAMES, min_size=1, max_size=3))
    return "".join(part + (f"{draw(MAYBE)}.{draw(MAYBE)}" if place < len(parts) - 1 else "")
                   for place, part in enumerate(parts))  # fmt: skip


@st.composite
def statements(draw: st.DrawFn) -> str:
    def alias(name: str, gap: str) -> str:
        return f"{name}{gap}as{gap}{draw(NAMES)}" if draw(st.booleans()) else name

    if draw(st.booleans()):
        names = [alias(draw(dotted()), draw(GAPS)) for _ in range(draw(st.integers(1, 3)))]
        return f"import{draw(GAPS)}" + f"{draw(MAYBE)},{draw(MAYBE)}".join(names)
    dots = draw(st.sampled_from(["", ".", "..", "...", ". ."]))
    module = draw(dotted()) if not dots or draw(st.booleans()) else ""
    start = f"from{draw(GAPS)}{dots}{draw(MAYBE) if dots else ''}{module}{draw(GAPS)}import"
    names = [alias(draw(NAMES), draw(GAPS)) for _ in range(draw(st.integers(1, 3)))]
    kind = draw(st.sampled_from(["plain", "listed", "star"]))
    if kind == "star":
        return f"{start}{draw(MAYBE)}*"
    if kind == "plain":
        return f"{start}{draw(GAPS)}" + f"{draw(MAYBE)},{draw(MAYBE)}".join(names)
    return f"{start}{draw(MAYBE)}({draw(LINES)}" + f",{draw(LINES)}".join(names) + f"{draw(LINES)})"


@given(st.lists(statements(), min_size=1, max_size=4), st.sampled_from(["\n", ";", " ; ", "\r\n", "  # from z\n"]))
@example(["from a import b", "import c"], "\n# from here \\\n")
def test_no_import_of_drawn_files_is_missed(parts: list[str], between: str) -> None:
    source = (between.join(parts) + "\n").encode()
    assert not missed(source), source


@pytest.mark.parametrize(
    ("source", "touches"),
    [
        *((f"import {root}\n", True) for root in sorted(SQL_ROOTS)),
        ("from alembic import op\n", True),
        ("import marshmallow\n", True),
        ('MAKE = """\nCREATE UNIQUE\nINDEX a ON b (c)"""\n', True),
        ('MAKE = "alter table a add unique (b)"\n', True),
        ("def f():  # nplus1: no-query\n    pass\n", True),
        ("x = 1  # noqa: E501, NP101\n", True),
        ("x = 1  # noqa: E501\n", False),
        ("x = 1  # noqa\n", False),
        ("# -*- coding: utf-7 -*-\n", True),
        ("#!/usr/bin/env python\n# coding: latin-1\n", False),
        ("x = 1\n# coding: utf-7 would stand above\n", True),
        ("x = '\0'\n", True),
        ("import decimal, reindex\n", False),
    ],
)
def test_what_touches_an_orm_by_itself(source: str, touches: bool) -> None:
    assert look(source.encode()).touches is touches


# -- ties -------------------------------------------------------------------------------------------------------------


def aside(files: Mapping[str, str], context: Mapping[str, str] | None = None) -> set[str]:
    """The files that are set aside, of files that are laid over an empty disk."""
    held = {f"/nowhere/{path}": text.encode() for path, text in {**files, **(context or {})}.items()}
    found = SimpleNamespace(
        files=tuple(SourceFile(path, f"/nowhere/{path}", True) for path in sorted(files)),
        context=tuple(SourceFile(path, f"/nowhere/{path}", False) for path in sorted(context or {})),
    )
    return set(sift(found, Sources(held)))


@pytest.mark.parametrize(
    "files",
    [
        {"db.py": "import sqlalchemy", "a.py": "import db", "b.py": "import a"},
        {"db.py": "import sqlalchemy\nimport a", "a.py": "import b", "b.py": ""},
        {"db.py": "import sqlalchemy\nimport shared", "shared.py": "", "b.py": "from shared import Plugin"},
        {"app/db.py": "import sqlalchemy", "app/a.py": "from . import db", "app/b.py": "from .a import f"},
        {"app/db.py": "import sqlalchemy", "app/sub/a.py": "from ..db import Session"},
        {"src/app/db.py": "import sqlalchemy", "scripts/a.py": "from app.db import Session"},
        {"back/app/__init__.py": "", "back/app/db.py": "import sqlalchemy", "back/run.py": "import app.db"},
        {"app/__init__.py": "from .db import *", "app/db.py": "import sqlalchemy", "run.py": "from app import Session"},
        {"space/db.py": "import sqlalchemy", "run.py": "from space import db"},
        {"app/__init__.py": "from sqlalchemy import orm", "app/a.py": "", "run.py": "import app.a"},
        {"db.py": "import sqlalchemy", "a.py": "def f():\n    if x:\n        from db import Session"},
        {"db.py": "import sqlalchemy", "a.py": "import importlib\nimportlib.import_module('db')"},
        {"plugins/__init__.py": "", "plugins/a.py": "", "db.py": "import sqlalchemy\nfrom plugins import *"},
        {"db.py": "import sqlalchemy", "a.py": "def f(:\nimport db"},
    ],
)
def test_files_that_are_tied_to_an_orm_are_kept(files: dict[str, str]) -> None:
    assert not aside(files)


def test_what_no_import_ties_to_an_orm_is_set_aside() -> None:
    files = {
        "app/__init__.py": "",
        "app/db.py": "import sqlalchemy\nimport json",
        "tools/__init__.py": "",
        "tools/a.py": "import json\nfrom tools import b",
        "tools/b.py": "import logging",
    }
    assert aside(files) == {"tools/__init__.py", "tools/a.py", "tools/b.py"}
    assert aside({**files, "app/run.py": "import app.db, tools.a"}) == set()


def test_the_packages_of_what_is_kept_are_kept() -> None:
    """Without them the file would go by other names."""
    files = {
        "app/__init__.py": "",
        "app/sub/__init__.py": "",
        "app/sub/db.py": "import sqlalchemy",
        "x/__init__.py": "",
    }
    assert aside(files) == {"x/__init__.py"}


def test_a_file_beside_the_project_ties_where_it_is_imported() -> None:
    files = {"a.py": "from excluded import f", "b.py": ""}
    assert aside(files, {"excluded.py": "import db", "db.py": "import sqlalchemy"}) == {"b.py"}
    assert aside({"a.py": "import b", "b.py": ""}, {"excluded.py": "import sqlalchemy, b"}) == {"a.py", "b.py"}


def test_a_file_that_cannot_be_read_is_kept() -> None:
    found = SimpleNamespace(files=(SourceFile("a.py", "/nowhere/a.py", True),), context=())
    assert sift(found, Sources()) == ()


@pytest.mark.parametrize("tree", [*(p.name for p in (ROOT / "fixtures").iterdir() if p.is_dir()), "nplus1_lint"])
def test_no_import_that_link_follows_is_missed(tree: str) -> None:
    """Every module that a file's imports give is tied to the file."""
    folder = ROOT / "fixtures" / tree if tree != "nplus1_lint" else ROOT / tree
    paths = [file.relative_to(folder.parent).as_posix() for file in sorted(folder.rglob("*.py"))]
    files = [SourceFile(path, str(folder.parent / path), True) for path in paths]
    from nplus1_lint.sieve.graph import Graph

    graph = Graph(files, ())
    symbols = Symbols(index_files(files).modules)
    followed = 0
    for file in files:
        module = symbols.modules[file.path]
        targets = set(graph.add(file.path, look(Path(file.absolute).read_bytes())))
        for dotted_name, level, name in module.imports.values():
            symbol = symbols.resolve_import(file.path, dotted_name, level, None)
            inner = symbols.resolve_import(file.path, dotted_name, level, name)
            for one in (symbol, inner):
                if isinstance(one, ModuleSymbol) and one.path != file.path:
                    followed += 1
                    assert one.path in targets, (file.path, dotted_name, name)
    assert followed or tree != "nplus1_lint"


# -- what a user sees -------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tools = {"tools/report.py": "def render(rows):\n    return [row.name for row in rows]\n"}
    materialise({"pyproject.toml": "", "models.py": MODELS, "app.py": APP, **tools}, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return invoke(*arguments)


def report(*arguments: str) -> dict[str, Any]:
    result = run("check", *arguments, "--format", "json", "--select", "ALL", "--show", "low")
    assert result.exit_code <= 2, result.output
    return dict(json.loads(result.stdout))


def test_the_summary_counts_all_files_and_the_functions_that_were_read(project: Path) -> None:
    summary = report()["summary"]
    assert summary == {"files": 3, "functions": 1, "models": 2, "findings": 1, "suppressed": 0}
    assert "sieve: 1 of 3 files cannot matter to a finding and were not parsed" in run("check", "--verbose").stderr


def test_a_broken_file_is_told_of_if_it_may_matter_or_is_named(project: Path) -> None:
    (project / "tools" / "broken.py").write_text("def f(:\n")
    (project / "broken.py").write_text("from models import Team\ndef f(:\n")
    assert [error["path"] for error in report()["errors"]] == ["broken.py"]
    for paths in (["tools/broken.py"], ["tools/broken.py", "tools/report.py"], ["tools/broken.py", "."]):
        for _ in range(2):  # the second is told from the cache
            errors = report(*paths)["errors"]
            assert "tools/broken.py" in [error["path"] for error in errors]
    assert run("check", "tools/broken.py").exit_code == 2
    assert run("check", "tools").exit_code == 0


def test_a_named_file_has_the_findings_of_the_whole(project: Path) -> None:
    whole = report()["findings"]
    assert report("app.py", "tools/report.py")["findings"] == whole
    assert report("tools/report.py")["findings"] == []


def test_a_comment_that_silences_nothing_is_found_anywhere(project: Path) -> None:
    (project / "tools" / "report.py").write_text("x = 1  # nplus1: ignore[NP101]\n")
    (project / "tools" / "other.py").write_text("x = 1  # noqa: NP101\n")
    found = [(one["path"], one["code"]) for one in report()["findings"]]
    assert found == [("app.py", "NP104"), ("tools/other.py", "NP901"), ("tools/report.py", "NP901")]


def test_trace_and_cost_know_every_file(project: Path) -> None:
    result = run("trace", "render")
    assert result.exit_code == 0, result.output
    assert "tools/report.py" in result.stdout
    (project / "tools" / "api.py").write_text(
        "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get('/up')\ndef up():\n    return 1\n"
    )
    assert "GET /up" in run("cost").stdout


def test_edits_that_make_a_file_matter_and_back(project: Path) -> None:
    """After each of them a run with a cache says the same as one without."""
    loop = "\n\ndef all_sizes(session):\n    return [len(team.heroes) for team in session.query(Team)]\n"
    plain = (project / "tools" / "report.py").read_text()
    steps = [
        ("tools/report.py", f"from models import Team{loop}", 2),
        ("tools/report.py", plain, 1),
        ("tools/report.py", f"{plain}# a word\n", 1),
        ("tools/more.py", f"from tools.report import render\nfrom models import Team{loop}", 2),
        ("tools/report.py", "def render(:\n", 2),
        ("tools/more.py", "from tools.report import render\n", 1),
        ("app.py", "import tools.report\n" + APP, 1),
        ("app.py", APP, 1),
        ("app.py", "", 0),
        ("models.py", "", 0),
        ("models.py", MODELS, 0),
        ("app.py", APP, 1),
    ]
    report()
    for path, text, findings in steps:
        (project / path).write_text(text)
        warm, again = report(), report()
        cold = report("--no-cache")
        assert warm == cold == again, path
        assert len(cold["findings"]) == findings, path


def test_what_was_looked_at_is_not_read_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "_SETTLED", -(10**12))
    report()
    read: list[str] = []
    original = Sources.read

    def noting(self: Sources, absolute: str) -> bytes:
        read.append(os.path.relpath(absolute, project))
        return original(self, absolute)

    monkeypatch.setattr(Sources, "read", noting)
    (project / "app.py").write_text(APP + "\n\ndef other():\n    return 1\n")
    report()
    assert set(read) == {"app.py"}


def test_where_nothing_touches_an_orm_nothing_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    materialise({"a.py": "import b\n", "b.py": "def f(:\n"}, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert report()["summary"] == {"files": 2, "functions": 0, "models": 0, "findings": 0, "suppressed": 0}


def test_names_are_those_that_python_reads() -> None:
    assert unicodedata.normalize("NFKC", "ﬁnder") == "finder"
    assert aside({"finder.py": "import sqlalchemy", "a.py": "import ﬁnder"}) == set()
