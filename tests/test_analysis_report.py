"""The performance analysis: what it says, that whatever it holds is escaped, and that it is the same every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nplus1_lint import pipeline, reporting
from nplus1_lint.compose import compose
from nplus1_lint.config import load
from nplus1_lint.query_costs import Assumptions
from nplus1_lint.remedies import Assessment, Kind
from nplus1_lint.report import analysis_writer
from tests.executed import materialise

ROOT = Path(__file__).parent.parent
FIXTURE = "fixtures/skillmeat_mini"
CHAPTERS = [
    "Executive summary",
    "Queries that repeat (N+1)",
    "Eager loading",
    "Indexes",
    "Rows fetched for less than they hold",
    "Caching and denormalisation",
    "Performance estimates",
    "Recommendations by priority",
    "Summary table",
    "Implementation plan",
    "How the figures are made",
]


def assess(*paths: str, cwd: Path = ROOT, assumed: Assumptions | None = None, rtt: float = 2.0) -> Assessment:
    settings = load(paths, cwd=str(cwd), codes=pipeline.rule_codes(), config_file=None)
    return reporting.assess(
        paths,
        settings.config,
        settings.workspace,
        cwd=str(cwd),
        assumed=assumed or Assumptions({}),
        round_trip=rtt,
    ).assessment


@cache
def of_the_fixture() -> Assessment:
    return assess(FIXTURE)


@cache
def written(name: str) -> str:
    return analysis_writer(name)(compose(of_the_fixture()))


def chapter(markdown: str, title: str) -> str:
    return markdown.split(f"\n## {title}\n")[1].split("\n## ")[0]


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nplus1_lint", "report", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)


def test_it_has_every_chapter_in_order() -> None:
    assert re.findall(r"^## (.*)$", written("markdown"), re.MULTILINE) == CHAPTERS


def test_every_finding_is_told_where_it_stands() -> None:
    text = written("markdown")
    anchors = set(re.findall(r'<a id="([^"]*)">', text))
    for finding in of_the_fixture().report.findings:
        known = finding.code == "NP201" or f"{finding.code.lower()}-{finding.fingerprint}" in anchors
        assert known, finding.message
        assert f"{finding.path}:{finding.span.line}" in text.replace("\\", ""), finding.message


def test_each_reference_leads_somewhere_and_each_anchor_stands_once() -> None:
    text = written("markdown")
    anchors = re.findall(r'<a id="([^"]*)">', text)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= set(anchors)


def test_a_repeated_query_comes_with_code_impact_and_formula() -> None:
    part = chapter(written("markdown"), "Queries that repeat (N+1)")
    section = part.split("`list_artifacts()`: count-in-loop")[1].split("\n### ")[0]
    assert "`GET /artifacts`: `15 + memberships` becomes `16`" in section
    assert "65 statements become 16, 130 ms of waiting 32 ms" in section
    assert "for membership in memberships:" in section
    assert ".group_by(CollectionArtifact.collection_id)" in section


def test_chains_and_matrix_say_what_the_mapping_loads() -> None:
    part = chapter(written("markdown"), "Eager loading")
    assert "| relationship | artifacts | catalog | groups | projects |" in part
    assert re.search(r"^\| `Collection\.groups` \| ○7 \| ●1/3 \| · \| ○2 \|", part, re.MULTILINE)
    chain = part.split("### Chains of eager loads")[1]
    assert "→ Artifact.collections is loaded by" in chain
    assert "→ → Collection.groups is loaded by" in chain


def test_indexes_are_good_missing_or_composite() -> None:
    part = chapter(written("markdown"), "Indexes")
    good, rest = part.split("### Missing indexes")
    missing, composite = rest.split("### Composite indexes")
    assert "the primary key" in good
    assert "op.create_index(" in missing
    assert "collection\\_artifacts" in composite or "`collection_artifacts`" in composite


def test_estimates_agree_with_the_costs_and_with_the_assumed_sizes() -> None:
    assessment = assess(FIXTURE, assumed=Assumptions({"memberships": 20}, 10), rtt=5.0)
    part = chapter(analysis_writer("markdown")(compose(assessment)), "Performance estimates")
    row = next(line for line in part.splitlines() if line.startswith("| `GET /artifacts` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == ["`15 + memberships`", "35", "16"]
    assert cells[6] == "175 ms"
    assert "memberships = 20, every other size of a formula = 10" in part


def test_a_change_by_itself_saves_what_its_loop_repeats() -> None:
    remedies = of_the_fixture().remedies
    (one,) = [r for r in remedies if r.first.code == "NP101" and r.first.function == "list_artifacts"]
    assert one.kind is Kind.COUNTS
    assert [(gain.entry.formula, str(gain.after)) for gain in one.gains] == [("15 + memberships", "16")]
    assert one.saved(Assumptions({}, 50)) == 49


def test_a_relationship_that_nobody_reads_takes_along_what_it_loads() -> None:
    by_label = {r.relationship.label: r for r in of_the_fixture().remedies if r.relationship is not None}
    saved = {label: one.saved(Assumptions({}, 50)) for label, one in by_label.items()}
    assert saved["Artifact.collections"] > saved["Artifact.artifact_metadata"] > 0
    assert all(gain.saved(Assumptions({}, 50)) > 0 for one in by_label.values() for gain in one.gains)


def test_the_plan_leaves_fewer_statements_with_each_step() -> None:
    assessment = of_the_fixture()
    left = [
        sum(assessment.assumed.statements(one.entry.polynomial) for one in assessment.estimates),
        *(sum(map(assessment.assumed.statements, step.remaining)) for step in assessment.plan),
    ]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] / 5
    worth = {s.kind: (left[0] - sum(map(assessment.assumed.statements, s.alone))) / s.effort for s in assessment.plan}
    assert assessment.plan[0].kind is max(worth, key=lambda kind: worth[kind])
    assert assessment.plan[0].alone == assessment.plan[0].remaining


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_the_same_source_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    files = [f"{FIXTURE}/skillmeat_mini/api", f"{FIXTURE}/skillmeat_mini/models.py"]
    ending = {"markdown": "md", "html": "html"}[name]
    for number, options in enumerate((["-j", "1"], ["-j", "2"])):
        done = run(*files, *options, "-o", str(tmp_path / f"{number}.{ending}"))
        assert done.returncode == 0, done.stderr
    first, second = (tmp_path.joinpath(f"{number}.{ending}").read_bytes() for number in (0, 1))
    assert first == second
    assert not re.search(rb"\b20\d\d-\d\d-\d\d\b", first)


HOSTILE = {
    "models.py": """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Hero(Base):
    __tablename__ = "heroes|<b>"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
""",
    "app.py": """\
from fastapi import APIRouter
from sqlalchemy.orm import Session

from models import Hero

router = APIRouter()


@router.get("/a|b`c</script><script>alert(1)</script>")
def heroes(session: Session, names: list[str]):
    found = []
    for name in names or ["</pre><img src=x onerror=alert(2)>", "```", "|"]:
        found += session.query(Hero).filter(Hero.name == name + "</code>&amp;").all()
    return found
""",
}


def hostile(folder: Path, name: str) -> str:
    materialise(HOSTILE, folder)
    return analysis_writer(name)(compose(assess(".", cwd=folder)))


def test_markdown_escapes_what_it_holds(tmp_path: Path) -> None:
    text = hostile(tmp_path, "markdown")
    assert "NP103" in text
    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"`[^`\n]*`", "", outside)
    assert set(re.findall(r"(?<!\\)<\w+", prose)) == {"<a"}
    for table in re.findall(r"(?:^\|.*\n)+", outside, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table
    assert "alert(1)" in text


class Reader(HTMLParser):
    """Reads a page: its tags, their identifiers and references, and whether every tag is closed by its own end."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, name: str) -> list[str]:
        """The values of an attribute."""
        return [value for known, value in self.attributes if known == name]


def test_the_page_is_whole_and_asks_for_nothing() -> None:
    page = written("html")
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert re.findall(r"<h2>(.*?)</h2>", page) == CHAPTERS
    identifiers = reader.values("id")
    assert len(identifiers) == len(set(identifiers))
    links = reader.values("href")
    assert {link[:1] for link in links} == {"#"}
    assert {link[1:] for link in links} <= set(identifiers)
    assert not reader.tags & {"link", "img", "iframe", "object", "base", "form"}
    assert not reader.values("src")
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_has_charts_tables_and_code() -> None:
    page = written("html")
    assert 'aria-label="GET /artifacts: 65 statements today, 6 then"' in page
    assert page.count("<svg") == 12
    assert re.search(r'<td class="num" data-sort="65">65</td>', page)
    assert "<details>\n<summary>Today: <code>" in page
    assert "<mark>" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_html_escapes_what_it_holds(tmp_path: Path) -> None:
    page = hostile(tmp_path, "html")
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert "onerror=" in page
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    assert "&lt;/code&gt;&amp;amp;" in page
    reader = Reader()
    reader.feed(page)
    assert reader.open == []


def test_a_project_without_queries_has_nothing_to_change(tmp_path: Path) -> None:
    tmp_path.joinpath("app.py").write_text("print('hello')\n")
    text = analysis_writer("markdown")(compose(assess(".", cwd=tmp_path)))
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == CHAPTERS
    assert "Nothing was found that costs more statements than it must." in text
    assert "There is nothing to do." in text


def test_a_comment_that_silences_nothing_is_told_of(tmp_path: Path) -> None:
    tmp_path.joinpath("app.py").write_text("total = 1  # nplus1: ignore[NP101] it was a query once\n")
    assessment = assess(".", cwd=tmp_path)
    assert [finding.code for finding in assessment.report.findings] == ["NP901"]
    part = chapter(analysis_writer("markdown")(compose(assessment)), "How the figures are made")
    assert "`app.py:1` (NP901): " in part.split("### Findings that are not about queries")[1]


def test_files_that_cannot_be_parsed_are_named(tmp_path: Path) -> None:
    tmp_path.joinpath("app.py").write_text("def broken(:\n")
    done = run(".", cwd=tmp_path)
    assert done.returncode == 2
    assert "error: app.py:1:" in done.stderr
    assert "### Files that could not be read" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "report.pdf"], "the ending .pdf names no format"),
        (["-o", "report"], "the ending (none) names no format"),
        (["--rtt", "fast"], "--rtt takes a time such as 2ms"),
        (["--rtt", "0ms"], "--rtt takes a time such as 2ms"),
        (["--assume", "artifacts"], "--assume takes NAME=NUMBER"),
    ],
)
def test_wrong_usage_is_named(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_stamp_is_printed_when_asked_for() -> None:
    done = run(FIXTURE, "--stamp", "release 7 <of> today", "--rtt", "500us")
    assert done.returncode == 0, done.stderr
    assert "release 7 \\<of\\> today" in done.stdout
    assert "0.5 ms from a statement to its answer" in done.stdout
