"""The stages that all commands share."""

from pathlib import Path

from nplus1_lint import pipeline
from nplus1_lint.config import load
from nplus1_lint.findings import Report

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    heroes: Mapped[list["Hero"]] = relationship()


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
"""
QUIET = """\
from sqlalchemy.orm import Session

from models import Team


def heroes(session: Session):
    return [team.id for team in session.query(Team)]
"""
LOUD = QUIET.replace("team.id for", "team.heroes for")


def scan(folder: Path, overlay: dict[str, bytes] | None = None) -> Report:
    settings = load(["."], cwd=str(folder), codes=pipeline.rule_codes())
    return pipeline.check(["."], settings.config, settings.workspace, cwd=str(folder), overlay=overlay).report


def test_an_overlaid_file_is_scanned_as_if_it_were_written(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(MODELS)
    app = tmp_path / "app.py"
    app.write_text(QUIET)
    before = scan(tmp_path)
    overlaid = scan(tmp_path, {str(app): LOUD.encode()})
    app.write_text(LOUD)
    after = scan(tmp_path)
    assert not before.findings
    assert [finding.code for finding in after.findings] == ["NP104"]
    assert overlaid == after
    assert overlaid.sources == after.sources == {"app.py": LOUD}
