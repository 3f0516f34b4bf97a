"""The examples of the rules about loading and fetching as they read after the change that their findings suggest.

For each example its replacements: what the change takes out and what it puts there.
"""

from __future__ import annotations

from typing import NamedTuple

Replacements = tuple[tuple[str, str], ...]


class Key(NamedTuple):
    """An INVALID example of a rule, by code and name."""

    code: str
    name: str


_IMPORT = ("from sqlalchemy import select\n", "from sqlalchemy import func, select\n")
_SELECTIN = ("joinedload", "selectinload")

MENDED: dict[Key, Replacements] = {
    Key("NP201", "children loaded for a list of names"): (('lazy="selectin"', 'lazy="select"'),),
    Key("NP201", "rows behind another relationship, read by one module of two"): (
        ('lazy="selectin"', 'lazy="select"'),
        (
            "import Session, selectinload\n\nfrom models import League\n",
            "import Session, defaultload, selectinload\n\nfrom models import League, Team\n",
        ),
        (
            "selectinload(League.teams))).one()",
            "selectinload(League.teams)).options(defaultload(League.teams).selectinload(Team.heroes))).one()",
        ),
    ),
    Key("NP202", "an option for names"): ((".options(selectinload(Team.heroes))", ""),),
    Key("NP202", "the end of a chain, behind a repository"): ((".selectinload(Team.heroes)", ""),),
    Key("NP202", "options of two callers, of which one reads"): (
        (
            "team.slug for team in teams(session, [selectinload(Team.heroes)])",
            "team.slug for team in teams(session, [])",
        ),
    ),
    Key("NP202", "a flag that asks for too much"): (("teams(session, True)", "teams(session)"),),
    Key("NP203", "teams load heroes load powers"): (
        ('relationship(lazy="selectin", back_populates="team")', 'relationship(lazy="select", back_populates="team")'),
    ),
    Key("NP204", "by the key of the parent, counted and fetched"): (
        ("session.query(Hero).filter_by(team_id=team.id).count()", "len(team.heroes)"),
        (
            "session.query(Hero).filter(Hero.team_id == team_id).order_by(Hero.name).all()",
            "sorted(team.heroes, key=lambda hero: hero.name)",
        ),
    ),
    Key("NP205", "children loaded by the mapping and counted"): (
        ("import select\n", "import func, select\n"),
        ("from models import Team", "from models import Hero, Team"),
        (
            "{team.name: len(team.heroes) for team in session.scalars(select(Team))}",
            "dict(map(tuple, session.execute("
            "select(Team.name, func.count(Hero.id)).outerjoin(Team.heroes).group_by(Team.id)).all()))",
        ),
    ),
    Key("NP205", "one team's children counted in a helper"): (
        _IMPORT,
        ("from models import Team", "from models import Hero, Team"),
        ("def summary(team: Team):\n    if not team.heroes:", "def summary(heroes: int):\n    if not heroes:"),
        ("{len(team.heroes)} heroes", "{heroes} heroes"),
        (
            "session.scalars(select(Team).options(selectinload(Team.heroes)))",
            "session.execute(select(Team.id, func.count(Hero.id)).outerjoin(Team.heroes).group_by(Team.id))",
        ),
        ("[summary(team) for team in teams]", "[summary(heroes) for _, heroes in teams]"),
    ),
    Key("NP206", "a collection joined by the mapping"): (('lazy="joined"', 'lazy="selectin"'),),
    Key("NP206", "two collections that multiply"): (_SELECTIN,),
    Key("NP206", "a limit"): (_SELECTIN,),
    Key("NP207", "a joined collection without unique"): (
        ("(joinedload(Team.heroes)))", "(joinedload(Team.heroes))).unique()"),
    ),
    Key("NP207", "a joined collection below a joined row"): (
        ("session.execute(query).scalar_one()", "session.execute(query).unique().scalar_one()"),
    ),
    Key("NP207", "a joined collection in portions"): (_SELECTIN,),
    Key("NP207", "a query at once for each row of a list"): (("immediateload", "selectinload"),),
    Key("NP207", "a limit without an order, twice"): (("subqueryload", "selectinload"),),
    Key("NP301", "the number of all rows"): (
        _IMPORT,
        ("session.scalars(select(Team)).all()", "session.scalar(select(func.count()).select_from(Team))"),
        ("{len(teams)}", "{teams}"),
    ),
    Key("NP301", "a helper's rows, only counted here"): (
        ("filter(Hero.power > power).all()", "filter(Hero.power > power).count()"),
        ('"strong": len(strong)', '"strong": strong'),
    ),
    Key("NP302", "all rows, to see whether there are any"): (
        (
            "session.scalars(select(Hero).where(Hero.power > 0)).all()",
            "session.scalar(select(select(Hero.id).where(Hero.power > 0).exists()))",
        ),
        ("len(strong) > 0", "strong"),
    ),
    Key("NP302", "a count that is compared with zero"): (
        (
            "session.query(Hero).filter(Hero.power > 0).count() > 0",
            "session.query(session.query(Hero).filter(Hero.power > 0).exists()).scalar()",
        ),
    ),
    Key("NP302", "a row with its children, to see whether it is there"): (
        (
            'session.scalars(select(Team).where(Team.name == "first")).first()',
            'session.scalar(select(Team.id).where(Team.name == "first").limit(1))',
        ),
    ),
    Key("NP303", "a filter in a comprehension"): (
        ("select(Hero))", "select(Hero).where(Hero.team_id == 1))"),
        (" if hero.team_id == 1", ""),
    ),
    Key("NP303", "a sum over a column"): (
        ("from sqlalchemy.orm", "from sqlalchemy import func\nfrom sqlalchemy.orm"),
        ("heroes = session.query(Hero).all()", "total = session.query(func.sum(Hero.power)).scalar()"),
        (
            "sum(hero.power for hero in heroes), max(heroes, key=lambda hero: hero.power).name",
            "total, session.query(Hero.name).order_by(Hero.power.desc(), Hero.id).limit(1).scalar()",
        ),
    ),
    Key("NP303", "a page cut out of all rows"): (
        _IMPORT,
        ("order_by(Hero.id)).all()", "order_by(Hero.id).offset(start).limit(size)).all()"),
        ("    page = heroes[start : start + size]\n", "    total = session.scalar(select(func.count(Hero.id)))\n"),
        ("len(heroes)", "total"),
        ("for hero in page", "for hero in heroes"),
    ),
    Key("NP303", "the first of all rows"): (
        ("order_by(Team.slug)).all()", "order_by(Team.slug).limit(1)).first()"),
        ("teams[0].slug if teams", "teams.slug if teams"),
    ),
    Key("NP303", "the first of a result"): (("Hero.id)).first()", "Hero.id).limit(1)).first()"),),
    Key("NP303", "sorted after the fact"): (
        ("session.scalars(select(Hero)).all()", "session.scalars(select(Hero).order_by(Hero.power, Hero.name)).all()"),
        ("sorted(heroes, key=lambda hero: (hero.power, hero.name))", "heroes"),
    ),
    Key("NP304", "a count that is asked again"): (
        ("    if not heroes_of(session, 1).count():", "    number = heroes_of(session, 1).count()\n    if not number:"),
        ("{heroes_of(session, 1).count()} heroes", "{number} heroes"),
    ),
    Key("NP304", "a helper that is called again"): (
        ("    name = team_of(session, slug).slug\n", "    team = team_of(session, slug)\n"),
        ("name, team_of(session, slug).id", "team.slug, team.id"),
    ),
    Key("NP305", "the same count for every row"): (
        (
            "        total = session.scalar(select(func.count(Hero.id)))  # expect: NP305\n        shares",
            "        shares",
        ),
        ("    shares = {}\n", "    shares = {}\n    total = session.scalar(select(func.count(Hero.id)))\n"),
    ),
    Key("NP305", "beside a change of another table"): (
        (
            "    for hero in session.scalars(select(Hero)).all():\n"
            "        teams = session.scalar(select(func.count(Team.id)))  # expect: NP305\n",
            "    teams = session.scalar(select(func.count(Team.id)))\n"
            "    for hero in session.scalars(select(Hero)).all():\n",
        ),
    ),
    Key("NP305", "behind a call"): (
        (
            "    return [(team.slug, strongest(session).name)",
            "    best = strongest(session)\n    return [(team.slug, best.name)",
        ),
    ),
}
