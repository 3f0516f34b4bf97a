"""Drawn programs give the same after ``--fix --unsafe-fixes``, with a number of statements that does not grow."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, event, example, given, settings

from nplus1_lint import config, fixing, pipeline
from tests.executed import materialise, run
from tests.loop_programs import MODELS, Program, program, programs

SIZES = (2, 6)
PROGRAMS = 2000 if settings.default is settings.get_profile("thorough") else 20


ONCE = """\
teams = session.scalars(select(Team).order_by(Team.id))  # a result is iterated once
for team in teams:
    out.append(session.scalar(select(func.count(Hero.id)).where(Hero.team_id == team.id)))
"""
NULLS = """\
for hero in session.query(Hero).order_by(Hero.id).all():
    out.append((hero.id, session.query(Hero).filter(Hero.team_id == hero.team_id).count()))
    out.append(show(session.query(Hero).filter_by(name=hero.name).order_by(Hero.id).all()))
"""
COLUMN = """\
for hero in session.query(Hero).order_by(Hero.id):
    out.append(session.query(Team.slug).filter_by(id=hero.team_id).scalar())
"""
WAITING = """\
waiting = [team.id for team in session.query(Team)]
for number in waiting:
    if session.query(Hero).filter(Hero.team_id == number).count() and number < 40:
        waiting.append(number + 5)
out.append(len(waiting))
"""
MADE = """\
for hero in session.query(Hero).order_by(Hero.id).all():
    known = session.query(Team).filter(Team.slug == hero.name).first()
    if known is None and hero.name:
        session.add(Team(slug=hero.name))
    out.append(known is None)
"""


@example(program(ONCE))
@example(program(NULLS))
@example(program(COLUMN))
@example(program(WAITING))
@example(program(MADE))
@settings(
    max_examples=PROGRAMS, deadline=None, derandomize=PROGRAMS == 20, suppress_health_check=[HealthCheck.too_slow]
)
@given(drawn=programs())
def test_a_fixed_program_gives_the_same(drawn: Program) -> None:
    files = {"app.py": drawn.text, "models.py": MODELS, "pyproject.toml": "[tool.nplus1-lint]\n"}
    with tempfile.TemporaryDirectory() as folder:
        before, after = (materialise(files, Path(folder).resolve() / name) for name in ("before", "after"))
        found = config.load(["."], cwd=str(after), codes=pipeline.rule_codes())
        done = fixing.fix(["."], found.config, found.workspace, cwd=str(after), unsafe=True, dry=False)
        event(f"{done.fixed} fixed")
        if not done.fixed:
            return
        told = done.diff.decode()
        first = [run(before, files, size) for size in SIZES]
        then = [run(after, files, size) for size in SIZES]
        assert [log.outcome for log in then] == [log.outcome for log in first], told
        # A loop may run never, and that twice: once for each round of a loop around it.
        assert len(then[1].statements) <= len(first[1].statements) + 2 * done.fixed, told
        left = [finding.code for finding in done.outcome.report.findings if finding.code.startswith("NP1")]
        if not left and "break" not in drawn.text and "session.add" not in drawn.text:
            assert len(then[0].statements) == len(then[1].statements), told
        again = fixing.fix(["."], found.config, found.workspace, cwd=str(after), unsafe=True, dry=False)
        assert (again.fixed, again.diff) == (0, b"")
