"""The contracts between the packages, as import-linter checks them, and the proof that each of them can break."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def broken(output: str) -> list[str]:
    """The names of the contracts that the output calls broken."""
    return re.findall(r"^(.+) BROKEN\b", output, re.MULTILINE)


def test_the_contracts_are_kept() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "nplus1_lint", folder / "nplus1_lint", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


LAYERS = "the stages, each importing only those after it in this list"
CLICK = "click only in cli, cost_command, report_command and output"
RICH = "rich only in the text writers of report and in output"


@pytest.mark.parametrize(
    ("file", "statement", "contract"),
    [
        ("findings.py", "import nplus1_lint.config", LAYERS),
        ("report/concise.py", "import nplus1_lint.flag", LAYERS),
        ("utils.py", "", LAYERS),
        ("rules/get_in_loop.py", "import nplus1_lint.rules.query_in_loop", "rules know nothing of each other"),
        ("pipeline.py", "import click", CLICK),
        ("loads/costs.py", "import nplus1_lint.report", LAYERS),
        (
            "report/concise.py",
            "import rich.text",
            RICH,
        ),
        ("infer/calls.py", "import libcst.matchers", "libcst only in flag"),
        ("link/models.py", "from ast import parse", "ast and tokenize only where index reads syntax"),
        ("flag/source.py", "import tokenize", "ast and tokenize only where index reads syntax"),
        ("index/template_statements.py", "from jinja2 import nodes", "jinja2 only in index.templates"),
    ],
)
def test_a_contract_can_break(copy: Path, file: str, statement: str, contract: str) -> None:
    path = copy / "nplus1_lint" / file
    before = path.read_bytes() if path.exists() else None
    try:
        path.write_bytes((before or b"") + f"\n{statement}\n".encode())
        done = lint_imports(copy)
    finally:
        path.unlink() if before is None else path.write_bytes(before)
    assert done.returncode == 1, done.stderr
    assert broken(done.stdout) == [contract]
