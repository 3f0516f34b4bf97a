"""What .ci/run relies on: the README's commands as it looks for them, and lower bounds that can be pinned."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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
