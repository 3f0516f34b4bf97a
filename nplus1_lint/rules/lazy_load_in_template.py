"""NP110."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from nplus1_lint.findings import Confidence, Pos, Severity, Step, Suspect
from nplus1_lint.infer.effects import READS, Effect, Kind
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.options import chained, longest, of_model, planned
from nplus1_lint.rules.repeated import confidence, quiet, severity, what

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.findings import OptionsPlan
    from nplus1_lint.infer.analysis import Analysis, Repetition
    from nplus1_lint.infer.origins import Load
    from nplus1_lint.infer.rendered import Rendering
    from nplus1_lint.infer.values import Site

_NAMED = 3
_MAX_STEPS = 12


class LazyLoadInTemplate(Rule):
    """A Jinja template loads a relationship or runs a query once per row.

    What it does
        Follows the rows that a call renders a template with: Flask's ``render_template`` and ``stream_template``,
        ``TemplateResponse`` of Starlette and FastAPI, ``get_template(…).render(…)`` of Jinja, ``renderer=`` of
        Pyramid's views, ``get_template_attribute`` and other calls of a template's macros, and functions of the
        project that pass a name and a context on to these. Flags the call when
        a loop of the template, or a loop around the call, reads a relationship, deferred column, association proxy
        or property that nothing has loaded, or calls what queries. Includes, macros, blocks and the templates that
        are extended are followed, and the filters, tests, globals and context processors that the application
        registers. Needs the extra ``templates``, which installs Jinja.

    Why is this bad
        Eleven statements for ten rows, and neither the view nor the template shows them.

    Use instead
        ``selectinload`` for collections and ``joinedload`` for many-to-one, on the query that made the rows, chained
        for ``a.b.c``; counts and the like fetched before rendering.

    When it stays quiet
        The template's name is no literal, or several folders hold it equally near; the template cannot be parsed, or
        what it is extended with or includes cannot be told; filters and globals that are registered under a name that
        is no literal.

    Fix safety
        Safe where the query stands in the function of the rendering and that function changes no rows: the same rows,
        loaded earlier. Unsafe where the query stands elsewhere, for its other callers load the relationship too, and
        where the function changes rows, for the read no longer sees that. Shown as a sentence where the query is not
        found, is fetched in parts or has an option that contradicts.
    """

    code: ClassVar[str] = "NP110"
    name: ClassVar[str] = "lazy-load-in-template"
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str] = "a template loads a relationship or runs a query once per row"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a collection per row, through a base template and a macro",
            """\
# file: templates/base.html
<title>{% block title %}Teams{% endblock %}</title>
{% block content %}{% endblock %}

# file: templates/macros.html
{% macro names(heroes) %}{{ heroes|map(attribute="name")|join(", ") }}{% endmacro %}

# file: templates/teams.html
{% extends "base.html" %}
{% from "macros.html" import names %}
{% block content %}
  {% for team in teams %}
    <li>{{ team.slug }}: {{ names(team.heroes) }}</li>
  {% endfor %}
{% endblock %}

# file: app.py
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team

env = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"))


def run(session: Session):
    teams = session.scalars(select(Team)).all()
    return env.get_template("teams.html").render(teams=teams)  # expect: NP110
""",
        ),
        Example(
            "Flask, and an included row",
            """\
# file: templates/heroes/_row.html
<td>{{ hero.name }}</td><td>{{ hero.team.slug }}</td>

# file: templates/heroes/index.html
<table>
{% for hero in heroes %}
  <tr>{% include "heroes/_row.html" %}</tr>
{% endfor %}
</table>

# file: app.py
from flask import Flask, render_template
from sqlalchemy.orm import Session

from models import Hero

app = Flask(__name__)


def index(session: Session):
    return render_template("heroes/index.html", heroes=session.query(Hero).all())  # expect: NP110


def run(session: Session):
    with app.app_context():
        return index(session)
""",
        ),
        Example(
            "Starlette, and a template that is rendered per row",
            """\
# file: templates/pages/teams.html
{% for team in teams if team.heroes %}{{ team.slug }}{% else %}none{% endfor %}

# file: templates/mail.txt
{{ hero.name }} of {{ hero.team.slug }}

# file: app.py
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.templating import Jinja2Templates

from models import Hero, Team

templates = Jinja2Templates(directory=str(Path(__file__).parent / "templates"))


def page(request: Request, session: Session):
    context = {"teams": session.scalars(select(Team)).all()}
    context["title"] = "Teams"
    return templates.TemplateResponse(request, "pages/teams.html", context)  # expect: NP110


def mails(session: Session):
    template = templates.get_template("mail.txt")
    return [template.render(hero=hero) for hero in session.scalars(select(Hero))]  # expect: NP110


def run(session: Session):
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
    return page(request, session).body, mails(session)
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "loader options on the query, chained",
            """\
# file: templates/teams.html
{% for team in teams %}
  {% for hero in team.heroes|sort(attribute="name") %}{{ hero.name }} of {{ hero.team.slug }}{% endfor %}
{% endfor %}

# file: app.py
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team

env = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"))


def run(session: Session):
    teams = session.scalars(select(Team).options(selectinload(Team.heroes))).all()
    return env.get_template("teams.html").render({"teams": teams})
""",
        ),
        Example(
            "columns alone, the rows of one parent, and what only the first round reads",
            """\
# file: templates/heroes.html
<h1>{{ team.slug }}</h1>
{% for hero in team.heroes %}{{ hero.name }}{% endfor %}
{% for hero in heroes %}
  {% if loop.first %}{{ hero.team.slug }}{% endif %}{{ hero.name }}
{% endfor %}

# file: app.py
from flask import Flask, render_template
from sqlalchemy.orm import Session

from models import Hero, Team

app = Flask(__name__)


def run(session: Session):
    team = session.query(Team).order_by(Team.id).first()
    heroes = session.query(Hero).order_by(Hero.id).all()
    with app.app_context():
        return render_template("heroes.html", team=team, heroes=heroes)
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per rendering call that repeats loads or queries."""
        read_before = {
            _load(effect)
            for repetition in analysis.repetitions
            for effect in repetition.effects
            if effect.kind is Kind.LAZY_LOAD and effect.origin is not None and repetition.dependent(effect)
        }
        for rendering in analysis.renderings:
            found = [one for one in repeats(analysis, rendering) if _load(one.effect) not in read_before]
            if found:
                yield self._suspect(analysis, rendering, found)

    def _suspect(self, analysis: Analysis, rendering: Rendering, found: list[Repeat]) -> Suspect:
        place = Pos(*rendering.place)
        return Suspect(
            code=self.code,
            path=rendering.path,
            pos=place,
            node=rendering.node,
            scope=place,
            function=rendering.function,
            message=message(analysis, found),
            severity=max(severity(analysis, one.repetition, self.severity) for one in found),
            confidence=max(_confidence(one) for one in found),
            evidence=tuple(itertools.islice(dict.fromkeys(evidence(analysis, rendering, found)), _MAX_STEPS)),
            plan=plan(analysis, rendering, found),
            advice=advice(analysis, rendering, found),
        )


class Repeat(NamedTuple):
    """An effect and the loop that repeats it."""

    repetition: Repetition
    effect: Effect


def _load(effect: Effect) -> tuple[object, ...]:
    """What is loaded on which rows: where a loop of Python's does the same before, the template does not pay."""
    return (effect.origin, effect.subject, effect.attribute)


def repeats(analysis: Analysis, rendering: Rendering) -> list[Repeat]:
    """Return what a rendering repeats per row, each load of a relationship of the same rows once."""
    found: dict[tuple[object, ...], Repeat] = {}
    for repetition in rendering.repetitions:
        for effect in repetition.effects:
            # What a loop of Python's reloads was expired there, and is mostly read there first.
            inside = effect.kind is Kind.REFRESH and repetition.path in analysis.project.templates
            if effect.kind is not Kind.LAZY_LOAD and not inside and effect.kind not in READS:
                continue
            if not repetition.dependent(effect) or quiet(repetition, effect):
                continue
            # One option mends every read of a relationship; queries are mended one by one.
            known = effect.kind is Kind.LAZY_LOAD and effect.origin is not None
            key = _load(effect) if known else (effect.kind, effect.site, effect.attribute)
            found.setdefault(key, Repeat(repetition, effect))
    return list(found.values())


def _confidence(repeat: Repeat) -> Confidence:
    return confidence(repeat.repetition, (repeat.effect,))


def message(analysis: Analysis, found: list[Repeat]) -> str:
    """Name the first line of a template, what is repeated there and the other repeated loads."""
    first = found[0]
    line = f"{line_in_template(analysis, first)}"
    named = list(dict.fromkeys(f"one {_what(one.effect)}" for one in found))
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{', '.join(named[:_NAMED])}{more} per iteration of `{first.repetition.loop.text}`: {line}"


def _what(effect: Effect) -> str:
    return what(effect) if effect.kind in (Kind.LAZY_LOAD, Kind.REFRESH) else f"query ({what(effect)})"


def line_in_template(analysis: Analysis, repeat: Repeat) -> str:
    """Return ``path:line`` of the first place in a template on the way to an effect."""
    repetition, effect = repeat
    if repetition.path in analysis.project.templates:
        return f"{repetition.path}:{repetition.place[0]}"
    for site in (*effect.chain, effect.site):
        path = analysis.path_of(site)
        if path in analysis.project.templates:
            return f"{path}:{site.place[0]}"
    return f"{repetition.path}:{repetition.place[0]}"


# -- evidence ----------------------------------------------------------------------------------------------------------


def evidence(analysis: Analysis, rendering: Rendering, found: list[Repeat]) -> Iterator[Step]:
    """The queries that made the rows, the call, then for each repeated effect its loop and the way to it."""
    read: dict[tuple[str, int], dict[str, None]] = {}
    for repeat in found:
        for load in rendering.loads.of(repeat.effect.site, repeat.effect.attribute):
            where = (analysis.path_of(load.query), load.query.place[0])
            read.setdefault(where, {})[".".join(name for name, _ in itertools.groupby(load.path))] = None
    for (path, line), names in read.items():
        yield Step(
            path, line, f"query for the rows on which {', '.join(names)} {'is' if len(names) == 1 else 'are'} read"
        )
    inside = any(repeat.repetition.path in analysis.project.templates for repeat in found)
    for template in rendering.templates if inside else ():
        yield Step(rendering.path, rendering.place[0], f"renders {template}")
    for repeat in found:
        yield from _steps(analysis, repeat)


def _steps(analysis: Analysis, repeat: Repeat) -> Iterator[Step]:
    repetition, effect = repeat
    yield Step(repetition.path, repetition.loop.site.place[0], f"loop: {repetition.loop.text}")
    for call, inside in itertools.pairwise((*effect.chain, effect.site)):
        yield Step(analysis.path_of(call), call.place[0], _enters(analysis, inside))
    yield Step(analysis.path_of(effect.site), effect.site.place[0], what(effect))


def _enters(analysis: Analysis, inside: Site) -> str:
    """Say what a call on the way runs: a function, a macro, a block, another template."""
    path, name = analysis.path_of(inside), analysis.function_name(inside.function)
    if path not in analysis.project.templates:
        return f"calls {name}()"
    if name.startswith("block "):
        return f"runs {name} of {path}"
    return f"calls {name.removeprefix('macro ')}()" if name.startswith("macro ") else f"renders {path}"


# -- advice ------------------------------------------------------------------------------------------------------------


def plan(analysis: Analysis, rendering: Rendering, found: list[Repeat]) -> OptionsPlan | None:
    """Return what the rewriter needs; nothing where the template does more than load lazily."""
    if any(repeat.effect.kind is not Kind.LAZY_LOAD for repeat in found):
        return None
    effects = [repeat.effect for repeat in found]
    behind = [of_model(analysis, rendering.loads.of(one.site, one.attribute), one.subject) for one in effects]
    return planned(analysis, rendering.caller, behind)


def advice(analysis: Analysis, rendering: Rendering, found: list[Repeat]) -> str:
    """Name the loader options for each query that made rows, or what to fetch before rendering."""
    options: dict[str, dict[str, None]] = {}
    for repeat in found:
        effect = repeat.effect
        if effect.kind is not Kind.LAZY_LOAD:
            continue
        loads = rendering.loads.of(effect.site, effect.attribute)
        chains = [(where_of(analysis, load), chain) for load in loads if (chain := _chain(analysis, load))]
        for where, chain in chains or [("that made the rows", _option(analysis, effect.subject, effect.attribute))]:
            options.setdefault(where, {})[chain] = None
    parts = [f".options({', '.join(longest(chains))}) to the query {where}" for where, chains in options.items()]
    queried = any(repeat.effect.kind is not Kind.LAZY_LOAD for repeat in found)
    fetch = "etch what the template queries per row before rendering"
    if not parts:
        return f"F{fetch}"
    return f"Add {'; '.join(parts)}{f'; f{fetch}' if queried else ''}"


def where_of(analysis: Analysis, load: Load) -> str:
    """Name the place of a query; one that is iterated in a template is built elsewhere."""
    path = analysis.path_of(load.query)
    place = f"{path}:{load.query.place[0]}"
    return f"that {place} runs" if path in analysis.project.templates else f"at {place}"


def _option(analysis: Analysis, model_id: str, attribute: str) -> str:
    model = analysis.project.models[model_id]
    relationship = model.relationships.get(attribute)
    if relationship is None:
        return f"undefer({model.name}.{attribute})"
    return f"{'selectinload' if relationship.uselist else 'joinedload'}({model.name}.{attribute})"


def _chain(analysis: Analysis, load: Load) -> str:
    """Chain the options along the path of a load; an empty string where the path fits none of the query's classes."""
    for model in load.models:
        steps: list[str] = []
        current: str | None = model
        for attribute in load.path:
            owner = analysis.project.models.get(current or "")
            if owner is None or not (attribute in owner.relationships or attribute in owner.columns):
                break
            steps.append(_option(analysis, owner.id, attribute))
            relationship = owner.relationships.get(attribute)
            current = relationship.target if relationship is not None else None
        else:
            return chained(steps)
    return ""
