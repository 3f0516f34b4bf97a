"""What the writers print."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import nplus1_lint.report
from nplus1_lint.findings import (
    Applicability,
    Confidence,
    Cost,
    Finding,
    Report,
    ScanError,
    Severity,
    Span,
    Step,
    Suggestion,
    Summary,
)
from nplus1_lint.report import FORMATS, View, writer

SOURCE = """\
def list_all(session):
    out = []
    for c in session.scalars(select(Collection)):
\tn = session.query(Item).filter_by(c="日本", id=c.id).count()  # why \x1b[31m
        out.append(n)

    return out
"""
COUNT = Finding(
    code="NP101",
    name="count-in-loop",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    path="app/a.py",
    span=Span(4, 6, 4, 60),
    function="list_all",
    message="a COUNT of Item runs once per Collection",
    evidence=(
        Step("app/a.py", 3, "loop over Collection rows"),
        Step("app/a.py", 4, "SELECT count(*) FROM items"),
    ),
    suggestion=Suggestion(
        "Count once before the loop", "counts = dict(\n    rows\n)\n", Applicability.UNSAFE, "--- a\n"
    ),
    fingerprint="f1",
    cost=Cost("1 + collections", "2"),
)
UNUSED = replace(
    COUNT,
    code="NP201",
    name="unused-eager-load",
    severity=Severity.WARNING,
    path="app/models.py",
    span=Span(2, 5, 2, 9),
    function="Item",
    message="router app/q.py never reads Item.tags",
    evidence=(Step("app/q.py", 7, "loads Item.tags for nothing"),),
    suggestion=Suggestion('Make it lazy="select"', "", Applicability.DISPLAY),
    fingerprint="f2",
    cost=None,
)
REPORT = Report(
    findings=(
        COUNT,
        UNUSED,
        replace(UNUSED, fingerprint="f3", message="router app/r.py never reads Item.tags"),
    ),
    suppressed=(replace(COUNT, span=Span(2, 1, 2, 4), suppressed_by="noqa: NP101", fingerprint="f4"),),
    errors=(ScanError("app/broken.py", 3, "cannot be parsed: invalid syntax"),),
    summary=Summary(files=5, functions=9, models=2, findings=3, suppressed=1),
    sources={"app/a.py": SOURCE, "app/models.py": "class Item(Base):\n    tags = relationship(lazy='selectin')\n"},
    timings={"index": 1.5},
)
EMPTY = Report((), (), (), Summary(1, 0, 0, 0, 0))


def schema() -> dict[str, Any]:
    file = Path(nplus1_lint.report.__file__).with_name("json_v1.schema.json")
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def test_text_is_exactly_this() -> None:
    assert writer("text")(REPORT, View(hidden_low=2)) == (
        """\
app/a.py:4:6: error NP101 count-in-loop
  2 |     out = []
  3 |     for c in session.scalars(select(Collection)):
  4 |     n = session.query(Item).filter_by(c="日本", id=c.id).count()  # why \N{REPLACEMENT CHARACTER}[31m
    |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  5 |         out.append(n)
    |
  a COUNT of Item runs once per Collection
  --> app/a.py:3 loop over Collection rows
  --> app/a.py:4 SELECT count(*) FROM items
  cost: 1 + collections queries, after the change 2
  help: Count once before the loop (unsafe)
      counts = dict(
          rows
      )

app/models.py:2:5: warning NP201 unused-eager-load
  1 | class Item(Base):
  2 |     tags = relationship(lazy='selectin')
    |     ^^^^
    |
  router app/q.py never reads Item.tags
  --> app/q.py:7 loads Item.tags for nothing

  router app/r.py never reads Item.tags
  --> app/q.py:7 loads Item.tags for nothing
  help: Make it lazy="select"

app/broken.py:3:1: error NP902 cannot-parse
  cannot be parsed: invalid syntax

3 findings (1 error, 2 warnings) in 5 files; 1 path could not be checked; 1 suppressed; \
2 of low confidence hidden (--show low)
"""
    )


def test_a_clean_report_says_so() -> None:
    assert writer("text")(EMPTY, View()) == "No N+1 queries found in 1 file\n"


def test_colour_changes_no_character() -> None:
    plain = writer("text")(REPORT, View())
    coloured = writer("text")(REPORT, View(colour=True))
    assert "\x1b[" in coloured
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_only_prose_is_wrapped() -> None:
    long = replace(COUNT, message="word " * 30, path="a/" * 40 + "a.py", evidence=(Step("b/" * 40, 1, "word " * 30),))
    lines = writer("text")(replace(EMPTY, findings=(long,)), View(width=60)).splitlines()
    assert lines[0] == f"{long.path}:4:6: error NP101 count-in-loop"
    prose = [line for line in lines if line.startswith("  word")]
    assert len(prose) == 3
    assert all(len(line) <= 60 for line in prose)
    assert any(line.startswith("  --> ") and len(line) > 200 for line in lines)


def test_of_a_long_range_the_middle_is_left_out() -> None:
    source = "\n".join(f"line_{number}" for number in range(1, 31))
    wide = replace(COUNT, span=Span(5, 1, 25, 8), suggestion=None, evidence=())
    text = writer("text")(replace(EMPTY, findings=(wide,), sources={"app/a.py": source}), View())
    shown = re.findall(r"^ +(\d+|…) \|", text, re.MULTILINE)
    assert shown == ["3", "4", *map(str, range(5, 11)), "…", "25", "26", "27"]


@pytest.mark.parametrize("source", ["", "x\r\n\x0c\r\nfor a in b:\r\n    count(a)\r\n", "one\rtwo\rthree\rfour(five)"])
def test_a_frame_counts_lines_as_python_does(source: str) -> None:
    finding = replace(COUNT, span=Span(4, 5, 4, 10))
    text = writer("text")(replace(EMPTY, findings=(finding,), sources={"app/a.py": source}), View())
    assert not source or re.search(r"4 \| +(count|four)\(\w+\)\n +\| +\^{5}\n", text)


def test_concise_has_one_line_per_finding() -> None:
    assert writer("concise")(REPORT, View()) == (
        "app/a.py:4:6: NP101 a COUNT of Item runs once per Collection\n"
        "app/broken.py:3:1: NP902 cannot be parsed: invalid syntax\n"
        "app/models.py:2:5: NP201 router app/q.py never reads Item.tags\n"
        "app/models.py:2:5: NP201 router app/r.py never reads Item.tags\n"
    )
    assert writer("concise")(EMPTY, View()) == ""


@pytest.mark.parametrize("report", [REPORT, EMPTY])
def test_json_keeps_its_contract(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(writer("json")(report, View())), schema(), jsonschema.Draft202012Validator)


def test_json_is_exactly_this() -> None:
    document = json.loads(writer("json")(REPORT, View()))
    assert list(document) == ["version", "tool", "findings", "errors", "summary"]
    assert document["version"] == 1
    assert document["tool"] == {"name": "nplus1-lint", "version": nplus1_lint.__version__}
    assert [(f["code"], f["line"], f["suppressed"]) for f in document["findings"]] == [
        ("NP101", 2, "noqa: NP101"),
        ("NP101", 4, None),
        ("NP201", 2, None),
        ("NP201", 2, None),
    ]
    assert list(document["findings"][1].items()) == [
        ("code", "NP101"),
        ("name", "count-in-loop"),
        ("severity", "error"),
        ("confidence", "high"),
        ("path", "app/a.py"),
        ("line", 4),
        ("column", 6),
        ("end_line", 4),
        ("end_column", 60),
        ("function", "list_all"),
        ("message", "a COUNT of Item runs once per Collection"),
        ("fingerprint", "f1"),
        ("suppressed", None),
        (
            "evidence",
            [
                {"path": "app/a.py", "line": 3, "message": "loop over Collection rows"},
                {"path": "app/a.py", "line": 4, "message": "SELECT count(*) FROM items"},
            ],
        ),
        ("cost", {"before": "1 + collections", "after": "2"}),
        (
            "suggestion",
            {
                "title": "Count once before the loop",
                "applicability": "unsafe",
                "code": "counts = dict(\n    rows\n)\n",
                "diff": "--- a\n",
            },
        ),
    ]
    assert document["errors"] == [{"path": "app/broken.py", "line": 3, "message": "cannot be parsed: invalid syntax"}]
    assert document["summary"] == {"files": 5, "functions": 9, "models": 2, "findings": 3, "suppressed": 1}


def test_the_schema_refuses_what_is_not_in_the_contract() -> None:
    document = json.loads(writer("json")(REPORT, View()))
    document["findings"][0]["extra"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", FORMATS)
def test_equal_reports_give_equal_text_whatever_they_took(name: str) -> None:
    assert writer(name)(REPORT, View()) == writer(name)(replace(REPORT, timings={"index": 9.0}), View())
