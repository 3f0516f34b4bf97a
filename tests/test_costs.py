"""What ``cost`` predicts is what SQLite is sent: the application under fixtures/, and programs by subject."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from nplus1_lint.config import load
from nplus1_lint.costing import costs
from nplus1_lint.pipeline import rule_codes
from nplus1_lint.rules.base import Example
from tests.executed import counting, files_of, importable, materialise, run
from tests.test_fixture import PACKAGE, PROJECT, calls, carried_stacks, copied

if TYPE_CHECKING:
    from nplus1_lint.query_costs import CostEntry

SIZES = (2, 3, 7)
PROGRAMS = Path(__file__).parent / "costs"


def entries(place: Path) -> tuple[CostEntry, ...]:
    """What the linter says of the program in a folder."""
    settings = load([str(place)], cwd=str(place), codes=rule_codes(), config_file=None)
    return costs([str(place)], settings.config, settings.workspace, cwd=str(place)).table.entries


# --- the application ----------------------------------------------------------------------------------------------


def sizes_of(route: str, n: int) -> dict[str, int]:
    """How many rows an endpoint of the fixture meets, seeded with *n*."""
    sizes = dict.fromkeys(("artifacts", "collections", "projects", "ids", "names", "pending", "chunks"), n)
    sizes |= {"sources": 2, "groups": 2 * n, "levels": 2, "chunks": 1}
    # All artifacts are in the first collection and, but for the first, in one of their own.
    sizes["memberships"] = n if route.startswith("GET /groups/") else 2 * n - 1
    # Rounds that go on: asking until a page is empty takes one, for as long as one page holds all.
    sizes["pages"] = 1 if route == "GET /search/words" else 0
    return sizes


def measured(place: Path, n: int) -> dict[str, int]:
    """The statements of every endpoint, the process' caches filled."""
    with importable(place), carried_stacks(place):
        from fastapi.testclient import TestClient

        db = importlib.import_module(f"{PACKAGE}.db")
        engine = db.configure(f"sqlite:///{place}/{n}.sqlite")
        with db.get_session() as session:
            importlib.import_module(f"{PACKAGE}.seed").seed(session, n)
        client = TestClient(importlib.import_module(f"{PACKAGE}.api.app").create_app())
        found = {}
        client.get("/search/labels")
        for call in calls(n):
            if call.method != "CALL":
                with counting(engine, place / PACKAGE) as log:
                    assert client.request(call.method, call.path, json=call.body).is_success
                found[f"{call.method} {call.path.partition('?')[0]}"] = len(log.statements)
        engine.dispose()
        return found


def test_every_endpoint_of_the_fixture_costs_what_is_predicted(tmp_path: Path) -> None:
    predicted = {entry.route or "": entry for entry in entries(PROJECT) if entry.route is not None}
    assert all(entry.complete for entry in predicted.values())
    samples = {"artifact_id": "artifact-0", "collection_id": "collection-0", "group_id": "group-0-0"}
    samples |= {"project_id": "project-0", "slug": "tag-slug-0"}
    for n in SIZES:
        told = {
            route.format_map(samples): entry.polynomial.value(sizes_of(route, n), 0)
            for route, entry in predicted.items()
        }
        assert told == measured(copied(tmp_path / str(n)), n)


# --- programs -----------------------------------------------------------------------------------------------------

_HEADER = re.compile(r"^=== (.+?): (\S.*)\n", re.MULTILINE)


class Program(NamedTuple):
    """A program with the formula of its function ``run``."""

    subject: str
    formula: str
    example: Example

    def __str__(self) -> str:
        return f"{self.subject}-{self.example.name.replace(' ', '_')}"


def programs() -> list[Program]:
    """Every program below ``tests/costs``; files above the first header are shared by all of a subject."""
    found = []
    for file in sorted(PROGRAMS.glob("*.txt")):
        shared, *parts = _HEADER.split(file.read_text(encoding="utf-8"))
        for formula, name, source in zip(*[iter(parts)] * 3, strict=True):
            found.append(Program(file.stem, formula, Example(name, f"{shared.strip()}\n{source}")))
    return found


@pytest.mark.parametrize("program", programs(), ids=str)
def test_a_program_costs_what_is_predicted(program: Program, tmp_path: Path) -> None:
    files = files_of(program.example)
    place = materialise(files, tmp_path)
    (entry,) = [one for one in entries(place) if (Path(one.path).name, one.function) == ("app.py", "run")]
    assert entry.formula == program.formula
    assert sum(term.count for term in entry.terms) == sum(count for _, count in entry.polynomial.terms)
    for n in SIZES:
        sizes = {"teams": n, "heroes": 2, "all_heroes": 2 * n, "slugs": n, "pages": 1}
        assert len(run(place, files, n).statements) == entry.polynomial.value(sizes, n)


def test_programs_have_names_of_their_own() -> None:
    assert len({str(program) for program in programs()}) == len(programs()) > 20
