"""NP901."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis


class UnusedSuppression(Rule):
    """A comment silences no finding.

    What it does
        Flags ``# noqa: NP101`` and ``# nplus1: ignore[NP101]`` where the rules that they name find nothing, and the
        codes in ``# nplus1: ignore[…]`` that no rule has. A prefix such as NP1 selects rules, but silences none.

    Why is this bad
        It says that there is a problem where there is none, and it will silence the next one.

    When it stays quiet
        Codes that are not selected; a ``noqa`` without codes, or with those of other tools; a comment that names
        NP901 itself; findings that are hidden for their confidence or severity count as silenced. It needs the whole
        project: a run on a folder that leaves out other files of it, a run on single files in a folder without
        pyproject.toml or repository, and a run that could not read every file report none.

    Fix safety
        Safe where only codes of this tool, and the reason behind them, go; shown only where a ``noqa`` is followed by
        other words. A code that no rule has is not taken away: another one was meant.
    """

    code: ClassVar[str] = "NP901"
    name: ClassVar[str] = "unused-suppression"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "a comment silences no finding"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "nothing to be silenced",
            """\
# file: app.py
from models import Hero


def run(session):
    return session.query(Hero.name).order_by(Hero.id).all()  # nplus1: ignore few rows  # expect: NP901
""",
            Proof.NONE,
        ),
        Example(
            "a prefix and a code that no rule has",
            """\
# file: app.py
from models import Hero


def run(session):
    found = session.query(Hero.name).order_by(Hero.id).all()  # nplus1: ignore[NP1]  # expect: NP901
    return found, session.query(Hero.id).all()  # nplus1: ignore[NP999]  # expect: NP901
""",
            Proof.NONE,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a finding is silenced",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    return len(session.query(Hero).all())  # nplus1: ignore[NP301] the rows are few
""",
        ),
        Example(
            "meant for other tools",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    return session.query(Hero.name).order_by(Hero.id).all()  # noqa
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield nothing: what a comment silences is known when all rules have spoken."""
        return ()
