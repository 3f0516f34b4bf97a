"""Names to what they stand for: imports and the symbol table of each module.

Where two files can be imported by one name, the importer's nearest relative wins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from nplus1_lint.index import facts as f
from nplus1_lint.index.modules import absolute, aliases, module_name, packages
from nplus1_lint.index.walk import blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FOLLOW_LIMIT = 24  # re-exports followed before a chain of imports counts as circular


@dataclass(frozen=True, slots=True)
class ModuleSymbol:
    """A module of the project."""

    path: str


@dataclass(frozen=True, slots=True)
class ClassSymbol:
    """A class of the project, by id ``module.name:qualname``."""

    id: str


@dataclass(frozen=True, slots=True)
class FunctionSymbol:
    """A function of the project, by id ``module.name:qualname``."""

    id: str


@dataclass(frozen=True, slots=True)
class ExternalSymbol:
    """Something outside the project, by the dotted name under which it was imported."""

    name: str


@dataclass(frozen=True, slots=True)
class GlobalSymbol:
    """A variable at a module's top level."""

    path: str
    name: str


Symbol: TypeAlias = ModuleSymbol | ClassSymbol | FunctionSymbol | ExternalSymbol | GlobalSymbol


@dataclass(slots=True)
class Module:
    """A module's symbol table.

    Attributes:
        name: canonical dotted name, the whole path.
        assigns: values assigned to each top-level name, in source order.
        annotations: annotation of each annotated top-level name.
        imports: local name to (module path as written, level, imported name or None for the module itself).
        stars: modules imported with ``*``.
    """

    path: str
    name: str
    facts: f.ModuleFacts
    functions: dict[str, f.FunctionFacts] = field(default_factory=dict)
    classes: dict[str, f.ClassFacts] = field(default_factory=dict)
    assigns: dict[str, list[f.Expr]] = field(default_factory=dict)
    annotations: dict[str, f.Expr] = field(default_factory=dict)
    imports: dict[str, tuple[str, int, str | None]] = field(default_factory=dict)
    stars: list[tuple[str, int]] = field(default_factory=list)


class Symbols:
    """Resolves names of any module of the project.

    Attributes:
        modules: by path, those that could be parsed.
        unread: the names in all others: anything may be done there with what goes by one of them.
    """

    def __init__(self, modules: Iterable[f.ModuleFacts]) -> None:
        given = list(modules)
        facts = [m for m in given if m.parse_error is None]
        self.unread = frozenset[str]().union(*(m.words for m in given if m.parse_error is not None))
        folders = packages(m.path for m in facts)
        self.modules: dict[str, Module] = {}
        self._aliases: dict[str, list[str]] = {}
        for module in facts:
            name = module_name(module.path)
            self.modules[module.path] = table = Module(module.path, name, module)
            _collect(table, module.body.body)
            for alias in aliases(module.path, folders):
                self._aliases.setdefault(alias, []).append(module.path)
        self._memo: dict[tuple[str, str], Symbol | None] = {}

    def find_module(self, dotted: str, importer: str) -> str | None:
        """Return the path of the module that *importer* gets by ``import dotted``, or None."""
        candidates = self._aliases.get(dotted)
        if not candidates:
            return None
        if len(candidates) == 1:
            return candidates[0]
        here = importer.split("/")
        return max(candidates, key=lambda path: (_shared(path.split("/"), here), -len(path), path))

    def resolve(self, path: str, name: str) -> Symbol | None:
        """Return what a top-level name of a module stands for, imports followed to their source."""
        key = (path, name)
        if key not in self._memo:
            self._memo[key] = None  # a circular import finds nothing rather than recursing
            self._memo[key] = self._resolve(path, name, _FOLLOW_LIMIT)
        return self._memo[key]

    def _resolve(self, path: str, name: str, limit: int) -> Symbol | None:
        module = self.modules.get(path)
        if module is None or limit == 0:
            return None
        if name in module.classes:
            return ClassSymbol(f"{module.name}:{name}")
        if name in module.functions:
            return FunctionSymbol(f"{module.name}:{name}")
        if name in module.imports:
            imported = self.resolve_import(path, *module.imports[name], limit=limit - 1)
            # `try: import x / except ImportError: x = None` keeps the import.
            if imported is not None:
                return imported
        if name in module.assigns or name in module.annotations:
            return GlobalSymbol(path, name)
        for dotted, level in module.stars:
            found = self.resolve_import(path, dotted, level, name, limit=limit - 1, star=True)
            if found is not None:
                return found
        return None

    def resolve_import(
        self, path: str, dotted: str, level: int, name: str | None, *, limit: int = _FOLLOW_LIMIT, star: bool = False
    ) -> Symbol | None:
        """Return what ``from dotted import name`` (or ``import dotted``, for a name of None) gives.

        Args:
            path: the importing module.
            dotted: module as written, without leading dots.
            level: number of leading dots.
            name: imported name.
            limit: how many more re-exports to follow.
            star: the import is a ``*`` import: an external module gives nothing.
        """
        target = absolute(path, dotted, level)
        if target is None:
            return None
        found = self.find_module(target, path)
        if name is None:
            if found:
                return ModuleSymbol(found)
            return ExternalSymbol(target)
        if found:
            symbol = self._resolve(found, name, limit)
            if symbol is not None:
                return symbol
        submodule = self.find_module(f"{target}.{name}" if target else name, path)
        if submodule:
            return ModuleSymbol(submodule)
        if found or star or level:
            return None
        return ExternalSymbol(f"{target}.{name}")

    def member(self, symbol: Symbol, name: str, importer: str) -> Symbol | None:
        """Return ``symbol.name`` for modules and externals."""
        if isinstance(symbol, ModuleSymbol):
            found = self.resolve(symbol.path, name)
            if found is not None:
                return found
            module = self.modules[symbol.path]
            submodule = self.find_module(f"{module.name}.{name}", symbol.path)
            return ModuleSymbol(submodule) if submodule else None
        if isinstance(symbol, ExternalSymbol):
            dotted = f"{symbol.name}.{name}"
            found_path = self.find_module(dotted, importer)
            return ModuleSymbol(found_path) if found_path else ExternalSymbol(dotted)
        return None


def _shared(left: list[str], right: list[str]) -> int:
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count


def _collect(module: Module, body: tuple[f.Stmt, ...]) -> None:
    """Fill a module's table from its top level; both branches of an ``if`` and all of a ``try`` count."""
    for statement in body:
        if isinstance(statement, f.Def):
            module.functions[statement.function.name] = statement.function
        elif isinstance(statement, f.ClassDef):
            module.classes.setdefault(statement.cls.name, statement.cls)
        elif isinstance(statement, f.Import):
            _collect_import(module, statement)
        elif isinstance(statement, f.Assign):
            for target in statement.targets:
                _collect_assign(module, target, statement.value)
        elif isinstance(statement, f.AnnAssign):
            if isinstance(statement.target, f.Name):
                module.annotations[statement.target.id] = statement.annotation
                if statement.value is not None:
                    module.assigns.setdefault(statement.target.id, []).append(statement.value)
        else:
            for block in blocks(statement):
                _collect(module, block)


def _collect_assign(module: Module, target: f.Expr, value: f.Expr) -> None:
    if isinstance(target, f.Name):
        module.assigns.setdefault(target.id, []).append(value)
    elif isinstance(target, f.Display) and isinstance(value, f.Display) and len(target.items) == len(value.items):
        for part, part_value in zip(target.items, value.items, strict=True):
            _collect_assign(module, part, part_value)
    elif isinstance(target, f.Display):
        for part in target.items:
            _collect_assign(module, part, f.Opaque((value,)))


def _collect_import(module: Module, statement: f.Import) -> None:
    for local, target in import_bindings(statement):
        if local == "*":
            module.stars.append((target[0], target[1]))
        else:
            module.imports.setdefault(local, target)


def import_bindings(statement: f.Import) -> Iterator[tuple[str, tuple[str, int, str | None]]]:
    """Yield (local name, (module, level, imported name)) for each name that an import binds."""
    for alias in statement.names:
        if statement.module is not None:
            yield alias.asname or alias.name, (statement.module, statement.level, alias.name)
        elif alias.asname:
            yield alias.asname, (alias.name, 0, None)
        else:
            top = alias.name.partition(".")[0]
            yield top, (top, 0, None)
