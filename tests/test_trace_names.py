"""Which function a name means to ``trace``, and what it says where a name means none or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.test_trace import run

if TYPE_CHECKING:
    from pathlib import Path

NAMED = {
    "app/__init__.py": "",
    "app/tags.py": """\
class Tags:
    def list(self):
        def inner():
            return 1

        return inner()

    @property
    @staticmethod
    def kind():
        return 2


def one():
    return 1
""",
    "app/other.py": "class Notes:\n    def list(self):\n        return 2\n\n\ndef list():\n    return 3\n",
    "lib/tags.py": "class Tags:\n    def list(self):\n        return 3\n",
    "broken.py": "def f(:\n",
}


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    for name, text in NAMED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("one", "one() at app/tags.py:14"),
        ("Notes.list", "Notes.list() at app/other.py:2"),
        ("list", "list() at app/other.py:6"),
        ("app.tags:Tags.list", "Tags.list() at app/tags.py:2"),
        ("app.tags.Tags.list", "Tags.list() at app/tags.py:2"),
        ("app/tags.py:Tags.list", "Tags.list() at app/tags.py:2"),
        ("./lib/tags.py:list", "Tags.list() at lib/tags.py:2"),
        ("other:Notes.list", "Notes.list() at app/other.py:2"),
        ("inner", "Tags.list.inner() at app/tags.py:3"),
        ("app/tags.py:4", "Tags.list.inner() at app/tags.py:3"),
        ("app/tags.py:6", "Tags.list() at app/tags.py:2"),
        ("app/tags.py:8", "Tags.kind() at app/tags.py:10"),
        ("app.tags:15", "one() at app/tags.py:14"),
    ],
)
def test_a_name_means_one_function(named: Path, name: str, head: str) -> None:
    result = run(name)
    assert result.stdout.splitlines()[0] == head
    assert result.exit_code == 0
    assert result.stderr == "error: broken.py:1: cannot be parsed: invalid syntax\n"


def test_paths_are_named_from_the_working_directory(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(named / "app")
    assert run("tags.py:Tags.list", "..").stdout.startswith("Tags.list() at tags.py:2\n")
    assert run(str(named / "lib" / "tags.py") + ":2", "..").stdout.startswith("Tags.list() at ../lib/tags.py:2\n")
    assert run("one").stdout.startswith("one() at tags.py:14\n")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["Tags.list"], ["means 2 functions", "\n  app/tags.py:Tags.list\n  lib/tags.py:Tags.list\n"]),
        (["tags:2"], ["means 2 files", "\n  app/tags.py:2\n  lib/tags.py:2\n"]),
        (["ones"], ["there is no function 'ones'", "did you mean", "\n  app/tags.py:one\n"]),
        (["zzz"], ["there is no function 'zzz'", "is it under PATHS? (1 file could not be read or parsed)"]),
        (["Notes"], ["'Notes' is a class", "app/other.py:Notes.list"]),
        (["app/tags.py:13"], ["line 13 of app/tags.py stands in no function"]),
        (["app/tag.py:13"], ["no file or module 'app/tag.py'", "did you mean app/tags.py"]),
        (["one", "lib"], ["there is no function 'one'", "is it under PATHS?"]),
        (["broken.py:1"], ["nothing is known of broken.py: line 1 cannot be parsed"]),
        (["one", "--config", "nowhere.toml"], ["nowhere.toml", "cannot be read"]),
        ([], ["FUNCTION"]),
    ],
)
def test_wrong_usage_is_a_sentence_and_exit_code_2(named: Path, arguments: list[str], parts: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.stderr
