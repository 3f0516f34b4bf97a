"""Which errors say that something is not there, and which that a program is wrong."""

from __future__ import annotations

import platform
import sys

import pytest
import sqlalchemy
from sqlalchemy.exc import InvalidRequestError

from tests.availability import PYTHON, SINCE_PYTHON, Lack, lack

VERSION = sqlalchemy.__version__


def test_a_refusal_of_an_older_sqlalchemy_says_what_it_cannot_do() -> None:
    refused = InvalidRequestError("No column-based properties specified for refresh operation. Use …")
    assert str(lack(refused)) == f"SQLAlchemy {VERSION} has no refresh() of relationships alone"
    assert lack(InvalidRequestError("Can't operate on closed transaction")) is None


def ending(program: str) -> ImportError | AttributeError:
    """The error that a program ends with."""
    try:
        exec(program, {"__name__": "program"})
    except (ImportError, AttributeError) as error:
        return error
    raise AssertionError(f"ends without error: {program}")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("from sqlalchemy.orm import Nothing", f"SQLAlchemy {VERSION} has no sqlalchemy.orm.Nothing"),
        ("import sqlalchemy.nothing", f"SQLAlchemy {VERSION} has no sqlalchemy.nothing"),
        ("import sqlalchemy; sqlalchemy.nothing", f"SQLAlchemy {VERSION} has no sqlalchemy.nothing"),
        (
            "from sqlalchemy.orm import Session; Session().get_none()",
            f"SQLAlchemy {VERSION} has no sqlalchemy.orm.session.Session.get_none",
        ),
        (
            "from sqlalchemy.orm import Session; Session.get_none",
            f"SQLAlchemy {VERSION} has no sqlalchemy.orm.session.Session.get_none",
        ),
        ("from absent_package import nothing", "absent_package is not installed"),
        ("import asyncio; asyncio.Nothing", f"Python {platform.python_version()} has no asyncio.Nothing"),
    ],
)
def test_what_is_not_there_is_named(program: str, said: str) -> None:
    assert str(lack(ending(program))) == said


@pytest.mark.parametrize(
    "program",
    [
        "None.id",
        "class Team: pass\nTeam().heroes",
        "class Team: pass\nTeam.heroes",
        "from sqlalchemy import column; column('id').heroes",
        "from sqlalchemy import create_engine, text\n"
        "with create_engine('sqlite://').connect() as one: one.execute(text('SELECT 1')).one().heroes",
        "raise ModuleNotFoundError('of its own', name='helpers.nothing')",
        "raise ImportError('not now')",
        "raise AttributeError('not now')",
    ],
)
def test_a_program_that_is_wrong_lacks_nothing(program: str) -> None:
    assert lack(ending(program)) is None


def test_only_known_names_excuse_a_python() -> None:
    for api, version in SINCE_PYTHON.items():
        assert Lack(PYTHON, "3", api).is_of_old_python == (sys.version_info < version)
        assert not Lack("SQLAlchemy", VERSION, api).is_of_old_python
    assert not Lack(PYTHON, "3", "asyncio.Nothing").is_of_old_python
    assert not Lack("absent_package", None, "absent_package").is_of_old_python
