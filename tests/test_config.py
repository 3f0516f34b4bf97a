"""Finding and reading ``[tool.nplus1-lint]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nplus1_lint.config import Config, ConfigError, Settings, check_selectors, load, selected_codes
from nplus1_lint.findings import Severity

if TYPE_CHECKING:
    from pathlib import Path

CODES = ("NP101", "NP102", "NP201", "NP902")


def read(folder: Path, text: str) -> Settings:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return load([str(folder)], cwd=str(folder), codes=CODES)


def test_every_key_is_read(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        [tool.nplus1-lint]
        select = ["NP1"]
        ignore = ["NP102"]
        exclude = ["old/"]
        extend-exclude = ["vendored/"]
        force-exclude = true
        show-low = true
        min-severity = "warning"
        jobs = 2
        """,
    )
    assert settings.config == Config(
        select=("NP1",),
        ignore=("NP102",),
        exclude=("old/",),
        extend_exclude=("vendored/",),
        force_exclude=True,
        show_low=True,
        min_severity=Severity.WARNING,
        jobs=2,
    )
    assert settings.workspace.root == str(tmp_path)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ('selct = ["NP1"]', ["selct", "unknown key", "did you mean select?"]),
        ("zebra = 1", ["zebra", "unknown key", "the keys are select, ignore"]),
        ('select = "NP1"', ["select", "list of strings", "'NP1'"]),
        ("ignore = [1]", ["ignore", "list of strings"]),
        ('select = ["NP109"]', ["select", "unknown rule code 'NP109'", "did you mean NP10"]),
        ('ignore = ["E501"]', ["ignore", "unknown rule code 'E501'", "the codes are NP101"]),
        ('ignore = ["NP902"]', ["ignore", "NP902 cannot be ignored"]),
        ('show-low = "yes"', ["show-low", "true or false"]),
        ("jobs = true", ["jobs", "whole number"]),
        ("jobs = -1", ["jobs", "whole number"]),
        ('min-severity = "fatal"', ["min-severity", "info, warning, error", "'fatal'"]),
    ],
)
def test_a_mistake_names_file_key_and_mend(tmp_path: Path, line: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[tool.nplus1-lint]\n{line}\n")
    for part in [str(tmp_path / "pyproject.toml"), "[tool.nplus1-lint]", *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[tool.nplus1-lint\n", "not valid TOML"),
        (b'name = "\xff"\n', "not valid TOML"),
        (b"[tool]\nnplus1-lint = 3\n", "must be a table"),
    ],
)
def test_a_broken_file_is_an_error(tmp_path: Path, content: bytes, part: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=part):
        load([str(tmp_path)], cwd=str(tmp_path), codes=CODES)


def test_the_nearest_table_upward_wins_over_files_without_one(tmp_path: Path) -> None:
    inner = tmp_path / "services" / "api"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\nname = 'api'\n")
    (tmp_path / "pyproject.toml").write_text("[tool.nplus1-lint]\njobs = 3\n")
    settings = load([str(inner)], cwd="/", codes=CODES)
    assert settings.config.jobs == 3
    assert settings.workspace.root == str(tmp_path)


def test_the_search_stops_at_the_repository(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.nplus1-lint]\njobs = 3\n")
    settings = load([str(repository)], cwd="/", codes=CODES)
    assert settings.config == Config()
    assert settings.workspace.root == str(repository)
    assert settings.workspace.pyproject is None


def test_without_any_mark_the_root_is_outside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "app" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    workspace = load(["inner/x.py"], cwd=str(package.parent), codes=CODES).workspace
    assert workspace.root == str(tmp_path)
    assert workspace.bases == (str(tmp_path),)


def test_unrelated_unmarked_paths_do_not_make_everything_between_them_context(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    workspace = load(["b", "a"], cwd=str(tmp_path), codes=CODES).workspace
    assert workspace == load(["a", "b"], cwd=str(tmp_path), codes=CODES).workspace
    assert workspace.root == str(tmp_path)
    assert workspace.bases == (str(tmp_path / "a"), str(tmp_path / "b"))


def test_an_explicit_file_replaces_the_search(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.nplus1-lint]\njobs = 3\n")
    (tmp_path / "other.toml").write_text("[tool.nplus1-lint]\njobs = 4\n")
    settings = load(["."], cwd=str(tmp_path), codes=CODES, config_file="other.toml")
    assert settings.config.jobs == 4
    assert settings.workspace.root == str(tmp_path)


@pytest.mark.parametrize(
    ("name", "part"), [("missing.toml", "cannot be read"), ("empty.toml", "no .tool.nplus1-lint. table")]
)
def test_an_explicit_file_must_configure_something(tmp_path: Path, name: str, part: str) -> None:
    (tmp_path / "empty.toml").touch()
    with pytest.raises(ConfigError, match=part):
        load(["."], cwd=str(tmp_path), codes=CODES, config_file=name)


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        (("NP",), (), {"NP101", "NP102", "NP201", "NP902"}),
        (("ALL",), ("NP1",), {"NP201", "NP902"}),
        (("NP1",), ("NP102",), {"NP101", "NP902"}),
        (("NP101",), ("NP1",), {"NP101", "NP902"}),
        (("NP101",), ("NP101",), {"NP902"}),
        (("NP2",), ("NP9",), {"NP201", "NP902"}),
        (("NP",), ("ALL",), {"NP101", "NP102", "NP201", "NP902"}),
        ((), (), {"NP902"}),
    ],
)
def test_the_longer_selector_wins(select: tuple[str, ...], ignore: tuple[str, ...], expected: set[str]) -> None:
    assert selected_codes(Config(select=select, ignore=ignore), CODES) == expected


@pytest.mark.parametrize("selector", ["", "N", "np101", "NP3", "NP1011"])
def test_a_selector_that_matches_nothing_is_refused(selector: str) -> None:
    with pytest.raises(ConfigError, match="--select"):
        check_selectors([selector], CODES, "--select")
