"""What .ci/run relies on: the README's commands as it finds them, lower bounds that can be pinned, nox's sessions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.availability import NEWEST_SQLALCHEMY

ROOT = Path(__file__).parent.parent


def test_it_finds_the_commands_of_the_readme() -> None:
    script = ROOT.joinpath(".ci/run").read_text(encoding="utf-8")
    readme = ROOT.joinpath("README.md").read_text(encoding="utf-8")
    patterns = re.findall(r"=\$\(grep -m 1 '(.+)' README\.md\)", script)
    assert len(patterns) == 2
    for pattern in patterns:
        assert len(re.findall(f"{pattern}.*$", readme, re.MULTILINE)) == 1


def test_the_lower_bounds_are_versions() -> None:
    script = str(ROOT / ".ci" / "lower_bounds.py")
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    assert "click==8.1.7" in printed.splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in printed.splitlines())


def test_what_it_runs_with_the_compiled_wheel_exists() -> None:
    script = ROOT.joinpath(".ci/run").read_text(encoding="utf-8")
    listed = re.search(r"^inferring=\((.+?)\)$", script, re.MULTILINE | re.DOTALL)
    assert listed is not None
    named = listed[1].split()
    assert len(named) > 5
    assert [name for name in named if not (ROOT / "tests" / name).is_file()] == []


def test_what_is_to_be_compiled_exists() -> None:
    text = ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8")
    hook = text.partition("[tool.hatch.build.targets.wheel.hooks.mypyc]")[2].partition("mypy-args")[0]
    named = re.findall(r'"(nplus1_lint/[^"]+)"', hook)
    assert "nplus1_lint/infer" in named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_it_says_why_nothing_can_be_compiled(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / ".ci" / "compiled.py"), "missing"]
    environment = {**os.environ, "CC": "no-such-compiler -pipe"}
    printed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed == "there is no C compiler no-such-compiler here\n"


def test_nox_has_a_session_for_each_sqlalchemy_and_each_command() -> None:
    command = [sys.executable, "-m", "nox", "--list", "--no-color"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    sessions = re.findall(r"^\* (\S+)", listed, re.MULTILINE)
    newest = ".".join(map(str, NEWEST_SQLALCHEMY))
    assert sessions == ["examples(1.4)", "examples(2.0)", f"examples({newest})", "programs"]
    for page in (".ci/run", "CONTRIBUTING.md", "noxfile.py"):
        named = re.findall(r"nox (?:--no-color )?-s '([^']+)'", ROOT.joinpath(page).read_text(encoding="utf-8"))
        assert named
        assert set(named) <= set(sessions)
