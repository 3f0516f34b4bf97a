"""The form of costs: options, gates, routes, the JSON Schemas, Markdown, and the comparison with a revision."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

import nplus1_lint.report
from tests.executed import materialise

ROOT = Path(__file__).parent.parent
FIXTURE = "fixtures/skillmeat_mini"
FOLDER = Path(nplus1_lint.report.__file__).parent

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
"""
QUICK = """\
from fastapi import APIRouter
from sqlalchemy.orm import Session

from models import Hero, Team

router = APIRouter(prefix="/teams")


@router.get("/sizes")
def sizes(session: Session):
    return session.query(Hero.team_id).all()


@router.get("")
def teams(session: Session):
    return [team.id for team in session.query(Team).all()]
"""
SLOW = QUICK.replace(
    "    return session.query(Hero.team_id).all()",
    "    teams = session.query(Team).all()\n"
    "    return [session.query(Hero).filter_by(team_id=team.id).count() for team in teams]",
)


def cost(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "nplus1_lint", "cost", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, encoding="utf-8", check=False)


def checked(name: str, text: str) -> Any:
    """Parse a document and hold it against its schema."""
    schemas = {
        file.name: json.loads(file.read_text(encoding="utf-8"))
        for file in (FOLDER / "costs_v1.schema.json", FOLDER / "cost_diff_v1.schema.json")
    }
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    registry: Any = Registry().with_resources((key, Resource.from_contents(schema)) for key, schema in schemas.items())
    document = json.loads(text)
    jsonschema.Draft202012Validator(schemas[name], registry=registry).validate(document)
    return document


def routes(text: str) -> dict[str | None, Any]:
    """The entries of a document by route."""
    return {entry["route"]: entry for entry in checked("costs_v1.schema.json", text)["entries"]}


# --- formats and options ------------------------------------------------------------------------------------------


def test_json_keeps_its_contract() -> None:
    done = cost(FIXTURE, "--format", "json")
    assert done.returncode == 0
    entry = routes(done.stdout)["GET /artifacts"]
    assert entry["path"] == f"{FIXTURE}/skillmeat_mini/api/routers/artifacts.py"
    assert (entry["function"], entry["formula"]) == ("list_artifacts", "15 + memberships")
    assert (entry["degree"], entry["constant"], entry["statements"], entry["complete"]) == (1, 15, 65, True)
    assert entry["after"] == {"formula": "16", "degree": 0, "constant": 16, "statements": 16}
    constant, linear = entry["terms"]
    assert (constant["count"], constant["sizes"], len(constant["evidence"])) == (15, [], 16)
    assert (linear["count"], linear["sizes"]) == (1, ["memberships"])
    assert [step["message"] for step in linear["evidence"]] == [
        "loop: for membership in memberships",
        "COUNT CollectionArtifact",
    ]


def test_the_worst_comes_first_and_all_has_functions_too() -> None:
    done = cost(FIXTURE, "--format", "json", "--all")
    entries = checked("costs_v1.schema.json", done.stdout)["entries"]
    assert [entry["statements"] for entry in entries] == sorted((e["statements"] for e in entries), reverse=True)
    names = {entry["function"] for entry in entries}
    assert {"list_artifacts", "TagService.labels"} <= names
    assert "source_label" in names
    assert "_summary" not in names, "it queries nothing"


def test_assumed_sizes() -> None:
    done = cost(FIXTURE, "--format", "json", "--assume", "memberships=7, N=3", "--assume", "projects=11")
    document = checked("costs_v1.schema.json", done.stdout)
    assert document["assumed"] == {"default": 3, "sizes": {"memberships": 7, "projects": 11}}
    found = routes(done.stdout)
    assert [found[f"GET /{path}"]["statements"] for path in ("artifacts", "projects/totals", "groups/sizes")] == [
        22,
        21,
        4,
    ]


def test_a_size_that_no_formula_has_is_named() -> None:
    done = cost(FIXTURE, "--assume", "membershps=7")
    assert "membershps" in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("given", ["memberships", "memberships=", "=3", "memberships=x", "memberships=-1"])
def test_what_is_no_assumption(given: str) -> None:
    done = cost(FIXTURE, "--assume", given)
    assert done.returncode == 2
    assert "artifacts=50" in done.stderr


def test_markdown_has_a_row_per_endpoint() -> None:
    done = cost(FIXTURE, "--format", "markdown")
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {6}
    assert len(lines) == 2 + 55
    assert "| 65 | 16 | `15 + memberships` | `GET /artifacts` | " in done.stdout


def test_text_with_evidence() -> None:
    done = cost(FIXTURE, "--verbose")
    assert "  1·memberships\n    --> " in done.stdout
    assert "source_label() counts for nothing: it is cached by lru_cache" in done.stdout


def test_the_same_bytes_whatever_the_order() -> None:
    routers = sorted((ROOT / FIXTURE / "skillmeat_mini/api/routers").glob("*.py"))
    files = [str(file.relative_to(ROOT)) for file in routers]
    one, two = (cost(*given, "--format", "json", "--jobs", "1") for given in (files, files[::-1]))
    assert one.stdout == two.stdout


# --- gates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--max-degree", "0"), 1, "GET /teams/sizes: 1 + teams has degree 1, more than 0"),
        (("--max-degree", "1"), 0, ""),
        (("--budget", "51"), 0, ""),
        (("--budget", "50"), 1, "GET /teams/sizes: 51 statements are more than 50"),
        (("--budget", "50", "--assume", "teams=9"), 0, ""),
    ],
)
def test_gates(tmp_path: Path, options: tuple[str, ...], code: int, said: str) -> None:
    materialise({"models.py": MODELS, "app.py": SLOW}, tmp_path)
    done = cost(".", *options, cwd=tmp_path)
    assert (done.returncode, said in done.stderr) == (code, True)
    assert "GET /teams " in done.stdout


def test_a_file_that_cannot_be_parsed(tmp_path: Path) -> None:
    materialise({"models.py": MODELS, "app.py": QUICK, "broken.py": "def\n"}, tmp_path)
    done = cost(".", cwd=tmp_path)
    assert done.returncode == 2
    assert "error: broken.py:1" in done.stderr
    assert "GET /teams " in done.stdout


def test_no_endpoints(tmp_path: Path) -> None:
    materialise({"models.py": MODELS}, tmp_path)
    done = cost(".", cwd=tmp_path)
    assert (done.returncode, "--all" in done.stdout) == (0, True)


# --- revisions ----------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a quick endpoint, made slow in the working tree."""
    materialise({"app/models.py": MODELS, "app/app.py": QUICK}, tmp_path)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "quick"]):
        subprocess.run([*git, *command], check=True)
    (tmp_path / "app/app.py").write_text(SLOW, encoding="utf-8")
    return tmp_path


def test_what_is_worse_than_in_a_revision(repository: Path) -> None:
    before = sorted(path for path in repository.rglob("*") if ".git" not in path.parts)
    done = cost("app", "--diff", "HEAD", "--format", "json", cwd=repository)
    document = checked("cost_diff_v1.schema.json", done.stdout)
    (change,) = document["changes"]
    assert (document["base"], change["verdict"]) == ("HEAD", "worse")
    assert (change["before"]["formula"], change["after"]["formula"]) == ("1", "1 + teams")
    assert change["before"]["path"] == change["after"]["path"] == "app/app.py"
    assert done.returncode == 0
    assert sorted(path for path in repository.rglob("*") if ".git" not in path.parts) == before


@pytest.mark.parametrize("folder", [".", "app"])
def test_the_working_directory_may_be_below_the_root(repository: Path, folder: str) -> None:
    done = cost(".", "--diff", "main", cwd=repository / folder)
    assert "worse" in done.stdout
    assert done.stdout.splitlines()[-1] == "Compared with main: 1 worse, 0 new, 0 better, 0 gone, 0 changed"


def test_the_gates_ask_of_what_is_worse(repository: Path) -> None:
    assert cost("app", "--diff", "HEAD", "--max-degree", "0", cwd=repository).returncode == 1
    (repository / "app/app.py").write_text(QUICK, encoding="utf-8")
    done = cost("app", "--diff", "HEAD", "--budget", "0", cwd=repository)
    assert (done.returncode, done.stdout) == (0, "The same costs as in HEAD\n")


def test_better_new_and_gone(repository: Path) -> None:
    git = ["git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run([*git, "commit", "-qam", "slow"], check=True)
    text = QUICK.replace('"")', '"/all")')
    (repository / "app/app.py").write_text(text, encoding="utf-8")
    done = cost("app", "--diff", "HEAD", "--format", "markdown", cwd=repository)
    assert "| better | 51: `1 + teams` | 1: `1` | `GET /teams/sizes` |" in done.stdout
    assert "| new |  | 1: `1` | `GET /teams/all` |" in done.stdout
    assert "| gone | 1: `1` |  | `GET /teams` |" in done.stdout


@pytest.mark.parametrize("base", ["nowhere", "--upload-pack=x"])
def test_a_revision_that_is_none(repository: Path, base: str) -> None:
    done = cost("app", f"--diff={base}", cwd=repository)
    assert (done.returncode, base in done.stderr) == (2, True)


# --- routes -------------------------------------------------------------------------------------------------------

ROUTER = "from fastapi import APIRouter\nrouter = APIRouter()\n"
HANDLER = "def f(session: Session):\n    return session.query(Team).all()\n"
IMPORTS = "from sqlalchemy.orm import Session\nfrom models import Team\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {
                "routes.py": f"{IMPORTS}from fastapi import APIRouter\nrouter = APIRouter(prefix='/teams')\n"
                f"@router.get('/{{id}}')\n{HANDLER}",
                "main.py": "from fastapi import FastAPI\nimport routes\napp = FastAPI()\n"
                "app.include_router(routes.router, prefix='/api/v1')\n",
            },
            {"GET /api/v1/teams/{id}"},
        ),
        (
            {
                "routes.py": f"{IMPORTS}{ROUTER}@router.post('')\n{HANDLER}",
                "main.py": "from fastapi import APIRouter, FastAPI\nfrom routes import router\nV = '/v2'\n"
                "api = APIRouter(prefix='/api')\napi.include_router(router, prefix='/teams')\n"
                "def create():\n    app = FastAPI()\n    app.include_router(api, prefix=V)\n    return app\n",
            },
            {"POST /v2/api/teams"},
        ),
        (
            {
                "routes.py": f"{IMPORTS}{ROUTER}@router.get('/t')\n{HANDLER}",
                "main.py": "from fastapi import FastAPI\nfrom routes import router\napp = FastAPI()\n"
                "app.include_router(router, prefix='/a')\napp.include_router(router, prefix='/b')\n",
            },
            {"GET /a/t", "GET /b/t"},
        ),
        (
            {
                "routes.py": f"{IMPORTS}from flask import Blueprint\n"
                "bp = Blueprint('t', __name__, url_prefix='/teams')\n"
                f"@bp.route('/all', methods=['GET', 'POST'])\n{HANDLER}",
                "main.py": "from flask import Flask\nfrom routes import bp\napp = Flask(__name__)\n"
                "app.register_blueprint(bp)\n",
            },
            {"GET /teams/all", "POST /teams/all"},
        ),
        (
            {
                "routes.py": f"{IMPORTS}from fastapi import FastAPI\napp = FastAPI()\n"
                f"@app.get('/a')\n@app.get('/b')\n{HANDLER}"
            },
            {"GET /a", "GET /b"},
        ),
        (
            {
                "routes.py": f"{IMPORTS}{ROUTER}@router.get('/t')\n{HANDLER}",
                "main.py": "import os\nfrom fastapi import FastAPI\nfrom routes import router\napp = FastAPI()\n"
                "app.include_router(router, prefix=os.environ['PREFIX'])\n",
            },
            {"GET …/t"},
        ),
    ],
    ids=["prefixes", "nested", "twice", "blueprint", "decorators", "computed"],
)
def test_routes(tmp_path: Path, files: dict[str, str], expected: set[str]) -> None:
    materialise({"models.py": MODELS, **files}, tmp_path)
    found = routes(cost(".", "--format", "json", cwd=tmp_path).stdout)
    assert set(found) == expected
    assert {entry["formula"] for entry in found.values()} == {"1"}


def test_what_is_injected_costs_too(tmp_path: Path) -> None:
    text = (
        f"{IMPORTS}from typing import Annotated\nfrom fastapi import Depends, FastAPI\napp = FastAPI()\n"
        "def get_db() -> Session: ...\n"
        "def user(session: Annotated[Session, Depends(get_db)]):\n    return session.get(Team, 1)\n"
        "def admin(user=Depends(user), session: Session = Depends(get_db)):\n    return session.query(Team).count()\n"
        "@app.get('/')\ndef home(one=Depends(user), two=Depends(admin)):\n    return 1\n"
    )
    materialise({"models.py": MODELS, "routes.py": text}, tmp_path)
    entry = routes(cost(".", "--format", "json", cwd=tmp_path).stdout)["GET /"]
    assert entry["formula"] == "2", "user() runs once, though two want it"
