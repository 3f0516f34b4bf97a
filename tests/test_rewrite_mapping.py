"""``lazy=`` on a mapping is changed together with the queries that need the rows, in their own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.findings import Applicability
from tests.executed import LARGE, materialise, run, shared_models
from tests.rewriting import applied, findings, plain

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

READER = """\
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def sizes(session: Session):
    stmt = select(Team).order_by(Team.id)
    return [len([hero.name for hero in team.heroes]) for team in session.scalars(stmt).all()]
"""
OTHER = """\
from sqlalchemy.orm import Session

from models import Team


def slugs(session: Session):
    return [team.slug for team in session.query(Team).order_by(Team.id)]
"""
APP = """\
from sqlalchemy.orm import Session

from other import slugs
from reader import sizes


def run(session: Session):
    names = slugs(session)
    session.expunge_all()
    return names, sizes(session)
"""


def test_the_mapping_becomes_lazy_and_its_reader_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = shared_models().replace(
        'relationship(back_populates="team")', 'relationship(back_populates="team", lazy="selectin")'
    )
    files = {"app.py": APP, "reader.py": READER, "other.py": OTHER, "models.py": models}
    found = findings(materialise(files, tmp_path / "before"), "NP201", monkeypatch)
    (finding,) = [one for one in found if one.also_in == ("other.py",)]
    assert finding.suggestion is not None
    assert finding.suggestion.applicability is Applicability.UNSAFE
    after = applied(files, finding)
    assert 'lazy="select"' in after["models.py"]
    assert "stmt = select(Team).options(selectinload(Team.heroes)).order_by(Team.id)" in after["reader.py"]
    assert after["other.py"] == OTHER
    assert findings(materialise(after, tmp_path / "after"), "NP", monkeypatch) == ()
    before, now = run(tmp_path / "before", files, LARGE), run(tmp_path / "after", after, LARGE)
    assert plain(now.outcome) == plain(before.outcome)
    assert len(now.statements) == len(before.statements) - 1
