"""What the README shows is what the tool does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from nplus1_lint.config import DEFAULT_EXCLUDE, Config
from nplus1_lint.findings import Severity
from nplus1_lint.rules import RULES

ROOT = Path(__file__).parent.parent
README = ROOT.joinpath("README.md").read_text(encoding="utf-8")
ELLIPSIS = "…"


def blocks() -> list[str]:
    """The contents of all fenced blocks."""
    return re.findall(r"^```\w*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    table = README.split(f"\n## {heading}\n")[1].split("\n|---")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


def printed_by(block: str, returncode: int) -> tuple[str, list[str], str]:
    """The command in a block, the lines quoted below it, and what it prints."""
    first, *quoted = block.splitlines()
    command = [sys.executable, "-m", "nplus1_lint", *first.split()[2:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == returncode, done.stderr
    return first, quoted, done.stdout


def test_the_quoted_output_is_real() -> None:
    assert blocks()[0].startswith("$ nplus1-lint check ")
    first, quoted, printed = printed_by(blocks()[0], 1)
    for part in "\n".join(quoted).split(f"{ELLIPSIS}\n"):
        assert part.rstrip() in printed, f"README.md quotes what {first!r} does not print (any more):\n{part}"
    assert quoted[-1] == printed.splitlines()[-1]


def test_the_quoted_traces_are_real() -> None:
    traces = [block for block in blocks() if block.startswith("$ nplus1-lint trace ")]
    assert len(traces) == 2
    for block in traces:
        _, quoted, printed = printed_by(block, 0)
        assert quoted == printed.splitlines()


def test_the_quoted_matrix_is_real() -> None:
    (block,) = [block for block in blocks() if block.startswith("$ nplus1-lint loads ")]
    first, quoted, printed = printed_by(block, 0)
    rest = printed
    for part in "\n".join([*quoted, ""]).split(f"{ELLIPSIS}\n"):
        _, found, rest = rest.partition(part)
        assert found, f"README.md quotes what {first!r} does not print (any more):\n{part}"
    assert (printed.startswith(quoted[0]), rest) == (True, "")


def test_the_quoted_diff_is_real() -> None:
    (block,) = [block for block in blocks() if " --diff " in block]
    first, quoted, printed = printed_by(block, 1)
    for part in "\n".join([*quoted, ""]).split(f"{ELLIPSIS}\n"):
        assert part in printed, f"README.md quotes what {first!r} does not print (any more):\n{part}"


def test_the_quoted_costs_are_real() -> None:
    (block,) = [block for block in blocks() if block.startswith("$ nplus1-lint cost ")]
    first, quoted, printed = printed_by(block, 0)
    head, tail = "\n".join([*quoted, ""]).split(f"{ELLIPSIS}\n")
    assert printed.startswith(head), f"README.md quotes what {first!r} does not print (any more):\n{head}"
    assert printed.endswith(f"\n{tail}")


def test_the_quoted_analysis_is_real() -> None:
    (block,) = [block for block in blocks() if block.startswith("$ nplus1-lint report ")]
    first, quoted, printed = printed_by(block, 0)
    for line in quoted:
        assert line == ELLIPSIS or line in printed.splitlines(), f"README.md: {first!r} does not print: {line}"


def test_the_rules_are_all_listed() -> None:
    assert rows("Rules") == [[rule.code, rule.name, str(rule.severity), rule.summary] for rule in RULES]


def test_the_configuration_is_complete_and_its_defaults_are_right() -> None:
    shown = {key: default for key, default, _ in rows("Configuration")}
    config = Config()
    assert list(shown) == [field.name.replace("_", "-") for field in fields(Config)]
    assert shown.pop("exclude") == "tests, migrations, generated code"
    assert config.exclude == DEFAULT_EXCLUDE
    for key, default in shown.items():
        assert default == f"`{as_toml(getattr(config, key.replace('-', '_')))}`", key


def as_toml(value: object) -> str:
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return json.dumps(str(value) if isinstance(value, Severity) else value)


def test_the_two_commands_stand_alone() -> None:
    commands = [block.strip() for block in blocks() if block.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert "nplus1-lint check fixtures/" in commands[0]
    assert "-m pytest" in commands[1]
    for command in commands:
        assert "\n" not in command
