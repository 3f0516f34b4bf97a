"""NP109."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.infer.effects import Effect, Kind
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.options import lazy_reads, made_in_loop, options_for, options_plan
from nplus1_lint.rules.repeated import named, per, repeated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.findings import OptionsPlan
    from nplus1_lint.infer.analysis import Analysis, Repetition


class LazyLoadInSerializer(Rule):
    """A response model or another serialiser loads a relationship lazily once per row.

    What it does
        Flags rows given to a FastAPI response model, ``model_validate``, ``from_orm``, ``TypeAdapter``, a field of
        another pydantic model, or a marshmallow schema, when a field of the schema (nested schemas included) names a
        relationship, deferred column, association proxy or property of each row that nothing has loaded.

    Why is this bad
        No line of the program reads the relationship, and yet there are eleven statements for ten rows.
        ``Field(exclude=True)`` and ``response_model_exclude`` load all the same: the field is read, then left out.

    Use instead
        The loader options that the schema needs, on the query that made the rows; the finding spells them out.

    When it stays quiet
        One row's own relationships; a field that is an alias of something else; a ``model_validator(mode="before")``
        that makes something else of the row; rows of unknown making.

    Fix safety
        Safe where the query stands in the function of the serialiser and that function changes no rows: the same rows,
        loaded earlier. Unsafe where the query stands elsewhere, for its other callers load the relationship too, and
        where the function changes rows, for the read no longer sees that. Shown as a sentence where the query is not
        found, is fetched in parts or has an option that contradicts.
    """

    code: ClassVar[str] = "NP109"
    name: ClassVar[str] = "lazy-load-in-serializer"
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str] = "a serialiser loads a relationship lazily once per row"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a response model",
            """\
# file: schemas.py
from pydantic import BaseModel, ConfigDict


class HeroOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str


class TeamOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    slug: str
    heroes: list[HeroOut]

# file: app.py
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team
from schemas import TeamOut

app = FastAPI()
current: list[Session] = []


def get_session() -> Session:
    return current[-1]


@app.get("/teams", response_model=list[TeamOut])
def teams(session: Session = Depends(get_session)):
    found = session.scalars(select(Team)).all()
    return found  # expect: NP109


def run(session: Session):
    current.append(session)
    return TestClient(app).get("/teams").json()
""",
        ),
        Example(
            "model_validate and TypeAdapter, nested",
            """\
# file: app.py
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Hero, Team


class Named(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str


class TeamOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    slug: str
    members: list[Named] = Field(validation_alias="heroes", exclude=True)


class HeroOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    team: TeamOut


heroes_out = TypeAdapter(list[HeroOut])


def run(session: Session):
    listed = [TeamOut.model_validate(team) for team in session.scalars(select(Team))]  # expect: NP109
    session.expunge_all()
    heroes = session.scalars(select(Hero).options(joinedload(Hero.team))).unique().all()
    return listed, heroes_out.validate_python(heroes)  # expect: NP109
""",
        ),
        Example(
            "marshmallow, nested",
            """\
# file: app.py
from marshmallow import Schema, fields
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Hero, Team


class TeamSchema(Schema):
    slug = fields.String()
    names = fields.Pluck("HeroSchema", "name", many=True, attribute="heroes")


class HeroSchema(Schema):
    name = fields.String()
    team = fields.Nested(lambda: TeamSchema(only=("slug",)))


def run(session: Session):
    heroes = session.scalars(select(Hero)).all()
    listed = HeroSchema(many=True).dump(heroes)  # expect: NP109
    session.expunge_all()
    return listed, TeamSchema().dump(session.scalars(select(Team)).all(), many=True)  # expect: NP109
""",
        ),
        Example(
            "marshmallow-sqlalchemy, all relationships",
            """\
# file: app.py
from marshmallow_sqlalchemy import SQLAlchemyAutoSchema
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


class TeamSchema(SQLAlchemyAutoSchema):
    class Meta:
        model = Team
        include_relationships = True


teams_schema = TeamSchema(many=True)


def run(session: Session):
    return teams_schema.dump(session.scalars(select(Team)).all())  # expect: NP109
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "the options that the schema needs, and one row",
            """\
# file: app.py
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team


class HeroOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str


class TeamOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    slug: str
    heroes: list[HeroOut]


def run(session: Session):
    teams = session.scalars(select(Team).options(selectinload(Team.heroes))).all()
    listed = [TeamOut.model_validate(team) for team in teams]
    session.expunge_all()
    one = session.scalars(select(Team).order_by(Team.id).limit(1)).one()
    return listed, TeamOut.model_validate(one)
""",
        ),
        Example(
            "a validator that makes plain data of the row first",
            """\
# file: app.py
from typing import Any

from pydantic import BaseModel, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


class TeamOut(BaseModel):
    slug: str
    heroes: list[str] = []

    @model_validator(mode="before")
    @classmethod
    def columns_alone(cls, data: Any) -> Any:
        return {"slug": data.slug}


def run(session: Session):
    return [TeamOut.model_validate(team) for team in session.scalars(select(Team)).all()]
""",
        ),
        Example(
            "marshmallow, only columns",
            """\
# file: app.py
from marshmallow import Schema, fields
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


class TeamSchema(Schema):
    slug = fields.String()
    heroes = fields.List(fields.Nested(lambda: TeamSchema()))
    loaded = fields.Nested(lambda: TeamSchema(), attribute="heroes", load_only=True)


def run(session: Session):
    return TeamSchema(many=True, exclude=("heroes",)).dump(session.scalars(select(Team)).all())
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per site whose schema loads lazily, dependent on the loop."""

        def message(repetition: Repetition, effects: tuple[Effect, ...]) -> str:
            return f"{_schema(effects[0])} costs one {named(effects)} {per(repetition)}"

        def advice(repetition: Repetition, effects: tuple[Effect, ...]) -> str:
            needed = options_for(analysis, effects)
            if made_in_loop(analysis, repetition, effects):
                return f"{_schema(effects[0])} needs .options({needed}) on one query for all rows before the loop"
            return f"{_schema(effects[0])} needs .options({needed}) on the query that made the rows"

        def plan(repetition: Repetition, effects: tuple[Effect, ...]) -> OptionsPlan | None:
            if made_in_loop(analysis, repetition, effects):
                return None
            return options_plan(analysis, repetition.loop.site.function, lazy_reads(effects))

        return repeated(self.code, analysis, self.severity, is_lazy_load, message, advice, plan=plan)


def _schema(effect: Effect) -> str:
    return effect.reader.schema.rpartition(":")[2] if effect.reader is not None else "the schema"


def is_lazy_load(effect: Effect) -> bool:
    """True for lazy loads that a schema causes."""
    return effect.kind is Kind.LAZY_LOAD and effect.reader is not None
