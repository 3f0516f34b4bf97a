"""The benchmarks: what they generate, and what they make of figures."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nplus1_lint
from benchmarks.__main__ import Tree, measured, table
from benchmarks.generated import middle, write_project
from benchmarks.measure import Cost, middling, run
from nplus1_lint import check


def test_a_generated_project_has_as_many_modules_as_asked_for_and_the_same_each_time(tmp_path: Path) -> None:
    contents = []
    for name in "ab":
        (tmp_path / name).mkdir()
        write_project(tmp_path / name, 200)
        files = sorted((tmp_path / name).rglob("*.py"))
        contents.append({str(file.relative_to(tmp_path / name)): file.read_bytes() for file in files})
    assert contents[0] == contents[1]
    assert abs(len(contents[0]) - 200) <= 5
    assert middle(200) in contents[0]


def test_every_tenth_part_queries_in_a_loop_and_every_fifth_loads_for_nothing(tmp_path: Path) -> None:
    write_project(tmp_path, 200)
    found = sorted((finding.code, Path(finding.path).parent.name) for finding in check([tmp_path]).findings)
    assert found == [
        *(("NP105", f"part_{n}") for n in (0, 10)),
        *(("NP201", f"part_{n}") for n in (0, 10, 15, 5)),
    ]


def test_a_command_is_measured_over_its_processes(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(3_000_000))']); sys.exit(1)"
    cost = run((sys.executable, "-c", code), tmp_path)
    assert cost.cpu > 0
    assert cost.wall > 0
    assert middling([Cost(1, 5, 7), Cost(3, 6, 9), Cost(2, 1, 8)]) == Cost(2, 5, 9)


def test_what_is_measured_is_what_is_installed(tmp_path: Path) -> None:
    version, kind, place = re.fullmatch(r"(\S+) \((compiled|pure Python), (.+)\)", measured(tmp_path)).groups()  # type: ignore[union-attr]
    assert version == nplus1_lint.__version__
    assert kind == ("pure Python" if place.endswith(".py") else "compiled")
    assert Path(place).stem.partition(".")[0] == "solve"


def test_the_table_shows_ratios_to_what_ran_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    costs = {"import click": Cost(0.1, 0.1, 9), "ast.parse": Cost(1, 1, 9), "ruff": Cost(0.5, 0.4, 9)}
    lines = table(
        Tree("small", tmp_path, ".", tmp_path / "a.py"), {**costs, "nplus1-lint": Cost(2, 3, 50)}
    ).splitlines()
    assert "### small: 1 file" in lines[1]
    assert lines[-1] == "| nplus1-lint | 2.00 | 3.00 | 50 | 3.0 | 4.0 | 20.0 |"
