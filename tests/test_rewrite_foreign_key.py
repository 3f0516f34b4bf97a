"""The key of the row behind a many-to-one, read off the row's own foreign key: the same values, one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from nplus1_lint.findings import Applicability
from tests.executed import LARGE, materialise, run, shared_models
from tests.rewriting import findings, prove_rewrites

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = (
    "from sqlalchemy import select\nfrom sqlalchemy.orm import Session, load_only\n\nfrom models import Hero, Team\n"
)

OWN_MODELS = """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import backref, relationship

try:
    from sqlalchemy.orm import declarative_base
except ImportError:
    from sqlalchemy.ext.declarative import declarative_base

Base = declarative_base()


class Team(Base):
    __tablename__ = "teams"
    id = Column("team_no", Integer, primary_key=True)
    slug = Column(String(50), unique=True)
    captain = relationship("Hero", uselist=False, foreign_keys="Hero.team_no", viewonly=True)


class Hero(Base):
    __tablename__ = "heroes"
    id = Column(Integer, primary_key=True)
    name = Column(String(50))
    team_no = Column(Integer, ForeignKey("teams.team_no"), nullable=False)
    slug = Column(String(50), ForeignKey("teams.slug"))
    mentor_id = Column(Integer, ForeignKey("heroes.id"))
    team = relationship("Team", foreign_keys=[team_no])
    named = relationship("Team", foreign_keys="Hero.slug")
    mentor = relationship("Hero", remote_side=[id], backref=backref("pupil", uselist=False))
    joined = relationship("Team", primaryjoin="Hero.team_no == Team.id", foreign_keys=[team_no], viewonly=True)


def seed(session, size):
    for number in range(1, size + 1):
        session.add(Team(id=number, slug=f"team-{number}"))
        session.flush()
        of_team = {"team_no": number, "slug": f"team-{number}"}
        session.add(Hero(id=number, name=f"mentor-{number}", **of_team))
        session.flush()
        session.add(Hero(id=100 + number, name=f"hero-{number}", mentor_id=number, **of_team))
    session.commit()
    session.expunge_all()
"""


class Case(NamedTuple):
    """A program, a piece of it as it is to be afterwards, and what the rewrite says of itself."""

    app: str
    expected: str
    behaviour: str = ""
    models: str = ""


CASES = {
    "a loop": Case(
        """
def run(session: Session):
    found = []
    for hero in session.scalars(select(Hero).order_by(Hero.id)).all():
        found.append((hero.name, hero.team.id))
    return found
""",
        "found.append((hero.name, hero.team_id))",
    ),
    "every read of it, comments and brackets kept": Case(
        """
def run(session: Session):
    found = []
    for hero in session.query(Hero).order_by(Hero.id):
        key = (
            hero.team  # of the team
            .id  # not the team
        )
        if (hero.team).id > 1:
            found.append(f"{hero.name} {key} {hero.team.id}")
    return found
""",
        """\
        key = (
            hero.team_id  # of the team
              # not the team
        )
        if (hero.team_id) > 1:
            found.append(f"{hero.name} {key} {hero.team_id}")
""",
    ),
    "a comprehension, the key under a name of its own": Case(
        """
def run(session: Session):
    return {hero.name: hero.team.id for hero in session.query(Hero)}
""",
        "{hero.name: hero.team_no for hero in session.query(Hero)}",
        models=OWN_MODELS,
    ),
    "a key that is not the primary key, and may be missing": Case(
        """
def run(session: Session):
    return [hero.named.slug for hero in session.query(Hero).order_by(Hero.id)]
""",
        "[hero.slug for hero in session.query(Hero).order_by(Hero.id)]",
        "a row without named gives None where it raised AttributeError",
        OWN_MODELS,
    ),
    "a row of the same table": Case(
        """
def run(session: Session):
    return [hero.mentor.id for hero in session.query(Hero).filter(Hero.id > 100).order_by(Hero.id)]
""",
        "[hero.mentor_id for hero in session.query(Hero)",
        "a row without mentor gives None where it raised AttributeError",
        OWN_MODELS,
    ),
    "a function that changes rows": Case(
        """
def run(session: Session):
    found = []
    for hero in session.query(Hero).order_by(Hero.id).all():
        found.append(hero.team.id)
        hero.power = 7
    return found
""",
        "found.append(hero.team_id)",
        "a team that is set on a row is not seen before it is flushed",
    ),
    "the query in another function": Case(
        """
def heroes(session: Session):
    return session.query(Hero).order_by(Hero.id).all()


def run(session: Session):
    return [hero.team.id for hero in heroes(session)]
""",
        "[hero.team_id for hero in heroes(session)]",
        "a team that is set on a row is not seen before it is flushed",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_programs(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app.py": IMPORTS + "\n" + case.app, "models.py": case.models or shared_models()}
    proof = prove_rewrites(files, "NP104", tmp_path, monkeypatch)
    assert case.expected in proof.files["app.py"]
    assert "joinedload" not in proof.files["app.py"]
    suggestion = proof.finding.suggestion
    assert suggestion is not None
    assert suggestion.behaviour == case.behaviour
    assert suggestion.applicability is (Applicability.UNSAFE if case.behaviour else Applicability.SAFE)
    text = run(tmp_path / "after-1", proof.files, LARGE).statements
    assert len(text) == 1


OTHERS = {
    "another column of the team": "[hero.team.slug for hero in session.query(Hero)]",
    "the team as well": "[(hero.team.id, hero.team.slug) for hero in session.query(Hero)]",
    "the team is asked for": "[hero.team.id if hero.team else None for hero in session.query(Hero)]",
    "the team under a name": "[team.id for hero in session.query(Hero) if (team := hero.team)]",
    "a column that is not loaded": "[hero.team.id for hero in session.query(Hero).options(load_only(Hero.name))]",
    "the team is read elsewhere": "[one.team.id for one in everyone] + [slug(one) for one in everyone]",
    "the same name is bound to other rows": "[hero.team.id for hero in everyone] + [hero.team.slug for hero in others]",
    "the relationship is named in a string": "[getattr(hero, 'team').id for hero in session.query(Hero)]",
}

OWN = {
    "the column is not the one that the foreign key names": "[hero.team.slug for hero in session.query(Hero)]",
    "the other row holds the key": "[team.captain.id for team in session.query(Team)]",
    "the join is written out": "[hero.joined.id for hero in session.query(Hero)]",
}
APP = """

def slug(hero):
    return hero.team.slug


def run(session: Session, others=()):
    {before}
    return {code}
"""
PROGRAMS = [(name, code, "") for name, code in OTHERS.items()] + [
    (name, code, OWN_MODELS) for name, code in OWN.items()
]


@pytest.mark.parametrize(("code", "models"), [one[1:] for one in PROGRAMS], ids=[one[0] for one in PROGRAMS])
def test_what_is_left_to_loader_options(
    code: str, models: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = IMPORTS + APP.format(code=code, before="everyone = session.query(Hero).all()" if "everyone" in code else "")
    folder = materialise({"app.py": app, "models.py": models or shared_models()}, tmp_path)
    found = findings(folder, "NP104", monkeypatch)
    assert found
    for finding in found:
        assert finding.suggestion is not None
        assert "options(" in finding.suggestion.title
