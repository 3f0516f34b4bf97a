"""The class hierarchy: bases, method resolution order, subclasses, and the functions inside classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import blocks, call_name, last_name
from nplus1_lint.link.declarations import COLUMN_CALLS, RELATIONSHIP_CALLS
from nplus1_lint.link.symbols import (
    ClassSymbol,
    ExternalSymbol,
    GlobalSymbol,
    Module,
    Symbol,
    Symbols,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_DECLARING = COLUMN_CALLS | RELATIONSHIP_CALLS | {"association_proxy"}
_ACCESSORS = frozenset({"setter", "deleter", "update_expression", "expression", "comparator", "inplace"})
_VALUE_DEPTH = 8  # assignments followed before a name counts as unresolved


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the project with the module and class it belongs to.

    Attributes:
        id: ``module.name:qualname``.
        cls: id of the class whose body holds it, or None.
    """

    id: str
    path: str
    facts: f.FunctionFacts
    cls: str | None


@dataclass(slots=True)
class Class:
    """A class of the project.

    Attributes:
        bases: ids of its bases inside the project, in order.
        external: dotted names of its bases outside; a call is written ``name()``.
        base_arguments: type arguments per project base, as written: ``Repository[Item]``.
        type_params: names of its own type parameters, in order.
        attributes: class-level assignments (annotated ones with a value included).
        annotations: class-level annotations.
    """

    id: str
    path: str
    facts: f.ClassFacts
    bases: list[str] = field(default_factory=list)
    external: list[str] = field(default_factory=list)
    base_arguments: dict[str, tuple[f.Expr, ...]] = field(default_factory=dict)
    type_params: tuple[str, ...] = ()
    methods: dict[str, Function] = field(default_factory=dict)
    attributes: dict[str, f.Expr] = field(default_factory=dict)
    annotations: dict[str, f.Expr] = field(default_factory=dict)
    places: dict[str, f.Place] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The class' own name."""
        return self.facts.name


class Hierarchy:
    """All classes and functions of the project and how they relate."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        self.classes: dict[str, Class] = {}
        self.functions: dict[str, Function] = {}
        for module in symbols.modules.values():
            self._register(module, module.facts.body.body, None)
        self._linked: set[str] = set()
        for cls in self.classes.values():
            self._link_bases(cls)
        self.subclasses: dict[str, list[str]] = {}
        for cls in self.classes.values():
            for base in cls.bases:
                self.subclasses.setdefault(base, []).append(cls.id)
        self.functions_by_path: dict[str, list[Function]] = {}
        for function in self.functions.values():
            self.functions_by_path.setdefault(function.path, []).append(function)
        self._descendants: dict[str, tuple[str, ...]] = {}
        self._mro: dict[str, tuple[Class, ...]] = {}

    # -- registration -------------------------------------------------------------------------------------------

    def _register(self, module: Module, body: tuple[f.Stmt, ...], owner: Class | None) -> None:
        for statement in body:
            if isinstance(statement, f.Def):
                function = statement.function
                holder = owner.id if owner is not None else None
                name = f"{module.name}:{function.qualname}{_accessor(function) if owner is not None else ''}"
                entry = Function(name, module.path, function, holder)
                self.functions[entry.id] = entry
                if owner is not None:
                    _keep_method(owner, entry)
                if function.nests:
                    self._register(module, function.body, None)
            elif isinstance(statement, f.ClassDef):
                cls = Class(f"{module.name}:{statement.cls.qualname}", module.path, statement.cls)
                self.classes[cls.id] = cls
                self._register(module, statement.cls.body, cls)
            elif owner is not None and isinstance(statement, f.Assign):
                for target in statement.targets:
                    if isinstance(target, f.Name):
                        owner.attributes[target.id] = _declared(statement.value)
                        owner.places[target.id] = statement.pos
            elif owner is not None and isinstance(statement, f.AnnAssign):
                if isinstance(statement.target, f.Name):
                    owner.annotations[statement.target.id] = statement.annotation
                    owner.places[statement.target.id] = statement.pos
                    if statement.value is not None:
                        owner.attributes[statement.target.id] = _declared(statement.value)
            else:
                for block in blocks(statement):
                    self._register(module, block, owner)

    def _link_bases(self, cls: Class) -> None:
        if cls.id in self._linked:
            return
        self._linked.add(cls.id)
        params = list(cls.facts.type_params)
        for base in cls.facts.bases:
            written, arguments = (base.value, _type_arguments(base)) if isinstance(base, f.Subscript) else (base, ())
            symbol = self.resolve_expr(cls.path, written, cls.facts.qualname)
            if isinstance(symbol, ClassSymbol) and symbol.id != cls.id and symbol.id in self.classes:
                cls.bases.append(symbol.id)
                if arguments:
                    cls.base_arguments[symbol.id] = arguments
            else:
                dotted = self.external_name(cls.path, written)
                if dotted:
                    cls.external.append(dotted)
                own = self._given_class(symbol)
                if own is None and isinstance(written, f.Attr) and written.name == "Model":
                    own = self._given_class(self.resolve_expr(cls.path, written.value))
                if own is not None and own != cls.id:
                    cls.bases.append(own)
            if not cls.facts.type_params:
                params += [a.id for a in arguments if isinstance(a, f.Name) and self._is_type_var(cls.path, a.id)]
        for key, value in cls.facts.keywords:
            if key == "metaclass":
                dotted = self.external_name(cls.path, value)
                if dotted:
                    cls.external.append(f"metaclass:{dotted}")
        cls.type_params = tuple(dict.fromkeys(params))

    def _given_class(self, symbol: Symbol | None) -> str | None:
        """Return the class of the project that a base builds upon.

        ``Base = declarative_base(cls=Named)``; ``db = SQLAlchemy(model_class=declarative_base(cls=Named))``.
        """
        if not isinstance(symbol, GlobalSymbol):
            return None
        waiting = list(self.symbols.modules[symbol.path].assigns.get(symbol.name, []))
        for value in waiting:
            for key, given in value.keywords if isinstance(value, f.Call) else ():
                if key not in ("cls", "model_class"):
                    continue
                found = self.resolve_expr(symbol.path, given)
                if isinstance(found, ClassSymbol) and found.id in self.classes:
                    return found.id
                waiting.append(given)
        return None

    def _is_type_var(self, path: str, name: str) -> bool:
        symbol = self.symbols.resolve(path, name)
        if not isinstance(symbol, GlobalSymbol):
            return False
        values = self.symbols.modules[symbol.path].assigns.get(symbol.name, [])
        return any(
            isinstance(v, f.Call) and (self.external_name(symbol.path, v.func) or "").endswith("TypeVar")
            for v in values
        )

    # -- resolution ---------------------------------------------------------------------------------------------

    def resolve_expr(self, path: str, expr: f.Expr, scope: str = "") -> Symbol | None:
        """Return what a chain of names stands for at a module's top level.

        Args:
            path: the module.
            expr: a name or a chain of attributes; anything else is None.
            scope: qualname of the class or function around it; its nested classes are looked at first.
        """
        if isinstance(expr, f.Name):
            module = self.symbols.modules.get(path)
            while scope and module is not None:
                nested = f"{module.name}:{scope}.{expr.id}"
                if nested in self.classes:
                    return ClassSymbol(nested)
                scope = scope.rpartition(".")[0]
            return self._through_global(self.symbols.resolve(path, expr.id))
        if isinstance(expr, f.Attr):
            base = self.resolve_expr(path, expr.value, scope)
            if isinstance(base, ClassSymbol):
                nested = f"{base.id}.{expr.name}"
                return ClassSymbol(nested) if nested in self.classes else None
            return self._through_global(self.symbols.member(base, expr.name, path)) if base else None
        return None

    def _through_global(self, symbol: Symbol | None, depth: int = _VALUE_DEPTH) -> Symbol | None:
        """Follow ``Alias = Name``."""
        if isinstance(symbol, GlobalSymbol) and depth:
            values = self.symbols.modules[symbol.path].assigns.get(symbol.name, [])
            if len(values) == 1 and isinstance(values[0], (f.Name, f.Attr)):
                written = values[0]
                if isinstance(written, f.Name) and written.id == symbol.name:
                    return symbol
                target = self.resolve_expr(symbol.path, written) if depth > 1 else None
                return target or symbol
        return symbol

    def external_name(self, path: str, expr: f.Expr, depth: int = _VALUE_DEPTH) -> str | None:
        """Return the dotted name outside the project that an expression comes from, or None.

        A call is written ``()``: ``db = SQLAlchemy(); db.Model`` gives ``flask_sqlalchemy.SQLAlchemy().Model``.
        """
        if depth == 0:
            return None
        if isinstance(expr, f.Call):
            dotted = self.external_name(path, expr.func, depth - 1)
            return f"{dotted}()" if dotted else None
        if isinstance(expr, f.Subscript):
            return self.external_name(path, expr.value, depth - 1)
        symbol = self.resolve_expr(path, expr) if isinstance(expr, (f.Name, f.Attr)) else None
        if isinstance(symbol, ExternalSymbol):
            return symbol.name
        if isinstance(symbol, GlobalSymbol):
            for value in self.symbols.modules[symbol.path].assigns.get(symbol.name, []):
                dotted = self.external_name(symbol.path, value, depth - 1)
                if dotted:
                    return dotted
            return None
        if isinstance(symbol, ClassSymbol):
            cls = self.classes.get(symbol.id)
            if cls is not None:
                self._link_bases(cls)  # a base named in one file may be an instance of a class in a later one
            return next((b for b in cls.external if not b.startswith("metaclass:")), None) if cls else None
        if isinstance(expr, f.Attr) and symbol is None:
            base = self.external_name(path, expr.value, depth - 1)
            return f"{base}.{expr.name}" if base else None
        return None

    def mro(self, class_id: str) -> tuple[Class, ...]:
        """Return the class and its project bases in resolution order (C3 where it exists, else depth first)."""
        found = self._mro.get(class_id)
        if found is None:
            self._mro[class_id] = ()  # a circular base list ends here
            found = self._mro[class_id] = tuple(self._linearise(class_id))
        return found

    def _linearise(self, class_id: str) -> list[Class]:
        cls = self.classes.get(class_id)
        if cls is None:
            return []
        sequences = [list(self.mro(base)) for base in cls.bases]
        sequences.append([self.classes[base] for base in cls.bases if base in self.classes])
        merged = [cls]
        while any(sequences):
            sequences = [s for s in sequences if s]
            head = next((s[0] for s in sequences if not any(s[0] in other[1:] for other in sequences)), sequences[0][0])
            merged.append(head)
            sequences = [[c for c in s if c is not head] for s in sequences]
        return merged

    def external_bases(self, class_id: str) -> Iterator[str]:
        """Yield the external bases of a class and of its project bases."""
        for cls in self.mro(class_id):
            yield from cls.external

    def find_method(self, class_id: str, name: str, after: str | None = None) -> Function | None:
        """Return the method that ``instance.name`` finds; *after* skips up to that class (``super()``)."""
        skipping = after is not None
        for cls in self.mro(class_id):
            if skipping:
                skipping = cls.id != after
                continue
            if name in cls.methods:
                return cls.methods[name]
        return None

    def find_attribute(self, class_id: str, name: str) -> tuple[Class, f.Expr] | None:
        """Return the class-level value of an attribute and the class that assigns it."""
        for cls in self.mro(class_id):
            if name in cls.attributes:
                return cls, cls.attributes[name]
        return None

    def find_annotation(self, class_id: str, name: str) -> tuple[Class, f.Expr] | None:
        """Return the class-level annotation of an attribute and the class that carries it."""
        for cls in self.mro(class_id):
            if name in cls.annotations:
                return cls, cls.annotations[name]
        return None

    def descendants(self, class_id: str) -> tuple[str, ...]:
        """Return every class below, each once, sorted."""
        found = self._descendants.get(class_id)
        if found is None:
            seen = {class_id}
            queue = [class_id]
            for cls in queue:
                new = [sub for sub in self.subclasses.get(cls, ()) if sub not in seen]
                seen.update(new)
                queue += new
            found = self._descendants[class_id] = tuple(sorted(seen - {class_id}))
        return found


def _accessor(function: f.FunctionFacts) -> str:
    """Return what tells a property's setter from its getter, with which it shares the name: ``.setter``."""
    for decorator in function.decorators:
        if isinstance(decorator, f.Attr) and decorator.name in _ACCESSORS:
            return f".{decorator.name}"
    return ""


def _keep_method(owner: Class, entry: Function) -> None:
    """The getter of a property is the method; its setter and deleter share the name."""
    name = entry.facts.name
    accessor = bool(_accessor(entry.facts))
    overload = any(last_name(d) == "overload" for d in entry.facts.decorators)
    if not (name in owner.methods and (accessor or overload)):
        owner.methods[name] = entry


def _type_arguments(base: f.Subscript) -> tuple[f.Expr, ...]:
    return base.index.items if isinstance(base.index, f.Display) else (base.index,)


def _declared(value: f.Expr) -> f.Expr:
    """What a class body declares, without wrappers that are handed it first: ``with_roles(relationship(…), …)``."""
    inner = value
    while isinstance(inner, f.Call) and call_name(inner) not in _DECLARING and inner.args:
        inner = inner.args[0]
    return inner if isinstance(inner, f.Call) and call_name(inner) in _DECLARING else value
