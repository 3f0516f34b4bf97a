"""Code of which every context would take hours to follow, an interpreter, ends soon; what it runs is still found."""

from __future__ import annotations

import json
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from nplus1_lint.infer import limits
from nplus1_lint.infer.solve import Engine
from nplus1_lint.rules.example_models import SOURCE
from tests.command import invoke

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.infer.effects import Key
    from nplus1_lint.link.hierarchy import Function

KINDS = 12
STEPS = 12

HEAD = """\
from models import Hero, Team
from sqlalchemy.orm import Session


def before(session: Session, ids):
    return [session.query(Hero).filter(Hero.id == i).one() for i in ids]


"""


def interpreter() -> str:
    """Functions that all call one another, with every order of arguments of many classes."""
    classes = "".join(f"class Kind{n}:\n    pass\n\n\n" for n in range(KINDS))
    orders = ["".join(order) for order in permutations("abc")]
    steps = "".join(
        f"def step{n}(session: Session, a, b, c):\n"
        f"    session.query(Team).first()\n"
        + "".join(f"    step{(n * 5 + k) % STEPS}(session, {', '.join(o)})\n" for k, o in enumerate(orders, 1))
        + "".join(f"    step{(n + k) % STEPS}(session, Kind{(n + k) % KINDS}(), a, b)\n" for k in range(1, 4))
        + "\n\n"
        for n in range(STEPS)
    )
    run = "def run(session: Session):\n    return step0(session, Kind0(), Kind1(), Kind2())\n\n\n"
    after = "def after(session: Session):\n    return [len(team.heroes) for team in session.query(Team).all()]\n"
    return classes + HEAD + steps + run + after


@pytest.mark.parametrize(("recursion", "in_all", "runs"), [(None, None, 1000), (100_000, 300, 1000)])
def test_contexts_are_few_where_everything_calls_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recursion: int | None, in_all: int | None, runs: int
) -> None:
    """By either bound: on the contexts of one recursion, and on all of them."""
    if recursion is not None:
        monkeypatch.setattr(limits, "MAX_RECURSION", recursion)
        monkeypatch.setattr(limits, "_contexts_in_all", lambda project: in_all)
    (tmp_path / "pyproject.toml").write_text("[tool.nplus1-lint]\n")
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(interpreter())
    monkeypatch.chdir(tmp_path)
    followed: list[str] = []
    follow = Engine._follow

    def counted(self: Engine, definition: Function, key: Key, depth: int) -> Any:
        followed.append(definition.id)
        return follow(self, definition, key, depth)

    monkeypatch.setattr(Engine, "_follow", counted)
    result = invoke("check", ".", "--format", "json")
    assert result.exit_code == 1, result.stderr
    found = {(one["function"], one["code"]) for one in json.loads(result.stdout)["findings"]}
    assert {("before", "NP102"), ("after", "NP104")} <= found, found
    assert len(followed) < runs, "9,102 without bounds"
