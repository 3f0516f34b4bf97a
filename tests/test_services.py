"""Services of Pyramid that views find by interface or by name, and contexts whose permissions are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.rules.example_models import SOURCE
from tests.command import invoke

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = """\
from sqlalchemy import select
from zope.interface import Interface

from models import Hero, Team


class IHeroes(Interface):
    pass


class Heroes:
    def __init__(self, db):
        self.db = db

    def all(self):
        return self.db.scalars(select(Hero)).all()

    def team_of(self, hero):
        return self.db.scalars(select(Team).where(Team.slug == hero.name)).first()


class Calm:
    def __init__(self, context, request):
        self.names = {}

    def team_of(self, hero):
        return self.names.get(hero)


def factory(_context, request):
    return Heroes(db=request.db)
"""

APP = """\
from pyramid.request import Request

from services import Calm, Heroes, IHeroes, factory


def includeme(config):
    REGISTERED


def view(context, request: Request, heroes):
    service = request.find_service(WANTED)
    return [service.team_of(hero) for hero in heroes]


def plain(context, request, heroes):
    return [request.find_service(WANTED).team_of(hero) for hero in heroes]
"""


def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> list[tuple[str, int]]:
    """Return code and line of each finding about queries that repeat."""
    for name, text in {"models": SOURCE, "services": SERVICES, **files}.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    return [(one.code, one.span.line) for one in nplus1_lint.check(["."]).findings if one.code.startswith("NP1")]


@pytest.mark.parametrize(
    ("registered", "wanted", "flagged"),
    [
        ("config.register_service_factory(factory, iface=Heroes)", "Heroes", True),
        ("config.register_service_factory(factory, IHeroes)", "IHeroes", True),
        ("config.register_service_factory('services.factory', name='heroes')", "name='heroes'", True),
        ("config.register_service_factory('.services.factory', name='heroes')", "name='heroes'", True),
        ("config.register_service_factory(factory, IHeroes, name='heroes')", "IHeroes, name='heroes'", True),
        ("config.register_service(Heroes(None), IHeroes)", "iface=IHeroes", True),
        ("config.register_service_factory(Calm, name='heroes')", "name='heroes'", False),
        ("config.register_service_factory(Calm, iface=Heroes)", "Heroes", False),
        ("config.register_service_factory(factory, name='heroes')", "name='others'", False),
        ("config.register_service_factory(factory, name='heroes')", "name=context.name", False),
        ("config.register_service_factory(config.maker, IHeroes)", "IHeroes", False),
        ("config.register_service_factory(factory, IHeroes, name='heroes')", "IHeroes", False),
        ("pass", "Heroes", True),
        ("pass", "IHeroes", False),
    ],
)
def test_a_service_is_what_is_registered_for_its_interface_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registered: str, wanted: str, flagged: bool
) -> None:
    app = APP.replace("REGISTERED", registered).replace("WANTED", wanted)
    assert found(tmp_path, monkeypatch, app=app) == ([("NP105", 12), ("NP105", 16)] if flagged else [])


def scanned(*arguments: str) -> str:
    """Scan the working folder by the command line, with its cache unless an argument says otherwise."""
    done = invoke("check", ".", "--format", "concise", "--select", "NP1", *arguments)
    assert done.exit_code in (0, 1), done.output
    return str(done.stdout)


def test_another_registration_is_noticed_by_who_finds_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = APP.replace("REGISTERED", "pass").replace("WANTED", "IHeroes")
    config = "from services import Calm, IHeroes, factory\n\n\ndef includeme(config):\n    config.{}\n"
    files = {"models": SOURCE, "services": SERVICES, "app": view, "pyproject": "[tool.nplus1-lint]\n"}
    for name, text in files.items():
        (tmp_path / (f"{name}.toml" if name == "pyproject" else f"{name}.py")).write_text(text)
    monkeypatch.chdir(tmp_path)
    for factory, flagged in (("Calm", False), ("factory", True), ("Calm", False)):
        (tmp_path / "settings.py").write_text(config.format(f"register_service_factory({factory}, IHeroes)"))
        assert ("NP105" in scanned()) is flagged
        assert scanned() == scanned("--no-cache")


PERMITTED = """\
from pyramid.security import principals_allowed_by_permission
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Hero, Team


class HeroContext:
    def __init__(self, hero: Hero):
        self.hero = hero

    def __acl__(self):
        yield "Allow", self.hero.team.slug, "read"


class TeamContext:
    def __init__(self, team: Team):
        self.team = team

    @property
    def __acl__(self):
        return [("Allow", hero.name, "read") for hero in self.team.heroes]


class Open:
    def __init__(self, hero: Hero):
        self.hero = hero


def heroes(session: Session, request):
    return [hero for hero in session.scalars(select(Hero)) if request.has_permission("read", context=HeroContext(hero))]


def positional(session: Session, request):
    return [hero for hero in session.scalars(select(Hero)) if request.has_permission("read", HeroContext(hero))]


def teams(session: Session):
    return [principals_allowed_by_permission(TeamContext(team), "read") for team in session.scalars(select(Team))]


def loaded(session: Session):
    teams = session.scalars(select(Team).options(selectinload(Team.heroes)))
    return [principals_allowed_by_permission(TeamContext(team), "read") for team in teams]


def open_to_all(session: Session, request):
    return [hero for hero in session.scalars(select(Hero)) if request.has_permission("read", Open(hero))]
"""


def test_asking_for_a_permission_reads_the_acl_of_the_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(tmp_path, monkeypatch, app=PERMITTED) == [("NP104", 31), ("NP104", 35), ("NP104", 39)]
