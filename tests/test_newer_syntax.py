"""Syntax newer than the running Python is read as what it means, with every node at its own place."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nplus1_lint
from nplus1_lint.index import older
from nplus1_lint.index.encoding import Codec
from nplus1_lint.index.extract import extract
from nplus1_lint.index.syntax import TypeParam, TypeStatement, fault, parse
from nplus1_lint.rules.example_models import SOURCE
from tests.command import invoke
from tests.test_flag_lines import texts

if TYPE_CHECKING:
    from collections.abc import Iterator

SPELLINGS = {
    "exceptions without brackets": (
        "try:\n    a.b()\nexcept C, d.E:\n    f()\n",
        "try:\n    a.b()\nexcept(C, d.E):\n    f()\n",
    ),
    "an exception group": (
        "try:\n    a.b()\nexcept* C:\n    f()\nexcept*D, E:\n    g\n",
        "try:\n    a.b()\nexcept  C:\n    f()\nexcept(D, E):\n    g\n",
    ),
    "type statement": (
        "type Rows = list[User] | None; b.c\n",
        "(    Rows)= list[User] | None; b.c\n",
    ),
    "type statement over lines": (
        "if a:\n    type Rows \\\n        = list[\n            User\n        ]\nb.c\n",
        "if a:\n    (    Rows)\\\n        = list[\n            User\n        ]\nb.c\n",
    ),
    "type as a name": (
        "type = type in [a]; type[a] = b; c = type\nx = d\ntype X = type(a)\n",
        "type = type in [a]; type[a] = b; c = type\nx = d\n(    X)= type(a)\n",
    ),
    "the same quotes in a field": ('x = f"{a["b"].c} {d}"\n', "x = f\"{a['b'].c} {d}\"\n"),
    "fields in a field": ('x = f"{f"{a.b}"}{c.d}"\n', "x = f\"{f'{a.b}'}{c.d}\"\n"),
    "a comment in a field": ("x = f'''{\n a.b # '}\n}{c.d}'''\n", "x = f'''{\n a.b     \n}{c.d}'''\n"),
    "quotes in a specification": ('x = f"é{a!r:>{b["c"]}} {d.e}"\n', "x = f\"é{a!r:>{b['c']}} {d.e}\"\n"),
    "joined strings": (
        'x = g("a"\n      f"{b["c"]}"  # {d\n      "e" rf"\\{f.g}", h.i)\n',
        'x = g("a"\n      f"{b[\'c\']}"  # {d\n      "e" rf"\\{f.g}", h.i)\n',
    ),
    "strings that are not joined": (
        "def f():\n    'a'\n    f'{b['c'].d}'\n    'e'\n    f'{g}' \\\n  'h'\n",
        "def f():\n    'a'\n    f'{b[\"c\"].d}'\n    'e'\n    f'{g}' \\\n  'h'\n",
    ),
    "a field that shows itself": (
        "type A = B; x = f'{a[\"}\"] = } {c=!s} {d = :>3}'\n",
        "(    A)= B; x = f'{a[\"}\"] = } {c=!s} {d = :>3}'\n",
    ),
    "a template": ('x = t"{a.b} é {c["d"].e}"\n', "x = f\"{a.b} é {c['d'].e}\"\n"),
    "brackets and names in strings": (
        "type A = list['type B = C[']\nx = 'def f[', f'class {a[\"b\"]}['  # type D[\n",
        "(    A)= list['type B = C[']\nx = 'def f[', f'class {a[\"b\"]}['  # type D[\n",
    ),
    "comments for this program": (
        "type A = B\nx = f'{a['é'].b}'  # noqa: NP101\n# nplus1: ignore[NP1] b\nx = 'é', f'''\n# noqa\n'''  # noqa\n",
        "(    A)= B\nx = f'{a[\"é\"].b}'  # noqa: NP101\n# nplus1: ignore[NP1] b\nx = 'é', f'''\n# noqa\n'''  # noqa\n",
    ),
    "old line ends": ("type A = B\rtry:\r  a\rexcept B, C:\r  d.e\r", "(    A)= B\rtry:\r  a\rexcept(B, C):\r  d.e\r"),
    "another encoding": (
        "# coding: latin-1\nx = 'é', f'é{a['é']}é', b.c\ntype A = B; b.c\n",
        "# coding: latin-1\nx = 'é', f'é{a[\"é\"]}é', b.c\n(    A)= B; b.c\n",
    ),
    "a byte order mark": ("\ufefftype A = B; c.d\n", "\ufeff(    A)= B; c.d\n"),
}
PARAMETERS = '''\
class Repo[T: Base, *Ts, **P](Base[T]):
    """class Fake[T]."""

    @cached
    def first[S: (int, str) = int](self, key: "S", *args: *Ts) -> dict[S, T]:
        return {key: value for key, value in self.rows[0, *Ts]}

    async def none[
        é,  # "]"
        S = list[int],
    ](self): ...

    class Inner[T = f"{"a"}"]: value: T


@decorated(T)
class Alone[
    T,
]:
    pass


type Pair[T: Repo, S] = tuple[T, list["S"]] | Other[*Ts, T][0]
'''


def encoded(text: str) -> bytes:
    return text.encode("latin-1" if "latin-1" in text else "utf-8")


@pytest.mark.parametrize(("newer", "same"), SPELLINGS.values(), ids=SPELLINGS.keys())
def test_the_facts_are_those_of_the_older_spelling(newer: str, same: str) -> None:
    wanted = extract("m.py", encoded(same))
    assert wanted.parse_error is None
    assert Codec().encode(extract("m.py", encoded(newer))) == Codec().encode(wanted)


# -- the tree is the one of a Python that knows the syntax -------------------------------------------------------------


def flat(node: Any, *, in_string: bool = False) -> Iterator[Any]:
    """A tree as a sequence; what `older` leaves open is left out."""
    kind = {"TypeAlias": "TypeStatement", "TryStar": "Try"}.get(type(node).__name__, type(node).__name__)
    place = [getattr(node, name, None) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")]
    if kind in ("TypeVar", "TypeVarTuple", "ParamSpec", "TypeParam"):
        yield "type parameter", place, node.name
        yield from flat(node.bound) if getattr(node, "bound", None) is not None else ()
        return
    inexact = kind in ("FormattedValue", "Tuple") or (in_string and kind in ("Constant", "JoinedStr", "GeneratorExp"))
    yield kind, None if inexact else place
    for name in sorted({*node._fields, *(["type_params"] if getattr(node, "type_params", None) else [])}):
        value = getattr(node, name, None)
        if name in ("ctx", "kind", "type_comment", "type_ignores") or (name == "type_params" and not value):
            continue
        yield name
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, ast.AST) and not (kind == "JoinedStr" and getattr(one, "value", None) == ""):
                yield from flat(one, in_string=in_string or kind == "JoinedStr")
            elif not isinstance(one, ast.AST):
                yield repr(one)


def respelt(source: bytes) -> ast.Module:
    """The tree by way of `older`, whether it is needed or not."""
    return older.parse(source, SyntaxError("not by the parser alone", ("", 0, 0, "")))


@pytest.mark.parametrize("text", [*texts().values(), *[same for _, same in SPELLINGS.values()]])
def test_what_any_python_reads_is_not_changed(text: str) -> None:
    source = encoded(text)
    assert list(flat(respelt(source))) == list(flat(ast.parse(source)))


@pytest.mark.skipif(sys.version_info < (3, 13), reason="compares with a Python that knows this syntax")
@pytest.mark.parametrize("text", [PARAMETERS, *[text for name, (text, _) in SPELLINGS.items()]])
def test_the_tree_is_that_of_a_newer_python(text: str) -> None:
    source = encoded(text)
    try:
        native = ast.parse(source)
    except SyntaxError:
        pytest.skip("newer than this Python")
    assert list(flat(respelt(source))) == list(flat(native))


def test_type_parameters_have_their_places() -> None:
    source = PARAMETERS.encode()
    lines = source.splitlines()
    tree = respelt(source)
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        for param in getattr(node, "type_params", ()):
            assert isinstance(param, TypeParam)
            place = param.__dict__
            assert place["lineno"] == place["end_lineno"]
            code = lines[place["lineno"] - 1][place["col_offset"] : place["end_col_offset"]].decode()
            name = node.name.id if isinstance(node, TypeStatement) else node.name  # type: ignore[attr-defined]
            found.setdefault(name, []).append(code)
    assert found == {
        "Repo": ["T: Base", "*Ts", "**P"],
        "first": ["S: (int, str) = int"],
        "none": ["é", "S = list[int]"],
        "Inner": ['T = f"{"a"}"'],
        "Alone": ["T"],
        "Pair": ["T: Repo", "S"],
    }
    for one in ast.walk(tree):
        if isinstance(one, ast.Name) and one.end_col_offset is not None:
            assert lines[one.lineno - 1][one.col_offset : one.end_col_offset].decode() == one.id


NAMES = st.builds("n{}.a".format, st.integers(0, 99))
SPACES = st.sampled_from(["", " ", "é ", "{{", "\\N{BULLET}", "\\n", "#"])
QUOTES = st.sampled_from(['"', "'", '"""'])
FIELD_ENDS = st.sampled_from(["}", " }", "!r}", " = }", ":>3}", "!s:{n7.a}é}"])


def strings(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    field = st.builds("{}{{{}{}".format, SPACES, inner, FIELD_ENDS)
    return st.builds("{1}{0}{2}{0}".format, QUOTES, st.sampled_from("ft"), st.lists(field, max_size=3).map("".join))


EXPRESSIONS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        strings(inner),
        st.builds("f({}, *{})".format, inner, inner),
        st.builds('x["}}", {}]'.format, inner),
        st.builds("x[*{}, 'é']".format, inner),
        st.builds("({}\n)".format, inner),
        st.builds('"é" {}'.format, strings(inner)),
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS)
def test_every_name_in_every_string_is_at_its_place(expression: str) -> None:
    source = f"type X[T: {expression}] = x\ntry: y\nexcept A, {expression}: x = {expression}\n".encode()
    lines = source.split(b"\n")
    found = [node for node in ast.walk(parse(source)) if isinstance(node, ast.Attribute)]
    for node in found:
        assert lines[node.lineno - 1][node.col_offset : node.end_col_offset] == ast.unparse(node).encode()
    assert len(found) >= 2 * expression.count(".a")


# -- files that are broken ---------------------------------------------------------------------------------------------

BROKEN = [
    ("run = (\n", 1, "'(' was never closed"),
    ("type X = (\n", 1, "'(' was never closed"),
    ("type X = int\ndef f[T](x):\n    return )\n", 3, "unmatched ')'"),
    ("class A[T]:\n    x = 1 +\n", 2, "invalid syntax"),
    ("class A[T: ]: pass\n", 1, ""),
    ("class A[]: pass\n", 1, ""),
    ("class A[T U]: pass\n", 1, ""),
    ("class A[T]: pass\nclass B[T: x y]: pass\n", 2, ""),
    ("class A[T\n", 1, ""),
    ("try:\n    a\nexcept A, B as c:\n    d\n", 3, ""),
    ("type X = f'{a['b'] c}'\n", 1, ""),
    ("x = f'{}'\n", 1, ""),
    ("x = f'{a['\n", 1, ""),
    ('x = f"{a["b"]"\n', 1, ""),
    ("type X Y = int\n", 1, "invalid syntax"),
    ("print 'a'\n", 1, "Missing parentheses in call to 'print'. Did you mean print(...)?"),
    ("from a.{{ b }} import f\nx = f'{c['d']}'\n", 1, "invalid syntax"),
]


@pytest.mark.parametrize(("text", "line", "message"), BROKEN)
def test_a_broken_file_is_told(text: str, line: int, message: str) -> None:
    error = extract("m.py", text.encode()).parse_error
    assert error is not None
    assert error.line == line
    assert error.message.startswith(f"cannot be parsed: {message}")


# -- what type parameters mean -----------------------------------------------------------------------------------------

OLD = """\
from typing import Annotated, Generic, TypeVar
from models import Hero, Team
from sqlalchemy import select
from sqlalchemy.orm import Session
T = TypeVar("T")
M = TypeVar("M", bound=Team)
R = TypeVar("R", bound="Teams")
class Repo(Generic[T]):
    model: type[T]
    def __init__(self, session: Session):
        self.session = session
    def all(self):
        return self.session.scalars(select(self.model)).all()
    def first(self) -> "T": ...
class Middle(Repo[T], Generic[T]): ...
class Teams(Middle[Team]): ...
Rows = list[Team]
Reader = Annotated[Session, "reads"]
Loaded = Rows | None
def same(row: M) -> M: ...
def told(repo: R):
    for team in repo.all():
        print(team.heroes)
def run(rows: Loaded, session: Reader, teams: Teams):
    for team in teams.all():
        print(team.heroes)
    for row in rows:
        print(session.get(Hero, same(row).id))
    return [hero.team for team in teams.all() for hero in team.heroes], [teams.first().heroes for row in rows]
"""
NEW = (
    OLD.replace("(Generic[T])", "[T]")
    .replace("(Repo[T], Generic[T])", "[U](Repo[U])")
    .replace("def same(", "def same[M: Team](")
    .replace("def told(", "def told[R: Teams](")
    .replace("Rows = ", "type Rows = ")
    .replace("Reader = ", "type Reader = ")
    .replace("Loaded = ", "type Loaded = ")
)
NEW = "".join("\n" if " = TypeVar" in line else line for line in NEW.splitlines(keepends=True))


def findings(folder: Path, monkeypatch: pytest.MonkeyPatch, app: str) -> list[tuple[Any, ...]]:
    (folder / "models.py").write_text(SOURCE, encoding="utf-8")
    (folder / "app.py").write_text(app, encoding="utf-8")
    monkeypatch.chdir(folder)
    report = nplus1_lint.check(["."])
    assert not report.errors
    return [(one.code, one.path, one.span.line, one.function, one.message) for one in report.findings]


def test_type_parameters_mean_what_type_variables_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = findings(tmp_path, monkeypatch, OLD)
    assert {function for _, path, _, function, _ in old if path == "app.py"} == {"told", "run"}
    assert "[U]" in NEW
    assert findings(tmp_path, monkeypatch, NEW) == old


def test_a_comment_silences_and_a_fix_is_made_in_a_file_of_newer_syntax(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = NEW.replace("print(team.heroes)", "print(f'{len(team.heroes)} {team['name']}')  # noqa: NP104", 1)
    app += "def find(session: Session):\n    try: pass\n    except ValueError, TypeError: pass\n"
    app += "    return [(f'{team.id}', f'{team[\"name\"]}') for team in session.query(Team) if team.heroes]\n"
    found = findings(tmp_path, monkeypatch, app)
    assert ("told", "NP104") not in [(function, code) for code, _, _, function, _ in found]
    assert invoke("--fix", "--unsafe-fixes", "--select", "NP104", "app.py").exit_code in (0, 1)
    text = (tmp_path / "app.py").read_text(encoding="utf-8")
    assert "Team.heroes" in text
    assert "except ValueError, TypeError: pass" in text
    assert len(findings(tmp_path, monkeypatch, text)) < len(found)


OLDER, NEWER = b"x = f'{a}'\n", b"type X = f'{a['b']}'\n"


@pytest.mark.parametrize(
    ("source", "before", "wrong"),
    [
        (OLDER, OLDER, False),
        (NEWER, NEWER, False),
        (OLDER, NEWER, False),
        (b"x = (\n", OLDER, True),
        (b"type X = (\n", NEWER, True),
        (b"type X = int\nreturn 1\n", NEWER, True),
        (b"type X = f'{return}'\n", NEWER, True),
        (b"x = (\n", b"x = )\n", False),
        (b"\0", OLDER, True),
    ],
)
def test_what_a_fix_makes_must_compile_where_it_did(source: bytes, before: bytes, wrong: bool) -> None:
    said = fault(source, "m.py", before)
    assert (said is not None) is wrong
    assert not said or len(said) > 5


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python knows it all")
def test_a_fix_brings_no_syntax_that_is_newer_than_the_file() -> None:
    newer = b"try: a\nexcept B, C: d\n"
    assert fault(newer, "m.py", OLDER) is not None
    assert fault(newer, "m.py", newer) is None


def test_files_that_the_parser_takes_cost_nothing_more() -> None:
    code = """
import sys
from nplus1_lint.index.extract import extract
extract("m.py", b"x = f'{a}'  # noqa: E501\\n")
assert not {"nplus1_lint.index.older", "nplus1_lint.index.lexical", "libcst"} & set(sys.modules)
extract("m.py", b"try: a\\nexcept B, C: d\\nelse: f'{a['b']}'\\n")
assert "libcst" not in sys.modules
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([".", *sys.path])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=Path(__file__).parents[1])
