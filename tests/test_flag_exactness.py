"""A suspect is found on its exact node whatever the text looks like; one that is not there is an internal error."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from nplus1_lint.findings import InternalError, Pos
from nplus1_lint.flag import flag
from nplus1_lint.flag.offsets import offsets
from nplus1_lint.flag.source import SourceText
from nplus1_lint.flag.visitor import KINDS as CST_KINDS
from nplus1_lint.flag.visitor import Region
from tests.flag_support import KINDS, LOOPS, NAMES, Case, kind, loader_plan, node_of, pos, suspect_at

COUNT = Case(
    """
    def run(session):
        teams = session.query(Team).all()
        for team in teams:
            print(session.query(Hero).filter(Hero.team_id == team.id).count())
    """,
    "session.query(Hero).filter(Hero.team_id == team.id).count()",
    {"team_id": "team.id"},
    "count",
)

SNIPPETS = {
    "plain": "x = q.count()\n",
    "brackets of its own": "x = ((q.filter(a)).count())\n",
    "brackets over lines": "x = (\n    q\n    .filter(a)  # é\n    .count()\n)\n",
    "unicode before": "x = 'ü€𝄞', q.count(), 'é'\n",
    "tabs": "def f():\n\tfor a in b:\n\t\tq.count()\n",
    "windows line ends": "def f():\r\n    for a in b:\r\n        x = '''a\r\nb''', q.count()\r\n",
    "old line ends": "def f():\r    q.count()\r",
    "byte order mark": "\ufeffq.count()\n",
    "form feed": "import a\n\f\ndef f():\n    x = 1\n\f\n    q.count()\n",
    "line continuation": "x = q \\\n  .count()\n",
    "dedented string": "def f():\n    if a:\n        q.execute('''\nselect\n  1\n''')\n",
    "f-string": "def f():\n    return f'{q.count()} of {len(q.all()):>{w()}}'\n",
    "walrus": "if (n := q.count()) > 1:\n    pass\nelif q.first():\n    pass\n",
    "async": "async def f():\n    async for a in b():\n        x = [c(d) async for d in await e()]\n",
    "generator argument": "x = sum(q.count(a) for a in b), any((c() for d in e))\n",
    "semicolons": "for a in b: c(); d();\nelse:\n    e();\n",
    "one line": "def f(): return q.count()\n",
    "decorator": "@a.b(q.count())\n@c\ndef f():\n    pass\n",
    "else of a try": "def f():\n    try:\n        a()\n    except B:\n        c()\n"
    "    else:\n        d.e()\n    finally:\n        g()\n",
    "match": "def f(a):\n    match a:\n        case [b, *_] if c(b):\n            d()\n"
    "        case _:\n            e()\n",
    "class": "class A(B.C):\n    d = relationship('E', lazy='selectin')\n\n    # comment\n    f = g(h)\n",
    "conditional and lambda": "x = a() if (b.c) else (lambda d: d.e())\n",
    "comment at odd indent": "def f():\n    a(\n# here\n      b()\n    )\n  # there\n    c()\n",
    "strings with quotes": 'x = \'it\\\'s\', """a "quoted" """, r\'\\\\\', b\'\', q.count()\n',
    "no last newline": "def f():\n    q.count()",
    "subscripts": "x = a[b.c()][d:e()], (a)[(b)]\n",
}
WANTED = (*KINDS, *LOOPS, ast.Subscript)


def exact(text: str) -> list[tuple[ast.AST, str]]:
    """Every node of a kind that a suspect can have, with the source that the flag stage finds for it."""
    source = SourceText("app/x.py", text)
    found = []
    for node in ast.walk(ast.parse(text.encode())):
        if isinstance(node, WANTED):
            place = pos(node)
            run = source.statements(place.line, place.end_line)
            assert run is not None
            located = Region(source, *run).find(place, CST_KINDS[kind(node)])
            assert located is not None, ast.unparse(node)
            line, column, end_line, end_column = located.span
            start = source.starts[line - 1] + column - 1
            found.append((node, source.text[start : source.starts[end_line - 1] + end_column - 1]))
    return found


@pytest.mark.parametrize("text", SNIPPETS.values(), ids=SNIPPETS.keys())
def test_every_node_is_found_with_its_exact_text(text: str) -> None:
    found = exact(text)
    assert found
    for node, code in found:
        wanted = ast.dump(node)
        # In brackets a chain over lines parses alone.
        again = ast.parse(code if isinstance(node, ast.stmt) else f"({code})").body[0]
        if isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
            assert isinstance(again, ast.Expr)
            assert ast.dump(again.value) == wanted
        elif isinstance(node, ast.stmt):
            assert type(again) is type(node) or isinstance(node, ast.AsyncFor)


@pytest.mark.parametrize("text", [*SNIPPETS.values(), Path(ast.__file__).read_text(encoding="utf-8")])
def test_offsets_are_the_positions_of_libcst(text: str) -> None:
    source = SourceText("app/x.py", text)
    wrapper = MetadataWrapper(cst.parse_module(source.text), unsafe_skip_copy=True)
    found = offsets(wrapper.module)
    positions = wrapper.resolve(PositionProvider)
    assert {id(node) for node in positions} == set(found)
    starts = [*source.starts, len(source.text) + 1]  # libcst writes a last line end before it takes it back
    for node, place in positions.items():
        wanted = [starts[end.line - 1] + end.column for end in (place.start, place.end)]
        assert list(found[id(node)]) == wanted, node


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the outer quote inside a field is new in Python 3.12")
def test_fstring_with_its_own_quote() -> None:
    assert exact("def f():\n    x = f'{a['b'].c()!r:{d['e']}}', g()\n    h()\n")


def test_nodes_of_real_files_are_found() -> None:
    for module in ("ast", "dataclasses", "typing"):
        text = Path(sys.modules[module].__file__ or "").read_text(encoding="utf-8")
        source = SourceText(module, text)
        regions: dict[tuple[int, int], Region] = {}
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.Call, *LOOPS)):
                place = pos(node)
                run = source.statements(place.line, place.end_line)
                assert run is not None
                if run not in regions:
                    regions[run] = Region(source, *run)
                assert regions[run].find(place, CST_KINDS[kind(node)]) is not None, ast.unparse(node)


def test_span_counts_characters_from_one() -> None:
    text = "x = ('ü€', (q\n  .count()))\n"
    (finding,) = flag([suspect_at(text, node_of(text, "q.count()"))], lambda _: text, NAMES)
    assert finding.span == (1, 13, 2, 11)


SHIFTS = {
    "line down": (1, 0, 1, 0),
    "line up": (-1, 0, -1, 0),
    "column right": (0, 1, 0, 1),
    "column left": (0, -1, 0, -1),
    "end only": (0, 0, 0, -1),
    "far outside": (500, 0, 500, 0),
    "far right": (0, 500, 0, 500),
}


@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS.keys())
@pytest.mark.parametrize("code", ["NP101", "NP105"])
def test_shifted_suspect_is_an_internal_error(shift: tuple[int, ...], code: str) -> None:
    suspect = COUNT.suspect() if code == "NP101" else suspect_at(COUNT.text, node_of(COUNT.text, COUNT.call))
    moved = replace(suspect, pos=Pos(*(a + b for a, b in zip(suspect.pos, shift, strict=True))))
    with pytest.raises(InternalError, match=rf"app/x\.py:{moved.pos.line}: {code} .* report this as a bug"):
        flag([moved], lambda _: COUNT.text, NAMES)


def test_wrong_kind_is_an_internal_error() -> None:
    suspect = suspect_at(COUNT.text, node_of(COUNT.text, "team.id"))
    with pytest.raises(InternalError, match="no call begins and ends there"):
        flag([replace(suspect, node=kind(node_of(COUNT.text, COUNT.call)))], lambda _: COUNT.text, NAMES)


NO_COUNT = {
    "not executed": "for a in b:\n    x = session.query(A).filter(A.c == a)\n",
    "not in a loop": "def f():\n    x = session.query(A).filter(A.c == a).count()\n",
    "the loop's own iterable": "for a in session.query(A).filter(A.c == a).all():\n    pass\n",
    "the loop's else": "for a in b:\n    pass\nelse:\n    session.query(A).filter(A.c == a).first()\n",
    "a comprehension's first iterable": "x = [a for a in session.query(A).filter(A.c == a).all()]\n",
    "nested in a function that is only defined": "def f():\n    return session.scalar(x)\n",
}


@pytest.mark.parametrize("text", NO_COUNT.values(), ids=NO_COUNT.keys())
def test_count_in_loop_is_recognised_on_the_node(text: str) -> None:
    call = max(
        (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)), key=lambda n: pos(n).end_column
    )
    whole = Pos(1, 0, len(text.splitlines()), 0)
    with pytest.raises(InternalError, match=r"no executed query|no loop"):
        flag([suspect_at(text, call, "NP101", scope=whole)], lambda _: text, NAMES)


REPEATED = {
    "while": "while a:\n    session.scalar(stmt)\n",
    "condition of a comprehension": "x = [a for a in b if session.scalar(stmt)]\n",
    "inner iterable": "x = [c for a in b for c in session.scalar(stmt)]\n",
    "lambda": "x = map(lambda a: session.scalar(stmt), b)\n",
    "recursion": "def f(a):\n    session.scalar(stmt)\n    f(a.b)\n",
    "length": "for a in b:\n    len(session.scalar(stmt))\n",
}


@pytest.mark.parametrize("text", REPEATED.values(), ids=REPEATED.keys())
def test_count_is_seen_in_every_kind_of_loop(text: str) -> None:
    whole = Pos(1, 0, len(text.splitlines()), 0)
    suspect = suspect_at(text, node_of(text, "session.scalar(stmt)"), "NP101", scope=whole)
    assert len(flag([suspect], lambda _: text, NAMES)) == 1


def test_plan_whose_loop_does_not_repeat_the_node() -> None:
    suspect = COUNT.suspect()
    query = node_of(COUNT.text, "session.query(Team).all()")
    with pytest.raises(InternalError, match="does not repeat it"):
        flag([replace(suspect, code="NP103", pos=pos(query))], lambda _: COUNT.text, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "x = relationship('A')\n",
        "x = relationship('A', lazy='select')\n",
        "x = Relationship(sa_relationship_kwargs={'cascade': 'all'})\n",
        "x = f('A')\n",
    ],
)
def test_relationship_without_that_strategy(text: str) -> None:
    call = next(node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    with pytest.raises(InternalError, match="lazy"):
        flag([suspect_at(text, call, "NP201", plan=loader_plan())], lambda _: text, NAMES)


def test_nothing_is_read_or_imported_for_no_suspects() -> None:
    def read(path: str) -> str:
        raise AssertionError(path)

    assert flag([], read, {}) == ()
