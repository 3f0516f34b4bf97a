"""A fault of the linter costs what stands at one place: it is told of, and all the rest is still found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nplus1_lint.flag import batch
from nplus1_lint.infer.solve import Engine
from nplus1_lint.rules.example_models import SOURCE
from nplus1_lint.rules.get_in_loop import GetInLoop
from tests.command import invoke

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.link.hierarchy import Function

pytestmark = pytest.mark.faulty

APP = """\
from models import Hero, Team
from sqlalchemy.orm import Session


def odd(session: Session, ids):
    return [session.query(Hero).filter(Hero.id == i).one() for i in ids]


def even(session: Session):
    return [len(team.heroes) for team in session.query(Team).all()]


def other(session: Session, ids):
    return [session.query(Team).filter(Team.id == i).one() for i in ids], odd(session, ids)
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.nplus1-lint]\n")
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(code: int) -> tuple[dict[str, set[str]], list[dict[str, Any]]]:
    """The codes of the findings of each function, and the errors."""
    result = invoke("check", ".", "--format", "json")
    assert result.exit_code == code, result.stderr
    found = json.loads(result.stdout)
    codes: dict[str, set[str]] = {}
    for one in found["findings"]:
        codes.setdefault(one["function"], set()).add(one["code"])
    return codes, found["errors"]


def test_a_function_that_cannot_be_followed(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow = Engine._follow

    def broken(engine: Engine, definition: Function, *rest: Any) -> Any:
        if definition.facts.name == "odd":
            raise LookupError("lost")
        return follow(engine, definition, *rest)

    whole = check(1)[0]
    (app / "app.py").write_text(
        APP.replace("    return [session.query(Hero)", "    ids = ids or []\n    return [session.query(Hero)")
    )
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "_follow", broken)
        for _ in range(2):
            codes, (error,) = check(2)
            assert codes == {name: some for name, some in whole.items() if name != "odd"}
            assert (error["path"], error["line"]) == ("app.py", 5)
            assert error["message"] == (
                "nplus1-lint failed at following odd(), which is a bug in it, not in your code: LookupError('lost'); "
                "please report it with what --verbose adds"
            )
        assert "in broken\n    raise LookupError" in invoke("check", ".", "--verbose").stderr
    assert check(1) == (whole, []), "nothing of the broken runs is kept"


def test_a_rule_that_fails(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = check(1)[0]
    assert whole == {"odd": {"NP102"}, "even": {"NP104"}, "other": {"NP102"}}
    (app / "app.py").write_text(f"{APP}\n\ndef more(session: Session):\n    return session.query(Hero).all()\n")

    def broken(rule: GetInLoop, analysis: object) -> Any:
        raise LookupError("lost")

    with monkeypatch.context() as patch:
        patch.setattr(GetInLoop, "suspects", broken)
        codes, (error,) = check(2)
        assert codes == {"even": {"NP104"}}
        assert (error["path"], error["message"][:40]) == (".", "nplus1-lint failed at applying NP102, wh")
    assert check(1) == (whole, [])


@pytest.mark.usefixtures("app")
def test_a_rewrite_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise LookupError("lost")

    with monkeypatch.context() as patch:
        patch.setattr(batch, "rewrite", broken)
        codes, errors = check(2)
    assert {error["message"][:39] for error in errors} == {"nplus1-lint failed at rewriting NP102, "}
    assert [error["line"] for error in errors] == [6, 14]
    assert check(1) == (codes, [])
