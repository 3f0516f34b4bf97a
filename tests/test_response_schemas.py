"""Views whose decorators dump what they return by a schema of marshmallow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.rules import example_models
from tests.executed import materialise

if TYPE_CHECKING:
    from pathlib import Path

APP = """\
from marshmallow import Schema, fields
from sqlalchemy import select
{imports}
from models import Hero, Team


class HeroSchema(Schema):
    name = fields.String()


class TeamSchema(Schema):
    slug = fields.String()
    heroes = fields.Nested(HeroSchema, many=True)


teams_schema = TeamSchema(many=True)


{decorators}
def teams(session):
    return session.scalars(select(Team)).all()
"""


def lint(
    folder: Path, monkeypatch: pytest.MonkeyPatch, imports: str, decorators: str, **others: str
) -> list[tuple[str, str]]:
    """Code and path of what is found in a program with a view that returns rows."""
    app = APP.replace("{imports}", imports).replace("{decorators}", decorators)
    modules = {f"{name}.py": text for name, text in others.items()}
    materialise({"app.py": app, "models.py": example_models.SOURCE, **modules}, folder)
    monkeypatch.chdir(folder)
    return [(one.code, one.path) for one in nplus1_lint.check(["."]).findings if one.code == "NP109"]


BLUEPRINT = "from flask_smorest import Blueprint\n\nblp = Blueprint('teams', __name__)"


@pytest.mark.parametrize(
    ("imports", "decorators"),
    [
        ("from flask_apispec import marshal_with", "@marshal_with(teams_schema)"),
        ("import flask_apispec", "@flask_apispec.marshal_with(TeamSchema(many=True), code=200)"),
        (BLUEPRINT, "@blp.response(200, teams_schema)"),
        (BLUEPRINT, "@blp.route('/')\n@blp.response(200, TeamSchema)"),
        ("from apiflask import APIFlask\n\napp = APIFlask(__name__)", "@app.get('/')\n@app.output(teams_schema)"),
        ("from apifairy import response", "@response(teams_schema, 201)"),
        ("from flask_accepts import responds", "@responds(schema=TeamSchema, many=True)"),
    ],
)
def test_rows_are_dumped_by_the_schema(
    imports: str, decorators: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lint(tmp_path, monkeypatch, imports, decorators) == [("NP109", "app.py")]


@pytest.mark.parametrize(
    ("imports", "decorators"),
    [
        ("from flask_apispec import use_kwargs", "@use_kwargs(teams_schema)"),
        ("from flask_apispec import marshal_with", "@marshal_with(TeamSchema(many=True, only=('slug',)))"),
        ("from flask_apispec import marshal_with", "@marshal_with(TeamSchema(many=True, exclude=('heroes',)))"),
        ("from flask_apispec import marshal_with", "@marshal_with(HeroSchema(many=True))"),
        (BLUEPRINT, "@blp.response(204)"),
        (BLUEPRINT, "@blp.arguments(TeamSchema)"),
    ],
)
def test_what_else_a_decorator_says(
    imports: str, decorators: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lint(tmp_path, monkeypatch, imports, decorators) == []


VIEWS = """\
from flask_apispec import MethodResource, marshal_with

from app import teams, teams_schema


@marshal_with(teams_schema)
class Teams(MethodResource):
    def get(self, session):
        return teams(session)
"""


def test_a_class_of_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lint(tmp_path, monkeypatch, "", "", views=VIEWS) == [("NP109", "views.py")]


def test_a_decorator_of_the_project_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "def marshal_with(schema):\n    return lambda function: lambda *given: len(function(*given))\n"
    found = lint(tmp_path, monkeypatch, "from own import marshal_with", "@marshal_with(teams_schema)", own=own)
    assert found == []
