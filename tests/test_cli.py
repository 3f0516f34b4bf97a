"""The command line from the outside: what is printed where, and the exit code.

Most tests let stand-ins play the analysis, so that they say what the command line does with any findings; those at the
end run the program as users do.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import nplus1_lint
from nplus1_lint.cache.store import Store
from nplus1_lint.findings import (
    Confidence,
    Finding,
    InternalError,
    NodeKind,
    Pos,
    Report,
    ScanError,
    Severity,
    Span,
    Step,
    Suspect,
)
from nplus1_lint.rules.base import Example
from tests.command import invoke

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.testing import Result

NAMES = {"NP101": "count-in-loop", "NP102": "get-in-loop", "NP902": "cannot-parse"}
POS = Pos(1, 0, 1, 5)


def rule(code: str) -> SimpleNamespace:
    return SimpleNamespace(
        code=code,
        name=NAMES[code],
        severity=Severity.ERROR,
        summary=f"summary of {code}",
        __doc__=f"Page of {code}.\n\n    More of it.\n    ",
        INVALID=(Example("bad one", "# file: app.py\ncount(a)\n"),),
        VALID=(Example("good one", "# file: app.py\npass\n"),),
    )


@dataclass
class Stages:
    """Stand-ins for the stages after linking: they suspect what a test tells them to."""

    suspects: list[Suspect] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)

    def suspect(self, path: str, code: str = "NP101", **changes: Any) -> None:
        values = {"severity": Severity.ERROR, "confidence": Confidence.HIGH, "also_in": (), **changes}
        self.suspects.append(
            Suspect(
                code=code,
                path=path,
                pos=POS,
                node=NodeKind.CALL,
                scope=POS,
                function="f",
                message=f"{code} here",
                evidence=(Step(path, 1, "loop"),),
                **values,
            )
        )

    def flag(self, suspects: Sequence[Suspect], read_source: Any, rule_names: Any, *_: Any) -> tuple[Finding, ...]:
        self.flagged = [suspect.path for suspect in suspects]
        return tuple(
            Finding(
                code=s.code,
                name=rule_names[s.code],
                severity=s.severity,
                confidence=s.confidence,
                path=s.path,
                span=Span(1, 1, 1, len(read_source(s.path).splitlines()[0])),
                function=s.function,
                message=s.message,
                evidence=s.evidence,
                suggestion=None,
                fingerprint=s.path,
                also_in=s.also_in,
            )
            for s in suspects
        )


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Stages:
    made = Stages()
    stand_ins: dict[str, dict[str, object]] = {
        "infer": {
            "infer": lambda project, **_: SimpleNamespace(
                function_count=project.function_count, model_count=0, bearing=None
            )
        },
        "rules": {
            "NAMES": NAMES,
            "RULES": tuple(rule(code) for code in NAMES),
            "find_suspects": lambda analysis, **_: tuple(sorted(made.suspects, key=lambda s: (s.path, s.code))),
        },
        "flag": {"flag": made.flag},
    }
    for stage, members in stand_ins.items():
        module = importlib.import_module(f"nplus1_lint.{stage}")
        for name, member in members.items():
            monkeypatch.setattr(module, name, member, raising=False)
    monkeypatch.setattr(Store, "read", lambda store, name: None)  # they play another analysis at each run
    return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    (tmp_path / ".git").mkdir()
    for name in ("app/a.py", "app/b.py", "lib/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("count(x)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return invoke(*arguments)


def codes(result: Result) -> list[str]:
    return [f"{f['path']} {f['code']}" for f in json.loads(result.stdout)["findings"]]


def test_the_exit_code_tells_clean_from_findings(stages: Stages, project: Path) -> None:
    assert run("app").exit_code == 0
    stages.suspect("app/a.py")
    result = run("app")
    assert result.exit_code == 1
    assert result.stdout.startswith("app/a.py:1:1: error NP101 count-in-loop\n")
    assert result.stderr == ""
    assert run("app", "--exit-zero").exit_code == 0


def test_check_may_be_left_out(stages: Stages, project: Path) -> None:
    stages.suspect("app/a.py")
    expected = run("check", "app", "--format", "concise").stdout
    assert expected == "app/a.py:1:1: NP101 NP101 here\n"
    assert run("app", "--format", "concise").stdout == expected
    assert run("--format", "concise", "app").stdout == expected
    assert run("check", "--format", "concise").stdout == expected
    assert run("--format=concise").stdout == expected


def test_help_and_version() -> None:
    assert "--select" in run("check", "-h").stdout
    assert "explain" in run("--help").stdout
    assert run("-V").stdout == f"nplus1-lint {nplus1_lint.__version__}\n"


def test_the_version_is_that_of_the_package() -> None:
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    assert f'\nversion = "{nplus1_lint.__version__}"\n' in pyproject.read_text(encoding="utf-8")


def test_paths_are_named_from_the_working_directory(
    stages: Stages, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages.suspect("app/a.py")
    (project / "app" / "broken.py").write_text("import sqlalchemy; def f(:\n")
    expected = {".": "app/a.py", "app": "a.py", "lib": "../app/a.py", "..": f"{project.name}/app/a.py"}
    for cwd, name in expected.items():
        monkeypatch.chdir(project / cwd)
        document = json.loads(run(str(project / "app"), "--format", "json").stdout)
        assert document["findings"][0]["path"] == name
        assert document["findings"][0]["evidence"][0]["path"] == name
        assert document["errors"][0]["path"] == name.replace("a.py", "broken.py")


def test_only_what_was_asked_about_is_flagged_and_shown(stages: Stages, project: Path) -> None:
    for path in ("app/a.py", "app/b.py", "lib/c.py"):
        stages.suspect(path)
    result = run("app/b.py", "--format", "json")
    assert codes(result) == ["app/b.py NP101"]
    assert stages.flagged == ["app/b.py"]
    assert json.loads(result.stdout)["summary"]["files"] == 1


def test_a_finding_elsewhere_is_shown_for_the_sake_of_a_passed_file(stages: Stages, project: Path) -> None:
    stages.suspect("lib/c.py", also_in=("app/b.py",))
    assert codes(run("app/b.py", "--format", "json")) == ["lib/c.py NP101"]
    assert codes(run("app/a.py", "--format", "json")) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["app/a.py NP101", "app/b.py NP102"]),
        (["--select", "NP101"], ["app/a.py NP101"]),
        (["--select", "NP102, NP101"], ["app/a.py NP101", "app/b.py NP102"]),
        (["--select", "NP101", "--select", "NP102"], ["app/a.py NP101", "app/b.py NP102"]),
        (["--select", "ALL", "--ignore", "NP101"], ["app/b.py NP102"]),
        (["--ignore", "NP1"], []),
        (["--select", "NP9"], []),
    ],
)
def test_selecting_rules(stages: Stages, project: Path, options: list[str], expected: list[str]) -> None:
    stages.suspect("app/a.py", "NP101")
    stages.suspect("app/b.py", "NP102")
    assert codes(run("app", "--format", "json", *options)) == expected


def test_the_command_line_overrides_the_configuration(stages: Stages, project: Path) -> None:
    stages.suspect("app/a.py", "NP101")
    stages.suspect("app/b.py", "NP102")
    (project / "pyproject.toml").write_text('[tool.nplus1-lint]\nselect = ["NP1"]\nignore = ["NP101"]\n')
    assert codes(run("app", "--format", "json")) == ["app/b.py NP102"]
    assert codes(run("app", "--format", "json", "--select", "NP101")) == ["app/a.py NP101"]
    assert codes(run("app", "--format", "json", "--ignore", "NP102")) == []


def test_low_confidence_and_low_severity_are_left_out_on_request(stages: Stages, project: Path) -> None:
    stages.suspect("app/a.py", confidence=Confidence.LOW)
    stages.suspect("app/b.py", "NP102", severity=Severity.WARNING)
    assert codes(run("app", "--format", "json")) == ["app/b.py NP102"]
    assert "1 of low confidence hidden (--show low)" in run("app").stdout
    assert codes(run("app", "--format", "json", "--show", "low")) == ["app/a.py NP101", "app/b.py NP102"]
    result = run("app", "--format", "json", "--min-severity", "error")
    assert codes(result) == []
    assert result.exit_code == 0


def test_suppressed_findings_are_kept_and_counted(stages: Stages, project: Path) -> None:
    (project / "app" / "a.py").write_text("count(x)  # nplus1: ignore[NP101] three rows\n")
    stages.suspect("app/a.py")
    result = run("app", "--format", "json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["findings"][0]["suppressed"] == "nplus1: ignore[NP101] three rows"
    assert (document["summary"]["findings"], document["summary"]["suppressed"]) == (0, 1)
    assert run("app").stdout == "No N+1 queries found in 2 files; 1 suppressed\n"


def test_statistics_stand_for_the_findings(stages: Stages, project: Path) -> None:
    stages.suspect("app/a.py", "NP102")
    stages.suspect("app/b.py", "NP102")
    stages.suspect("lib/c.py", "NP101")
    result = run(".", "missing.py", "--statistics")
    assert result.stdout == "    2  NP102  get-in-loop\n    1  NP101  count-in-loop\n    1  NP902  cannot-parse\n"
    assert result.exit_code == 2
    assert run(".", "--statistics", "--format", "json").exit_code == 2


def test_a_report_can_go_to_a_file(stages: Stages, project: Path) -> None:
    stages.suspect("app/a.py")
    result = run("app", "missing", "--output", "report.txt", "--format", "concise")
    assert result.stdout == ""
    assert result.stderr == "error: missing:1: no such file or folder\n"
    assert (project / "report.txt").read_text().splitlines() == [
        "app/a.py:1:1: NP101 NP101 here",
        "missing:1:1: NP902 no such file or folder",
    ]
    result = run("app", "--output", "no/folder/report.txt")
    assert result.exit_code == 2
    assert "the report cannot be written to no/folder/report.txt" in result.stderr


@pytest.mark.parametrize("format_name", ["text", "concise", "json"])
def test_bad_files_do_not_hide_the_findings_of_the_others(stages: Stages, project: Path, format_name: str) -> None:
    (project / "app" / "syntax.py").write_text("import sqlalchemy; def f(:\n")
    (project / "app" / "undecodable.py").write_bytes(b"import sqlalchemy; x = '\xff'\n")
    stages.suspect("app/a.py")
    result = run("app", "missing.py", "--format", format_name)
    assert result.exit_code == 2
    for part in ("app/a.py", "NP101", "app/syntax.py", "app/undecodable.py", "missing.py", "no such file or folder"):
        assert part in result.stdout
    assert run("app", "--select", "NP101").exit_code == 2
    assert run("app", "--exit-zero").exit_code == 2


def test_a_bad_file_that_was_not_asked_about_is_nobodys_concern(stages: Stages, project: Path) -> None:
    (project / "lib" / "syntax.py").write_text("def f(:\n")
    assert run("app").exit_code == 0
    assert run("app/a.py").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["app", "--select", "NP999"], ["--select", "unknown rule code 'NP999'", "did you mean NP902?"]),
        (["app", "--ignore", "E501"], ["--ignore", "unknown rule code 'E501'", "NP101, NP102, NP902"]),
        (["app", "--ignore", "NP902"], ["--ignore", "NP902 cannot be ignored"]),
        (["app", "--format", "yaml"], ["--format", "'yaml'"]),
        (["app", "--frobnicate"], ["--frobnicate"]),
        (["app", "--jobs", "-1"], ["--jobs"]),
        (["app", "--config", "nowhere.toml"], ["nowhere.toml", "cannot be read"]),
        (["explain", "NP777"], ["no rule 'NP777'", "NP101, NP102, NP902"]),
    ],
)
def test_wrong_usage_is_a_sentence_and_exit_code_2(
    stages: Stages, project: Path, arguments: list[str], parts: list[str]
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[tool.nplus1-lint\n", ["pyproject.toml", "not valid TOML"]),
        ("[tool.nplus1-lint]\nselekt = []\n", ["pyproject.toml", "selekt", "did you mean select?"]),
        ('[tool.nplus1-lint]\nexclude = ["!"]\n', ["exclude", "'!' matches nothing"]),
    ],
)
def test_a_bad_configuration_is_a_sentence_and_exit_code_2(
    stages: Stages, project: Path, text: str, parts: list[str]
) -> None:
    (project / "pyproject.toml").write_text(text)
    result = run("app")
    assert result.exit_code == 2
    assert all(part in result.stderr for part in parts)


def test_an_empty_folder_is_clean_with_a_warning(stages: Stages, project: Path) -> None:
    (project / "empty").mkdir()
    result = run("empty")
    assert result.exit_code == 0
    assert result.stderr == "warning: no Python files found under empty\n"
    assert result.stdout == "No N+1 queries found in 0 files\n"


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (InternalError("suspect NP101 at app/a.py:1 is not there"), "NP101 at app/a.py:1 is not there"),
        (KeyError("boom"), "KeyError('boom')"),
    ],
)
def test_an_internal_error_is_never_silence(
    stages: Stages, project: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, part: str
) -> None:
    def fail(*arguments: object) -> tuple[Finding, ...]:
        raise error

    monkeypatch.setattr("nplus1_lint.flag.flag", fail)
    result = run("app")
    assert result.exit_code == 2
    assert part in result.stderr
    assert "a bug in it, not in your code" in result.stderr


def test_a_file_that_vanishes_meanwhile_is_a_sentence(
    stages: Stages, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> tuple[Finding, ...]:
        raise FileNotFoundError(2, "No such file or directory", "gone.py")

    monkeypatch.setattr("nplus1_lint.flag.flag", fail)
    result = run("app")
    assert result.exit_code == 2
    assert "gone.py: No such file or directory" in result.stderr
    assert "Traceback" not in result.stderr


def test_verbose_times_each_stage_on_standard_error(stages: Stages, project: Path) -> None:
    result = run("app", "--verbose", "--format", "json")
    assert [line.split()[0] for line in result.stderr.splitlines()] == [
        *(
            "configuration:",
            "project",
            "discover",
            "recall",
            "sieve",
            "index",
            "recall",
            "link",
            "infer",
            "rules",
            "keep",
            "flag",
            "all",
            "sieve:",
        ),
    ]
    assert "discover" not in result.stdout


def test_the_same_input_gives_the_same_bytes(stages: Stages, project: Path) -> None:
    for path in ("lib/c.py", "app/b.py", "app/a.py"):
        stages.suspect(path)
    one = run("app", "lib", "--format", "json").stdout_bytes
    assert one == run("lib", "app/b.py", "app", "--format", "json", "--jobs", "1").stdout_bytes
    assert one == run("lib", "app", "--format", "json", "--no-cache", "--cache-dir", "x").stdout_bytes


def test_rules_are_listed_and_explained(stages: Stages) -> None:
    assert run("rules").stdout.splitlines()[0] == "NP101  count-in-loop  error    summary of NP101"
    assert run("explain", "np101").stdout == (
        "NP101 count-in-loop (error)\n\nPage of NP101.\n\nMore of it.\n\n"
        "Flagged: bad one\n\n    # file: app.py\n    count(a)\n\n"
        "Not flagged: good one\n\n    # file: app.py\n    pass\n"
    )


def test_the_library_gives_the_same_report(stages: Stages, project: Path) -> None:
    stages.suspect("app/a.py")
    report = nplus1_lint.check([Path("app"), "missing"])
    assert isinstance(report, Report)
    assert [finding.path for finding in report.findings] == ["app/a.py"]
    assert report.errors == (ScanError("missing", 1, "no such file or folder"),)


LOOP = """\
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team: Mapped[int] = mapped_column(index=True)


def sizes(session: Session, teams: list[int]) -> list[int]:
    sizes = []
    for team in teams:
        sizes.append(session.query(Hero).filter(Hero.team == team).count())
    return sizes
"""


def program(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(nplus1_lint.__file__).parents[1]), "LC_ALL": "C"}
    command = [sys.executable, "-m", "nplus1_lint", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, check=False)


def test_the_program_finds_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "heroes.py").write_text(LOOP)
    (tmp_path / "broken.py").write_text("import sqlalchemy; def f(:\n")
    result = program(".", "--format", "concise", "--select", "NP1", cwd=tmp_path)
    lines = result.stdout.decode().splitlines()
    assert [line.split(" ")[:2] for line in lines] == [["broken.py:1:1:", "NP902"], ["heroes.py:17:22:", "NP101"]]
    assert result.returncode == 2
    (tmp_path / "broken.py").unlink()
    assert program("heroes.py", cwd=tmp_path).returncode == 1


def test_the_program_is_clean_on_clean_code_without_heavy_imports(tmp_path: Path) -> None:
    (tmp_path / "clean.py").write_text("print('é'.count('a'))\n")
    result = program("clean.py", "--format", "json", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout)["findings"] == []


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import nplus1_lint.cli", {"libcst", "rich", "nplus1_lint.index.extract", "msgspec", "nplus1_lint.rules"}),
        ("from nplus1_lint.cli import main; main(['rules'], standalone_mode=False)", {"libcst", "rich"}),
        (
            "from nplus1_lint.cli import main; main(['clean.py', '--format=concise'], standalone_mode=False)",
            {"libcst", "rich"},
        ),
    ],
)
def test_what_is_heavy_is_imported_only_when_needed(tmp_path: Path, statement: str, forbidden: set[str]) -> None:
    (tmp_path / "clean.py").write_text("x = 1\n")
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": str(Path(nplus1_lint.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert forbidden.isdisjoint(result.stderr.split())
