"""Calls of what lies outside the project: that most mean nothing is known at once, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.outside import quiet_result
from nplus1_lint.rules.example_models import SOURCE
from tests.test_rounds import findings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.infer.values import Value

PROGRAM = """\
import json
import logging
from pathlib import Path

from sqlalchemy.orm import Session

from models import Player, Team

logger = logging.getLogger(__name__)
fields = json.JSONEncoder()
path = Path("teams")


def read(session: Session):
    for team in session.query(Team):
        logger.info("%s has %d", team.name, len(team.players))
        fields.encode(lambda: session.query(Player).filter(Player.team_id == team.id).all())
        if fields.query(Player).filter(Player.team_id == team.id).first():
            path.write_text(team.name)
"""


def test_quiet_calls_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(PROGRAM)
    quiet: dict[str, bool] = {}

    def noted(frame: Frame, name: str, method: str) -> Value | None:
        found = quiet_result(frame, name, method)
        quiet[method] = found is not None
        return found

    monkeypatch.setattr("nplus1_lint.infer.calls.quiet_result", noted)
    found = findings(tmp_path, monkeypatch)
    assert quiet == {"getLogger": True, "JSONEncoder": True, "info": True, "encode": True, "query": False,
                     "write_text": True}  # fmt: skip
    assert [finding.code for finding in found] == ["NP103"]
    monkeypatch.setattr("nplus1_lint.infer.calls.quiet_result", lambda _frame, _name, _method: None)
    assert findings(tmp_path, monkeypatch) == found
