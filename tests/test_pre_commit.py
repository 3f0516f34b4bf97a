"""The hooks, run by pre-commit itself in a repository of their own, with this tree as the hooks' repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
HOOKS = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "nplus1_lint")

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
QUERIES = """\
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Hero


def size(session: Session, team_id: int) -> int:
    return session.scalar(select(func.count()).select_from(Hero).where(Hero.team_id == team_id))


def sizes(session: Session, team_ids: list[int]) -> dict[int, int]:
    statement = select(Hero.team_id, func.count()).where(Hero.team_id.in_(team_ids)).group_by(Hero.team_id)
    return dict(session.execute(statement).all())
"""
BAD = """\
from sqlalchemy.orm import Session

from app.models import Team
from app.queries import size


def overview(session: Session) -> dict[int, int]:
    return {team.id: size(session, team.id) for team in session.query(Team)}
"""
GOOD = """\
from sqlalchemy.orm import Session

from app.models import Team
from app.queries import sizes


def overview(session: Session) -> dict[int, int]:
    teams = session.query(Team).all()
    counts = sizes(session, [team.id for team in teams])
    return {team.id: counts.get(team.id, 0) for team in teams}
"""


class Repository(NamedTuple):
    """A git repository of its own, untouched by the configuration of whoever runs the tests."""

    folder: Path
    environment: dict[str, str]

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        """Write a file and stage it."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.git("add", name)

    def pre_commit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pre_commit", "run", "--color=never", "--verbose", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):  # pre-commit could not install the hooks
            if not index_answers():
                pytest.skip("the package index cannot be reached")
            pytest.fail(done.stdout + done.stderr)
        return done


def index_answers() -> bool:
    """True if pip gets any package at all, which tells an index out of reach from hooks that cannot be installed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--dest", folder, "click"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """This tree as a repository of hooks; pre-commit installs it once for all tests."""
    if shutil.which("git") is None or find_spec("pre_commit") is None:
        pytest.skip("needs git and pre-commit")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    environment |= {
        "PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("home")),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
    }
    made = Repository(tmp_path_factory.mktemp("hooks"), environment)
    for name in HOOKS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, made.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, made.folder)
    made.git("init", "--quiet")
    made.git("add", ".")
    made.git("commit", "--quiet", "--message", "hooks")
    return made


@pytest.fixture
def repository(tmp_path: Path, hooks: Repository) -> Repository:
    made = Repository(tmp_path, hooks.environment)
    made.git("init", "--quiet")
    made.write(
        ".pre-commit-config.yaml",
        f"repos:\n- repo: {hooks.folder}\n  rev: {hooks.git('rev-parse', 'HEAD')}\n"
        "  hooks:\n  - id: nplus1-lint\n  - id: nplus1-lint-full\n",
    )
    made.write("app/__init__.py", "")
    made.write("app/models.py", MODELS)
    made.write("app/queries.py", QUERIES)
    made.git("commit", "--quiet", "--message", "models and queries")
    return made


def test_a_commit_fails_until_the_loop_is_mended(repository: Repository) -> None:
    repository.write("app/views.py", BAD)
    repository.write("tests/test_views.py", BAD)  # passed by name, and excluded all the same
    for hook in ("nplus1-lint", "nplus1-lint-full"):
        failing = repository.pre_commit(hook)
        assert failing.returncode == 1, failing.stdout
        assert "app/views.py:8:" in failing.stdout
        assert "NP105 query-in-callee" in failing.stdout
        assert "1 finding (" in failing.stdout
    repository.write("app/models.py", MODELS + "\n")
    repository.write("app/views.py", GOOD)
    passing = repository.pre_commit()
    assert passing.returncode == 0, passing.stdout
    assert passing.stdout.count("Passed") == 2
    assert "No N+1 queries found in 2 files" in passing.stdout  # the staged ones of the package
    assert "No N+1 queries found in 4 files" in passing.stdout


def test_a_file_that_nobody_changed_is_left_to_the_hook_for_the_whole_project(repository: Repository) -> None:
    repository.write("app/views.py", BAD)
    repository.git("commit", "--quiet", "--message", "views")
    repository.write("app/models.py", MODELS + "\n")
    assert repository.pre_commit("nplus1-lint").returncode == 0
    full = repository.pre_commit("nplus1-lint-full")
    assert full.returncode == 1
    assert "app/views.py:8:" in full.stdout
