"""What the mapping loads for rows that other queries read: the identity map makes them the same objects."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.findings import Confidence
from nplus1_lint.rules import example_models

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.findings import Finding

LAZY = 'heroes: Mapped[list["Hero"]] = relationship(back_populates="team")'
EAGER = example_models.SOURCE.replace(LAZY, LAZY.replace(")", ', lazy="selectin")'))
IMPORTS = "from sqlalchemy import select\nfrom models import Hero, Team\n"


def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: str = EAGER, **modules: str) -> list[Finding]:
    """The NP201 findings of a program, those of low confidence too."""
    (tmp_path / "models.py").write_text(models, encoding="utf-8")
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(IMPORTS + dedent(text), encoding="utf-8")
    settings = '[tool.nplus1-lint]\nselect = ["NP201"]\nshow-low = true\n'
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return list(nplus1_lint.check(["."]).findings)


@pytest.mark.parametrize(
    ("what", "confidence"), [("[hero.name for hero in team.heroes]", Confidence.LOW), ("team.slug", Confidence.HIGH)]
)
def test_rows_that_a_loop_holds_may_be_read_by_a_query_in_it(
    what: str, confidence: Confidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = found(
        tmp_path,
        monkeypatch,
        app="""
        from names import names_of

        def run(session):
            teams = session.scalars(select(Team)).all()
            return [names_of(session, team.id) for team in teams]
        """,
        names=f"""
        def names_of(session, key):
            team = session.scalars(select(Team).where(Team.id == key)).one()
            return {what}
        """,
    )[0]
    assert (one.also_in, one.confidence) == (("app.py",), confidence)


@pytest.mark.parametrize(
    ("statement", "confidence"),
    [
        ("session.scalars(select(Team)).all()", Confidence.LOW),
        ("print([team.slug for team in session.scalars(select(Team))])", Confidence.HIGH),
    ],
)
def test_rows_fetched_for_no_name_are_there_for_who_meets_them(
    statement: str, confidence: Confidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = found(
        tmp_path,
        monkeypatch,
        app=f"""
        def run(session):
            {statement}
        """,
    )
    assert one.confidence == confidence


DUMP = """
def dump(session, names):
    return [[getattr(team, name) for name in names] for team in session.scalars(select(Team)).all()]
"""
SLUGS = """
def slugs(session):
    return [team.slug for team in session.scalars(select(Team))]
"""


def test_rows_that_escape_elsewhere_may_be_read_so_that_their_query_asks_for_the_relationship_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = sorted(found(tmp_path, monkeypatch, dump=DUMP, slugs=SLUGS), key=lambda finding: finding.also_in)
    assert [(f.also_in, f.confidence) for f in (one, other)] == [
        (("dump.py",), Confidence.LOW),
        (("slugs.py",), Confidence.HIGH),
    ]
    assert other.message.endswith("read by 0 of 2 modules that load it, perhaps by 1 more")
    for finding in (one, other):
        assert finding.suggestion is not None
        assert (
            "+    return [[getattr(team, name) for name in names] for team in session.scalars(select(Team).options(\n"
            in (finding.suggestion.diff)
        )
        assert [change.path for change in finding.suggestion.changes] == ["dump.py", "models.py"]
    assert other.suggestion is not None
    assert other.suggestion.title == 'Team.heroes: lazy="select" and selectinload at 1 query whose rows may be read'
    assert other.suggestion.code.splitlines()[-3:] == [
        "# dump.py:5: .options(selectinload(Team.heroes)), if its rows are read where they go",
        "# or keep the mapping and override it where the rows are not read:",
        "# slugs.py:5: .options(lazyload(Team.heroes))",
    ]


@pytest.mark.parametrize(
    ("dump", "is_changed"),
    [
        ("[getattr(hero.team, name) for hero in session.scalars(select(Hero))]", False),
        ("[getattr(one, name) for one in session.scalars(every(Team) if name else select(Hero))]", False),
        ("[getattr(session.merge(Team(id=1)), name)]", True),
    ],
)
def test_a_mapping_stays_as_it_is_where_a_query_that_may_need_it_cannot_ask(
    dump: str, is_changed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"def every(model):\n    return select(model)\n\n\ndef dump(session, name):\n    return {dump}\n"
    finding = next(one for one in found(tmp_path, monkeypatch, dump=text, slugs=SLUGS) if "slugs.py" in one.also_in)
    assert finding.suggestion is not None
    assert bool(finding.suggestion.changes) is is_changed


def test_a_query_that_one_module_reads_is_not_told_to_load_nothing_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = "from fastapi import APIRouter\nfrom store import teams\n\nrouter = APIRouter()\n"
    (finding,) = found(
        tmp_path,
        monkeypatch,
        store="def teams(session):\n    return session.scalars(select(Team)).all()\n",
        slugs=f"{route}\n@router.get('/slugs')\ndef slugs(session):\n    return [t.slug for t in teams(session)]\n",
        sizes=f"{route}\n@router.get('/')\ndef sizes(session):\n    return [len(t.heroes) for t in teams(session)]\n",
    )
    assert finding.also_in == ("slugs.py",)
    assert finding.suggestion is not None
    assert "selectinload" in finding.suggestion.title
    assert "lazyload" not in finding.suggestion.code


METHOD = """
    @classmethod
    def get(cls, session, key):
        return session.scalars(select(cls).where(cls.id == key)).first()
"""


@pytest.mark.parametrize(("what", "read"), [("[hero.name for hero in team.heroes]", True), ("team.slug", False)])
def test_a_query_of_a_base_class_is_one_of_each_class_for_which_it_runs(
    what: str, read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (slugs,) = found(
        tmp_path,
        monkeypatch,
        models=EAGER.replace("    pass\n", METHOD, 1).replace("import ", "import select, ", 1),
        page=f"def page(session):\n    team = Team.get(session, 1)\n    return {what}\n",
        slugs=SLUGS,
    )
    assert slugs.also_in == ("slugs.py",)
    assert slugs.message.endswith(f"read by {int(read)} of {1 + read} modules that load it")
    assert slugs.suggestion is not None
    assert bool(slugs.suggestion.diff) is not read
    assert ("selectinload(Team.heroes)" in slugs.suggestion.code) is read


ENCODED = """
import json

class Encoder(json.JSONEncoder):
    def default(self, o):
        return {what}

def encode(o):
    return {what}

def encoded(session, options={{}}):
    return [json.dumps({{"team": team}}, {option}) for team in session.scalars(select(Team))]
"""


@pytest.mark.parametrize("option", ["cls=Encoder", "default=encode", "default=lambda o: encode(o)"])
@pytest.mark.parametrize(
    ("what", "confidences"), [("[hero.name for hero in o.heroes]", []), ("o.slug", [Confidence.LOW])]
)
def test_what_encodes_the_rows_of_a_document_reads_them(
    option: str, what: str, confidences: list[Confidence], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = found(tmp_path, monkeypatch, app=ENCODED.format(what=what, option=option))
    assert [one.confidence for one in findings] == confidences


@pytest.mark.parametrize(("option", "confidence"), [("**options", Confidence.LOW), ("indent=4", Confidence.HIGH)])
def test_rows_in_a_document_may_be_read_where_it_may_have_an_encoder(
    option: str, confidence: Confidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = found(tmp_path, monkeypatch, app=ENCODED.format(what="o.slug", option=option))
    assert one.confidence is confidence


def test_what_no_route_of_a_router_reaches_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = found(
        tmp_path,
        monkeypatch,
        pages="""
        from fastapi import APIRouter

        router = APIRouter()

        @router.get("/")
        def sizes(session):
            return [len(team.heroes) for team in session.scalars(select(Team)).all()]

        def slugs(session):
            print([team.slug for team in session.scalars(select(Team)).all()])
        """,
    )
    assert "in pages.py outside of what its routes reach and never read there" in finding.message
