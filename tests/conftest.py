"""Hypothesis' profiles: ``--hypothesis-profile thorough`` draws as many programs as a release is tried with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from nplus1_lint.cache.store import FOLDER
from nplus1_lint.failures import Failures

FIXTURE = Path(__file__).parents[1] / "fixtures" / "skillmeat_mini"

settings.register_profile("thorough", max_examples=2000)


@pytest.fixture(autouse=True)
def _faults_are_raised(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a scan would only tell of fails a test, unless that is marked as being about it."""

    def raised(_: Failures, path: str, line: int, what: str, error: Exception) -> None:
        raise AssertionError(f"{path}:{line}: {what}") from error

    if request.node.get_closest_marker("faulty") is None:
        monkeypatch.setattr(Failures, "note", raised)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the fixture application, in which the test runs."""
    folder = tmp_path / "project"
    shutil.copytree(FIXTURE, folder, ignore=shutil.ignore_patterns(FOLDER, "__pycache__"))
    (folder / "pyproject.toml").write_text("[tool.nplus1-lint]\n")
    monkeypatch.chdir(folder)
    return folder
