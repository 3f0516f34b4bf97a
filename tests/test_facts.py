"""Facts as bytes: what is read back is what was written, and digests tell apart what has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import nplus1_lint
from nplus1_lint.index.encoding import Codec, Encoded
from nplus1_lint.index.extract import extract
from nplus1_lint.index.facts import ClassDef, Def, If, ModuleFacts
from nplus1_lint.index.walk import expressions

SOURCE = """\
from a import b
key = lambda row: row.name


class C:
    x: int = 1

    def first(self, rows):
        import late
        for row in rows:
            def inner(one):
                return [(lambda two: two.child)(one)]
            inner(row).parent

    def second(self):
        return 2


if key:
    async def third(row=lambda: 3):
        yield row
"""


def kept(source: str, path: str = "app/m.py") -> ModuleFacts:
    """Return facts as a later run has them."""
    encoded = Codec().encode(extract(path, source.encode()))
    return Codec().decode(msgspec.msgpack.decode(msgspec.msgpack.encode(encoded), type=Encoded))


def digests(module: ModuleFacts) -> dict[str, bytes]:
    """Return those of the bodies outside of others, and of the module."""
    cls = next(s.cls for s in module.body.body if isinstance(s, ClassDef))
    branch = next(s for s in module.body.body if isinstance(s, If))
    definitions = [s.function for s in (*cls.body, *branch.body) if isinstance(s, Def)]
    found = {function.name: function.digest for function in definitions}
    return {**found, "outline": module.outline_digest, "all": module.digest}


@pytest.mark.parametrize("path", ["pipeline.py", "index/extract.py", "infer/statements.py", "findings.py"])
def test_what_is_read_back_is_what_was_written(path: str) -> None:
    source = (Path(nplus1_lint.__file__).parent / path).read_text()
    fresh, again = extract(path, source.encode()), kept(source, path)
    assert again.body.body == fresh.body.body
    assert (again.body.mentions, again.imports) == (fresh.body.mentions, fresh.imports)
    assert Codec().encode(again) == Codec().encode(fresh)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("return 2", "return 3", {"second"}),
        ("two.child", "two.other", {"first"}),
        ("import late", "import date", {"first"}),
        ("yield row", "yield one", {"third"}),
        ("return 2", "return 2  # two", set()),
        ("row.name", "row.kind", {"outline"}),
        ("lambda: 3", "lambda: 4", {"outline"}),
        ("rows):", "many):", {"outline"}),
        ("x: int", "x: str", {"outline"}),
        ("a import b", "a import c", {"outline"}),
        ("return 2\n", "return 2\n\n", {"outline", "third"}),
        ("return 2", "return 2  # noqa", set()),
    ],
)
def test_digests_tell_which_body_has_changed(before: str, after: str, changed: set[str]) -> None:
    assert before in SOURCE
    old, new = digests(kept(SOURCE)), digests(kept(SOURCE.replace(before, after, 1)))
    facts_changed = {"all"} if changed or after.endswith("noqa") else set()
    assert {name for name in old if old[name] != new[name]} == changed | facts_changed


def test_digests_are_those_of_every_run() -> None:
    code = "from tests.test_facts import *\nprint(digests(kept(SOURCE)))"
    outputs = {
        subprocess.check_output(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([".", *sys.path])},
            cwd=Path(__file__).parents[1],
        )
        for seed in "12"
    }
    assert outputs == {f"{digests(kept(SOURCE))}\n".encode()}


def test_a_body_is_decoded_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    module = kept(SOURCE)
    monkeypatch.setattr("nplus1_lint.index.suite._decoder", None)
    assert digests(module) == digests(kept(SOURCE))
    function = next(s.cls for s in module.body.body if isinstance(s, ClassDef)).body[-1]
    assert isinstance(function, Def)
    assert (function.function.pos, function.function.mentions) == ((15, 4, 16, 16), frozenset())
    with pytest.raises(TypeError):
        _ = function.function.body


def test_code_that_is_nested_too_deeply_is_refused_before_those_who_follow_it_fail() -> None:
    nested = [f"x = {'f(' * depth}1{')' * depth}" for depth in (20, 60, 90)]
    nested += [f"x = {' + '.join(['y'] * length)}" for length in (100, 300, 400, 480, 600, 900)]
    modules = [extract("m.py", source.encode()) for source in nested]
    assert {module.parse_error is None for module in modules} == {True, False}
    for module in modules:
        assert len(list(expressions(kept_again(module).body.body))) >= (0 if module.parse_error else 20)


def kept_again(module: ModuleFacts) -> ModuleFacts:
    return Codec().decode(Codec().encode(module))
