"""NP901: which comments are said to silence nothing, when that can be known, and what removes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nplus1_lint import config, fixing, pipeline
from nplus1_lint.findings import Severity
from tests.command import invoke
from tests.executed import materialise, shared_models

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.findings import Finding

HEAD = "from models import Hero, Team\n\n\ndef run(session):\n"
COUNT = "    return [session.query(Hero).filter_by(team_id=t.id).count() for t in session.query(Team)]"
PLAIN = "    return session.query(Hero.name).order_by(Hero.id).all()"
ROWS = "    return session.query(Hero).filter_by(name='a').all()[0].name"


def found(folder: Path, *paths: str, **changes: object) -> list[Finding]:
    made = config.load(paths or ["."], cwd=str(folder), codes=pipeline.rule_codes())
    asked = config.Config(**{"select": ("NP",), **changes})  # type: ignore[arg-type]
    report = pipeline.check(paths or ["."], asked, made.workspace, cwd=str(folder)).report
    return [one for one in report.findings if one.code == "NP901"]


def project(folder: Path, app: str, **files: str) -> Path:
    named = {name.replace("__", "/") + ".py": text for name, text in files.items()}
    return materialise({"pyproject.toml": "", "models.py": shared_models(), "app.py": app, **named}, folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{COUNT}  # noqa: NP101", []),
        (f"{COUNT}  # noqa: E501, NP101", []),
        (f"{COUNT}  # nplus1: ignore[NP101] few", []),
        (f"{COUNT}  # nplus1: ignore", []),
        (f"{COUNT}  # noqa: NP102", ["this comment silences no finding of NP102"]),
        (f"{COUNT}  # noqa: NP102, NP101", ["this comment silences no finding of NP102"]),
        (f"{PLAIN}  # noqa", []),
        (f"{PLAIN}  # noqa: E501", []),
        (f"{PLAIN}  # noqa: NP999", []),
        (f"{PLAIN}  # noqa: NP901, NP101", []),
        (f"{PLAIN}  # nplus1: ignore[NP101, NP102]", ["this comment silences no finding of NP101 and NP102"]),
        (f"{PLAIN}  # nplus1: ignore", ["this comment silences no finding"]),
        (f"{PLAIN}  # nplus1: ignore[NP999]", ["there is no rule NP999"]),
        (
            f"{COUNT}  # nplus1: ignore[NP1]",
            ["NP1 is a prefix, which select and ignore take and a comment does not: name the codes"],
        ),
        (
            f"{COUNT}  # noqa: NP1",
            ["NP1 is a prefix, which select and ignore take and a comment does not: name the codes"],
        ),
        (f"    text = '# noqa: NP101'\n{PLAIN}", []),
        (f"    # nplus1: ignore[NP901] kept for the next release\n{PLAIN}  # noqa: NP101", []),
        (
            f"    # nplus1: ignore\n{PLAIN}  # noqa: NP101",
            ["this comment silences no finding", "this comment silences no finding of NP101"],
        ),
    ],
)
def test_what_silences_nothing(tmp_path: Path, line: str, said: list[str]) -> None:
    assert [one.message for one in found(project(tmp_path, f"{HEAD}{line}\n"))] == said


def test_a_comment_for_rules_that_are_not_selected_is_not_judged(tmp_path: Path) -> None:
    folder = project(tmp_path, f"{HEAD}{PLAIN}  # noqa: NP101, NP301\n")
    (one,) = found(folder, select=("NP3", "NP9"))
    assert one.message == "this comment silences no finding of NP301"
    assert found(folder, select=("NP1",)) == []


def test_a_hidden_finding_is_silenced_too(tmp_path: Path) -> None:
    """A comment is used when it silences what another severity would show."""
    folder = project(tmp_path, f"{HEAD}{ROWS}  # noqa: NP303\n")
    assert found(folder) == []
    assert found(folder, min_severity=Severity.WARNING) == []
    assert found(project(tmp_path, f"{HEAD}{PLAIN}  # noqa: NP303\n"), min_severity=Severity.ERROR) == []


CALLEE = (
    "from models import Hero\n\n\ndef names(session, ids):\n    return [name_of(session, one) for one in ids]  {}\n"
)
CALLEE += "\n\ndef name_of(session, one):\n    return session.get(Hero, one).name\n"
USED = """\
from sqlalchemy.orm import Session

from app import names
from models import Hero


def run(session: Session):
    return names(session, [one for (one,) in session.query(Hero.id)])
"""


def test_only_a_run_that_reads_the_whole_project_can_tell(tmp_path: Path) -> None:
    """The finding in app.py depends on its caller in another folder."""
    comment = "# noqa: NP105"
    folder = project(tmp_path, "", part__app=CALLEE.format(comment), jobs__used=USED)
    for name in ("part/__init__", "jobs/__init__"):
        (folder / f"{name}.py").write_text("", encoding="utf-8")
    (folder / "jobs/used.py").write_text(USED.replace("from app", "from part.app"), encoding="utf-8")
    alone = CALLEE.format(comment)
    for paths in ((), ("part/app.py",), ("part",), ("part", "jobs")):
        assert found(folder, *paths) == [], paths
    (folder / "jobs/used.py").write_text("", encoding="utf-8")
    (folder / "part/app.py").write_text(alone.replace("name_of(session, one) for", "one for"), encoding="utf-8")
    assert [len(found(folder, *paths)) for paths in ((), ("part/app.py",), ("part",), ("jobs/used.py",))] == [
        1,
        1,
        0,
        0,
    ]


def test_a_file_in_a_folder_that_is_no_project_is_not_judged(tmp_path: Path) -> None:
    folder = project(tmp_path, f"{HEAD}{PLAIN}  # noqa: NP101\n")
    (folder / "pyproject.toml").unlink()
    assert [len(found(folder, path)) for path in (".", "app.py")] == [1, 0]


def test_a_file_that_cannot_be_read_leaves_it_open(tmp_path: Path) -> None:
    folder = project(tmp_path, f"{HEAD}{PLAIN}  # noqa: NP101\n")
    assert len(found(folder)) == 1
    (folder / "broken.py").write_text("import models; def (\n", encoding="utf-8")
    assert found(folder) == []


def test_kept_results_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run fills the cache, the second is told again, the third judges anew what it remembers."""
    folder = project(tmp_path, f"{HEAD}{PLAIN}  # noqa: NP101\n")
    monkeypatch.chdir(folder)
    fresh = invoke("check", ".", "--format", "json", "--no-cache").stdout
    runs = [invoke("check", ".", "--format", "json").stdout for _ in range(2)]
    assert "NP901" in fresh
    assert runs == [fresh, fresh]
    single = [invoke("check", "app.py", "--format", "concise").stdout for _ in range(2)]
    assert single[0] == single[1]
    assert "NP901" in single[0]
    (folder / "app.py").write_text(f"{HEAD}{COUNT}  # noqa: NP101\n", encoding="utf-8")
    assert "NP901" not in invoke("check", ".", "--format", "json").stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{PLAIN}  # noqa: NP101\n", f"{PLAIN}\n"),
        (f"{PLAIN}  # noqa:NP101,E501\n", f"{PLAIN}  # noqa:E501\n"),
        (f"{PLAIN}  # noqa: NP101, NP102", PLAIN),
        (f"{COUNT}  # nplus1: ignore[NP102, NP101] few\n", f"{COUNT}  # nplus1: ignore[NP101] few\n"),
        (f"{PLAIN}  # nplus1: ignore[NP101] see #12\n", f"{PLAIN}\n"),
        (f"{PLAIN}  # nplus1: ignore[NP101] few  # type: ignore\n", f"{PLAIN}  # type: ignore\n"),
        (f"{PLAIN}  # kept  # noqa: NP101\n", f"{PLAIN}  # kept\n"),
        (f"    # nplus1: ignore[NP101] few\n{PLAIN}\n", f"{PLAIN}\n"),
        (f"    # nplus1: ignore\r\n{PLAIN}\r\n", f"{PLAIN}\r\n"),
        (f"    'é'; x = '# noqa: NP101'  # noqa: NP101\n{PLAIN}\n", f"    'é'; x = '# noqa: NP101'\n{PLAIN}\n"),
        (f"{PLAIN}  # noqa: NP101 few\n", f"{PLAIN}  # noqa: NP101 few\n"),
        (f"{PLAIN}  # nplus1: ignore[NP999]\n", f"{PLAIN}  # nplus1: ignore[NP999]\n"),
    ],
)
def test_the_fix_takes_away_what_silences_nothing(tmp_path: Path, before: str, after: str) -> None:
    folder = project(tmp_path, "")
    (folder / "app.py").write_bytes((HEAD + before).encode())
    made = config.load(["."], cwd=str(folder), codes=pipeline.rule_codes())

    done = fixing.fix(["."], made.config, made.workspace, cwd=str(folder), unsafe=False, dry=False)
    assert (folder / "app.py").read_bytes().decode() == HEAD + after
    assert (done.fixed, done.refused) == (int(before != after), ())
    again = fixing.fix(["."], made.config, made.workspace, cwd=str(folder), unsafe=False, dry=False)
    assert (again.fixed, again.diff) == (0, b"")
