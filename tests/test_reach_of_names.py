"""Names that only an enclosing function knows, and relationships whose read is no query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nplus1_lint
from nplus1_lint.rules.example_models import SOURCE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LOCAL_IMPORTS = """\
def create_app():
    from flask import Flask
    from sqlalchemy.orm import Session

    from models import Hero, Team

    app = Flask(__name__)

    @app.route("/")
    def sizes(session: Session):
        return {t.slug: session.query(Hero).filter(Hero.team_id == t.id).count() for t in session.query(Team)}

    return app
"""

RAISING = """\
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    return [team.heroes for team in session.scalars(select(Team))]
"""


def scan(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, models: str = SOURCE) -> list[tuple[str, int]]:
    (folder / "models.py").write_text(models)
    (folder / "app.py").write_text(program)
    monkeypatch.chdir(folder)
    return [(finding.code, finding.span.line) for finding in nplus1_lint.check(["."]).findings]


def test_a_closure_that_nothing_calls_knows_what_it_captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scan(tmp_path, monkeypatch, LOCAL_IMPORTS) == [("NP101", 11)]


def test_reading_a_relationship_that_raises_is_no_lazy_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scan(tmp_path, monkeypatch, RAISING) == [("NP104", 8)]
    raising = SOURCE.replace('relationship(back_populates="team")', 'relationship(back_populates="team", lazy="raise")')
    assert raising != SOURCE
    assert scan(tmp_path, monkeypatch, RAISING, raising) == []
