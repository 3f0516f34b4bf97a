"""Fixes: what is made, what is taken back and why, and how files are written."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pytest

from nplus1_lint import fix
from nplus1_lint.findings import (
    Applicability,
    Confidence,
    Edit,
    FileChange,
    Finding,
    NodeKind,
    Pos,
    Severity,
    Span,
    Suggestion,
    Suspect,
)
from nplus1_lint.fix.write import replace_content
from nplus1_lint.flag.source import SourceFiles
from nplus1_lint.rules.example_models import SOURCE
from tests.command import invoke

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from click.testing import Result

# --- which fixes are made: in a language in which each call of `bad_…` is a finding -------------------------------


class Repair(NamedTuple):
    """What is to stand for a call, in its own file or at a mark of another one."""

    text: str
    safe: bool = True
    elsewhere: tuple[str, str, str] = ("", "", "")
    imports: tuple[str, ...] = ()


Self = TypeVar("Self", bound="Toy")


class Toy:
    """A scan of texts; it counts how often it was done."""

    def __init__(self, texts: Mapping[str, str], repairs: Mapping[str, Repair], scans: list[int] | None = None) -> None:
        self.texts = dict(texts)
        self.repairs = repairs
        self.scans = scans if scans is not None else []
        self.scans.append(1)
        self.files = SourceFiles(self.texts.__getitem__)

    @property
    def suspects(self) -> list[Suspect]:
        return [suspect for suspect, _ in self._found()]

    @property
    def findings(self) -> list[Finding]:
        return [finding for _, finding in self._found()]

    def encoded(self, path: str, text: str) -> bytes:
        return text.encode("latin-1")

    def over(self: Self, changed: Mapping[str, bytes]) -> Self:
        texts = {path: content.decode("latin-1") for path, content in changed.items()}
        return type(self)({**self.texts, **texts}, self.repairs, self.scans)

    def _found(self) -> list[tuple[Suspect, Finding]]:
        return [
            self._at(path, match)
            for path in sorted(self.texts)
            for match in re.finditer(r"bad_(\w+)\(\)", self.texts[path])
        ]

    def _at(self, path: str, match: re.Match[str]) -> tuple[Suspect, Finding]:
        text, name = self.texts[path], match[1]
        line = text.count("\n", 0, match.start()) + 1
        begin = text.rfind("\n", 0, match.start()) + 1
        column, end = match.start() - begin, match.end() - begin
        severity, confidence = Severity.ERROR, Confidence.HIGH
        function = re.findall(r"def (\w+)", text[: match.start()])[-1:] or [""]
        pos = Pos(line, column, line, end)
        suspect = Suspect(
            "NP103", path, pos, NodeKind.CALL, pos, function[0], f"{name} is bad", severity, confidence, ()
        )
        finding = Finding(
            code="NP103",
            name="bad",
            severity=severity,
            confidence=confidence,
            path=path,
            span=Span(line, column + 1, line, end + 1),
            function=function[0],
            message=suspect.message,
            evidence=(),
            suggestion=self._suggestion(path, match),
            fingerprint=f"{path} {name} {text[: match.start()].count(match[0])}",
        )
        return suspect, finding

    def _suggestion(self, path: str, match: re.Match[str]) -> Suggestion | None:
        repair = self.repairs.get(match[1])
        if repair is None:
            return None
        other, mark, text = repair.elsewhere
        changes = [FileChange(path, (Edit(match.start(), match.end(), repair.text),), repair.imports)]
        if other:
            at = self.texts[other].index(mark)
            changes.append(FileChange(other, (Edit(at, at + len(mark), text),)))
        kind = Applicability.SAFE if repair.safe else Applicability.UNSAFE
        why = "" if repair.safe else "it is faster"
        return Suggestion("Mend it", "", kind, "", why, tuple(sorted(changes, key=lambda change: change.path)))


def settled(
    texts: dict[str, str], repairs: dict[str, Repair], *, unsafe: bool = False
) -> tuple[dict[str, str], list[str], int]:
    """The texts afterwards, what is said about fixes that were not made, and how many scans it took."""
    wanted = {Applicability.SAFE, *([Applicability.UNSAFE] if unsafe else [])}
    first = Toy(texts, repairs)
    last, done = fix.settle(first, wanted, {path for path in texts if not path.startswith("lib")})
    assert {path: content.decode("latin-1") for path, content in done.contents.items()} == {
        path: text for path, text in last.texts.items() if text != texts[path]
    }
    again, nothing = fix.settle(last, wanted, texts)
    assert (again.texts, nothing.contents, nothing.fixed) == (last.texts, {}, ()) or any(p[:3] == "lib" for p in texts)
    scans = len(first.scans)
    return last.texts, [fix.sentence(refusal, str) for refusal in done.refused], scans


def test_safe_fixes_are_made_with_one_more_scan() -> None:
    texts = {"a.py": "x = bad_one()\ny = bad_two()\n", "b.py": "z = bad_one()\n"}
    repairs = {"one": Repair("good(1)"), "two": Repair("good(2)", safe=False)}
    after, said, scans = settled(texts, repairs)
    assert after == {"a.py": "x = good(1)\ny = bad_two()\n", "b.py": "z = good(1)\n"}
    assert (said, scans) == ([], 2)
    assert settled(texts, repairs, unsafe=True)[0]["a.py"] == "x = good(1)\ny = good(2)\n"


def test_a_name_that_two_fixes_need_is_imported_once() -> None:
    repair = Repair("func.now()", imports=("from sqlalchemy import func",))
    after, _, _ = settled({"a.py": "x = bad_one()\ny = bad_one()\n"}, {"one": repair})
    assert after["a.py"] == "from sqlalchemy import func\n\nx = func.now()\ny = func.now()\n"


def test_two_fixes_that_bring_the_same_name_are_made_one_after_the_other() -> None:
    after, said, scans = settled({"a.py": "x = bad_one()\ny = bad_two()\n"}, {"one": Repair("n"), "two": Repair("n")})
    assert after == {"a.py": "x = n\ny = n\n"}
    assert (said, scans) == ([], 3)


def test_a_fix_that_overlaps_another_is_written_anew() -> None:
    texts = {"a.py": "x = bad_one()\n", "b.py": "y = bad_two()\n", "c.py": "keep = 0\n"}
    repairs = {
        "one": Repair("good()", elsewhere=("c.py", "keep = 0", "keep = 1")),
        "two": Repair("good()", elsewhere=("c.py", "keep", "kept")),
    }
    after, said, scans = settled(texts, repairs)
    assert after == {"a.py": "x = good()\n", "b.py": "y = good()\n", "c.py": "kept = 1\n"}
    assert (said, scans) == ([], 3)


class Entangled(Toy):
    """The second rewrite changes the first call too, and cannot be written without it."""

    def _suggestion(self, path: str, match: re.Match[str]) -> Suggestion | None:
        at = self.texts[path].find("bad_one()")
        if match[1] != "two":
            return super()._suggestion(path, match)
        if at < 0:
            return None
        edits = (Edit(at, at + 9, "good()"), Edit(match.start(), match.end(), "good()"))
        return Suggestion("Mend", "", Applicability.SAFE, "", "", (FileChange(path, edits),))


def test_of_two_that_overlap_the_first_wins_and_the_other_is_told() -> None:
    first = Entangled({"a.py": "def f():\n    return [bad_one(), bad_two()]\n"}, {"one": Repair("fine()")})
    last, done = fix.settle(first, {Applicability.SAFE}, {"a.py"})
    assert last.texts == {"a.py": "def f():\n    return [fine(), bad_two()]\n"}
    assert [fix.sentence(refusal, str) for refusal in done.refused] == [
        "a.py:2: NP103 in f is not fixed: its edits overlap those for NP103 in f, which comes first"
    ]


TAKEN_BACK = {
    "a fix that does not compile": ("x = (", "a.py would not compile: "),
    "a fix that does not silence its finding": ("bad_one()  ", "the finding would still be there"),
    "a fix that moves its finding": ("g(bad_one())", "the finding would still be there"),
    "a fix that brings another finding": ("bad_other()", "it would bring another finding, NP103 in f: other is bad"),
    "a fix whose text the file cannot hold": ("'€'", "a.py would not compile: '€' cannot be written in latin-1"),
}


@pytest.mark.parametrize(("text", "reason"), TAKEN_BACK.values(), ids=TAKEN_BACK.keys())
def test_what_does_not_keep_its_promise_is_taken_back(text: str, reason: str) -> None:
    texts = {"a.py": "def f():\n    bad_one()\n    bad_two()\n    bad_three()\n", "b.py": "bad_two()\n"}
    after, said, _ = settled(texts, {"one": Repair(text), "two": Repair("good()")})
    assert after == {"a.py": "def f():\n    bad_one()\n    good()\n    bad_three()\n", "b.py": "good()\n"}
    assert len(said) == 1
    assert said[0].startswith(f"a.py:2: NP103 in f is not fixed: {reason}")


def test_a_fix_is_made_in_all_its_files_or_in_none() -> None:
    texts = {"a.py": "x = bad_one()\n", "lib/b.py": "keep = 0\n", "c.py": "keep = 0\n"}
    after, said, _ = settled(texts, {"one": Repair("good()", elsewhere=("lib/b.py", "keep", "kept"))})
    assert after == texts
    assert said == [
        "a.py:1: NP103 in  is not fixed: it would change lib/b.py, which is not among the paths that are checked"
    ]
    broken = Repair("good()", elsewhere=("c.py", "keep", "1 1"))
    assert settled({"a.py": texts["a.py"], "c.py": texts["c.py"]}, {"one": broken})[0]["a.py"] == texts["a.py"]


def test_findings_that_stay_are_found_again_wherever_they_are_moved() -> None:
    texts = {"a.py": "bad_one()\nbad_three(); bad_two()\n"}
    after, said, _ = settled(texts, {"one": Repair("good(\n)"), "two": Repair("[1]")})
    assert (after, said) == ({"a.py": "good(\n)\nbad_three(); [1]\n"}, [])


# --- files --------------------------------------------------------------------------------------------------------

APP = """\
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    out = []
    for team in session.query(Team).order_by(Team.id).all():
        out.append(session.query(Hero).filter(Hero.team_id == team.id).count())
    return out


def silent(session: Session):
    out = []
    for team in session.query(Team).all():
        out.append(session.query(Hero).filter(Hero.team_id == team.id).count())  # noqa: NP101
    return out


def names(session: Session):
    return [hero.team.slug for hero in session.query(Hero).all()]
"""
COUNTED = """\
    counts = dict(
        session.query(Hero.team_id, func.count(Hero.id))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.nplus1-lint]\n")
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return invoke("check", *arguments, "--select", "NP101,NP104")


def test_diff_changes_nothing_and_git_applies_it(project: Path) -> None:
    shown = run("--diff", "--unsafe-fixes")
    assert (project / "app.py").read_text() == APP
    assert shown.exit_code == 1
    assert shown.stderr == "would fix 2 findings in 1 file\n"
    subprocess.run(["git", "apply", "-"], input=shown.stdout_bytes, cwd=project, check=True)
    applied = (project / "app.py").read_text()
    assert COUNTED in applied
    assert "from sqlalchemy import func\nfrom sqlalchemy.orm import Session, joinedload\n" in applied
    assert run("--diff", "--unsafe-fixes").stdout == ""
    (project / "app.py").write_text(APP)
    assert run("--fix", "--unsafe-fixes").exit_code == 0
    assert (project / "app.py").read_text() == applied
    assert "# noqa: NP101" in applied
    assert run("--diff").exit_code == 0


def test_only_safe_fixes_are_made_unless_asked(project: Path) -> None:
    shown = run().stdout
    assert "(safe)\n" in shown
    assert "(unsafe)\n  unsafe: everything is read before the loop" in shown
    done = run("--fix", "--format", "json")
    assert done.exit_code == 1
    assert [(f["code"], f["suppressed"]) for f in json.loads(done.stdout)["findings"]] == [
        ("NP101", None),
        ("NP101", "noqa: NP101"),
    ]
    assert "fixed 1 finding in 1 file" in done.stderr
    assert COUNTED not in (project / "app.py").read_text()
    assert ".options(joinedload(Hero.team))" in (project / "app.py").read_text()
    assert run("--fix").exit_code == 1


def test_diff_goes_to_a_file_and_options_that_contradict_are_refused(project: Path) -> None:
    assert run("--diff", "--exit-zero", "-o", "out.diff").exit_code == 0
    assert (project / "out.diff").read_bytes().startswith(b"--- a/app.py\n+++ b/app.py\n@@ ")
    for arguments in (["--unsafe-fixes"], ["--diff", "--statistics"], ["--diff", "--format", "json"]):
        assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("head", "encoding", "ending"),
    [("", "utf-8-sig", "\r\n"), ("# -*- coding: latin-1 -*-\n", "latin-1", "\n"), ("", "utf-8", "\r\n")],
)
def test_encoding_line_ends_mode_and_links_stay(project: Path, head: str, encoding: str, ending: str) -> None:
    text = f"{head}NAME = 'é'\n{APP}".replace("\n", ending)
    real = project / "real.txt"
    real.write_bytes(text.encode(encoding))
    real.chmod(0o640)
    (project / "app.py").unlink()
    (project / "app.py").symlink_to(real)
    diff = run("--diff", "--unsafe-fixes").stdout_bytes
    done = run("--fix", "--unsafe-fixes")
    assert (done.exit_code, "fixed 2 findings" in done.stderr) == (0, True)
    assert (project / "app.py").is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    after = real.read_bytes()
    assert after.startswith(text.encode(encoding)[:20])
    assert "\n" not in after.decode(encoding).replace(ending, "")
    assert COUNTED.replace("\n", ending).encode() in after
    (project / "app.py").unlink()
    (project / "app.py").write_bytes(text.encode(encoding))
    subprocess.run(["git", "apply", "-"], input=diff, cwd=project, check=True)
    assert (project / "app.py").read_bytes() == after


def test_a_passed_file_alone_is_changed(project: Path) -> None:
    (project / "queries.py").write_text(
        "from models import Hero\n\n\ndef all_of(session):\n    return session.query(Hero).all()\n"
    )
    text = (
        "from queries import all_of\n\n\ndef run(session):\n    return [hero.team.slug for hero in all_of(session)]\n"
    )
    (project / "app.py").write_text(text)
    done = run("app.py", "--fix", "--unsafe-fixes")
    assert done.exit_code == 1
    assert "it would change queries.py, which is not among the paths that are checked" in done.stderr
    assert run("--fix", "--unsafe-fixes").exit_code == 0
    assert "options(joinedload(Hero.team))" in (project / "queries.py").read_text()


def test_files_changed_meanwhile_are_left_alone_with_those_that_belong_to_them(tmp_path: Path) -> None:
    before = dict.fromkeys("abcd", b"old")
    locations = {name: str(tmp_path / name) for name in before}
    for name in before:
        (tmp_path / name).write_bytes(b"meanwhile" if name == "b" else b"old")
    os.chmod(tmp_path / "d", 0o400)
    done = fix.Settled(dict.fromkeys(before, b"new"), (frozenset("ab"), frozenset("c"), frozenset("d")), (), ())
    written, failed = fix.write(done, before, locations)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert (tmp_path / "c").read_bytes() == b"new"
    assert failed["a"] == "it belongs to a change of b, which was changed while it was scanned"
    assert failed["b"] == "it was changed while it was scanned"
    assert set(written) in ({"c"}, {"c", "d"})  # the superuser may write anything


def test_a_failed_write_leaves_the_old_content_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("old")

    def fail(*args: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        replace_content(str(tmp_path / "a.py"), b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]
    assert (tmp_path / "a.py").read_text() == "old"
