"""CONTRIBUTING.md's steps for adding a rule, followed to the letter in a copy of the repository."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUIDE = ROOT.joinpath("CONTRIBUTING.md").read_text(encoding="utf-8")
COPIED = ("pyproject.toml", "README.md", "nplus1_lint", "tests")


def steps() -> list[str]:
    """The numbered steps, without their indentation."""
    section = GUIDE.split("\n## Adding a rule\n")[1]
    return [textwrap.dedent("   " + step) for step in re.split(r"^\d\. ", section, flags=re.MULTILINE)[1:]]


def blocks(step: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```$", step, re.MULTILINE | re.DOTALL)


def insert(file: Path, new: str, pattern: str) -> None:
    """Insert a line after the last one that matches."""
    text = file.read_text(encoding="utf-8")
    end = list(re.finditer(pattern, text, re.MULTILINE))[-1].end()
    file.write_text(text[:end] + "\n" + new.rstrip("\n") + text[end:], encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository after the steps."""
    folder = tmp_path_factory.mktemp("repository")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    write, name, row, _ = steps()
    (path,) = re.findall(r"^`(nplus1_lint/rules/\w+\.py)`:$", write, re.MULTILINE)
    (code,) = blocks(write)
    (folder / path).write_text(code, encoding="utf-8")
    (path,) = re.findall(r"`(nplus1_lint/rules/__init__\.py)`", name)
    (listed,) = blocks(name)
    insert(folder / path, listed, r'^    "NP\d+": "[\w-]+",$')
    (line,) = blocks(row)
    insert(folder / "README.md", line, r"^\| NP\d+ \|.*$")
    return folder


def run(folder: Path, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rule_is_listed_and_explained(copy: Path) -> None:
    assert "\nNP190  text-in-loop " in run(copy, "-m", "nplus1_lint", "rules")
    assert "One statement with ``IN``" in run(copy, "-m", "nplus1_lint", "explain", "NP190")


def test_its_examples_pass_and_nothing_else_needs_to_be_told(copy: Path) -> None:
    tests = ("tests/test_examples.py", "tests/test_contracts.py::test_the_contracts_are_kept")
    output = run(copy, "-m", "pytest", *tests, "-k", "NP190 or contracts")
    assert "8 passed" in output  # three for each of two examples, one for the rule, one for the contracts
    run(copy, "-m", "pytest", "tests/test_readme.py", "-k", "rules")


def test_the_file_is_as_clean_as_the_others(copy: Path) -> None:
    run(copy, "-m", "ruff", "check", "--no-cache", "nplus1_lint/rules/text_in_loop.py")
    run(copy, "-m", "ruff", "format", "--no-cache", "--check", "nplus1_lint/rules/text_in_loop.py")


def test_the_folders_are_all_described() -> None:
    table = GUIDE.split("\n| where |")[1].split("\n\n")[0]
    described = set(re.findall(r"`(\w+)[/.]", table))
    present = {path.stem for path in (ROOT / "nplus1_lint").iterdir() if path.name != "__pycache__"}
    assert present - described == {"__init__", "__main__", "py", "version"}
