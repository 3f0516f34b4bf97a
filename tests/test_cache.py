"""What is kept between runs changes nothing in what they find."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import nplus1_lint.index
from nplus1_lint import replay
from nplus1_lint.cache import stamps
from nplus1_lint.cache.codec import flatten, restore
from nplus1_lint.cache.states import States
from nplus1_lint.cache.store import FOLDER, Store
from nplus1_lint.findings import Finding, Pos
from nplus1_lint.index.sources import Sources
from tests.command import invoke

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that were parsed in this process."""
    seen: list[str] = []
    extract = nplus1_lint.index._extract

    def counted(path: str, content: bytes) -> Any:
        seen.append(path)
        return extract(path, content)

    monkeypatch.setattr(nplus1_lint.index, "_extract", counted)
    return seen


def run(*arguments: str) -> Result:
    return invoke("check", *arguments)


def check(*arguments: str) -> bytes:
    """Return the report and the exit code."""
    result = run("--format", "json", *arguments)
    assert result.exit_code in (0, 1, 2), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.stdout_bytes + f"exit {result.exit_code}".encode()


def kept(project: Path, prefix: str = "") -> list[Path]:
    return sorted(file for file in project.glob(f"{FOLDER}/*/*") if file.name.startswith(prefix))


# -- the same bytes -------------------------------------------------------------------------------------------------


def comment(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    lines.insert(dice.randrange(len(lines) + 1), "# a remark\n")
    return "".join(lines)


def rename(text: str, dice: random.Random) -> str:
    words = sorted({word for word in text.replace("(", " ").replace(".", " ").split() if word.isidentifier()})
    return text.replace(dice.choice(words or ["x"]), "renamed", 1)


def drop(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        del lines[dice.randrange(len(lines))]
    return "".join(lines)


def swap(text: str, dice: random.Random) -> str:
    """Of the same size, and perhaps no longer Python."""
    if len(text) < 2:
        return text
    at = dice.randrange(len(text) - 1)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def edit(project: Path, dice: random.Random) -> str:
    """Change one file of the project, or what files there are."""
    files = sorted(path for path in project.rglob("*.py") if FOLDER not in path.parts)
    file = dice.choice(files)
    what = dice.choice([comment, rename, drop, swap, "copy", "remove", "move"])
    if what == "copy":
        (file.parent / f"copied_{dice.randrange(100)}.py").write_text(file.read_text())
    elif what == "remove":
        file.unlink()
    elif what == "move":
        file.rename(file.with_name(f"moved_{file.name}"))
    elif callable(what):
        before = file.stat()
        file.write_text(what(file.read_text(), dice))
        if dice.random() < 0.5:  # as some tools do
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"{what} {file}"


def test_the_same_bytes_after_each_edit_with_and_without_cache_with_one_worker_and_two(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nplus1_lint.index, "_POOL_FROM", 0)
    dice = random.Random(7)
    done = ["nothing yet"]
    for _ in range(6):
        expected = check("--no-cache", "--jobs", "1")
        assert check("--jobs", "1") == expected, done
        assert check("--jobs", "1") == expected, done
        assert check("--jobs", "2", "--cache-dir", "../other") == expected, done
        done.append(edit(project, dice))


def test_an_unchanged_tree_is_not_parsed_again(project: Path, parsed: list[str]) -> None:
    first = check("--jobs", "1")
    assert len(parsed) == len(list(project.rglob("*.py")))
    parsed.clear()
    assert check("--jobs", "1") == first
    assert parsed == []


def test_only_a_changed_file_is_parsed_again(project: Path, parsed: list[str]) -> None:
    check("--jobs", "1")
    parsed.clear()
    (project / "skillmeat_mini" / "models.py").open("a").write("\n# a remark\n")
    check("--jobs", "1")
    assert parsed == ["skillmeat_mini/models.py"]


def test_only_what_differs_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(project, monkeypatch)
    (project / "tests").mkdir()
    (project / "tests" / "test_it.py").write_text("x = 1\n")
    check("skillmeat_mini", "--jobs", "1")
    changed = project / "skillmeat_mini" / "jobs.py"
    changed.write_text(changed.read_text().replace("for ", "FOR ", 1))
    seen: list[str] = []
    read = Sources.read

    def counted(self: Sources, absolute: str) -> bytes:
        seen.append(Path(absolute).name)
        return read(self, absolute)

    monkeypatch.setattr(Sources, "read", counted)
    monkeypatch.setattr("nplus1_lint.pipeline.Scan.outcome", lambda scan: exit(9))
    run("skillmeat_mini", "--jobs", "1")
    assert set(seen) == {"jobs.py"}


def test_a_file_that_changes_during_the_scan_is_an_error(project: Path, tmp_path: Path) -> None:
    settled = tmp_path / "settled.py"
    settled.write_text("x = 1\n")
    os.utime(settled, ns=(0, 0))
    before = stamps.look(str(settled))
    states = States(Store(str(tmp_path / "cache")))
    states.save([before._replace(stamp=stamps.Stamp(*before.stamp)._replace(modified=0))])
    contents = Sources(keep=True, states=States(Store(str(tmp_path / "cache"))))
    assert contents.digest(str(settled)) == before.digest
    settled.write_text("x = 2\n")
    with pytest.raises(OSError, match="changed during the scan"):
        contents.read(str(settled))


@pytest.mark.parametrize("file", ["tests/test_it.py", "skillmeat_mini/models.py"])
def test_contents_that_come_to_the_same_facts_are_not_judged_again(
    project: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    (project / "tests").mkdir()
    (project / "tests" / "test_it.py").write_text("x = 1\n")
    first = check()
    with (project / file).open("a") as handle:
        handle.write("# a remark\n")
    monkeypatch.setattr("nplus1_lint.infer.infer", None)
    assert check() == first


def test_a_comment_that_silences_is_a_fact(project: Path) -> None:
    first = check()
    file = project / "skillmeat_mini" / "jobs.py"
    file.write_text("".join(f"{line}  # noqa\n" if line else "\n" for line in file.read_text().splitlines()))
    assert check() == check("--no-cache") != first


def test_single_files_have_the_findings_that_the_whole_scan_has_of_them(project: Path, parsed: list[str]) -> None:
    check("--jobs", "1")
    parsed.clear()
    for file in sorted(project.rglob("services/*.py")):
        assert check(str(file), "--jobs", "1") == check(str(file), "--no-cache", "--jobs", "1")
        parsed.clear()
        check(str(file), "--jobs", "1")
        assert parsed == []


def test_options_that_choose_findings_choose_among_all_of_them(project: Path) -> None:
    check("--select", "NP101")
    for options in (["--select", "NP4"], ["--show", "low"], ["--min-severity", "error"], []):
        assert check(*options) == check("--no-cache", *options)


def test_a_template_that_changes_is_noticed(project: Path) -> None:
    (project / "app.py").write_text(
        "from flask import render_template\nfrom sqlalchemy.orm import Session\n"
        "from skillmeat_mini.models import Tag\n\n\n"
        "def page(session: Session):\n"
        "    return render_template('page.html', rows=session.query(Tag).all())\n"
    )
    (project / "templates").mkdir()
    page = project / "templates" / "page.html"
    page.write_text("{% for row in rows %}{{ row.name }}{% endfor %}")
    quiet = check("app.py")
    page.write_text("{% for row in rows %}{{ row.artifacts|length }}{% endfor %}")
    loud = check("app.py")
    assert loud == check("app.py", "--no-cache")
    page.unlink()
    gone = check("app.py")
    assert gone == check("app.py", "--no-cache")
    assert b"NP110" in loud
    assert quiet != loud != gone


# -- told again -----------------------------------------------------------------------------------------------------


def settle(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what was written last count as written long ago."""
    monkeypatch.setattr(stamps, "_SETTLED", -(10**12))


@pytest.fixture
def reread(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files of which more than the metadata was looked at to see whether they have changed."""
    seen: list[str] = []
    look = stamps.look

    def counted(path: str) -> Any:
        seen.append(Path(path).name)
        return look(path)

    monkeypatch.setattr(replay, "look", counted)
    return seen


def test_an_unchanged_tree_is_told_of_by_metadata_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch, reread: list[str]
) -> None:
    settle(project, monkeypatch)
    first = check()
    monkeypatch.setattr("nplus1_lint.pipeline.check", None)
    assert check() == first
    assert reread == []


def test_what_was_written_just_before_a_run_is_read_again_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, reread: list[str]
) -> None:
    first = check()
    monkeypatch.setattr("nplus1_lint.pipeline.check", None)
    settle(project, monkeypatch)
    assert check() == first
    assert "models.py" in reread
    reread.clear()
    assert check() == first
    assert reread == []


def test_a_file_that_was_only_touched_is_no_other(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(project, monkeypatch)
    first = check()
    os.utime(project / "skillmeat_mini" / "models.py")
    monkeypatch.setattr("nplus1_lint.pipeline.check", None)
    assert check() == first


def test_a_change_that_keeps_size_and_time_is_noticed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(project, monkeypatch)
    file = project / "skillmeat_mini" / "jobs.py"
    first = check()
    before = file.stat()
    content = file.read_bytes()
    file.write_bytes(content.replace(b"for ", b"FOR ", 1))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert check() == check("--no-cache") != first


CHANGES: dict[str, Callable[[Path], object]] = {
    "another selection": lambda p: (p / "pyproject.toml").write_text('[tool.nplus1-lint]\nselect = ["NP4"]\n'),
    "ignored": lambda p: (p / ".gitignore").write_text("services/\n"),
    "ignored further below": lambda p: (p / "skillmeat_mini" / ".gitignore").write_text("jobs.py\n"),
    "a file more": lambda p: (p / "skillmeat_mini" / "another.py").write_text("import sqlalchemy\n"),
    "a file less": lambda p: (p / "skillmeat_mini" / "jobs.py").unlink(),
    "a skipped folder": lambda p: (p / "skillmeat_mini" / "services").rename(p / "skillmeat_mini" / "venv"),
    "an environment": lambda p: (p / "skillmeat_mini" / "services" / "pyvenv.cfg").touch(),
    "a package that was output": lambda p: (p / "build" / "__init__.py").touch(),
    "a link that has found its file": lambda p: (p / "elsewhere").write_text("import sqlalchemy\n"),
    "a template folder": lambda p: (p / "skillmeat_mini" / "services").rename(p / "skillmeat_mini" / "templates"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_what_is_scanned_or_reported_is_noticed(
    project: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    settle(project, monkeypatch)
    (project / "build").mkdir()
    (project / "build" / "made.py").write_text("x = 1\n")
    (project / "linked.py").symlink_to(project / "elsewhere")
    first = check()
    change(project)
    expected = check("--no-cache")
    assert check() == expected
    assert check() == expected
    assert expected != first


def test_a_file_that_an_option_names_is_an_input(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(project, monkeypatch)
    config = project.parent / "config.toml"
    config.write_text('[tool.nplus1-lint]\nselect = ["NP4"]\n')
    first = check("--config", str(config))
    config.write_text('[tool.nplus1-lint]\nselect = ["NP1"]\n')
    assert check("--config", str(config)) == check("--config", str(config), "--no-cache") != first


def test_each_format_and_width_has_its_own_text(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(project, monkeypatch)
    texts = [run("--format", name).stdout_bytes for name in ("text", "concise", "json") for _ in "12"]
    assert texts[0::2] == texts[1::2]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert len({*texts, run("--format", "text").stdout_bytes}) == 4


def test_what_is_told_on_standard_error_is_told_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(project, monkeypatch)
    (project / "broken.py").write_text("def f(:\n")
    (project / "empty").mkdir()
    runs = [run("--format", "json", "empty", "broken.py") for _ in "123"]
    assert {(one.stdout_bytes, one.stderr, one.exit_code) for one in runs} == {
        (runs[0].stdout_bytes, runs[0].stderr, 2)
    }
    assert "error: broken.py:1:" in runs[0].stderr
    assert "no Python files found under empty" in runs[0].stderr


def test_a_run_that_is_told_again_imports_next_to_nothing(project: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(nplus1_lint.__file__).parents[1])}
    code = "import sys, nplus1_lint.cli as c\ntry: c.main(['.'])\nfinally: print(*sys.modules, file=sys.stderr)"
    modules: list[set[str]] = []
    for _ in "12":
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        modules.append(set(done.stderr.split()))
    heavy = {"libcst", "rich", "msgspec", "nplus1_lint.index.extract", "nplus1_lint.pipeline", "nplus1_lint.rules"}
    assert heavy <= modules[0]
    assert modules[1] & heavy == set()


# -- the folder -----------------------------------------------------------------------------------------------------


def test_the_folder_is_ignored_by_git_and_by_backups(project: Path) -> None:
    check()
    assert (project / FOLDER / ".gitignore").read_text() == "*\n"
    assert (project / FOLDER / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    names = [file.name.partition("-")[0] for file in kept(project)]
    assert names == ["facts", "flagged", "grounds", "inferred", "judged", "looks", "read", "state", "told"]
    assert not list(project.rglob("*.tmp"))


def test_without_cache_nothing_is_written(project: Path) -> None:
    check("--no-cache")
    assert not (project / FOLDER).exists()


def test_another_place_for_it(project: Path) -> None:
    check("--cache-dir", "elsewhere/cache")
    assert not (project / FOLDER).exists()
    assert (project / "elsewhere" / "cache" / "CACHEDIR.TAG").exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "altered", "a folder", "of another kind"])
def test_a_broken_entry_is_an_absent_one(project: Path, damage: str) -> None:
    expected = check()
    entries = kept(project)
    assert entries
    whole = {file: file.read_bytes() for file in entries}
    for file, content in whole.items():
        if damage == "cut":
            file.write_bytes(content[:-7])
        elif damage == "empty":
            file.write_bytes(b"")
        elif damage == "altered":
            middle = len(content) // 2
            file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        elif damage == "a folder":
            file.unlink()
            file.mkdir()
        else:
            store = Store(str(project / FOLDER))
            store.write(file.name, b"\x93\x01\x02\x03")
    assert check() == expected


def test_a_cache_that_cannot_be_written_is_done_without(project: Path) -> None:
    (project / FOLDER).write_text("a file where the folder should be")
    assert check() == check("--no-cache")
    result = run("--verbose", "--format", "json")
    assert f"cache: not written: {project / FOLDER}" in result.stderr


def test_segments_of_facts_are_put_together_when_they_are_many(project: Path) -> None:
    file = project / "skillmeat_mini" / "models.py"
    text = file.read_text()
    most = 0
    for number in range(13):
        file.write_text(f"{text}# {number}\n")
        check("--jobs", "1")
        most = max(most, len(kept(project, "facts-")))
    assert (most, len(kept(project, "facts-"))) == (12, 1)
    assert len(kept(project, "judged-")) <= 6


def test_what_another_edition_has_kept_is_not_read(project: Path, parsed: list[str]) -> None:
    check("--jobs", "1")
    (edition,) = [folder for folder in (project / FOLDER).iterdir() if folder.is_dir()]
    for number in range(6):
        shutil.copytree(edition, project / FOLDER / f"0.0.{number}")
    shutil.rmtree(edition)
    parsed.clear()
    check("--jobs", "1")
    assert parsed
    assert len([folder for folder in (project / FOLDER).iterdir() if folder.is_dir()]) == 4


def test_two_interpreters_may_write_at_once(project: Path) -> None:
    command = [sys.executable, "-m", "nplus1_lint", "check", "--format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(nplus1_lint.__file__).parents[1])}
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate()[0] for process in running]
    assert outputs[0] == outputs[1]
    assert check() == outputs[0] + b"exit 1"


# -- what is written ------------------------------------------------------------------------------------------------


def test_what_is_no_finding_cannot_be_kept() -> None:
    with pytest.raises(TypeError, match="no type of"):
        flatten((object(),))


def test_positions_keep_their_type() -> None:
    pos = Pos(1, 2, 3, 4)
    assert type(restore(flatten(pos))) is Pos
    assert restore(flatten((pos, None, "a"))) == (pos, None, "a")


def test_every_finding_comes_back_as_it_was(project: Path) -> None:
    from nplus1_lint import check as scan

    report = scan(["."])
    assert {finding.suggestion is None or bool(finding.suggestion.diff) for finding in report.findings} == {True, False}
    restored: tuple[Finding, ...] = restore(flatten(report.findings))
    assert restored == report.findings
