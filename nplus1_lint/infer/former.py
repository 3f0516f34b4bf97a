"""What a former run has found out about functions, for those that no edit since has touched.

A result holds as long as the function's text is the same, that of every function that it has asked for, and of every
top level that it has read. An edit that may be noticed in other ways (see `nplus1_lint.edits`) leaves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.cache.table import Table, rows_of
from nplus1_lint.edits.compare import compare
from nplus1_lint.findings import NodeKind
from nplus1_lint.infer import cells, effects, equalities, loaders, trails, values
from nplus1_lint.infer.cells import Cell, height
from nplus1_lint.infer.limits import MAX_DEPTH, are_near
from nplus1_lint.infer.templates import TEMPLATES
from nplus1_lint.infer.told import BY_STRING, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nplus1_lint.edits.compare import Edit
    from nplus1_lint.index.facts import ModuleFacts
    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.solve import Engine

_MODULES: Final = (values, effects, equalities, loaders, trails, cells)
_ROWS: Final = 40  # rows of the table for each context; 13 are usual


class Settings(NamedTuple):
    """What all results depend on.

    Attributes:
        expires: as `reach.sessions_expire` says.
        autoflushes: as `reach.sessions_autoflush` says.
        templates: there are any.
        request: as `RequestValues.settings` says, and the ids of context processors.
        queries: as `QueryClasses.settings` says.
    """

    expires: bool
    autoflushes: bool
    templates: bool
    request: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()


class State(NamedTuple):
    """A run, as it is kept.

    Attributes:
        settings: what all of it depends on.
        modules: path and digests (of the facts, of the file) of each module.
        reaching: ids of the functions that may reach a query.
        cells: what is known of each context that was asked for.
    """

    settings: Settings
    modules: tuple[tuple[str, bytes, bytes], ...]
    reaching: frozenset[str]
    cells: tuple[tuple[Key, Cell], ...]


def _types() -> tuple[type, ...]:
    found: dict[type, None] = {NodeKind: None, effects.Kind: None, Settings: None, State: None}
    for module in _MODULES:
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, tuple) and hasattr(one, "_fields"):
                found[one] = None
    return tuple(found)


class Former:
    """What former runs have left, and what this run leaves.

    Args:
        body: what `encoded` has returned, or None.
        facts: gives the facts of a file of then by its path and the digest of its content, where they are still known.
        contents: digest of the content of each file, by path.

    Attributes:
        fits: how many results of the former run hold.
    """

    def __init__(
        self,
        body: bytes | memoryview | None,
        facts: Callable[[str, bytes], ModuleFacts | None],
        contents: Mapping[str, bytes],
    ) -> None:
        self._facts = facts
        self._contents = contents
        self._state: State | None = None
        self._left: State | None = None
        self.fits = 0
        self._table = _read(body) if body is not None else Table(_types())
        last = self._table.objects[-1] if self._table.objects else None
        self._state = last if isinstance(last, State) else None

    # -- what still holds -----------------------------------------------------------------------------------------

    def holding(self, engine: Engine) -> dict[Key, Cell]:
        """Return the results that hold for the engine's project."""
        state = self._state
        if state is None or state.settings != self._settings(engine):
            return {}
        touched = self._touched(engine, state)
        if touched is None:
            return {}
        functions, paths = touched
        python = {module.name for module in engine.project.symbols.modules.values()}  # parts of templates are not kept
        held = dict(state.cells)
        users: dict[Key, list[Key]] = {}
        lost: dict[Key, None] = {}
        for key, cell in held.items():
            whole = ((key, cell), *_parts(cell))
            if key[0].partition(":")[0] not in python or any(_is_touched(*one, functions, paths) for one in whole):
                lost[key] = None
            for one in (cell, *(part for _, part in _parts(cell))):
                for use in one.uses:
                    users.setdefault(use, []).append(key)
        for key in (waiting := list(lost)):
            waiting += [user for user in users.get(key, ()) if user not in lost]
            lost.update(dict.fromkeys(users.get(key, ())))
        holding = {key: cell for key, cell in held.items() if key not in lost}
        self.fits = len(holding)
        return holding

    def _settings(self, engine: Engine) -> Settings:
        request = (*engine.request.settings(), *engine.services.settings(), *engine.names.processors)
        queries = engine.query_classes.settings
        return Settings(engine.sessions_expire, engine.sessions_autoflush, engine.templates.active, request, queries)

    def _touched(self, engine: Engine, state: State) -> tuple[frozenset[str], frozenset[str]] | None:
        """The ids of touched functions, and the files whose top level is touched; None where all may be."""
        modules = engine.project.symbols.modules
        then = {path: (facts, content) for path, facts, content in state.modules}
        if then.keys() != modules.keys():
            return None
        edits: list[Edit] = []
        paths: set[str] = set()
        for path, module in modules.items():
            if module.facts.digest and then[path][0] == module.facts.digest:
                continue
            before = self._facts(path, then[path][1])
            edit = compare(before, module.facts) if before is not None else None
            if edit is None or before is None:
                return None
            edits.append(edit)
            if before.outline_digest != module.facts.outline_digest:
                paths.add(path)
        flipped = _reaching(engine).symmetric_difference(state.reaching)
        names = {one.rpartition(".")[2].rpartition(":")[2] for one in flipped}
        for edit in edits:
            names |= edit.names
            if _is_far_reaching(engine, edit):
                return None
        functions = {f"{modules[e.path].name}:{qualname}" for e in edits for qualname in e.functions}
        functions |= {f"{modules[path].name}:<module>" for path in paths}
        told = Told(engine.project, edits, names)
        for path, module in modules.items():
            meant = told.names_in(path)
            if meant and not meant.isdisjoint(module.facts.body.mentions):
                paths.add(path)
            if not meant.isdisjoint(module.facts.other_words):
                return None  # a class body may name a method for anybody who makes such an object
            if not meant.isdisjoint(module.facts.words):
                paths.add(path)
                meant |= BY_STRING
            if path in paths:
                functions |= told.functions_in(path, meant)
        return frozenset(functions), frozenset({*paths, TEMPLATES})

    # -- what is left for the next run ----------------------------------------------------------------------------

    def is_sound(self, engine: Engine) -> bool:
        """True if a run without results of a former one would have found the same."""
        found = engine.cells.reached()
        return not engine.cells.merges and not are_near(found, engine.project) and height(found) <= MAX_DEPTH

    def take(self, engine: Engine) -> None:
        """Take over what a sound run has found out."""
        done, modules = engine.cells.done, engine.project.symbols.modules
        kept = tuple((key, done[key]) for key in engine.facts if key in done)
        files = tuple((path, one.facts.digest, self._contents[path]) for path, one in modules.items())
        self._left = State(self._settings(engine), files, _reaching(engine), kept)

    def encoded(self) -> bytes | None:
        """Return what the next run may use; None where results depend on the order in which functions were run."""
        if self._left is None:
            return None
        if len(self._table.rows) > _ROWS * (len(self._left.cells) + 100):
            self._table = Table(_types())  # most of it is of results that hold no more
        self._table.add(self._left)
        return self._table.encoded()


def _read(body: bytes | memoryview) -> Table:
    try:
        return Table(_types(), rows_of(body))
    except (ValueError, EOFError, TypeError, IndexError):  # nothing that this edition has written
        return Table(_types())


def _parts(cell: Cell) -> Iterable[tuple[Key, Cell]]:
    for key, part in cell.parts:
        yield key, part
        yield from _parts(part)


def _is_touched(key: Key, cell: Cell, functions: frozenset[str], paths: frozenset[str]) -> bool:
    """True if the text of a context's function, or of what it has read beside, is touched."""
    if any(source in paths for source in cell.sources):
        return True
    name = key[0].partition("@")[0]
    start = name.index(":") + 1 if ":" in name else 0
    end = len(name)
    while end > start:
        if name[:end] in functions:
            return True
        end = name.rfind(".", start, end)
    return False


def _reaching(engine: Engine) -> frozenset[str]:
    """The ids of the functions that may reach a query."""
    return frozenset(one.id for one in engine.project.hierarchy.functions.values() if engine.reaches(one.facts))


def _is_far_reaching(engine: Engine, edit: Edit) -> bool:
    """True if an edit of methods can be noticed by who does not mention them: of mapped classes and of protocols."""
    hierarchy = engine.project.hierarchy
    if not edit.members:
        return False
    module = engine.project.symbols.modules[edit.path].name
    mapped = {cls.id for model in engine.project.models for cls in hierarchy.mro(model)}
    if any(f"{module}:{owner}" in mapped for owner, _ in edit.members):
        return True
    named = {name for _, name in edit.members if name in edit.names}
    protocols = (
        one for one in hierarchy.classes.values() if any(b.rpartition(".")[2] == "Protocol" for b in one.external)
    )
    return any(not named.isdisjoint(one.methods) for one in protocols)
