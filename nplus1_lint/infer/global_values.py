"""Names that are not local: what classes, functions, modules, variables and builtins stand for."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.infer.cells import Cells
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.values import (
    SENTINEL,
    UNKNOWN,
    Atom,
    ClassRef,
    Const,
    External,
    Instance,
    ModuleRef,
    Value,
    of,
    unknown,
)
from nplus1_lint.link.symbols import (
    ClassSymbol,
    ExternalSymbol,
    FunctionSymbol,
    GlobalSymbol,
    ModuleSymbol,
    Symbol,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.infer.annotations import Annotations
    from nplus1_lint.infer.cells import Held
    from nplus1_lint.infer.classes import Classes
    from nplus1_lint.infer.request_values import RequestValues
    from nplus1_lint.link import Project


class Globals(abc.ABC):
    """Gives the values of global names, each computed once; the engine is one."""

    project: Project
    annotations: Annotations
    classes: Classes
    request: RequestValues

    def __init__(self) -> None:
        self.cells = Cells()
        self._globals: dict[tuple[str, str], Held] = {}
        self._constants: dict[tuple[str, int], Held] = {}
        self._exprs: dict[int, f.Expr] = {}  # kept, so that the id of each stays its own
        self._nested_classes: dict[tuple[str, str, str], Value | None] = {}
        self._literals: dict[str | int, Value] = {}
        self._externals: dict[str, Value] = {}

    @abc.abstractmethod
    def evaluate_global(self, path: str, expr: f.Expr) -> Value:
        """Return the value of an expression in a module's namespace."""

    @abc.abstractmethod
    def function_value(self, function_id: str) -> Value:
        """Return what a function's name stands for."""

    def global_value(self, path: str, name: str, scope: str = "") -> Value:
        """Return what a name that is not local stands for: a class, a function, a module, a variable, a builtin."""
        if scope:
            place = (path, name, scope)
            if place not in self._nested_classes:
                self._nested_classes[place] = self._nested_class(path, name, scope)
            nested = self._nested_classes[place]
            if nested is not None:
                return nested
        return self.cells.share(self._globals, (path, name), UNKNOWN, lambda: self._named(path, name))

    def _named(self, path: str, name: str) -> Value:
        symbol = self.project.symbols.resolve(path, name)
        return self.symbol_value(symbol) if symbol else of(External("external", f"builtins.{name}"))

    def _nested_class(self, path: str, name: str, scope: str) -> Value | None:
        module = self.project.symbols.modules[path]
        while scope:
            candidate = f"{module.name}:{scope}.{name}"
            if candidate in self.project.hierarchy.classes:
                return of(ClassRef("class", candidate))
            scope = scope.rpartition(".")[0]
        return None

    def symbol_value(self, symbol: Symbol) -> Value:
        """Return the value of a resolved symbol."""
        if isinstance(symbol, ClassSymbol):
            return of(ClassRef("class", symbol.id))
        if isinstance(symbol, FunctionSymbol):
            return self.function_value(symbol.id)
        if isinstance(symbol, ModuleSymbol):
            return of(ModuleRef("module", symbol.path))
        if isinstance(symbol, ExternalSymbol):
            known = self.request.current_user(symbol.name)
            return known if known is not None else of(External("external", symbol.name))
        return self._variable(symbol)

    def _variable(self, symbol: GlobalSymbol) -> Value:
        """A module's variable; literals that could be flags are plain data, since other code may set them."""
        module = self.project.symbols.modules[symbol.path]
        if _is_sentinel(module.assigns.get(symbol.name, [])):
            return of(External("external", f"{SENTINEL}{module.name}.{symbol.name}"))
        value = join_all([self.constant(symbol.path, expr) for expr in module.assigns.get(symbol.name, [])])
        value = Value(
            tuple(a for a in value.atoms if type(a) is not Const or isinstance(a.value, (str, int))), value.reason
        )
        annotation = module.annotations.get(symbol.name)
        if annotation is not None and all(map(self._is_proxy, value.atoms)):
            declared = self.annotations.value(symbol.path, annotation)
            value = declared if declared.atoms else value
        if not value.atoms:
            external = next(
                (
                    n
                    for e in module.assigns.get(symbol.name, [])
                    if (n := self.project.hierarchy.external_name(symbol.path, e))
                ),
                None,
            )
            if external:
                return of(External("external", external))
        return Value(
            tuple(a for a in value.atoms if not (type(a) is Const and isinstance(a.value, bool))), value.reason
        )

    def _is_proxy(self, atom: Atom) -> bool:
        """True for an object that hands on whatever it is asked: what it is declared to be tells more."""
        if type(atom) is External:
            return atom.name == "werkzeug.local.LocalProxy()"
        return type(atom) is Instance and self.project.hierarchy.find_method(atom.cls, "__getattr__") is not None

    def constant(self, path: str, expr: f.Expr) -> Value:
        """Return the value of an expression at a module's or class' top level."""
        self._exprs[id(expr)] = expr
        self.cells.stack[-1].sources[path] = None
        return self.cells.share(self._constants, (path, id(expr)), UNKNOWN, lambda: self.evaluate_global(path, expr))

    def is_constant_collection(self, path: str, name: str) -> bool:
        """True if a global is one literal collection, never rebound at the top level."""
        symbol = self.project.symbols.resolve(path, name)
        if not isinstance(symbol, GlobalSymbol):
            return isinstance(symbol, ClassSymbol) and self.classes.is_enum(symbol.id)
        values = self.project.symbols.modules[symbol.path].assigns.get(symbol.name, [])
        return len(values) == 1 and (symbol.name.isupper() or _is_literal(values[0]))

    def module_member(self, path: str, name: str) -> Value:
        """Return an attribute of a module."""
        symbol = self.project.symbols.member(ModuleSymbol(path), name, path)
        return self.symbol_value(symbol) if symbol else unknown(f"{name} is not defined in {path}")

    def imported(self, path: str, dotted: str, level: int, name: str | None) -> Value:
        """Return what a function-level import binds."""
        symbol = self.project.symbols.resolve_import(path, dotted, level, name)
        return self.symbol_value(symbol) if symbol else unknown(f"{name or dotted} cannot be imported")

    def external(self, name: str) -> Value:
        """Return something outside the project by its dotted name; one value for all who ask."""
        found = self._externals.get(name)
        if found is None:
            found = self._externals[name] = of(External("external", name))
        return found

    def literal(self, value: str | int) -> Value:
        """Return a text or a whole number; one value for all who ask."""
        found = self._literals.get(value)
        if found is None:
            found = self._literals[value] = of(Const("const", value))
        return found


def _is_sentinel(values: Sequence[f.Expr]) -> bool:
    """True for ``object()``, which is nothing but itself."""
    only = values[0] if len(values) == 1 else None
    return isinstance(only, f.Call) and isinstance(only.func, f.Name) and only.func.id == "object" and not only.args


def _is_literal(expr: f.Expr) -> bool:
    if isinstance(expr, f.Display):
        return not any(isinstance(i, f.Starred) for i in expr.items)
    if isinstance(expr, f.Dict):
        return all(key is not None for key, _ in expr.items)
    if isinstance(expr, f.Comprehension):
        return all(_is_literal(generator.iterable) for generator in expr.generators)
    if isinstance(expr, f.Call):
        name = expr.func.id if isinstance(expr.func, f.Name) else ""
        return name in ("frozenset", "set", "tuple", "list", "dict") and all(_is_literal(a) for a in expr.args)
    return isinstance(expr, f.Const)
