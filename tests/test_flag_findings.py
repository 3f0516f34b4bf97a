"""What a finding carries: order, fingerprint, the loader change, advice, and sentences where no code can be written."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from nplus1_lint.findings import Applicability, InternalError, LoadingQuery, Pos
from nplus1_lint.flag import flag
from tests.flag_support import LOOPS, NAMES, Case, loader_plan, node_of, suspect_at

TEXT = "for a in b:\n    f(a)\n    g(\n        a)\n    f(a)\n"


def fingerprints(text: str, *calls: str, **extra: Any) -> list[str]:
    suspects = []
    for call in dict.fromkeys(calls):
        nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and ast.unparse(n) == call]
        suspects += [suspect_at(text, node, **extra) for node in nodes]
    return [finding.fingerprint for finding in flag(suspects, lambda _: text, NAMES)]


def test_fingerprint_ignores_lines_and_white_space() -> None:
    moved = "# a comment\nimport os\n\n" + TEXT.replace("g(\n        a)", "g(a)")
    assert fingerprints(TEXT, "g(a)") == fingerprints(moved, "g(a)")
    assert len(fingerprints(TEXT, "g(a)")[0]) == 16


def test_equal_nodes_have_fingerprints_of_their_own() -> None:
    found = fingerprints(TEXT, "f(a)", "g(a)")
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    "extra", [{"function": "other"}, {"path": "app/y.py"}, {"discriminator": "app/routers/z.py"}, {"code": "NP103"}]
)
def test_fingerprint_depends_on(extra: dict[str, object]) -> None:
    assert fingerprints(TEXT, "g(a)") != fingerprints(TEXT, "g(a)", **extra)


def test_findings_are_in_report_order_whatever_the_order_of_suspects() -> None:
    texts = {"app/a.py": TEXT, "app/b.py": TEXT}
    suspects = [
        suspect_at(TEXT, node, code, path=path)
        for path in texts
        for code in ("NP105", "NP103")
        for node in ast.walk(ast.parse(TEXT))
        if isinstance(node, ast.Call)
    ]
    findings = flag(suspects, texts.__getitem__, NAMES)
    assert findings == flag(suspects[::-1], texts.__getitem__, NAMES)
    assert list(findings) == sorted(findings, key=lambda finding: finding.sort_key)
    assert len(findings) == 12


def test_advice_stands_in_for_a_rewrite() -> None:
    suspect = suspect_at(TEXT, node_of(TEXT, "g(a)"), advice="Write a batch variant\ng_many([a for a in b])")
    (finding,) = flag([suspect], lambda _: TEXT, NAMES)
    assert finding.suggestion is not None
    assert finding.suggestion.title == "Write a batch variant"
    assert finding.suggestion.code == "g_many([a for a in b])"
    assert finding.suggestion.applicability is Applicability.DISPLAY
    assert flag([replace(suspect, advice="")], lambda _: TEXT, NAMES)[0].suggestion is None


def test_finding_carries_what_the_suspect_says() -> None:
    suspect = suspect_at(TEXT, node_of(TEXT, "g(a)"), also_in=("app/routers/z.py",))
    (finding,) = flag([suspect], lambda _: TEXT, NAMES)
    for name in ("code", "severity", "confidence", "path", "function", "message", "evidence", "also_in"):
        assert getattr(finding, name) == getattr(suspect, name)
    assert finding.name == "np105"


MODEL = """\
class Artifact(Base):
    __tablename__ = "artifacts"
    # loaded for every artifact
    tags: Mapped[list["Tag"]] = relationship(
        "Tag",  # the other side
        secondary="artifact_tags",
        lazy="selectin",
    )
    owner = relationship('User', lazy='joined', backref=backref("artifacts", lazy="selectin"))
    parts: list["Part"] = Relationship(sa_relationship_kwargs={"lazy": "selectin", "cascade": "all"})
    notes: list["Note"] = Relationship(sa_relationship_kwargs=dict(lazy="subquery"))
    late = db.relationship("Late", lazy=False)
"""
RELATIONSHIPS = {
    "tags": ("selectin", '    lazy="select",'),
    "owner": ("joined", 'lazy=\'select\', backref=backref("artifacts", lazy="selectin")'),
    "artifacts": ("selectin", 'lazy=\'joined\', backref=backref("artifacts", lazy="select")'),
    "parts": ("selectin", 'sa_relationship_kwargs={"lazy": "select", "cascade": "all"}'),
    "notes": ("subquery", 'sa_relationship_kwargs=dict(lazy="select")'),
    "late": ("False", 'db.relationship("Late", lazy="select")'),
}


def declaration(name: str) -> ast.Call:
    line = next(
        n
        for n, text in enumerate(MODEL.splitlines(), 1)
        if text.strip().startswith(name) or f'backref("{name}"' in text
    )
    statement = next(
        n for n in ast.walk(ast.parse(MODEL)) if isinstance(n, ast.Assign | ast.AnnAssign) and n.lineno == line
    )
    assert isinstance(statement.value, ast.Call)
    return statement.value


@pytest.mark.parametrize("name", RELATIONSHIPS)
def test_loader_change(name: str) -> None:
    lazy, expected = RELATIONSHIPS[name]
    plan = loader_plan(relationship=name, lazy=lazy)
    scope = Pos(1, 0, len(MODEL.splitlines()), 10)
    suspect = suspect_at(MODEL, declaration(name), "NP201", plan=plan, scope=scope)
    (finding,) = flag([suspect], lambda _: MODEL, NAMES)
    assert finding.suggestion is not None
    assert expected in finding.suggestion.code
    assert finding.suggestion.title == f'Artifact.{name}: lazy="select"; no query needs its rows'
    ast.parse(finding.suggestion.code)


def test_loader_change_names_readers_and_the_override() -> None:
    own = (("Artifact", "tags"),)
    plan = loader_plan(
        readers=(
            LoadingQuery("app/x.py", Pos(12, 4, 12, 20), (own,)),
            LoadingQuery("app/x.py", Pos(14, 4, 14, 20), (own, (("Project", "artifacts"), *own)), ("Artifact",)),
            LoadingQuery("app/x.py", Pos(16, 4, 16, 20), (own,), takes_options=False),
        ),
        wasters=(
            LoadingQuery("app/y.py", Pos(30, 4, 30, 20), (own,)),
            LoadingQuery("app/y.py", Pos(40, 4, 40, 20), ((("Project", "artifacts"), *own),)),
            LoadingQuery("app/y.py", Pos(50, 4, 50, 20), (own,), takes_options=False),
        ),
    )
    suspect = suspect_at(MODEL, declaration("tags"), "NP201", plan=plan)
    (finding,) = flag([suspect], lambda _: MODEL, NAMES)
    assert finding.suggestion is not None
    assert finding.suggestion.title == 'Artifact.tags: lazy="select" and selectinload at its 3 readers'
    assert finding.suggestion.code == (
        'tags: Mapped[list["Tag"]] = relationship(\n'
        '    "Tag",  # the other side\n'
        '    secondary="artifact_tags",\n'
        '    lazy="select",\n'
        ")\n"
        "# app/x.py:12: .options(selectinload(Artifact.tags))\n"
        "# app/x.py:14: .options(defaultload(Project.artifacts).selectinload(Artifact.tags), "
        "selectinload(Artifact.tags)) where it asks for Artifact\n"
        "# app/x.py:16: takes no option: Artifact.tags is loaded when read\n"
        "# or keep the mapping and override it where the rows are not read:\n"
        "# app/y.py:30: .options(lazyload(Artifact.tags))\n"
        "# app/y.py:40: .options(defaultload(Project.artifacts).lazyload(Artifact.tags))"
    )


def test_loader_strategy_of_another_kind_is_an_internal_error() -> None:
    suspect = suspect_at(MODEL, declaration("tags"), "NP201", plan=loader_plan(lazy="joined"))
    with pytest.raises(InternalError, match='lazy is "selectin" there, not "joined"'):
        flag([suspect], lambda _: MODEL, NAMES)


SENTENCES = {
    "a chain of parents": Case(
        """
        def run(session, hero):
            while hero.mentor_id:
                hero = session.get(Hero, hero.mentor_id)
        """,
        "session.get(Hero, hero.mentor_id)",
        {"id": "hero.mentor_id"},
        style="select",
        unique=True,
        expected="recursive common table expression",
    ),
    "a filter added on a condition": Case(
        """
        def run(session, teams, strong):
            for team in teams:
                query = session.query(Hero).filter(Hero.team_id == team.id)
                if strong:
                    query = query.filter(Hero.power > 5)
                print(query.count())
        """,
        "query.count()",
        {"team_id": "team.id"},
        "count",
        expected="one query with IN and GROUP BY Hero.team_id",
    ),
    "another condition on the loop": Case(
        """
        def run(session, teams):
            for team in teams:
                print(session.query(Hero).filter(Hero.team_id == team.id, Hero.power > team.id).count())
        """,
        "session.query(Hero).filter(Hero.team_id == team.id, Hero.power > team.id).count()",
        {"team_id": "team.id"},
        "count",
        expected="one query with IN",
    ),
    "a key that only the database knows": Case(
        """
        def run(session, teams):
            for team in teams:
                number = session.scalar(next_number(team))
                print(session.query(Hero).filter(Hero.team_id == number).all())
        """,
        "session.query(Hero).filter(Hero.team_id == number).all()",
        {"team_id": "number"},
        expected="group them by key",
    ),
    "a key from the previous iteration": Case(
        """
        def run(session, teams):
            last = 0
            for team in teams:
                print(session.query(Hero).filter(Hero.team_id == last).all())
                last = team.id
        """,
        "session.query(Hero).filter(Hero.team_id == last).all()",
        {"team_id": "last"},
        expected="group them by key",
    ),
    "a comparison inside or_": Case(
        """
        def run(session, teams):
            return [session.query(Hero).filter(or_(Hero.team_id == t.id, Hero.power > 3)).first() for t in teams]
        """,
        "session.query(Hero).filter(or_(Hero.team_id == t.id, Hero.power > 3)).first()",
        {"team_id": "t.id"},
        expected="one IN query on Hero.team_id",
    ),
    "rows that a lock guards": Case(
        """
        def run(session, ids):
            for number in ids:
                print(session.get(Hero, number, with_for_update=True))
        """,
        "session.get(Hero, number, with_for_update=True)",
        {"id": "number"},
        unique=True,
        style="select",
        expected="keep them in a dict by key",
    ),
    "a lambda": Case(
        """
        def run(session, ids):
            return list(map(lambda number: session.get(Hero, number), ids))
        """,
        "session.get(Hero, number)",
        {"id": "number"},
        style="select",
        unique=True,
        inside=ast.Call,
        expected="keep them in a dict by key",
    ),
    "a key that is consumed": Case(
        """
        def run(session, queues):
            for queue in queues:
                number = queue.pop()
                print(session.get(Hero, number))
        """,
        "session.get(Hero, number)",
        {"id": "number"},
        style="select",
        unique=True,
        expected="keep them in a dict by key",
    ),
    "a key that the loop writes": Case(
        """
        def run(session, teams):
            for team in teams:
                team.slug = clean(team.slug)
                print(session.query(Hero).filter(Hero.name == team.slug).all())
        """,
        "session.query(Hero).filter(Hero.name == team.slug).all()",
        {"name": "team.slug"},
        expected="group them by key",
    ),
    "a helper that builds the statement": Case(
        """
        def run(session, ids):
            for number in ids:
                print(session.scalars(build(Hero, number)).all())
        """,
        "session.scalars(build(Hero, number)).all()",
        {"id": "number"},
        style="select",
        expected="Fetch all Hero rows before the loop",
    ),
}


@pytest.mark.parametrize("case", SENTENCES.values(), ids=SENTENCES.keys())
def test_sentence_where_no_code_is_right(case: Case) -> None:
    suggestion = case.finding().suggestion
    assert suggestion is not None
    assert suggestion.code == ""
    assert case.expected in suggestion.title


def test_clean_run_imports_no_libcst() -> None:
    code = "import sys; from nplus1_lint.flag import flag; flag([], str, {}); print('libcst' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_flagging_leaves_the_slow_parts_of_libcst_alone() -> None:
    code = (
        "import sys; from nplus1_lint.flag import apply; "
        "print([m for m in ('libcst.matchers', 'libcst.codemod') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loop_itself_can_be_flagged() -> None:
    loop = next(node for node in ast.walk(ast.parse(TEXT)) if isinstance(node, LOOPS))
    (finding,) = flag([suspect_at(TEXT, loop)], lambda _: TEXT, NAMES)
    assert finding.span == (1, 1, 5, 9)
