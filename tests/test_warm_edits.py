"""What an edit changes without a word in the functions that it changes: a warm scan finds what a cold one does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.command import invoke

if TYPE_CHECKING:
    from pathlib import Path

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    heroes: Mapped[list["Hero"]] = relationship(back_populates="team")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team] = relationship(back_populates="heroes")
"""

PAGE = """

def page(session):
    for x in load(session):
        session.query(Hero).filter(Hero.id == x).all()
"""

VIEWS = """\
class View:
    limit = 1

    def __init__(self, row):
        self.row = row

    def team_name(self):
        return self.row.team.name


class Sub(View):
    limit = 2
"""

OVERRIDE = "\n    def team_name(self):\n        return 1\n"

SERVICE = """\
from models import Hero, Team


def go(session):
    for team in session.query(Team).all():
        one(session, team)


def one(session, team):
    return session.query(Hero).filter(Hero.team_id == team.id).all()
"""

DDL = """\
from models import Hero


def setup():
    return "CREATE INDEX ix ON heroes (name)"


def find(session, name):
    return session.query(Hero).filter(Hero.name == name).all()
"""

EXPIRED = """\
from models import Hero


def rename(session):
    for hero in session.query(Hero).all():
        hero.name = "x"
        session.commit()
        print(hero.name)


def export(q=None):
    return 1
"""

LOADER = """\
from models import Hero


class Loader:
    def load(self, session, i):
        return session.query(Hero).filter(Hero.name == i).all()


def page(session, loader: Loader, ids):
    for i in ids:
        loader.load(session, i)
"""

IMPL = """\
from a import Loader


def make():
    class Impl(Loader):
        limit = 1
    return Impl
"""

QUOTED = """\
from models import Hero


def load(path):
    return [1]


def go(session):
    for i in load("a.py:12"):
        session.query(Hero).filter(Hero.id == i).all()

    return session.query(Hero).all()
"""

TWICE = """\
from models import Hero


def page(session):
    return (session.query(Hero).filter(Hero.name == "x").all(),
            session.query(Hero).filter(Hero.name == "y").all())
"""

EACH = """\
from d import traced


@traced
def each(hero):
    return hero.team.name


def page(session):
    return [each(hero) for hero in session.query(Hero)]


from models import Hero
"""

TRACED = """\
X = 1


def traced(function):
    def inner(x):
        return function(x) if x.name else None
    return inner
"""

IN_A_BLOCK = """\
from models import Team

with x:
    def run(session):
        for team in session.query(Team):
            print(team.heroes)
"""

SCHEMA = """\
from marshmallow import Schema, fields
from models import Hero


class HeroSchema(Schema):
    title = fields.Method("get_title")

    def get_title(self, obj):
        return obj.team.name


def dump(session):
    from sub import SubSchema
    return SubSchema(many=True).dump(session.query(Hero).all())
"""

USERS = MODELS.replace(
    'relationship(back_populates="heroes")\n',
    'relationship(back_populates="heroes")\n\n'
    "    def find(self, session, name):\n        return session.query(Team).filter(Team.name == name).first()\n",
)

LOGIN = """\
from flask_login import LoginManager
from models import Hero
from store import session

login = LoginManager()


{decorator}def load_user(key):
    return {loaded}
"""

PAGES = """\
import models
from flask import g
from flask_login import current_user


def page(session, names):
    return [current_user.find(session, name) for name in names]


def teams():
    return [len(team.heroes) for team in g.teams]
"""

KEPT = """\
from flask import g
from models import Hero, Team


def keep(session):
    {target} = session.query(Team).all()


def other():
    return 1
"""

BACKEND = """\
from starlette.authentication import AuthenticationBackend
from models import Hero


class Backend(AuthenticationBackend):
    limit = 1
"""

ASKING = """\
import models
from starlette.requests import Request


def page(request: Request, session, names):
    return [request.user.find(session, name) for name in names]
"""

AUTHENTICATE = """
    async def authenticate(self, conn):
        return None, conn.session.get(Hero, 1)
"""


FILTERS = """\
from flask import Flask

app = Flask(__name__)


def plain(function):
    return function


@plain
def label(hero):
    return hero.team.name


def given():
    return dict(label=label)
"""

GIVES = "from filters import app, given, plain\n\n\ndef setup():\n    app.context_processor({})\n"

RENDERS = """\
from filters import app
from flask import render_template
from models import Hero


def page(session):
    return render_template("page.html", heroes=session.query(Hero).all())
"""

FILTERED = "{% for hero in heroes %}{{ hero|label }}{% endfor %}\n"

STORE = "from sqlalchemy.orm import Session\n\nsession = Session()\n"

SETUP = "from login import login\n\n\ndef setup():\n    from {} import load_user\n    login.user_loader(load_user)\n"


def logins(decorator: str = "@login.user_loader\n", loaded: str = "session.get(Hero, key)", more: str = "") -> str:
    return LOGIN.format(decorator=decorator, loaded=loaded) + more


LOAD = "def load(self, session, i):\n            return [1]\n"


class Case(NamedTuple):
    """A project beside the models, and another state of some of its files."""

    files: dict[str, str]
    edits: dict[str, str]


def views(use: str) -> dict[str, str]:
    return {
        "views.py": VIEWS,
        "app.py": "from operator import methodcaller\n\nfrom models import Hero\nfrom views import Sub\n\n\n"
        f"def page(session):\n    return [{use} for hero in session.query(Hero)]\n",
    }


OVERRIDDEN = {"views.py": VIEWS + OVERRIDE}
HERO = "from models import Hero\n"
COMES = "X = 1\n\n\ndef load(s):\n    return [1]\n"

CASES = {
    "a path within a longer one": Case(
        {"service.py": SERVICE, "app/__init__.py": "", "app/service.py": SERVICE},
        {"service.py": "# a word\n" + SERVICE},
    ),
    "a name that only an import mentions": Case(
        {"a.py": "X = 1\n", "b.py": HERO + "from a import load as ld\n" + PAGE.replace("load", "ld")}, {"a.py": COMES}
    ),
    "a name that is imported twice": Case(
        {
            "a.py": "X = 1\n",
            "c.py": "from a import load as l1\n",
            "b.py": HERO + "from c import l1 as l2\n" + PAGE.replace("load", "l2"),
        },
        {"a.py": COMES.replace("    return", "    print(Hero)\n    return")},
    ),
    "a submodule that a function hides": Case(
        {
            "pkg/__init__.py": "",
            "pkg/load.py": "def __call__(s):\n    return [1]\n",
            "b.py": HERO + "from pkg import load as ld\n" + PAGE.replace("load", "ld"),
        },
        {"pkg/__init__.py": "def load(s):\n    return [1]\n"},
    ),
    "a name that only a template mentions": Case(
        {
            "views.py": VIEWS,
            "app.py": "from flask import Flask, render_template\nfrom models import Hero\nfrom views import Sub\n\n"
            "app = Flask(__name__)\n\n\n@app.route('/')\ndef page(session):\n"
            "    return render_template('page.html', views=[Sub(h) for h in session.query(Hero).all()])\n",
            "templates/page.html": "{% for v in views %}{{ v.team_name() }}{% endfor %}\n",
        },
        OVERRIDDEN,
    ),
    "a name in a string": Case(views('getattr(Sub(hero), "team_name")()'), OVERRIDDEN),
    "a name in a string that is called later": Case(views('methodcaller("team_name")(Sub(hero))'), OVERRIDDEN),
    "a name in a lambda's string": Case(
        views('sorted([Sub(hero)], key=lambda v: getattr(v, "team_name")())'), OVERRIDDEN
    ),
    "a name in a class body's string": Case(
        {"s.py": SCHEMA, "sub.py": "from s import HeroSchema\n\n\nclass SubSchema(HeroSchema):\n    x = 1\n"},
        {
            "sub.py": "from s import HeroSchema\n\n\nclass SubSchema(HeroSchema):\n    x = 1\n\n"
            "    def get_title(self, obj):\n        return obj.name\n"
        },
    ),
    "a loader of the user": Case(
        {"models.py": USERS, "store.py": STORE, "login.py": logins(""), "pages.py": PAGES}, {"login.py": logins()}
    ),
    "what a loader of the user returns": Case(
        {"models.py": USERS, "store.py": STORE, "login.py": logins(loaded="None"), "pages.py": PAGES},
        {"login.py": logins()},
    ),
    "a loader of the user that is registered in a function": Case(
        {
            "models.py": USERS,
            "store.py": STORE,
            "login.py": logins("", more="\n\ndef setup():\n    login.user_loader(print)\n"),
            "pages.py": PAGES,
        },
        {"login.py": logins("", more="\n\ndef setup():\n    login.user_loader(load_user)\n")},
    ),
    "what a function imports that registers a loader of the user": Case(
        {
            "models.py": USERS,
            "store.py": STORE,
            "login.py": logins(""),
            "none.py": "def load_user(key):\n    return None\n",
            "setup.py": SETUP.format("none"),
            "pages.py": PAGES,
        },
        {"setup.py": SETUP.format("login")},
    ),
    "what is kept on g": Case(
        {"kept.py": KEPT.format(target="found"), "pages.py": PAGES}, {"kept.py": KEPT.format(target="g.teams")}
    ),
    "what else is kept on g": Case(
        {"kept.py": KEPT.format(target="g.teams"), "pages.py": PAGES},
        {"kept.py": KEPT.format(target="g.teams").replace("return 1", "g.teams = other()")},
    ),
    "a backend's user": Case(
        {"models.py": USERS, "backend.py": BACKEND, "pages.py": ASKING}, {"backend.py": BACKEND + AUTHENTICATE}
    ),
    "a filter of templates": Case(
        {"filters.py": FILTERS, "app.py": RENDERS, "templates/page.html": FILTERED},
        {"filters.py": FILTERS.replace("@plain", '@app.template_filter("label")')},
    ),
    "what a filter of templates reads": Case(
        {
            "filters.py": FILTERS.replace("@plain", "@app.template_filter()").replace("hero.team.name", "hero.name"),
            "app.py": RENDERS,
            "templates/page.html": FILTERED,
        },
        {"filters.py": FILTERS.replace("@plain", "@app.template_filter()")},
    ),
    "a filter that a function registers": Case(
        {
            "filters.py": FILTERS + "\n\ndef setup(env):\n    env.filters['label'] = plain\n",
            "app.py": RENDERS,
            "templates/page.html": FILTERED,
        },
        {"filters.py": FILTERS + "\n\ndef setup(env):\n    env.filters['label'] = label\n"},
    ),
    "a context processor that a function registers": Case(
        {
            "filters.py": FILTERS,
            "setup.py": GIVES.format("plain"),
            "app.py": RENDERS,
            "templates/page.html": "{% for hero in heroes %}{{ label(hero) }}{% endfor %}\n",
        },
        {"setup.py": GIVES.format("given")},
    ),
    "what a context processor gives": Case(
        {
            "filters.py": FILTERS.replace("label=label", "other=label"),
            "setup.py": GIVES.format("given"),
            "app.py": RENDERS,
            "templates/page.html": "{% for hero in heroes %}{{ label(hero) }}{% endfor %}\n",
        },
        {"filters.py": FILTERS},
    ),
    "an index in a string": Case({"e.py": DDL}, {"e.py": DDL.replace("(name)", "(team_id)")}),
    "a session factory in a default": Case(
        {"e.py": EXPIRED}, {"e.py": EXPIRED.replace("q=None", "q=sessionmaker(expire_on_commit=False)")}
    ),
    "a method of a class in a function": Case(
        {"a.py": LOADER, "m.py": IMPL},
        {"m.py": IMPL.replace("limit = 1\n", f"limit = 1\n\n        {LOAD}")},
    ),
    "a place in quoted code": Case(
        {"a.py": QUOTED}, {"a.py": QUOTED.replace("\n    return session", "\n\n    return session")}
    ),
    "two lines that become one": Case({"a.py": TWICE}, {"a.py": TWICE.replace(",\n            ", ", ")}),
    "a decorator that comes": Case({"d.py": "X = 1\n", "a.py": EACH}, {"d.py": TRACED}),
    "functions in a block of the top level": Case(
        {"a.py": IN_A_BLOCK, "b.py": HERO + "\n\ndef q(session):\n    return session.query(Hero).all()\n"},
        {
            "a.py": "# a word\n" + IN_A_BLOCK,
            "b.py": HERO + "\n\ndef q(session):\n    return session.query(Hero).first()\n",
        },
    ),
    "a function that leaves a block": Case(
        {"a.py": HERO + "if X:\n    def load(s):\n        return [1]\nelse:\n    load = None\n" + PAGE},
        {"a.py": HERO + "if X:\n    Y = 1\nelse:\n    load = None\ndef load(s):\n    return [1]\n" + PAGE},
    ),
}


def check(*arguments: str) -> str:
    found = invoke("check", ".", "--select", "ALL", "--show", "low", "--format", "json", *arguments)
    assert found.exit_code in (0, 1), found.output
    return str(found.stdout)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_warm_scan_finds_what_a_cold_one_does(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"pyproject.toml": "[tool.nplus1-lint]\n", "models.py": MODELS, **case.files}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    assert json.loads(check())["summary"]["models"] == 2
    for state in (case.edits, {name: case.files[name] for name in case.edits}, case.edits):
        for name, text in state.items():
            (tmp_path / name).write_text(text)
        assert check() == check("--no-cache")
