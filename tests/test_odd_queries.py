"""Queries that run in odd ways: through builtins, bound methods, slices; and arguments that turn them off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.rules.example_models import SOURCE

if TYPE_CHECKING:
    from pathlib import Path

HEADER = """\
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Hero, Team


def conv(s: Session, t: Team, n=None):
    if n is None:
        n = s.query(Hero).filter(Hero.team_id == t.id).count()
    return n


def run(s: Session, ids: list[int]):
    for i in ids:
        q = s.query(Hero).filter(Hero.team_id == i)
        {line}
"""


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("print(list(q))", ["NP103"]),
        ("print(sorted(q, key=lambda h: h.name))", ["NP103"]),
        ("print(next(iter(q)))", ["NP103"]),
        ("print(list(enumerate(q)))", ["NP103"]),
        ("print(s.query(func.max(Hero.power)).filter(Hero.team_id == i)[0])", ["NP103"]),
        ("print([k for (k,) in s.query(func.max(Hero.power)).filter(Hero.team_id == i)])", ["NP103"]),
        ("count = q.count; print(count())", ["NP402", "NP103"]),
        ("print(getattr(s, 'scalar')(select(func.count()).where(Hero.team_id == i)))", ["NP402", "NP103"]),
        ("print(s.query(func.coalesce(func.sum(Hero.power), 0)).filter(Hero.team_id == i).scalar())", ["NP103"]),
        ("print(conv(s, Team(id=i), 0), conv(s, Team(id=i), 'none'), conv(s, Team(id=i), [1]))", []),
        ("print(conv(s, Team(id=i)))", ["NP105"]),
        ("from caches import cache; cache.call(conv, s, Team(id=i))", ["NP105"]),
        ("from caches import cache; cache.delete_memoized(conv, s, Team(id=i))", []),
        ("print(s.query(*map(func.count, [Hero.id])).filter(Hero.team_id == i).scalar())", ["NP103"]),
    ],
)
def test_each_is_reported_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, codes: list[str]
) -> None:
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(HEADER.format(line=line))
    monkeypatch.chdir(tmp_path)
    assert [finding.code for finding in nplus1_lint.check(["."]).findings] == codes
