"""The examples of the rules on every SQLAlchemy that the linter knows.

``nox`` takes them all, ``nox -s 'examples(1.4)'`` one; what follows ``--`` goes to pytest in the examples' place.
"""

from __future__ import annotations

from typing import Final

import nox
from packaging.requirements import Requirement

TEST: Final[list[str]] = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]["test"]
VERSIONS: Final[dict[str, dict[str, str | None]]] = {
    "1.4": {
        "sqlalchemy": "sqlalchemy[asyncio]>=1.4.54,<1.5",
        "flask-sqlalchemy": "flask-sqlalchemy>=3.0.5,<3.1",
        "sqlmodel": None,  # knows 2.0 and newer only
    },
    "2.0": {"sqlalchemy": "sqlalchemy[asyncio]>=2.0.36,<2.1"},
    "2.1": {"sqlalchemy": "sqlalchemy[asyncio]>=2.1,<2.2"},
}
"""For each version of SQLAlchemy what stands in the place of a requirement of the tests; None leaves it out."""

PROGRAMS: Final = ("tests/test_examples.py", "tests/test_abilities.py")


@nox.session
@nox.parametrize("version", [nox.param(version, id=version) for version in VERSIONS])
def examples(session: nox.Session, version: str) -> None:
    """Check and execute the examples of all rules."""
    wanted = (VERSIONS[version].get(Requirement(line).name, line) for line in TEST)
    session.install("-e", ".", *(line for line in wanted if line is not None))
    session.run("python", "-m", "pytest", *(session.posargs or ["-rs", *PROGRAMS]))


@nox.session
def programs(session: nox.Session) -> None:
    """Fix 2,000 drawn programs and compare what they give before and after."""
    session.install("-e", ".", *TEST)
    session.run("python", "-m", "pytest", "tests/test_fixed_programs.py", "--hypothesis-profile", "thorough")
