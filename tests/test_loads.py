"""What ``loads`` says: the cells of a whole project, the statements, and changes that are made and run on SQLite."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

import nplus1_lint
from nplus1_lint.findings import Confidence
from nplus1_lint.loads.names import short_names
from tests.command import invoke
from tests.executed import counting, importable, materialise

if TYPE_CHECKING:
    from click.testing import Result

FIXTURE = Path(__file__).parent.parent / "fixtures" / "skillmeat_mini"
MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    heroes: Mapped[list["Hero"]] = relationship(lazy="selectin")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    powers: Mapped[list["Power"]] = relationship(lazy="selectin")


class Power(Base):
    __tablename__ = "powers"
    id: Mapped[int] = mapped_column(primary_key=True)
    hero_id: Mapped[int] = mapped_column(ForeignKey("heroes.id"))
"""
HEAD = """\
from sqlalchemy import select
from sqlalchemy.orm import Session, defaultload, lazyload, selectinload

from models import Hero, Power, Team


"""
BARE = "def run(session: Session):\n    return [team.id for team in session.scalars(select(Team))]\n"
HEROES = "def run(session: Session):\n    return [len(team.heroes) for team in session.scalars(select(Team))]\n"
POWERS = """\
def run(session: Session):
    return [len(hero.powers) for team in session.scalars(select(Team)) for hero in team.heroes]
"""


def run(*arguments: str) -> Result:
    return invoke("loads", *arguments)


def told(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def by_label(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{row['model']}.{row['name']}": row for row in document["relationships"]}


def uses(row: dict[str, Any]) -> dict[str, str]:
    return {cell["router"]: cell["use"] for cell in row["cells"]}


@pytest.fixture
def in_fixture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIXTURE)


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: str = MODELS, **modules: str) -> Path:
    files = {"models.py": models, **{f"{name}.py": HEAD + source for name, source in modules.items()}}
    folder = materialise(files, tmp_path)
    (folder / ".git").mkdir()
    monkeypatch.chdir(folder)
    return folder


# --- the fixture --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_fixture")
def test_the_matrix_of_the_fixture() -> None:
    found = {label: uses(row) for label, row in by_label(told()).items()}
    assert list(found) == [
        "Project.artifacts",
        "Artifact.artifact_metadata",
        "Artifact.collections",
        "Artifact.tags",
        "Artifact.versions",
        "Collection.groups",
        "Collection.collection_artifacts",
        "Collection.templates",
        "Group.group_artifacts",
    ]
    assert found["Project.artifacts"] == {"catalog": "read", "projects": "wasted"}
    assert found["Artifact.tags"] == {"artifacts": "read", "catalog": "read", "projects": "wasted"}
    assert list(found["Group.group_artifacts"]) == [
        "artifacts", "catalog", "groups", "projects", "user_collections", "jobs"
    ]  # fmt: skip
    assert [router for router, use in found["Group.group_artifacts"].items() if use == "read"] == ["catalog"]


@pytest.mark.usefixtures("in_fixture")
def test_the_queries_of_a_cell_and_of_a_router() -> None:
    document = told()
    (cell,) = [cell for cell in by_label(document)["Artifact.tags"]["cells"] if cell["router"] == "projects"]
    assert [(query["path"], query["function"], query["ways"]) for query in cell["queries"]] == [
        ("skillmeat_mini/repositories.py", "BaseRepository.get", ["Project.artifacts.tags"]),
        ("skillmeat_mini/repositories.py", "BaseRepository.list_page", ["Project.artifacts.tags"]),
    ]
    (catalog,) = [router for router in document["routers"] if router["name"] == "catalog"]
    costs = {query["function"]: (query["adds"], query["wasted"]) for query in catalog["queries"]}
    assert [(adds["statements"], wasted["statements"]) for adds, wasted in costs.values()] == [(8, 6), (8, 2), (9, 8)]
    assert document["idle"] == ["skillmeat_mini/api/routers/search.py", "skillmeat_mini/api/routers/tags.py"]


@pytest.mark.usefixtures("in_fixture")
def test_the_changes_of_the_fixture() -> None:
    rows = by_label(told())
    assert rows["Artifact.tags"]["change"] == {
        "action": "override",
        "title": "lazyload(Artifact.tags) in 2 queries of skillmeat_mini/api/routers/projects.py; the mapping stays",
        "options": [
            {
                "path": "skillmeat_mini/repositories.py",
                "line": line,
                "message": "defaultload(Project.artifacts).lazyload(Artifact.tags), where it asks for Project",
            }
            for line in (35, 41)
        ],
        "without_options": [],
    }
    groups = rows["Collection.groups"]["change"]
    assert groups["title"] == 'lazy="select" on Collection.groups, and selectinload in 4 queries that read it'
    (reload,) = groups["without_options"]
    assert "session.refresh(collection)" in (FIXTURE / reload["path"]).read_text().splitlines()[reload["line"] - 1]


@pytest.mark.usefixtures("in_fixture")
def test_the_wasted_cells_are_the_findings_of_np201() -> None:
    """Cells by declaration and router; what may be read is a finding of low confidence."""
    document = told()
    files = {router["name"]: router["path"] for router in document["routers"]}
    cells = {
        (row["path"], row["line"], files[cell["router"]])
        for row in document["relationships"]
        for cell in row["cells"]
        if cell["use"] == "wasted"
    }
    report = nplus1_lint.check(["."])
    findings = {
        (finding.path, finding.span.line, *finding.also_in)
        for finding in (*report.findings, *report.suppressed)
        if finding.code == "NP201" and finding.confidence >= Confidence.MEDIUM
    }
    assert cells == findings
    assert len(cells) == 19


def test_a_file_asks_about_what_it_declares_or_loads_with_all_routers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(FIXTURE, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "project" / ".git").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    whole = by_label(told())
    some = by_label(told("skillmeat_mini/api/routers/groups.py"))
    assert some == {"Group.group_artifacts": whole["Group.group_artifacts"]}
    assert by_label(told("skillmeat_mini/models.py")) == whole
    assert told("skillmeat_mini/schemas.py")["relationships"] == []


# --- uses, costs and changes --------------------------------------------------------------------------------------


def test_rows_that_escape_may_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = (
        "import elsewhere\n\n\ndef run(session: Session):\n    elsewhere.show(session.scalars(select(Team)).all())\n"
    )
    program(tmp_path, monkeypatch, given=given, bare=BARE, bare_too=BARE)
    row = by_label(told())["Team.heroes"]
    assert uses(row) == {"bare": "wasted", "bare_too": "wasted", "given": "maybe"}
    assert row["change"]["title"] == (
        'lazy="select" on Team.heroes, and selectinload in 1 query whose rows may be read'
    )
    (step,) = row["change"]["options"]
    assert step["message"] == "selectinload(Team.heroes), if its rows are read where they go"


def test_what_every_query_reads_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, reader=POWERS)
    change = by_label(told())["Hero.powers"]["change"]
    assert (change["action"], change["options"]) == ("keep", [])


def test_a_query_that_others_read_is_not_overridden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = "def teams(session: Session):\n    return session.scalars(select(Team)).all()\n"
    use = "from fastapi import APIRouter, Depends\n\nfrom shared import teams\n\nrouter = APIRouter()\n\n\n"
    handler = '@router.get("/")\ndef run(session: Session = Depends()):\n    return [{} for team in teams(session)]\n'
    reader, waster = use + handler.format("len(team.heroes)"), use + handler.format("team.id")
    program(tmp_path, monkeypatch, shared=shared, reader=reader, waster=waster)
    row = by_label(told())["Team.heroes"]
    assert uses(row) == {"reader": "read", "waster": "wasted"}
    assert (row["change"]["action"], row["change"]["options"]) == ("keep", [])


def test_functions_of_a_router_that_no_route_reaches_are_a_column_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "from fastapi import APIRouter, Depends\n\nrouter = APIRouter()\n\n\n"
    handler = (
        '@router.get("/")\ndef names(session: Session = Depends()):\n    return len(session.get(Team, 1).heroes)\n\n\n'
    )
    program(tmp_path, monkeypatch, api=head + handler + BARE)
    document = told()
    assert uses(by_label(document)["Team.heroes"]) == {"api": "read", "api (no route)": "wasted"}
    columns = [(router["path"], router["name"], router["is_router"]) for router in document["routers"]]
    assert columns == [("api.py", "api", True), ("api.py", "api (no route)", False)]


def statements_of(folder: Path, module: str) -> int:
    """How many statements a module's ``run`` sends for three teams of two heroes with two powers each."""
    with importable(folder):
        import models  # type: ignore[import-not-found]

        app = __import__(module)
        engine = create_engine("sqlite://")
        models.Base.metadata.create_all(engine)
        with Session(engine) as session:
            for _ in range(3):
                heroes = [models.Hero(powers=[models.Power(), models.Power()]) for _ in range(2)]
                session.add(models.Team(heroes=heroes))
            session.commit()
        with Session(engine) as session, counting(engine, folder) as log:
            app.run(session)
        engine.dispose()
    return len(log.statements)


@pytest.mark.parametrize(
    ("heroes", "powers", "cost"),
    [
        ("selectin", "selectin", (2, 0, 0)),
        ("subquery", "selectin", (2, 0, 0)),
        ("joined", "selectin", (1, 0, 1)),
        ("selectin", "joined", (1, 0, 1)),
        ("immediate", "select", (0, 1, 0)),
        ("immediate", "selectin", (1, 1, 0)),
        ("immediate", "subquery", (0, 2, 0)),
    ],
)
def test_the_statements_told_are_those_sent(
    heroes: str, powers: str, cost: tuple[int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = MODELS.replace("selectin", heroes, 1).replace(
        '"Power"]] = relationship(lazy="selectin"', f'"Power"]] = relationship(lazy="{powers}"'
    )
    app = BARE.replace("select(Team))]", "select(Team)).unique()]")
    folder = program(tmp_path, monkeypatch, models=models, app=app)
    document = told()
    (router,) = document["routers"]
    (query,) = router["queries"]
    for found in (by_label(document)["Team.heroes"]["adds"], query["adds"], query["wasted"]):
        assert tuple(found.values()) == cost
    statements, per_row, _ = cost
    assert statements_of(folder, "app") == 1 + statements + 3 * per_row


@pytest.mark.parametrize(
    ("modules", "label", "action"),
    [
        ({"a": BARE, "b": BARE}, "Team.heroes", "select"),
        ({"a": BARE, "b": BARE, "c": HEROES}, "Team.heroes", "select-and-options"),
        ({"a": BARE, "b": HEROES}, "Team.heroes", "override"),
        ({"a": HEROES, "b": HEROES, "c": POWERS}, "Hero.powers", "select-and-options"),
        ({"a": HEROES, "b": POWERS}, "Hero.powers", "override"),
    ],
)
def test_a_change_that_is_made_wastes_nothing_and_loads_nothing_lazily(
    modules: dict[str, str], label: str, action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = program(tmp_path, monkeypatch, **modules)
    row = by_label(told())[label]
    before = {module: statements_of(folder, module) for module in modules}
    change = row["change"]
    assert change["action"] == action
    if action != "override":
        lines = (folder / row["path"]).read_text().split("\n")
        lines[row["line"] - 1] = lines[row["line"] - 1].replace("selectin", "select")
        (folder / row["path"]).write_text("\n".join(lines))
    for step in change["options"]:
        lines = (folder / step["path"]).read_text().split("\n")
        lines[step["line"] - 1] = lines[step["line"] - 1].replace(
            "select(Team)", f"select(Team).options({step['message']})"
        )
        (folder / step["path"]).write_text("\n".join(lines))
    after = {module: statements_of(folder, module) for module in modules}
    wasted = row["adds"]["statements"]
    kinds = uses(row)
    assert after == {module: count - (wasted if kinds[module] == "wasted" else 0) for module, count in before.items()}
    assert all(use == "read" for one in told()["relationships"] if by_label({"relationships": [one]}).keys() == {label}
               for use in uses(one).values())  # fmt: skip


def test_an_inherited_relationship_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = MODELS + "\n\nclass Club(Team):\n    level: Mapped[int] = mapped_column(nullable=True)\n"
    club = BARE.replace("Team", "Club").replace("def run", "from models import Club\n\n\ndef run")
    program(tmp_path, monkeypatch, models=models, bare=BARE, club=club)
    document = told()
    assert [label for label in by_label(document) if label.endswith(".heroes")] == ["Team.heroes"]
    ways = [query["ways"] for cell in by_label(document)["Team.heroes"]["cells"] for query in cell["queries"]]
    assert ways == [["Team.heroes"], ["Club.heroes"]]


def test_short_names_are_as_long_as_they_must_be() -> None:
    assert short_names(["api/items.py", "api/users.py", "web/items.py", "web/__init__.py", "items.py"]) == {
        "api/items.py": "api/items",
        "api/users.py": "users",
        "web/items.py": "web/items",
        "web/__init__.py": "web",
        "items.py": "items",
    }
