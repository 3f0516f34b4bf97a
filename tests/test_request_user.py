"""The user of a request, as packages that are not installed here give it: what loads it says what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from tests.executed import materialise

if TYPE_CHECKING:
    from pathlib import Path

MODELS = """\
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

session = Session()


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    votes: Mapped[list["Vote"]] = relationship()

    def voted_for(self, package_id):
        return session.scalar(select(Vote.id).where(Vote.user_id == self.id, Vote.package_id == package_id))

    @classmethod
    def by_key(cls, key):
        return session.get(cls, key)


class Vote(Base):
    __tablename__ = "votes"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    package_id: Mapped[int]
"""

LOADER = """\
from flask import Flask
from flask_login import LoginManager
from models import User, session

app = Flask(__name__)
login = LoginManager(app)

"""

DECORATED = f"{LOADER}\n@login.user_loader\ndef load(key):\n    return session.get(User, key)\n"

PAGE = "def page(ids: list[int]):\n    return [{user}.voted_for(one) for one in ids]\n"


def codes(folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> list[str]:
    settings = '[tool.nplus1-lint]\nselect = ["NP1"]\nexclude = []\nshow-low = true\n'
    materialise({"pyproject.toml": settings, "models.py": MODELS, **files}, folder)
    monkeypatch.chdir(folder)
    report = nplus1_lint.check(["."])
    assert not report.errors
    return [finding.code for finding in report.findings]


def page(user: str, imports: str) -> dict[str, str]:
    return {"page.py": f"import login\n{imports}\n\n{PAGE.format(user=user)}"}


@pytest.mark.parametrize(
    "loader",
    [
        DECORATED,
        f"{LOADER}\n@login.request_loader\ndef load(request):\n    return User.by_key(request)\n",
        f"{LOADER}\nlogin.user_loader(User.by_key)\n",
        f"{LOADER}\nlogin.user_loader(lambda key: session.get(User, key))\n",
        f"{LOADER}\ndef make(app):\n    from models import User as Person\n    manager = LoginManager(app)\n\n"
        "    @manager.user_loader\n    def load(key):\n        return session.get(User, key)\n",
        f"{LOADER}\ndef make(manager):\n    from models import User\n    found = User.by_key\n"
        "    manager.user_loader(found)\n",
    ],
    ids=["decorated", "of the request", "a method", "a lambda", "in a factory", "registered in a factory"],
)
def test_what_a_loader_returns_is_the_user(loader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"login.py": loader, **page("current_user", "from flask_login import current_user")}
    assert codes(tmp_path, monkeypatch, files) == ["NP105"]


@pytest.mark.parametrize(
    ("user", "imports"),
    [
        ("current_user", "from flask_login.utils import current_user"),
        ("flask_login.current_user", "import flask_login"),
        ("current_user._get_current_object()", "from flask_login import current_user"),
        ("me", "from flask_login import current_user as me"),
        ("me", "from werkzeug.local import LocalProxy\n\nme = LocalProxy(lambda: login.load(1))"),
    ],
)
def test_the_user_by_other_names(user: str, imports: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes(tmp_path, monkeypatch, {"login.py": DECORATED, **page(user, imports)}) == ["NP105"]


def test_the_class_that_a_store_of_users_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = "from flask_security import SQLAlchemyUserDatastore\nfrom models import User\n\n"
    files = {"login.py": f"{store}datastore = SQLAlchemyUserDatastore(None, User, None)\n"}
    files |= page("current_user", "from flask_security import current_user")
    assert codes(tmp_path, monkeypatch, files) == ["NP105"]


def test_the_user_in_a_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = "def view(ids: list[int]):\n    return render_template('page.html', ids=ids)\n"
    files = {
        "login.py": DECORATED,
        "page.py": f"import login\nfrom flask import render_template\n\n\n{view}",
        "templates/page.html": "{% for one in ids %}{{ current_user.voted_for(one) }}{% endfor %}",
    }
    assert codes(tmp_path, monkeypatch, files) == ["NP110"]
    shadowed = view.replace("ids=ids", "ids=ids, current_user=object()")
    files["page.py"] = f"import login\nfrom flask import render_template\n\n\n{shadowed}"
    assert codes(tmp_path, monkeypatch, files) == []


@pytest.mark.parametrize(
    "loader",
    [
        LOADER,
        f"{LOADER}\n@login.user_loader\ndef load(key):\n    return app.find(key)\n",
        f"{DECORATED}\n\n@login.request_loader\ndef load_by_token(request):\n    return app.find(request)\n",
        f"{LOADER}\ndef make(manager, load):\n    manager.user_loader(load)\n",
        f"{LOADER}\ndef make(manager):\n    load = User.by_key\n    if manager:\n        load = app.find\n"
        "    manager.user_loader(load)\n",
    ],
    ids=["none", "unknown", "one of two unknown", "a parameter", "assigned twice"],
)
def test_an_unknown_loader_tells_nothing(loader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"login.py": loader, **page("current_user", "from flask_login import current_user")}
    assert codes(tmp_path, monkeypatch, files) == []


def test_what_is_loaded_once_for_the_one_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "def page(ids: list[int]):\n    return [len(current_user.votes) + one for one in ids]\n"
    files = {"login.py": DECORATED, "page.py": f"import login\nfrom flask_login import current_user\n\n\n{body}"}
    assert codes(tmp_path, monkeypatch, files) == []
