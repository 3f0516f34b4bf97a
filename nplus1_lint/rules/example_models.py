"""The mapped classes that rule examples share, as text: examples are scanned and executed, never imported here."""

from __future__ import annotations

from typing import Final

SOURCE: Final = '''\
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    heroes: Mapped[list["Hero"]] = relationship(back_populates="team")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), index=True)
    power: Mapped[int] = mapped_column(default=0)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
    team: Mapped["Team"] = relationship(back_populates="heroes")


def seed(session, n):
    """n teams with two heroes each."""
    for number in range(n):
        team = Team(id=number + 1, slug=f"team-{number}")
        team.heroes = [Hero(name=f"hero-{number}-{k}", power=k) for k in range(2)]
        session.add(team)
    session.commit()
    session.expunge_all()
'''
