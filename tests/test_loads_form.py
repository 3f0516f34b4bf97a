"""The form of a matrix: files, bytes, widths, the JSON Schema, and Markdown that a parser of tables understands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from rich.cells import cell_len

import nplus1_lint.report
from nplus1_lint.findings import Step
from nplus1_lint.load_matrix import (
    Action,
    Cell,
    Change,
    Cost,
    LoadMatrix,
    QueryLoad,
    RelationshipLoads,
    Router,
    RouterQuery,
    Use,
)
from nplus1_lint.report import LOADS_FORMATS, View, loads_writer
from tests.test_loads import BARE, FIXTURE, HEROES, program, run

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent


def schema() -> dict[str, Any]:
    file = Path(nplus1_lint.report.__file__).with_name("loads_v1.schema.json")
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(loaded)
    return loaded


def large(routers: int = 20, name: str = "heroes") -> LoadMatrix:
    """Many routers that load one relationship in all possible ways."""
    names = [f"router_number_{number}" for number in range(routers)]
    uses = list(Use)

    def cell(number: int) -> Cell:
        query = QueryLoad("app.py", number + 1, 1, "run", (f"Team.{name}",), uses[number % 3])
        return Cell(names[number], query.use, (query,))

    cost = Cost(2, 1, 1)
    cells = tuple(cell(number) for number in range(routers) if number % 4)
    change = Change(
        Action.OVERRIDE, "a change", (Step("app.py", 1, "lazyload(Team.heroes)"),), (Step("b.py", 2, "no"),)
    )
    row = RelationshipLoads("Team", name, "models.py", 7, "selectin", cost, cells, change)
    queries = (RouterQuery("app.py", 1, 1, "run", cost, Cost(1, 0, 1), Cost(1, 1, 0)),)
    columns = tuple(Router(f"api/{name}.py", name, number != 2, queries) for number, name in enumerate(names))
    return LoadMatrix((row,), columns, ("api/idle.py",))


def tables(text: str) -> list[list[str]]:
    """The lines of each table of the matrix, its heading first."""
    blocks = [block.strip("\n").split("\n") for block in text.split("\n\n")]
    return [block for block in blocks if block[0].startswith(" relationship")]


def test_the_documents_follow_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIXTURE)
    valid = jsonschema.Draft202012Validator(schema())
    for text in (run("--format", "json").stdout, loads_writer("json")(large(), View())):
        valid.validate(json.loads(text))
    valid.validate(json.loads(loads_writer("json")(LoadMatrix((), (), ()), View())))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.update(version=2),
        lambda document: document.update(more=1),
        lambda document: document["relationships"][0].pop("change"),
        lambda document: document["relationships"][0]["cells"][0].update(use="unloaded"),
        lambda document: document["relationships"][0]["change"].update(action="noload"),
        lambda document: document["routers"][0]["queries"][0]["wasted"].update(joins=-1),
    ],
)
def test_the_schema_refuses_what_is_wrong(spoil: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(loads_writer("json")(large(), View()))
    spoil(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(document)


def test_text_is_exactly_this(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, bare=BARE, names=BARE, reader=HEROES)
    assert (
        run().stdout
        == """\
● loaded and read (by 2 of 5 queries: ●2/5)
○ loaded and wasted (by 3 queries: ○3)
? loaded, its rows go where reads cannot be followed (of 1 of 4 queries: ?1/4)
· not loaded

 relationship   bare   names   reader
 ────────────────────────────────────
 Team.heroes     ○1     ○1      ●1/1
 Hero.powers     ○1     ○1       ○1

   router  queries  statements wasted per query  file
1  bare          1  2                            bare.py (queries that no route reaches)
2  names         1  2                            names.py (queries that no route reaches)
3  reader        1  1                            reader.py (queries that no route reaches)

models.py:12: Team.heroes lazy="selectin"
  adds 2 statements to a query; read by 1 of 3 that load it
  change: lazy="select" (or "raise") on Team.heroes, and selectinload in 1 query that reads it
  --> reader.py:8 selectinload(Team.heroes)

models.py:19: Hero.powers lazy="selectin"
  adds 1 statement to a query; read by 0 of 3 that load it
  change: lazy="select" (or "raise") on Hero.powers: nobody reads what is loaded

2 relationships loaded by the mapping in 3 modules with queries that no route reaches: 5 of 6 pairs of relationship \
and router wasted
"""
    )


@pytest.mark.parametrize("width", [60, 80, 110])
@pytest.mark.parametrize("routers", [3, 20, 60])
def test_tables_fit_the_width_and_hold_all_columns(routers: int, width: int) -> None:
    found = tables(loads_writer("text")(large(routers), View(width=width)))
    assert all(cell_len(line) <= width for lines in found for line in lines)
    headings = [heading for lines in found for heading in lines[0].split()[1:]]
    marks = [mark for lines in found for mark in lines[2].split()[1:]]
    assert len(headings) == len(set(headings)) == len(marks) == routers
    symbols = {1: "?1/1", 2: "○1", 3: "●1/1", 4: "·"}
    assert marks[1:5] == [symbols[number] for number in range(1, min(routers, 5))]


def test_only_colours_differ_on_a_terminal() -> None:
    plain, coloured = (loads_writer("text")(large(), View(colour=colour)) for colour in (False, True))
    assert "\x1b" not in plain
    assert "\x1b" in coloured


def test_escape_sequences_of_what_is_read_do_not_reach_the_terminal() -> None:
    for name in LOADS_FORMATS:
        assert "\x1b" not in loads_writer(name)(large(name="he\x1b[31mroes"), View())


def test_markdown_has_a_table_per_class_whose_rows_are_equally_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIXTURE)
    text = run("--format", "markdown").stdout
    found = [block.split("\n") for block in text.split("\n\n") if block.startswith("| ")]
    assert [lines[0] for lines in found[1:]] == [
        "| router | artifacts |",
        "| router | artifact\\_metadata | collections | tags | versions |",
        "| router | groups | collection\\_artifacts | templates |",
        "| router | group\\_artifacts |",
    ]
    for lines in found:
        assert set(lines[1]) == {"|", "-"}
        assert len({line.count("|") for line in lines}) == 1
    assert "| user\\_collections | ●4/5 | ○5 | ●1/5 |" in text


def test_markdown_escapes_markup() -> None:
    text = loads_writer("markdown")(large(name="a|b<c>"), View())
    assert "| router | a\\|b\\<c\\> |" in text


def test_a_project_without_eager_loads_has_an_empty_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("print()\n")
    assert run().stdout == "No router loads a relationship by its mapping\n"
    assert run("--format", "markdown").stdout.endswith("\nNo router loads a relationship by its mapping.\n")


def test_a_matrix_can_go_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = program(tmp_path, monkeypatch, bare=BARE)
    assert run("-o", "matrix.txt").stdout == ""
    assert (folder / "matrix.txt").read_text(encoding="utf-8") == run().stdout


def test_a_file_that_cannot_be_parsed_ends_in_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, bare=BARE, broken="def\n")
    result = run()
    assert result.exit_code == 2
    assert result.stderr.startswith("error: broken.py:")
    assert "Team.heroes" in result.stdout
    assert run("--config", "nowhere.toml").exit_code == 2
    assert run("--format", "concise").exit_code == 2


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = program(tmp_path, monkeypatch, bare=BARE, reader=HEROES)
    found = set()
    for seed, paths in (("0", ["bare.py", "models.py", "reader.py"]), ("1", ["reader.py", "models.py", "bare.py"])):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "nplus1_lint", "loads", *paths, "--format", "json", "--jobs", "2"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
        found.add(done.stdout)
    assert found == {run("--format", "json", "--jobs", "1").stdout.encode()}
