"""Options of queries that a framework runs for many routes (NP202)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.rules import example_models

if TYPE_CHECKING:
    from pathlib import Path

AUTH = """\
from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team


def get_session():
    with Session() as session:
        yield session


def team_of(request: Request, session: Session = Depends(get_session)) -> Team | None:
    return session.scalar(
        select(Team).where(Team.slug == request.headers["team"]).options(selectinload(Team.heroes))
    )


def current_team(team: Team | None = Depends(team_of)) -> Team:
    if team is None:
        raise LookupError
    return team
"""
ROUTER = """\
from fastapi import APIRouter, Depends

from auth import current_team
from models import Team

router = APIRouter()


@router.get("/{name}")
def show(team: Team = Depends(current_team)):
    return {{"told": {read}}}
"""
READS = "[hero.name for hero in team.heroes]"


@pytest.mark.parametrize(
    ("routers", "readers", "message"),
    [
        (8, 1, "selectinload(Team.heroes) loads for each request to 8 routers what 1 of them read"),
        (8, 2, "selectinload(Team.heroes) loads for each request to 8 routers what 2 of them read"),
        (8, 3, None),
        (4, 1, None),
    ],
)
def test_an_option_that_few_routers_need(
    routers: int, readers: int, message: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models.py").write_text(example_models.SOURCE, encoding="utf-8")
    (tmp_path / "auth.py").write_text(AUTH, encoding="utf-8")
    for number in range(routers):
        text = ROUTER.format(name=f"r{number}", read=READS if number < readers else "team.slug")
        (tmp_path / f"router_{number}.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = [finding for finding in nplus1_lint.check(["."]).findings if finding.code == "NP202"]
    assert [(finding.path, finding.message) for finding in found] == ([("auth.py", message)] if message else [])
    if found:
        steps = [(step.path, step.message) for step in found[0].evidence]
        reads = [(f"router_{number}.py", "what it loads is read here") for number in range(readers)]
        assert steps == [("auth.py", "selectinload(Team.heroes) is asked for here"), *reads]
