"""Programs run for proof: how many statements do they send to SQLite, from which lines, and what do they load lazily?

Used for the examples of the rules and for the projects under ``fixtures/``. Every program is imported afresh and leaves
nothing behind in ``sys.modules``. ``future=True`` makes sessions of SQLAlchemy 1.4 behave as later ones always do.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import inspect
import re
import sys
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import create_engine, event, orm
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import StaticPool

from nplus1_lint.rules import example_models
from nplus1_lint.rules.base import Example, Proof
from tests import models_1_4
from tests.counted_rows import CountingConnection, CountingCursor, stepping
from tests.plans import advised, plan_of, scans

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, ModuleType

    from sqlalchemy.engine import Engine
    from sqlalchemy.orm import ORMExecuteState

SMALL, LARGE = 3, 9
EAGER = ("selectin", "joined", "subquery", "immediate")

_HEADER = re.compile(r"# file: (?P<name>\S+)$")
_EXPECT = re.compile(r"# expect: (?P<items>.*)$")
_ITEM = re.compile(r"(?P<code>NP\d{3})(?:\[(?P<router>[^\]]+)\])?")
_COUNTED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


# --- what a source says about itself ------------------------------------------------------------------------------


class Expected(NamedTuple):
    """One finding that a comment announces; *router* is None where the comment names none."""

    line: int
    code: str
    router: str | None


def expectations(text: str) -> list[Expected]:
    """Return what the ``# expect:`` comments of a source announce.

    ``# expect: NP101, NP201[api/routers/groups.py]``; two spaces separate it from a further comment.
    """
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        comment = _EXPECT.search(line.rstrip())
        if comment is None:
            continue
        for text_of_item in comment["items"].split("  ")[0].split(", "):
            item = _ITEM.fullmatch(text_of_item)
            if item is None:
                raise ValueError(f"line {number}: cannot understand {text_of_item!r} in {comment[0]!r}")
            found.append(Expected(number, item["code"], item["router"]))
    return found


def files_of(example: Example) -> dict[str, str]:
    """Return name and text of an example's files, the shared models included."""
    files: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in example.source.strip("\n").split("\n"):
        header = _HEADER.match(line)
        if header is not None:
            lines = files.setdefault(header["name"], [])
        elif lines is not None:
            lines.append(line)
        elif line.strip():
            raise ValueError(f"{example.name}: the source must start with a line '# file: NAME.py'")
    texts = {name: "\n".join(lines).rstrip() + "\n" for name, lines in files.items()}
    if example.proof is not Proof.NONE and _named(texts, "models.py") is None:
        texts["models.py"] = shared_models()
    return texts


def shared_models() -> str:
    """Return the shared example models in the words of the SQLAlchemy that is installed."""
    return example_models.SOURCE if hasattr(orm, "DeclarativeBase") else models_1_4.SOURCE


def materialise(files: dict[str, str], folder: Path) -> Path:
    """Write the files below *folder* and return it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def _named(files: dict[str, str], name: str) -> str | None:
    return next((path for path in sorted(files, key=len) if PurePosixPath(path).name == name), None)


class Strategy(NamedTuple):
    """A mapping-level eager strategy: where the relationship starts and where its value stands in the source."""

    file: str
    line: int
    name: str
    value: str
    start: tuple[int, int]
    end: tuple[int, int]


def eager_strategies(file: str, text: str) -> list[Strategy]:
    """Return every eager ``lazy=`` (keyword, or key of ``sa_relationship_kwargs``) of the relationships of a file."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.AnnAssign, ast.Assign)) or not isinstance(node.value, ast.Call):
            continue
        if not ast.unparse(node.value.func).lower().endswith("relationship"):
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        for value in _lazy_values(node.value):
            if value.value in EAGER or value.value is False:
                start, end = (value.lineno, value.col_offset), (value.end_lineno or 0, value.end_col_offset or 0)
                found.append(
                    Strategy(file, node.value.lineno, ast.unparse(target), str(value.value), start, end),
                )
    return found


def _lazy_values(call: ast.Call) -> Iterator[ast.Constant]:
    for node in ast.walk(call):
        if isinstance(node, ast.keyword) and node.arg == "lazy" and isinstance(node.value, ast.Constant):
            yield node.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "lazy" and isinstance(value, ast.Constant):
                    yield value


def made_lazy(text: str, strategies: list[Strategy], instead: str = "select") -> str:
    """Return *text* with the given strategies replaced by another."""
    lines = text.split("\n")
    for strategy in sorted(strategies, key=lambda one: one.start, reverse=True):
        (row, start), (_, end) = strategy.start, strategy.end
        raw = lines[row - 1].encode()
        lines[row - 1] = (raw[:start] + f'"{instead}"'.encode() + raw[end:]).decode()
    return "\n".join(lines)


# --- what a run sends ---------------------------------------------------------------------------------------------


class Site(NamedTuple):
    """A line of the program under proof."""

    file: str
    line: int


_SUBMITTER: ContextVar[tuple[Site, ...]] = ContextVar("submitter", default=())


@dataclass
class Log:
    """The statements of a run.

    Attributes:
        root: the folder of the program; frames outside of it are not recorded.
        statements: the SQL texts; an executemany is one.
        parameters: the values bound in each, as text.
        stacks: for each statement the program's lines on the stack, innermost first.
        lazy: names of the relationships that were loaded lazily.
        outcome: what the program returned.
        rows: how many rows each statement fetched; zeros where the connection does not count them.
        steps: how many steps the virtual machine of SQLite has made; zero where the connection does not count them.
        plan: the steps by which SQLite runs the statements.
    """

    root: Path
    statements: list[str] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    stacks: list[tuple[Site, ...]] = field(default_factory=list)
    lazy: set[str] = field(default_factory=set)
    outcome: object = None
    rows: list[int] = field(default_factory=list)
    steps: int = 0
    plan: list[str] = field(default_factory=list)

    def record(self, sql: str, parameters: object = ()) -> None:
        """Add a statement unless it is a savepoint, a pragma or a definition."""
        if sql.lstrip("( \n").upper().startswith(_COUNTED):
            self.statements.append(sql)
            self.rows.append(0)
            self.parameters.append(repr(parameters))
            self.stacks.append(self.stack())

    def stack(self) -> tuple[Site, ...]:
        """Return the program's lines that are executing now."""
        prefix = f"{self.root}/"
        sites: list[Site] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith(prefix):
                sites.append(Site(name[len(prefix) :], frame.f_lineno))
            frame = frame.f_back
        return (*sites, *_SUBMITTER.get())

    @staticmethod
    @contextlib.contextmanager
    def under(submitter: tuple[Site, ...]) -> Iterator[None]:
        """Count the block's statements for the lines that handed its work to this thread, too."""
        token = _SUBMITTER.set(submitter)
        try:
            yield
        finally:
            _SUBMITTER.reset(token)

    @property
    def joins(self) -> int:
        """How many joins the statements have."""
        return sum(sql.upper().count(" JOIN ") for sql in self.statements)

    @property
    def by_stack(self) -> Counter[tuple[Site, ...]]:
        """How many statements each stack sent."""
        return Counter(self.stacks)


@contextlib.contextmanager
def counting(engine: Engine, root: Path) -> Iterator[Log]:
    """Record what is sent to *engine* while the block runs."""
    log = Log(root)

    def on_execute(connection: Any, cursor: Any, sql: str, parameters: Any, *_rest: Any) -> None:
        log.record(sql, parameters)
        if isinstance(cursor, CountingCursor):
            cursor.count_in(log.rows)
        log.plan += plan_of(connection, sql, parameters)

    def on_orm_execute(state: ORMExecuteState) -> None:
        if state.is_select and state.lazy_loaded_from is not None and state.loader_strategy_path is not None:
            log.lazy.add(str(getattr(state.loader_strategy_path[-1], "key", "")))

    event.listen(engine, "before_cursor_execute", on_execute)
    event.listen(Session, "do_orm_execute", on_orm_execute)
    try:
        yield log
    finally:
        event.remove(engine, "before_cursor_execute", on_execute)
        event.remove(Session, "do_orm_execute", on_orm_execute)


# --- how a program is imported and run ----------------------------------------------------------------------------


@contextlib.contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Make the modules below *folder* importable; afterwards they are gone and those that they hid are back."""
    own = {path.stem if path.is_file() else path.name for path in folder.iterdir()}
    hidden = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in own}
    for name in hidden:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in own]:
            del sys.modules[name]
        sys.dont_write_bytecode = bytecode
        sys.path.remove(str(folder))
        sys.modules.update(hidden)
        _forget_sqlmodel()


def _forget_sqlmodel() -> None:
    """SQLModel keeps all tables in one registry; take the program's out again."""
    sqlmodel = sys.modules.get("sqlmodel")
    if sqlmodel is not None:
        registry = sqlmodel.SQLModel._sa_registry
        registry.dispose()
        registry._class_registry.clear()
        sqlmodel.SQLModel.metadata.clear()


def run(folder: Path, files: dict[str, str], size: int) -> Log:
    """Import the example in *folder*, seed its database with *size* and run it once in a fresh session."""
    with importable(folder):
        models = _import(_named(files, "models.py"))
        app = _import(_named(files, "app.py"))
        if getattr(app, "ASYNC", False) or inspect.iscoroutinefunction(app.run):
            return asyncio.run(_run_async(folder, models, app, size))
        return _run_sync(folder, models, app, size)


def _import(file: str | None) -> ModuleType:
    if file is None:
        raise ValueError("an example to be executed needs app.py")
    return importlib.import_module(".".join(PurePosixPath(file).with_suffix("").parts))


def _metadata(models: ModuleType) -> Any:
    for name in ("Base", "db", "SQLModel", "metadata"):
        holder = getattr(models, name, None)
        if holder is not None:
            return getattr(holder, "metadata", holder)
    raise ValueError("models.py must define Base (or db, SQLModel, metadata)")


def _run_sync(folder: Path, models: ModuleType, app: ModuleType, size: int) -> Log:
    with contextlib.ExitStack() as stack:
        flask = hasattr(getattr(models, "db", None), "init_app")
        if flask:
            engine = stack.enter_context(_flask(models.db))
        else:
            within = {"check_same_thread": False, "factory": CountingConnection}
            engine = create_engine("sqlite://", poolclass=StaticPool, connect_args=within, future=True)
            stack.callback(engine.dispose)
        _metadata(models).create_all(engine)
        _bind_factories(folder, engine)
        with Session(engine, future=True) as session:
            models.seed(session, size)
        session = models.db.session if flask else stack.enter_context(Session(engine, future=True))
        with counting(engine, folder) as log, stepping(engine, log):
            log.outcome = app.run(session)
        return log


@contextlib.contextmanager
def _flask(db: Any) -> Iterator[Engine]:
    """``M.query`` needs an application around it."""
    from flask import Flask

    app = Flask("example")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db.init_app(app)
    with app.app_context():
        yield db.engine
        db.session.remove()
        db.engine.dispose()


async def _run_async(folder: Path, models: ModuleType, app: ModuleType, size: int) -> Log:
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine  # needs greenlet

    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_metadata(models).create_all)
        _bind_factories(folder, engine)
        async with AsyncSession(engine) as session:
            await session.run_sync(models.seed, size)
        async with AsyncSession(engine) as session:
            with counting(engine.sync_engine, folder) as log:
                outcome = app.run(session)
                log.outcome = await outcome if inspect.isawaitable(outcome) else outcome
        return log
    finally:
        await engine.dispose()


def _bind_factories(folder: Path, engine: Any) -> None:
    """Point the session factories of the example's own modules to *engine*."""
    for module in list(sys.modules.values()):
        if str(getattr(module, "__file__", None) or "").startswith(f"{folder}/"):
            for value in vars(module).values():
                if isinstance(value, sessionmaker):
                    value.configure(bind=engine, future=True)
                elif type(value).__name__ == "async_sessionmaker":
                    value.configure(bind=engine)


# --- what the proofs are ------------------------------------------------------------------------------------------


def prove(example: Example, folder: Path, *, bad: bool) -> None:
    """Execute an example and assert that it behaves as its place among the good or bad ones claims.

    Args:
        example: the example.
        folder: an empty folder to work in.
        bad: it is one of the rule's INVALID examples.
    """
    if example.proof is Proof.GROWTH:
        _prove_growth(example, folder, bad=bad)
    elif example.proof is Proof.WASTE:
        _prove_waste(example, folder, bad=bad)
    elif example.proof is Proof.OPTIONS:
        from tests.loader_proofs import prove_options  # it runs programs by what is above

        prove_options(example, folder, bad=bad)
    elif example.proof is Proof.EXPLOSION:
        from tests.loader_proofs import prove_rows

        prove_rows(example, folder, bad=bad)
    elif example.proof is Proof.RESULT:
        from tests.loader_proofs import prove_result

        prove_result(example, folder, bad=bad)
    elif example.proof in (Proof.ROWS, Proof.STEPS):
        _prove_measure(example, folder, bad=bad)
    elif example.proof is Proof.TWICE:
        _prove_twice(example, folder, bad=bad)
    elif example.proof is Proof.ALIKE:
        _prove_alike(example, folder, bad=bad)
    elif example.proof is Proof.SCAN:
        _prove_scan(example, folder, bad=bad)
    elif example.proof is Proof.MISSING_GREENLET:
        _prove_missing_greenlet(example, folder, bad=bad)


def _prove_growth(example: Example, folder: Path, *, bad: bool) -> None:
    files = files_of(example)
    materialise(files, folder)
    small, large = (len(run(folder, files, size).statements) for size in (SMALL, LARGE))
    assert small > 0 or not bad, f"{example.name}: sends no statement at all"
    told = f"{example.name}: {small} statements for {SMALL} rows, {large} for {LARGE}"
    if bad:
        assert large > small, f"{told}; a bad example must grow"
    else:
        assert large <= small, f"{told}; a good example must not grow"


def _prove_measure(example: Example, folder: Path, *, bad: bool) -> None:
    files = files_of(example)
    materialise(files, folder)
    what = example.proof.value
    logs = [run(folder, files, size) for size in (SMALL, LARGE)]
    small, large = (sum(log.rows) if example.proof is Proof.ROWS else log.steps for log in logs)
    told = f"{example.name}: {small} {what} for size {SMALL}, {large} for {LARGE}"
    assert small > 0, f"{told}; nothing is measured"
    if bad:
        assert large > small, f"{told}; a bad example must grow"
    else:
        assert large <= small, f"{told}; a good example must not grow"


def _prove_twice(example: Example, folder: Path, *, bad: bool) -> None:
    files = files_of(example)
    materialise(files, folder)
    log = run(folder, files, SMALL)
    most, asked = 0, Counter[tuple[str, str]]()
    for statement in zip(log.statements, log.parameters, strict=True):
        if not statement[0].lstrip("( ").upper().startswith(("SELECT", "WITH")):
            asked.clear()  # the answer may have changed
        asked[statement] += 1
        most = max(most, asked[statement])
    assert (most > 1) is bad, f"{example.name}: one statement is sent {most} times with the same parameters"


def _prove_alike(example: Example, folder: Path, *, bad: bool) -> None:
    files = files_of(example)
    materialise(files, folder)
    log = run(folder, files, SMALL)
    places: dict[str, set[tuple[Site, ...]]] = {}
    for sql, stack in zip(log.statements, log.stacks, strict=True):
        if sql.lstrip("( ").upper().startswith("SELECT COUNT("):
            places.setdefault(sql, set()).add(stack)
    most = max(map(len, places.values()), default=0)
    assert (most > 1) is bad, f"{example.name}: one COUNT is sent from {most} places"


def _prove_scan(example: Example, folder: Path, *, bad: bool) -> None:
    files = files_of(example)
    program = materialise(files, folder / "written")
    found = scans(run(program, files, LARGE).plan)
    assert bool(found) is bad, f"{example.name}: {found}"
    if bad:
        files["models.py"] += advised(program)
        mended = run(materialise(files, folder / "indexed"), files, LARGE).plan
        assert scans(mended) == [], f"{example.name}: {mended}; with the advised index nothing may be scanned"
        assert any("USING" in step for step in mended)


def _prove_missing_greenlet(example: Example, folder: Path, *, bad: bool) -> None:
    """pydantic and FastAPI hide the exception behind their own, so text and causes are searched for it."""
    files = files_of(example)
    materialise(files, folder)
    if not bad:
        run(folder, files, SMALL)
        return
    try:
        run(folder, files, SMALL)
    except (ImportError, AttributeError):
        raise  # what is not there says nothing of greenlets
    except Exception as error:
        told = f"{error} {(error, error.__cause__, error.__context__)!r}"
        assert "MissingGreenlet" in told, f"{example.name}: raises {told}"
    else:
        raise AssertionError(f"{example.name}: raises nothing")


def _prove_waste(example: Example, folder: Path, *, bad: bool) -> None:
    """Each strategy is switched by itself: others of the same program may well be needed.

    A bad example is cheaper without each strategy that is announced on its line (without all when none is). A good one
    is not cheaper without any, or it loads that relationship lazily then: it is read.
    """
    files = files_of(example)
    strategies = [one for name, text in files.items() for one in eager_strategies(name, text)]
    if not bad:
        for strategy in strategies:
            before, after, log = _compare(files, [strategy], folder)
            assert after >= before or strategy.name in log.lazy, (
                f"{example.name}: {strategy.name} is loaded for nothing (cost {before}, {after} when lazy)"
            )
        return
    announced = {(name, one.line) for name, text in files.items() for one in expectations(text)}
    wasted = [one for one in strategies if (one.file, one.line) in announced]
    for chosen in [[one] for one in wasted] or [strategies]:
        before, after, _log = _compare(files, chosen, folder)
        names = ", ".join(one.name for one in chosen)
        assert after < before, f"{example.name}: {names} costs {before}, {after} when lazy; it must be cheaper"


def _compare(files: dict[str, str], strategies: list[Strategy], folder: Path) -> tuple[int, int, Log]:
    """Return the cost as written, the cost with *strategies* made lazy, and the log of the latter."""
    changed = {name: made_lazy(text, [one for one in strategies if one.file == name]) for name, text in files.items()}
    number = sum(1 for _ in folder.iterdir())
    logs = []
    for part, version in (("written", files), ("lazy", changed)):
        place = folder / f"{number}-{part}"
        logs.append(run(materialise(version, place), version, LARGE))
    joined = any(one.value in ("joined", "False") for one in strategies)
    before, after = (len(log.statements) + (log.joins if joined else 0) for log in logs)
    return before, after, logs[1]
