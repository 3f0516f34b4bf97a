"""What the mapping loads for rows that other queries read: the identity map makes them the same objects."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.findings import Confidence
from nplus1_lint.rules import example_models

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.findings import Finding

LAZY = 'heroes: Mapped[list["Hero"]] = relationship(back_populates="team")'
EAGER = example_models.SOURCE.replace(LAZY, LAZY.replace(")", ', lazy="selectin")'))
IMPORTS = "from sqlalchemy import select\nfrom models import Hero, Team\n"


def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> list[Finding]:
    """The NP201 findings of a program, those of low confidence too."""
    (tmp_path / "models.py").write_text(EAGER, encoding="utf-8")
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(IMPORTS + dedent(text), encoding="utf-8")
    settings = '[tool.nplus1-lint]\nselect = ["NP201"]\nshow-low = true\n'
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return list(nplus1_lint.check(["."]).findings)


@pytest.mark.parametrize(
    ("what", "confidence"), [("[hero.name for hero in team.heroes]", Confidence.LOW), ("team.slug", Confidence.HIGH)]
)
def test_rows_that_a_loop_holds_may_be_read_by_a_query_in_it(
    what: str, confidence: Confidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = found(
        tmp_path,
        monkeypatch,
        app="""
        from names import names_of

        def run(session):
            teams = session.scalars(select(Team)).all()
            return [names_of(session, team.id) for team in teams]
        """,
        names=f"""
        def names_of(session, key):
            team = session.scalars(select(Team).where(Team.id == key)).one()
            return {what}
        """,
    )[0]
    assert (one.also_in, one.confidence) == (("app.py",), confidence)


@pytest.mark.parametrize(
    ("statement", "confidence"),
    [
        ("session.scalars(select(Team)).all()", Confidence.LOW),
        ("print([team.slug for team in session.scalars(select(Team))])", Confidence.HIGH),
    ],
)
def test_rows_fetched_for_no_name_are_there_for_who_meets_them(
    statement: str, confidence: Confidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = found(
        tmp_path,
        monkeypatch,
        app=f"""
        def run(session):
            {statement}
        """,
    )
    assert one.confidence == confidence
