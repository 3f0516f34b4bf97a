"""The models of ``nplus1_lint/rules/example_models.py`` in the words of SQLAlchemy 1.4, which has no ``Mapped``.

``tests/test_models_1_4.py`` holds the two together.
"""

from __future__ import annotations

from typing import Final

SOURCE: Final = '''\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import declarative_base, relationship

Base = declarative_base()


class Team(Base):
    __tablename__ = "teams"
    id = Column(Integer, primary_key=True)
    slug = Column(String(50), unique=True, nullable=False)
    heroes = relationship("Hero", back_populates="team")


class Hero(Base):
    __tablename__ = "heroes"
    id = Column(Integer, primary_key=True)
    name = Column(String(50), index=True, nullable=False)
    power = Column(Integer, default=0, nullable=False)
    team_id = Column(ForeignKey("teams.id"), index=True, nullable=False)
    team = relationship("Team", back_populates="heroes")


def seed(session, n):
    """n teams with two heroes each."""
    for number in range(n):
        team = Team(id=number + 1, slug=f"team-{number}")
        team.heroes = [Hero(name=f"hero-{number}-{k}", power=k) for k in range(2)]
        session.add(team)
    session.commit()
    session.expunge_all()
'''
