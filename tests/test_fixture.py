"""The project under fixtures/: what its comments announce is what a run shows and what the linter says."""

from __future__ import annotations

import ast
import concurrent.futures
import contextlib
import importlib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import nplus1_lint
from tests.executed import (
    LARGE,
    SMALL,
    Log,
    Site,
    Strategy,
    counting,
    eager_strategies,
    expectations,
    importable,
    made_lazy,
)
from tests.plans import advised, scans

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "fixtures" / "skillmeat_mini"
PACKAGE = "skillmeat_mini"
MODELS = "models.py"


class Call(NamedTuple):
    """One call of the program: an endpoint with its request, or a function outside of any router."""

    router: str
    method: str
    path: str
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def calls(size: int) -> list[Call]:
    """Every endpoint once, with requests as long as the data; those that change data come last."""

    def ids(kind: str) -> dict[str, list[str]]:
        return {"ids": [f"{kind}-{number}" for number in range(size)]}

    slugs = {"names": [f"tag-slug-{number}" for number in range(size)]}
    artifacts, collections, groups = (
        "api/routers/artifacts.py",
        "api/routers/user_collections.py",
        "api/routers/groups.py",
    )
    projects, catalog, tags, search = (f"api/routers/{name}.py" for name in ("projects", "catalog", "tags", "search"))
    return [
        Call(artifacts, "GET", "/artifacts"),
        Call(artifacts, "GET", "/artifacts/counted"),
        Call(artifacts, "GET", "/artifacts/collection-names"),
        Call(artifacts, "POST", "/artifacts/lookup", ids("artifact")),
        Call(artifacts, "POST", "/artifacts/batch", ids("artifact")),
        Call(artifacts, "POST", "/artifacts/names", ids("artifact")),
        Call(artifacts, "GET", "/artifacts/latest"),
        Call(artifacts, "GET", "/artifacts/newest-numbers"),
        Call(artifacts, "GET", "/artifacts/artifact-0"),
        Call(collections, "GET", "/collections"),
        Call(collections, "GET", "/collections/counted"),
        Call(collections, "GET", "/collections/busy"),
        Call(collections, "GET", "/collections/filled"),
        Call(collections, "GET", "/collections/empty"),
        Call(collections, "GET", "/collections/collected"),
        Call(collections, "GET", "/collections/ranked"),
        Call(collections, "GET", "/collections/ranked-counted"),
        Call(collections, "GET", "/collections/parallel"),
        Call(collections, "GET", "/collections/cards"),
        Call(collections, "GET", "/collections/collection-0"),
        Call(collections, "GET", "/collections/collection-0/card"),
        Call(collections, "GET", "/collections/collection-0/templates"),
        Call(collections, "GET", "/collections/collection-0/descendants"),
        Call(collections, "GET", "/collections/collection-0/subtree"),
        Call(groups, "GET", "/groups?collection_id=collection-0"),
        Call(groups, "GET", "/groups/sizes"),
        Call(groups, "GET", "/groups/group-0-0/artifacts"),
        Call(groups, "GET", "/groups/group-0-0/artifacts-joined"),
        Call(projects, "GET", "/projects"),
        Call(projects, "POST", "/projects/describe", ids("project")),
        Call(projects, "GET", "/projects/totals"),
        Call(projects, "GET", "/projects/totals-batched"),
        Call(projects, "GET", "/projects/project-0"),
        Call(catalog, "GET", "/catalog/artifacts"),
        Call(catalog, "GET", "/catalog/memberships"),
        Call(catalog, "GET", "/catalog/projects/project-0"),
        Call(tags, "GET", "/tags"),
        Call(tags, "POST", "/tags/labels", ids("tag")),
        Call(tags, "POST", "/tags/resolve", slugs),
        Call(tags, "POST", "/tags/resolve-batched", slugs),
        Call(tags, "POST", "/tags/first", slugs),
        Call(tags, "GET", "/tags/export"),
        Call(tags, "POST", "/tags/descriptions", slugs),
        Call(tags, "GET", "/tags/statistics"),
        Call(tags, "GET", "/tags/tag-slug-0/artifacts"),
        Call(search, "GET", "/search?q=artifact"),
        Call(search, "GET", "/search/words"),
        Call(search, "GET", "/search/labels"),
        Call(search, "GET", "/search/memoised"),
        Call(search, "GET", "/search/sources"),
        Call("jobs.py", "CALL", "group_digest"),
        Call(groups, "POST", "/groups/reorder", [{"group_id": f"group-{k}-0", "position": k + 1} for k in range(size)]),
        Call(artifacts, "POST", "/artifacts/enable", ids("artifact")),
        Call(collections, "POST", "/collections", {"name": "New"}),
        Call(collections, "POST", "/collections/import", [{"name": f"New {number}"} for number in range(size)]),
        Call(groups, "DELETE", "/groups/group-0-0"),
    ]


# --- running it ---------------------------------------------------------------------------------------------------


def execute(place: Path, size: int) -> list[tuple[Call, Log]]:
    """Run all calls of the copy of the program in *place* against a new database."""
    with importable(place), carried_stacks(place):
        from fastapi.testclient import TestClient

        db = importlib.import_module(f"{PACKAGE}.db")
        engine = db.configure(f"sqlite:///{place}/{size}.sqlite")
        with db.get_session() as session:
            importlib.import_module(f"{PACKAGE}.seed").seed(session, size)
        application = importlib.import_module(f"{PACKAGE}.api.app").create_app()
        client = TestClient(application)
        logs = []
        for call in calls(size):
            with counting(engine, place / PACKAGE) as log:
                if call.method == "CALL":
                    getattr(importlib.import_module(f"{PACKAGE}.{Path(call.router).stem}"), call.path)()
                else:
                    response = client.request(call.method, call.path, json=call.body)
                    assert response.is_success, f"{call}: {response.status_code} {response.text}"
            logs.append((call, log))
        engine.dispose()
        return logs


@contextlib.contextmanager
def carried_stacks(place: Path) -> Iterator[None]:
    """Let work in a thread pool know the lines that submitted it."""
    submit = concurrent.futures.ThreadPoolExecutor.submit

    def submit_with_stack(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        submitter = Log(place / PACKAGE).stack()

        def work() -> Any:
            with Log.under(submitter):
                return function(*args, **kwargs)

        return submit(self, work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(concurrent.futures.ThreadPoolExecutor, "submit", submit_with_stack)
        yield


def copied(place: Path, replaced: dict[str, str] | None = None) -> Path:
    """Copy the program to *place*, with some of its files replaced."""
    shutil.copytree(PROJECT / PACKAGE, place / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in (replaced or {}).items():
        (place / PACKAGE / name).write_text(text, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[tuple[Call, Log]]]:
    """The calls and their statements at two sizes, in the same order."""
    return {size: execute(copied(tmp_path_factory.mktemp(f"size{size}")), size) for size in (SMALL, LARGE)}


# --- what the comments announce -----------------------------------------------------------------------------------


class Announced(NamedTuple):
    """A finding as a comment announces it; *router* is relative to the package and only NP201 has one."""

    file: str
    line: int
    code: str
    router: str | None


def announced() -> list[Announced]:
    """Return what all files of the fixture announce."""
    return [
        Announced(file.relative_to(PROJECT / PACKAGE).as_posix(), *expected)
        for file in sorted(PROJECT.rglob("*.py"))
        for expected in expectations(file.read_text(encoding="utf-8"))
    ]


def flagged_lines() -> dict[Announced, frozenset[Site]]:
    """Return the lines of each call that a loop rule is expected to flag."""
    found = {}
    for one in announced():
        if one.code.startswith("NP1"):
            tree = ast.parse((PROJECT / PACKAGE / one.file).read_text(encoding="utf-8"))
            ends = [n.end_lineno or 0 for n in ast.walk(tree) if isinstance(n, ast.Call) and n.lineno == one.line]
            assert ends, f"{one}: no call starts on this line"
            found[one] = frozenset(Site(one.file, line) for line in range(one.line, max(ends) + 1))
    return found


def models_text() -> str:
    """Return the source of the mapped classes."""
    return (PROJECT / PACKAGE / MODELS).read_text(encoding="utf-8")


def test_expectations_are_of_known_kinds() -> None:
    codes = {one.code for one in announced()}
    assert codes == {"NP101", "NP102", "NP103", "NP105", "NP201", "NP203", "NP204", "NP205", "NP401", "NP402"}
    routers = {call.router for call in calls(1)}
    assert all((one.router in routers) == (one.code == "NP201") for one in announced())
    assert len(set(announced())) == len(announced())


# --- the proofs ---------------------------------------------------------------------------------------------------


def test_every_endpoint_is_called(tmp_path: Path) -> None:
    place = copied(tmp_path)
    with importable(place):
        application = importlib.import_module(f"{PACKAGE}.api.app").create_app()
        known = {
            (method.upper(), path) for path, methods in application.openapi()["paths"].items() for method in methods
        }
        samples = {"artifact_id": "artifact-0", "collection_id": "collection-0", "group_id": "group-0-0"}
        samples |= {"project_id": "project-0", "slug": "tag-slug-0"}
        assert {(method, path.format_map(samples)) for method, path in known} == {
            (call.method, call.path.partition("?")[0]) for call in calls(1) if call.method != "CALL"
        }


def test_what_is_flagged_grows_and_nothing_else(runs: dict[int, list[tuple[Call, Log]]]) -> None:
    flagged = flagged_lines()
    every_line = frozenset().union(*flagged.values())
    proven: set[Announced] = set()
    for (call, small), (_, large) in zip(runs[SMALL], runs[LARGE], strict=True):
        reaches = any(every_line & set(stack) for stack in large.stacks)
        grows = len(large.statements) > len(small.statements)
        assert grows == reaches, f"{call}: {len(small.statements)} then {len(large.statements)} statements"
        for stack, total in large.by_stack.items():
            if total > small.by_stack[stack]:
                lines = every_line & set(stack)
                assert lines, f"{call}: {small.by_stack[stack]} then {total} statements from {stack}"
                proven.update(one for one, own in flagged.items() if own & lines)
    assert proven == set(flagged)


EAGER: list[Strategy] = eager_strategies(MODELS, models_text())


@pytest.mark.parametrize("strategy", EAGER, ids=lambda strategy: strategy.name)
def test_a_router_wastes_exactly_what_is_announced(
    strategy: Strategy, runs: dict[int, list[tuple[Call, Log]]], tmp_path: Path
) -> None:
    """A router wastes a relationship when it sends fewer statements without and never loads it lazily instead.

    Then none of its endpoints may send more. A cascade of deletions has to load what it deletes; that is no read by the
    router.
    """
    place = copied(tmp_path, {MODELS: made_lazy(models_text(), [strategy])})
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    read, dearer = set(), set()
    for (call, eager), (_, lazy) in zip(runs[LARGE], execute(place, LARGE), strict=True):
        before[call.router] = before.get(call.router, 0) + len(eager.statements)
        after[call.router] = after.get(call.router, 0) + len(lazy.statements)
        if strategy.name in lazy.lazy and call.method != "DELETE":
            read.add(call.router)
        if len(lazy.statements) > len(eager.statements):
            dearer.add(call.router)
    wasted = {router for router in before if after[router] < before[router] and router not in read}
    assert wasted == {one.router for one in announced() if one.code == "NP201" and one.line == strategy.line}
    assert not wasted & dearer


def test_every_advised_index_is_used(runs: dict[int, list[tuple[Call, Log]]], tmp_path: Path) -> None:
    added = advised(PROJECT)
    indexed = execute(copied(tmp_path, {MODELS: models_text() + added}), LARGE)
    names = set(re.findall(r"ix_\w+", added))
    used = {name for _, log in indexed for step in log.plan for name in names if f" {name} " in step}
    assert len(names) == sum(one.code == "NP401" for one in announced())
    assert used == names
    before, after = ([step for _, log in logs for step in scans(log.plan)] for logs in (runs[LARGE], indexed))
    assert len(after) < len(before)


# --- the linter ---------------------------------------------------------------------------------------------------


def test_the_linter_says_exactly_what_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    package = (PROJECT / PACKAGE).relative_to(ROOT).as_posix()
    report = nplus1_lint.check([PROJECT])
    assert report.errors == ()

    def inside(path: str) -> str:
        return path.removeprefix(f"{package}/")

    found = [
        Announced(inside(one.path), one.span.line, one.code, router)
        for one in report.findings
        for router in ([inside(path) for path in one.also_in] if one.code == "NP201" else [None])
    ]
    assert sorted(found, key=str) == sorted(announced(), key=str)
