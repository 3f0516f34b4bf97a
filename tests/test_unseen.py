"""Relationships that may be read where nothing can be seen of it: unparsed files, other packages, interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from tests.executed import materialise

if TYPE_CHECKING:
    from pathlib import Path

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
{imports}

class Base(DeclarativeBase):
    pass


class User({base}Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    oauth_accounts: Mapped[list["Account"]] = relationship(lazy="selectin")


class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
"""
PLAIN = MODELS.format(imports="", base="")
APP = """\
from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import User

router = APIRouter()


@router.get("/names")
def names(session: Session) -> list[str]:
    return [user.name for user in session.scalars(select(User))]
"""
RENAMES = """\
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import User


def run(session: Session):
    for user in session.scalars(select(User)).all():
        user.name = f"new {user.id}"
        session.commit()
        print(user.name)
"""
TRIGGER = """\
from functools import partial
from typing import Protocol

from fastapi import APIRouter, Depends
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import User

router = APIRouter()


class Trigger(Protocol):
    def __call__(self, user: User) -> None: ...


class Manager:
    def __init__(self, trigger: Trigger):
        self.trigger = trigger

    def forgot(self, user: User) -> None:
        self.trigger(user)


def get_manager(trigger: Trigger) -> Manager:
    return Manager(trigger)


@router.post("/forgot")
def forgot(name: str, session: Session, manager: Manager = Depends(get_manager)) -> None:
    user = session.scalars(select(User).where(User.name == name)).one()
    {done}
"""
BASE = "SQLAlchemyBaseUserTableUUID"


def codes(folder: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    materialise(files, folder)
    monkeypatch.chdir(folder)
    return {one.code for one in nplus1_lint.check(["."]).findings if one.code != "NP902"}


@pytest.mark.parametrize(
    ("broken", "found"), [("print user.oauth_accounts\n", set()), ("print user.accounts\n", {"NP201"})]
)
def test_a_file_that_cannot_be_parsed_may_read_what_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, found: set[str]
) -> None:
    files = {"models.py": PLAIN, "app.py": APP, "old.py": f"from models import User\n{broken}"}
    assert codes(tmp_path, files, monkeypatch) == found


@pytest.mark.parametrize(("setting", "found"), [("expire_on_commit=False", set()), ("future=True", {"NP106"})])
def test_a_file_that_cannot_be_parsed_may_say_that_rows_do_not_expire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, found: set[str]
) -> None:
    old = f"from sqlalchemy.orm import sessionmaker\nprint 1\nFactory = sessionmaker({setting})\n"
    files = {"models.py": PLAIN, "app.py": RENAMES, "old.py": old}
    assert codes(tmp_path, files, monkeypatch) & {"NP106"} == found


@pytest.mark.parametrize(
    ("imports", "base", "found"),
    [
        (f"from fastapi_users.db import {BASE}", f"{BASE}, ", set()),
        (f"from elsewhere.db import {BASE}", f"{BASE}, ", {"NP201"}),
    ],
)
def test_a_library_reads_what_it_asks_its_users_to_declare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: str, base: str, found: set[str]
) -> None:
    files = {"models.py": MODELS.format(imports=f"{imports}\n", base=base), "app.py": APP}
    assert codes(tmp_path, files, monkeypatch) == found


@pytest.mark.parametrize(("done", "found"), [("manager.forgot(user)", set()), ("print(user.name)", {"NP201"})])
def test_any_function_may_stand_behind_a_protocol_of_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: str, found: set[str]
) -> None:
    files = {"models.py": PLAIN, "app.py": TRIGGER.replace("{done}", done)}
    assert codes(tmp_path, files, monkeypatch) == found


@pytest.mark.parametrize(("key", "found"), [("user", set()), ("user.name", {"NP201"})])
def test_a_row_that_is_a_key_of_something_unknown_may_be_read_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, found: set[str]
) -> None:
    app = APP.replace("user.name for user", f"held[{key}] for user").replace(
        "def names(session: Session)", "def names(session: Session, held)"
    )
    assert codes(tmp_path, {"models.py": PLAIN, "app.py": app}, monkeypatch) == found
