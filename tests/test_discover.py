"""Which files a run reads, and which of them it reports."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from nplus1_lint.config import Config, ConfigError, load
from nplus1_lint.discover import Discovery, SourceFile, discover

if TYPE_CHECKING:
    from pathlib import Path


def tree(root: Path, *files: str) -> None:
    for name in files:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def scan(root: Path, *paths: str, cwd: Path | None = None, **options: Any) -> Discovery:
    start = str(cwd or root)
    workspace = load(paths, cwd=start, codes=()).workspace
    return discover(paths, Config(**options), workspace, cwd=start)


def reported(found: Discovery) -> list[str]:
    return [file.path for file in found.files if file.reported]


def unreported(found: Discovery) -> list[str]:
    return [file.path for file in found.files if not file.reported]


def context(found: Discovery) -> list[str]:
    return [file.path for file in found.context]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_a_folder_is_reported_and_the_rest_of_the_project_is_context(project: Path) -> None:
    tree(project, "app/b.py", "app/a.py", "app/stub.pyi", "app/notes.txt", "lib/c.py")
    found = scan(project, "app")
    assert found.files == (
        SourceFile("app/a.py", str(project / "app/a.py"), True),
        SourceFile("app/b.py", str(project / "app/b.py"), True),
    )
    assert context(found) == ["lib/c.py"]
    assert found.errors == ()
    assert found.warnings == ()


def test_a_file_is_reported_and_the_whole_project_is_indexed(project: Path) -> None:
    tree(project, "app/a.py", "lib/c.py", "tests/test_a.py")
    found = scan(project, "app/a.py")
    assert reported(found) == ["app/a.py"]
    assert unreported(found) == ["lib/c.py"]
    assert context(found) == ["tests/test_a.py"]


def test_the_order_of_paths_and_the_working_directory_change_nothing(project: Path) -> None:
    tree(project, "app/a.py", "lib/c.py")
    one = scan(project, "app", "lib/c.py")
    assert one == scan(project, "lib/c.py", str(project / "app"), "app")
    assert one == scan(project, "../lib/c.py", ".", cwd=project / "app")


def test_tests_migrations_and_generated_code_are_read_but_not_reported(project: Path) -> None:
    hidden = [
        "app/ThingTest.py",
        "app/conftest.py",
        "app/thing_pb2.py",
        "app/thing_test.py",
        "backend/alembic/versions/1.py",
        "db/migration/alembic_migrations/versions/a/expand/2.py",
        "db/migration/versions/3.py",
        "db/migrations/1.py",
        "db/revisions/tenant/versions/2021-01-21_b8c1a8a4d957.py",
        "db/versions/newton/349b6fd605a6_add_names.py",
        "pkg/tests/helper.py",
        "test_app.py",
        "unit_tests/app.py",
    ]
    seen = ["alembic/env.py", "api/versions/__init__.py", "api/versions/added_2024.py", "app/contest.py", "app/main.py"]
    tree(project, *seen, *hidden)
    found = scan(project, ".")
    assert reported(found) == seen
    assert context(found) == hidden


def test_what_is_passed_by_name_is_reported_unless_exclusion_is_forced(project: Path) -> None:
    tree(project, "tests/test_a.py", "tests/unit/b.py", "app.py")
    assert reported(scan(project, "tests/test_a.py")) == ["tests/test_a.py"]
    assert reported(scan(project, "tests")) == ["tests/test_a.py", "tests/unit/b.py"]
    assert reported(scan(project, "tests/unit")) == ["tests/unit/b.py"]
    assert reported(scan(project, "tests", force_exclude=True)) == []
    assert reported(scan(project, "tests/test_a.py", "app.py", force_exclude=True)) == ["app.py"]


def test_exclusions_are_relative_to_the_root_and_can_be_extended(project: Path) -> None:
    tree(project, "app/a.py", "app/old/b.py", "old/c.py", "tests/d.py")
    assert reported(scan(project, ".", extend_exclude=("/old/",))) == ["app/a.py", "app/old/b.py"]
    assert reported(scan(project, ".", exclude=("old/", "!app/old/"))) == ["app/a.py", "app/old/b.py", "tests/d.py"]
    assert reported(scan(project, "b.py", cwd=project / "app/old", extend_exclude=("old/",))) == ["app/old/b.py"]


def test_an_invalid_pattern_is_a_configuration_error(project: Path) -> None:
    for pattern in ("!", "/", "a\\", "[z-a]"):
        with pytest.raises(ConfigError, match="exclude"):
            scan(project, ".", exclude=(pattern,))


def test_folders_without_source_are_never_walked_unless_passed(project: Path) -> None:
    tree(project, "app.py", "env/pyvenv.cfg", "env/lib/x.py", "site-packages/lib.py", "build/y.py", "a/.tox/z.py")
    assert reported(scan(project, ".")) == ["app.py"]
    assert reported(scan(project, "site-packages")) == ["site-packages/lib.py"]
    tree(project, "src/build/__init__.py", "src/build/x.py", "pkg/__init__.py", "pkg/dist/y.py", "src/dist/z.py")
    assert reported(scan(project, "src", "pkg")) == [
        "pkg/__init__.py", "pkg/dist/y.py", "src/build/__init__.py", "src/build/x.py",
    ]  # fmt: skip


def test_ignore_files_are_honoured_at_every_level(project: Path) -> None:
    tree(project, "a.py", "gen/b.py", "app/gen/c.py", "app/keep_x.py", "app/x.py", "lib/x.py", "lib/deep/x.py")
    (project / ".gitignore").write_text("/gen/\nx.py\nkeep_*.py\n!\n")
    (project / "app" / ".gitignore").write_text("!keep_*.py\n")
    (project / "lib" / ".gitignore").write_text("!/x.py\n")
    assert reported(scan(project, ".")) == ["a.py", "app/gen/c.py", "app/keep_x.py", "lib/x.py"]
    assert reported(scan(project, "app")) == ["app/gen/c.py", "app/keep_x.py"]
    assert reported(scan(project, "lib/deep")) == []


def test_what_is_ignored_is_no_context_but_can_be_passed(project: Path) -> None:
    tree(project, "a.py", "gen/b.py", "gen/c/d.py", "gen/e.py")
    (project / ".gitignore").write_text("gen/\n")
    (project / "gen" / ".gitignore").write_text("e.py\n")
    found = scan(project, "a.py")
    assert (reported(found), unreported(found), context(found)) == (["a.py"], [], [])
    assert reported(scan(project, "gen")) == ["gen/b.py", "gen/c/d.py"]
    assert reported(scan(project, "gen/b.py")) == ["gen/b.py"]


def test_the_repository_may_begin_above_the_project(tmp_path: Path) -> None:
    (tmp_path / ".git" / "info").mkdir(parents=True)
    (tmp_path / ".git" / "info" / "exclude").write_text("local.py\n")
    (tmp_path / ".gitignore").write_text("secret.py\n")
    tree(tmp_path, "api/app.py", "api/local.py", "api/secret.py", "web/x.py")
    (tmp_path / "api" / "pyproject.toml").write_text("[tool.nplus1-lint]\n")
    found = scan(tmp_path, "api")
    assert reported(found) == ["app.py"]
    assert context(found) == []


# Without named classes and negated backward ranges, which are not read as git reads them.
PATTERNS = """
a.py|*.py|!a.py|/b.py|b/|!b/|/a/*|!/a/b.py|a/b/|**/c/a.py|c/**|!*.py|c*|#a.py|*|!*/|**|**/a/**|!c|a/**/b.py|[ab].py
![!a].py|?.p[x-z]|b**|/*|!/a|!/b/|a.py  |\\a.py|[a|[z-a].py
[]a].py|a\\|a/**/|/**/b|[a-].py|/|//a|a//|!|a/**b.py
"""


@pytest.mark.skipif(shutil.which("git") is None, reason="compares with git itself")
@pytest.mark.parametrize("seed", range(12))
def test_ignoring_agrees_with_git(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    names = ["a", "b", "c"]
    lines = PATTERNS.strip().replace("\n", "|").split("|")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for depth in range(3):
        for _ in range(7):
            folder = tmp_path.joinpath(*chance.choices(names, k=depth))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{chance.choice(names)}.py").touch()
            if chance.random() < 0.3:
                (folder / ".gitignore").write_text("\n".join(chance.choices(lines, k=3)))
    command = ["git", "-C", str(tmp_path), "ls-files", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert reported(scan(tmp_path, ".", exclude=())) == sorted(name for name in listed if name.endswith(".py"))


def test_links_are_neither_endless_nor_counted_twice(project: Path) -> None:
    tree(project, "app/a.py", "elsewhere/real.py")
    (project / "app" / "loop").symlink_to(project / "app", target_is_directory=True)
    (project / "app" / "twin.py").symlink_to("a.py")
    (project / "app" / "linked.py").symlink_to("../elsewhere/real.py")
    (project / "app" / "broken.py").symlink_to("nowhere.py")
    assert reported(scan(project, ".")) == ["app/a.py", "elsewhere/real.py"]
    assert reported(scan(project, "app")) == ["app/a.py", "app/linked.py"]
    assert reported(scan(project, "app/twin.py")) == ["app/twin.py"]
    assert [error.path for error in scan(project, "app/broken.py").errors] == ["app/broken.py"]
    assert reported(scan(project, "app/loop")) == ["app/loop/a.py", "app/loop/linked.py"]


def test_a_missing_path_is_an_error_and_the_others_are_found(project: Path) -> None:
    tree(project, "a.py")
    found = scan(project, "a.py", "missing.py", "no/folder")
    assert reported(found) == ["a.py"]
    assert [(error.path, error.message) for error in found.errors] == [
        ("missing.py", "no such file or folder"),
        ("no/folder", "no such file or folder"),
    ]


def test_a_folder_without_python_files_is_said(project: Path) -> None:
    tree(project, "docs/readme.md", "a.py", "a.pyi")
    found = scan(project, "docs", "a.pyi")
    assert reported(found) == []
    assert found.errors == ()
    assert found.warnings == (
        "no Python files found under docs",
        "a.pyi is a stub file; there is no code in it to check",
    )


def test_an_unreadable_folder_is_an_error_when_it_was_passed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(project, "app/a.py", "app/locked/b.py", "lib/c.py")
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = scan(project, "app")
    assert reported(found) == ["app/a.py"]
    assert [(error.path, error.message) for error in found.errors] == [
        ("app/locked", "cannot be read: Permission denied")
    ]
    assert scan(project, "lib").errors == ()


def test_a_thousand_files_are_found_at_once(project: Path) -> None:
    tree(project, *(f"app/package_{i % 50}/module_{i}.py" for i in range(1000)))
    (project / ".gitignore").write_text("\n".join(f"*.x{i}\nfolder_{i}/" for i in range(40)))
    start = time.perf_counter()
    assert len(scan(project, ".").files) == 1000
    assert time.perf_counter() - start < 0.5  # about 0.03 s; wide, so that a loaded machine does not fail it
