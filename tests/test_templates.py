"""Templates: which calls render which file with which names, what is said of it, and when nothing is."""

from __future__ import annotations

import builtins
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import nplus1_lint
from nplus1_lint.findings import Confidence
from nplus1_lint.rules import example_models
from tests.executed import materialise

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.findings import Finding

PAGE = "{% for team in teams %}\n{{ team.heroes|length }}{% endfor %}\n"
HEAD = """\
from flask import Flask, render_template, stream_template
from jinja2 import Environment, FileSystemLoader
from sqlalchemy.orm import Session, selectinload
from starlette.templating import Jinja2Templates

from models import Hero, Team

app = Flask(__name__)
env = Environment(loader=FileSystemLoader("templates"))
templates = Jinja2Templates(directory="templates")

"""


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lint:
    return Lint(tmp_path, monkeypatch)


class Lint:
    """Writes a project and checks it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch

    def __call__(self, files: dict[str, str], select: str = "NP110", jobs: int = 1) -> tuple[Finding, ...]:
        settings = f'[tool.nplus1-lint]\nselect = ["{select}"]\nexclude = []\njobs = {jobs}\nshow-low = true\n'
        shared = {"models.py": example_models.SOURCE, "pyproject.toml": settings}
        materialise({**shared, **files}, self.folder)
        self._monkeypatch.chdir(self.folder)
        report = nplus1_lint.check(["."])
        assert not report.errors
        return report.findings

    def view(self, body: str, page: str = PAGE, **names: str) -> tuple[Finding, ...]:
        """Check a function with this body, beside ``templates/page.html``."""
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        return self(
            {"app.py": f"{HEAD}\ndef view(session: Session, request):\n{lines}", "templates/page.html": page, **names}
        )


ROWS = "teams = session.query(Team).all()\n"
VIEW = f"""{HEAD}
def view(session: Session):
    return render_template("page.html", teams=session.query(Team).all())
"""


@pytest.mark.parametrize(
    "body",
    [
        'render_template("page.html", teams=teams)',
        'stream_template("page.html", teams=teams)',
        'render_template("page.html", **{"teams": teams})',
        'render_template("page.html", **dict(teams=teams))',
        'render_template("page.html", **locals())',
        'render_template(template_name_or_list="page.html", teams=teams)',
        'render_template("page.html" if request else "other.html", teams=teams)',
        'templates.TemplateResponse("page.html", {"request": request, "teams": teams})',
        'templates.TemplateResponse(request, "page.html", {"teams": teams})',
        'templates.TemplateResponse(request=request, name="page.html", context={"teams": teams})',
        'templates.TemplateResponse(request, "page.html", context=dict(teams=teams))',
        'templates.TemplateResponse(request, "page.html", {"title": "x"} | {"teams": teams})',
        'env.get_template("page.html").render(teams=teams)',
        'env.get_template("page.html").render({"teams": teams})',
        'env.get_template("page.html").render({"a": 1}, teams=teams)',
        'env.get_template("page.html").generate(teams=teams)',
        'app.jinja_env.get_template("page.html").render(teams=teams)',
        'templates.get_template("page.html").render(teams=teams)',
        'request.app.state.env.get_template("page.html").render(teams=teams)',
        'request.app.state.templates.TemplateResponse(request, "page.html", {"teams": teams})',
        'context = {"request": request}\ncontext["teams"] = teams\ntemplates.TemplateResponse("page.html", context)',
        'context = dict(request=request)\ncontext.update(teams=teams)\nrender_template("page.html", **context)',
        'context = {}\ncontext.update({"teams": teams})\nrender_template("page.html", **context)',
        'context: dict[str, object] = {"teams": teams}\nrender_template("page.html", **context)',
        'context = request.base()\ncontext["teams"] = teams\nrender_template("page.html", **context)',
        'base = {"teams": teams}\nrender_template("page.html", **{"title": "x", **base})',
        'name = "page.html"\nrender_template(name, teams=teams)',
        'page = env.get_template("page.html")\nreturn page.render(teams=teams)',
    ],
)
def test_a_call_that_renders(lint: Lint, body: str) -> None:
    (finding,) = lint.view(ROWS + body)
    last = len((lint.folder / "app.py").read_text().splitlines())
    assert (finding.path, finding.span.line, finding.function) == ("app.py", last, "view")
    assert "templates/page.html:2" in finding.message


@pytest.mark.parametrize(
    "body",
    [
        'render_template("none.html", teams=teams)',
        "render_template(request.name, teams=teams)",
        'render_template(f"{request.name}.html", teams=teams)',
        'render_template("page.html", other=teams)',
        'render_template("page.html", teams=[1, 2])',
        'render_template("page.html", teams=request.teams)',
        'templates.TemplateResponse("page.html", request.context)',
        'context = {"teams": teams}\ncontext = {"teams": []}\nrender_template("page.html", **context)',
        'request.render("page.html", teams=teams)',
        'open("page.html").read()',
    ],
)
def test_a_call_of_which_nothing_is_known(lint: Lint, body: str) -> None:
    assert lint.view(ROWS + body) == ()


def test_each_name_has_its_own_rows(lint: Lint) -> None:
    loaded = (
        "teams = session.query(Team).options(selectinload(Team.heroes)).all()\nothers = session.query(Team).all()\n"
    )
    assert lint.view(loaded + 'templates.TemplateResponse("page.html", {"teams": teams, "others": others})') == ()


@pytest.mark.parametrize(
    "wrapper",
    [
        "def page(name, **context):\n    return render_template(name, **context)",
        "def page(name, **context):\n    return render_template(name, title='x', **context)",
        "def page(*args, **kwargs):\n    return render_template(*args, **kwargs)",
        "def page(*args, **kwargs):\n    return render_template(args[0], **kwargs)",
        "def page(name, **context):\n    template = env.get_template(name)\n    return template.render(**context)",
        "def page(name, **context):\n    return env.get_template(name).render(**context)",
        "def inner(name, context):\n    return env.get_template(name).render(context)\n\n\n"
        "def page(name, **context):\n    return inner(name, context)",
        "def inner(name, **context):\n    return render_template(name, **context)\n\n\n"
        "def page(name, **context):\n    return inner(name, **context)",
    ],
)
def test_a_function_of_the_project_that_renders(lint: Lint, wrapper: str) -> None:
    call = 'return pages.page("page.html", teams=session.query(Team).all())'
    files = {
        "app.py": f"import pages\n{HEAD}\ndef view(session: Session):\n    {call}\n",
        "pages.py": f"{HEAD}\n{wrapper}\n",
        "templates/page.html": PAGE,
    }
    (finding,) = lint(files)
    assert (finding.path, finding.function) == ("app.py", "view")


def test_a_method_that_renders(lint: Lint) -> None:
    source = f"""{HEAD}
class View:
    def render(self, request, name, context=None):
        return templates.TemplateResponse(request, name, context)


class Teams(View):
    def get(self, session: Session, request):
        return self.render(request, "page.html", {{"teams": session.query(Team).all()}})
"""
    (finding,) = lint({"app.py": source, "templates/page.html": PAGE})
    assert finding.function == "Teams.get"


PYRAMID = """\
from pyramid.view import view_config, view_defaults

from models import Team


@view_config(route_name="teams", renderer="shop:templates/page.html", request_method="GET")
@view_config(route_name="teams", renderer="shop:templates/page.html", request_method="POST")
@view_config(route_name="teams.json", renderer="json")
def teams(request):
    found = {"title": "Teams"}
    found["teams"] = request.db.query(Team).all()
    return found


@view_defaults(renderer="page.html")
class Views:
    def __init__(self, request):
        self.request = request

    @view_config(route_name="all")
    def all(self):
        return {"teams": self.request.db.query(Team).all()}  # noqa: NP104
"""


def test_the_views_of_pyramid(lint: Lint) -> None:
    found = lint({"shop/__init__.py": "", "shop/views.py": PYRAMID, "shop/templates/page.html": PAGE})
    assert [(one.span.line, one.function) for one in found] == [(6, "teams"), (20, "Views.all")]


def test_what_is_said(lint: Lint) -> None:
    page = "{% for team in teams %}\n{% for hero in team.heroes %}\n{{ hero.rival.name }}{% endfor %}{% endfor %}"
    models = example_models.SOURCE.replace(
        '    team: Mapped["Team"] =',
        '    rival_id: Mapped[int | None] = mapped_column(ForeignKey("heroes.id"))\n'
        '    rival: Mapped["Hero | None"] = relationship(remote_side=[id], foreign_keys=[rival_id])\n'
        '    team: Mapped["Team"] =',
    ).replace('relationship(back_populates="heroes")', 'relationship(back_populates="heroes", foreign_keys=[team_id])')
    (finding,) = lint.view(ROWS + 'return render_template("page.html", teams=teams)', page, **{"models.py": models})
    assert finding.message == (
        "one lazy load of Team.heroes, one lazy load of Hero.rival per iteration of `for team in teams`: "
        "templates/page.html:2"
    )
    assert [(step.path, step.line, step.message) for step in finding.evidence] == [
        ("app.py", 14, "query for the rows on which heroes, heroes.rival are read"),
        ("app.py", 15, "renders templates/page.html"),
        ("templates/page.html", 1, "loop: for team in teams"),
        ("templates/page.html", 2, "lazy load of Team.heroes"),
        ("templates/page.html", 2, "loop: for hero in team.heroes"),
        ("templates/page.html", 3, "lazy load of Hero.rival"),
    ]
    assert finding.suggestion is not None
    assert finding.suggestion.title == (
        "Add .options(selectinload(Team.heroes).joinedload(Hero.rival)) to the query at app.py:14"
    )
    assert finding.confidence is Confidence.HIGH


def test_a_loop_of_python_around_the_call_is_no_finding_of_another_rule(lint: Lint) -> None:
    body = 'return [render_template("page.html", hero=hero) for hero in session.query(Hero)]'
    files = {
        "app.py": f"{HEAD}\ndef view(session: Session):\n    {body}\n",
        "templates/page.html": "{{ hero.team.slug }}",
    }
    (finding,) = lint(files, "NP1")
    assert (finding.code, finding.span.line) == ("NP110", 14)
    assert [step.message for step in finding.evidence] == [
        "query for the rows on which team is read",
        "loop: for hero in session.query(Hero)",
        "renders templates/page.html",
        "lazy load of Hero.team",
    ]


def test_rows_that_python_has_read_before_are_not_read_again(lint: Lint) -> None:
    body = ROWS + 'sizes = [len(team.heroes) for team in teams]\nreturn render_template("page.html", teams=teams)'
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    files = {"app.py": f"{HEAD}\ndef view(session: Session):\n{lines}", "templates/page.html": PAGE}
    assert [(one.code, one.span.line) for one in lint(files, "NP1")] == [("NP104", 15)]


def test_a_comment_silences_it(lint: Lint) -> None:
    assert lint.view(ROWS + 'return render_template("page.html", teams=teams)  # noqa: NP110') == ()


ASYNC = """\
from fastapi.templating import Jinja2Templates
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models import Team

templates = Jinja2Templates(directory="templates")


async def view(request, session: AsyncSession):
    teams = (await session.scalars(select(Team))).all()
    return templates.TemplateResponse(request, "page.html", {"teams": teams})
"""


def test_rows_of_an_async_session_raise_in_the_template(lint: Lint) -> None:
    (finding,) = lint({"app.py": ASYNC, "templates/page.html": PAGE}, "ALL")
    assert (finding.code, finding.path, finding.span.line) == ("NP501", "app.py", 12)
    assert [(step.path, step.line) for step in finding.evidence] == [
        ("app.py", 11),
        ("app.py", 12),
        ("templates/page.html", 2),
    ]


# -- unused eager loads: what a template reads is read -----------------------------------------------------------------

EAGER = example_models.SOURCE.replace(
    'relationship(back_populates="team")', 'relationship(back_populates="team", lazy="selectin")'
)
ROUTE = f"""{HEAD}
@app.route("/teams")
def view(session: Session):
    return render_template("page.html", teams=session.query(Team).all())
"""


def eager(lint: Lint, page: str) -> list[Confidence]:
    found = lint({"models.py": EAGER, "app.py": ROUTE, "templates/page.html": page}, "NP201")
    return [one.confidence for one in found if "Team.heroes" in one.message]


def test_a_template_that_reads_an_eager_relationship(lint: Lint) -> None:
    assert eager(lint, PAGE) == []


def test_a_template_that_does_not_read_it(lint: Lint) -> None:
    assert eager(lint, "{% for team in teams %}{{ team.slug }}{% endfor %}") == [Confidence.HIGH]


@pytest.mark.parametrize(
    "page",
    [
        "{% include name %}",
        "{% include 'none.html' ignore missing %}",
        "{% extends name %}",
        "{{ teams|serialised }}",
        "{{ show(teams) }}",
        "{% if teams is nice %}{% endif %}",
        "{% cache 300 %}{{ teams }}{% endcache %}",
        "{% for team in teams %}",
        "<% for team in teams: %>",
    ],
)
def test_a_template_that_may_read_it_unseen(lint: Lint, page: str) -> None:
    assert eager(lint, page) == [Confidence.LOW]


# -- finding the file --------------------------------------------------------------------------------------------------


def test_the_nearest_of_several_files_is_meant(lint: Lint) -> None:
    quiet = "{{ teams|length }}"
    files = {
        "shop/views.py": VIEW,
        "shop/templates/page.html": PAGE,
        "blog/templates/page.html": quiet,
        "blog/views.py": VIEW,
    }
    assert [one.path for one in lint(files)] == ["shop/views.py"]


def test_an_application_comes_before_its_parts(lint: Lint) -> None:
    files = {"shop/views.py": VIEW, "shop/templates/page.html": PAGE, "shop/admin/templates/page.html": "{{ teams }}"}
    assert [one.path for one in lint(files)] == ["shop/views.py"]


def test_files_that_are_equally_near_are_not_told_apart(lint: Lint) -> None:
    assert lint({"app.py": VIEW, "one/templates/page.html": PAGE, "two/templates/page.html": PAGE}) == ()


def test_a_template_extends_the_base_beside_it(lint: Lint) -> None:
    page = "{% extends 'base.html' %}{% block body %}" + PAGE + "{% endblock %}"
    files = {
        "shop/views.py": VIEW,
        "shop/templates/page.html": page,
        "shop/templates/base.html": "{% block body %}{% endblock %}",
        "blog/templates/base.html": "none",
    }
    assert len(lint(files)) == 1


@pytest.mark.parametrize(
    "named",
    [
        'Flask(__name__, template_folder="pages")',
        'Flask(__name__, template_folder="../web/pages")',
        'Jinja2Templates(directory="web/pages")',
        'Jinja2Templates(directory=str(Path(__file__).parent / "pages"))',
        'Environment(loader=FileSystemLoader(os.path.join(HERE, "pages")))',
        'Environment(loader=FileSystemLoader(["other", "pages"]))',
        'Jinja2Templates(["pages"])',
    ],
)
def test_a_folder_that_the_code_names(lint: Lint, named: str) -> None:
    found = lint({"web/views.py": VIEW.replace("app = Flask(__name__)", f"app = {named}"), "web/pages/page.html": PAGE})
    assert len(found) == ("../" not in named)


def test_static_files_are_no_templates(lint: Lint) -> None:
    view = f"""{HEAD}
from starlette.staticfiles import StaticFiles

files = StaticFiles(directory="static")


def view(session: Session):
    return render_template("page.html", teams=session.query(Team).all())
"""
    assert lint({"app.py": view, "static/page.html": PAGE}) == ()


def test_ignored_folders_hold_no_templates(lint: Lint) -> None:
    (lint.folder / ".git").mkdir()
    found = lint.view(ROWS + 'return render_template("page.html", teams=teams)', **{".gitignore": "templates/\n"})
    assert found == ()


def test_names_below_a_template_folder(lint: Lint) -> None:
    body = ROWS + 'return render_template("teams/list.jinja2", teams=teams)'
    assert len(lint.view(body, **{"templates/teams/list.jinja2": PAGE})) == 1


# -- what cannot be read -----------------------------------------------------------------------------------------------


def verbose(folder: Path, *arguments: str) -> list[str]:
    command = [sys.executable, *(arguments or ("-m", "nplus1_lint")), "check", ".", "--verbose", "--select", "NP110"]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode in (0, 1), done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("templates: ")]


def test_a_template_that_cannot_be_parsed_is_quiet_and_verbose_says_why(lint: Lint) -> None:
    assert (
        lint.view(ROWS + 'return render_template("page.html", teams=teams)', "{% for team in teams %}\n\n{% endif %}")
        == ()
    )
    total, left_out = verbose(lint.folder)
    assert total == "templates: 0 of 1 files in template folders read"
    assert left_out.startswith(
        "templates: templates/page.html is left out: it cannot be parsed: Encountered unknown tag"
    )
    assert left_out.endswith("(line 3)")


def test_a_template_that_is_not_utf_8(lint: Lint) -> None:
    lint.view(ROWS + 'return render_template("page.html", teams=teams)')
    (lint.folder / "templates" / "page.html").write_bytes(PAGE.encode() + b"\xff")
    assert nplus1_lint.check(["."]).findings == ()
    assert verbose(lint.folder)[1] == "templates: templates/page.html is left out: it is not UTF-8"


def test_tags_of_other_extensions_are_left_out(lint: Lint) -> None:
    page = "{% asset 'x.css' %}{% cache 300, 'teams' %}" + PAGE + "{% endcache %}{% csi url %}{% endcsi %}" + PAGE
    (finding,) = lint.view(ROWS + 'return render_template("page.html", teams=teams)', page)
    assert finding.message.endswith("templates/page.html:4")


def test_without_jinja_templates_are_left_out_and_verbose_says_so(lint: Lint, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without_jinja(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.partition(".")[0] == "jinja2":
            raise ImportError(name)
        return original(name, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without_jinja)
        assert lint.view(ROWS + 'return render_template("page.html", teams=teams)') == ()
    hidden = "import sys; sys.modules['jinja2'] = None; from nplus1_lint.cli import main; main()"
    assert verbose(lint.folder, "-c", hidden) == [
        "templates: jinja2 is not installed; install nplus1-lint[templates] to have templates read"
    ]
    assert len(nplus1_lint.check(["."]).findings) == 1


def test_jinja_is_imported_only_where_rows_are_rendered(lint: Lint) -> None:
    lint.view('return render_template("page.html", number=1)')
    code = "import sys, nplus1_lint; nplus1_lint.check(['.']); sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=lint.folder, check=False).returncode == 0


def test_nothing_of_it_depends_on_the_number_of_jobs(lint: Lint) -> None:
    long = f"{VIEW}# {'x' * 60_000}\n"  # enough for several processes
    many = {f"views/v{number}.py": long for number in range(9)}
    files = {**many, "views/templates/page.html": PAGE}
    assert lint(files, "ALL", jobs=1) == lint(files, "ALL", jobs=3)
    assert len(lint(files)) == 9
