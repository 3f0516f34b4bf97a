"""Annotations to values: what a parameter, a return or an attribute stands for by its declared type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, last_name, names
from nplus1_lint.infer import library as lib
from nplus1_lint.infer import page_classes
from nplus1_lint.infer.joins import join
from nplus1_lint.infer.values import (
    MAX_ATOMS,
    NONE,
    SCALAR,
    UNKNOWN,
    ClassRef,
    External,
    Instance,
    Row,
    Session,
    SessionFactory,
    Statement,
    Value,
    many,
    mapping,
    of,
    row,
    tuple_of,
    unknown,
)
from nplus1_lint.link.symbols import ClassSymbol, ExternalSymbol, GlobalSymbol, Symbol

if TYPE_CHECKING:
    from nplus1_lint.infer.solve import Engine

_DEPTH = 10


class Annotations:
    """Evaluates annotations, memoised per expression and class."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._memo: dict[tuple[int, str, str | None], tuple[f.Expr, Value]] = {}

    def value(self, path: str, annotation: f.Expr, cls: str | None = None) -> Value:
        """Return what an annotated name stands for.

        Args:
            path: the module in which the annotation stands.
            annotation: the lowered annotation.
            cls: id of the concrete class that binds type variables, if any.
        """
        key = (id(annotation), path, cls)
        if key not in self._memo:
            self._memo[key] = (annotation, UNKNOWN)  # the expression is kept, so that its id stays its own
            self._memo[key] = (annotation, self._value(path, annotation, cls, _DEPTH))
        return self._memo[key][1]

    def dependency(self, path: str, annotation: f.Expr | None, default: f.Expr | None) -> f.Expr | None:
        """Return the callable inside ``Depends(…)``, in ``Annotated`` or as the default, or None."""
        found = self._depends(path, default)
        if found is None and annotation is not None:
            found = self._annotated_depends(path, annotation, _DEPTH)
        return found

    def _annotated_depends(self, path: str, annotation: f.Expr, depth: int) -> f.Expr | None:
        if isinstance(annotation, f.Subscript) and isinstance(annotation.index, f.Display):
            for item in annotation.index.items[1:]:
                found = self._depends(path, item)
                if found is not None:
                    return found
        return None

    def _depends(self, path: str, expr: f.Expr | None) -> f.Expr | None:
        if not isinstance(expr, f.Call):
            return None
        name = self._engine.project.hierarchy.external_name(path, expr.func) or ""
        if name.rpartition(".")[2] not in ("Depends", "Security", "Provide", "Inject"):
            return None
        if expr.args:
            return expr.args[0]
        return next((value for key, value in expr.keywords if key == "dependency"), None)

    def alias_of(self, path: str, annotation: f.Expr) -> tuple[str, f.Expr] | None:
        """Follow ``SessionDep = Annotated[…]`` or ``NewType("Reader", Session)`` to its module and what it names."""
        if not isinstance(annotation, (f.Name, f.Attr)):
            return None
        symbol = self._engine.project.hierarchy.resolve_expr(path, annotation)
        if isinstance(symbol, GlobalSymbol):
            values = self._engine.project.symbols.modules[symbol.path].assigns.get(symbol.name, [])
            if values and isinstance(values[-1], (f.Subscript, f.Binary)):
                return symbol.path, values[-1]
            if values and isinstance(values[-1], f.Call) and call_name(values[-1]) == "NewType" and values[-1].args[1:]:
                return symbol.path, values[-1].args[1]
        return None

    def _value(self, path: str, annotation: f.Expr, cls: str | None, depth: int) -> Value:
        if depth == 0:
            return unknown("an annotation nested too deeply")
        if isinstance(annotation, f.Const):
            return NONE if annotation.value is None else UNKNOWN
        if isinstance(annotation, f.Binary):
            return self._union(path, annotation, cls, depth)
        if isinstance(annotation, f.Subscript):
            return self._subscript(path, annotation, cls, depth)
        if isinstance(annotation, (f.Name, f.Attr)):
            return self._named(path, annotation, cls, depth)
        return UNKNOWN

    def _union(self, path: str, annotation: f.Binary, cls: str | None, depth: int) -> Value:
        """``A | B | …``, however many; of more classes than a value holds, it could seem to be none of the rest."""
        members: list[f.Expr] = []
        rest: f.Expr = annotation
        while isinstance(rest, f.Binary):
            members.append(rest.right)
            rest = rest.left
        values = [self._value(path, member, cls, depth - 1) for member in (rest, *reversed(members))]
        if len({atom for value in values for atom in value.atoms if type(atom) in (Row, Instance)}) > MAX_ATOMS:
            return unknown("annotated as one of too many classes")
        joined = values[0]
        for value in values[1:]:
            joined = join(joined, value)
        return joined

    def _named(self, path: str, annotation: f.Name | f.Attr, cls: str | None, depth: int) -> Value:
        alias = self.alias_of(path, annotation)
        if alias is not None:
            return self._value(alias[0], alias[1], cls, depth - 1)
        name = annotation.id if isinstance(annotation, f.Name) else annotation.name
        if isinstance(annotation, f.Name) and cls is not None:
            bound = self._engine.classes.type_argument(cls, path, name)
            if bound is not None:
                # A type variable in what it is bound to is that of the class that binds it.
                within = cls if name not in set(names(bound[1])) else None
                return self._value(bound[0], bound[1], within, depth - 1)
        if name == "Self" and cls is not None:
            return self.instance(cls)
        symbol = self._engine.project.hierarchy.resolve_expr(path, annotation)
        return self._symbol(symbol, name, path)

    def _symbol(self, symbol: Symbol | None, name: str, path: str) -> Value:
        if isinstance(symbol, ClassSymbol):
            page = page_classes.argument_of(self._engine.project, symbol.id)
            return self.value(*page) if page is not None else self.instance(symbol.id)
        if isinstance(symbol, ExternalSymbol):
            return external_type(symbol.name)
        if isinstance(symbol, GlobalSymbol):
            bound = self._type_var_bound(symbol)
            if bound is not None:
                return bound
            return UNKNOWN
        if symbol is None:
            return external_type(f"builtins.{name}")
        return UNKNOWN

    def _type_var_bound(self, symbol: GlobalSymbol) -> Value | None:
        for value in self._engine.project.symbols.modules[symbol.path].assigns.get(symbol.name, []):
            if isinstance(value, f.Call):
                for key, bound in value.keywords:
                    if isinstance(bound, f.Const) and isinstance(bound.value, str) and bound.value.isidentifier():
                        bound = f.Name(bound.value, value.pos)
                    if key == "bound" and isinstance(bound, (f.Name, f.Attr)):
                        return self._value(symbol.path, bound, None, 3)
        return None

    def instance(self, class_id: str) -> Value:
        """Return what a value annotated with a class of the project stands for: the class or any subclass."""
        if class_id in self._engine.project.models:
            return of(row(class_id))
        session = self._engine.classes.session_of(class_id)
        if session is not None:
            return of(session)
        return of(Instance("instance", class_id, False, ()))

    def _is_own(self, path: str, head: f.Expr) -> bool:
        """True if a name is that of a class of the project, whatever else goes by it."""
        return isinstance(self._engine.project.hierarchy.resolve_expr(path, head), ClassSymbol)

    def _subscript(self, path: str, annotation: f.Subscript, cls: str | None, depth: int) -> Value:
        head = annotation.value
        name = last_name(head)
        parts = annotation.index.items if isinstance(annotation.index, f.Display) else (annotation.index,)
        inner = [self._value(path, p, cls, depth - 1) for p in parts[:3]] if parts else []
        if name == "Annotated":
            return inner[0] if inner else UNKNOWN
        if page_classes.is_page(self._engine.project, path, head):
            is_whole = bool(inner) and page_classes.is_customised(self._engine.project, path, head)
            return inner[0] if is_whole else many(inner[0] if inner else UNKNOWN, "page")
        if name in lib.COLLECTION_ANNOTATIONS and not self._is_own(path, head):
            return self._collection(name, inner)
        if name in lib.MAPPING_ANNOTATIONS:
            return mapping(SCALAR, inner[1] if len(inner) > 1 else UNKNOWN)
        if name in ("tuple", "Tuple"):
            return self._tuple(parts, inner)
        if name in ("type", "Type"):
            return (
                of(*(ClassRef("class", a.model) for a in inner[0].atoms if hasattr(a, "model"))) if inner else UNKNOWN
            )
        if name in lib.WRAPPER_ANNOTATIONS:
            # Coroutine[send, yield, return]: what is awaited comes last.
            used = inner[-1:] if name == "Coroutine" else inner
            joined = UNKNOWN
            for value in used:
                joined = join(joined, value)
            return join(joined, NONE) if name == "Optional" else joined
        if name in ("Callable", "Literal"):
            return SCALAR if name == "Literal" else UNKNOWN
        return self._generic(path, annotation, cls, depth)

    def _collection(self, name: str, inner: list[Value]) -> Value:
        item = inner[0] if inner else UNKNOWN
        kind = lib.COLLECTION_ANNOTATIONS[name]
        if kind == "query":
            rows = [("row", atom.model) for atom in item.atoms if hasattr(atom, "model")]
            return (
                of(Statement("statement", "query", tuple(rows), frozenset(), (), frozenset(), False))
                if rows
                else UNKNOWN
            )
        return many(item, kind)

    @staticmethod
    def _tuple(parts: tuple[f.Expr, ...], inner: list[Value]) -> Value:
        if len(parts) == 2 and isinstance(parts[1], f.Opaque):
            return many(inner[0])
        return tuple_of(tuple(inner)) if len(inner) == len(parts) else many(UNKNOWN)

    def _generic(self, path: str, annotation: f.Subscript, cls: str | None, depth: int) -> Value:
        """``Repository[Item]`` and the like: the class itself; its type arguments bind a dataclass' fields."""
        base = self._value(path, annotation.value, cls, depth - 1)
        atoms = []
        for atom in base.atoms:
            if type(atom) is Instance and not atom.fields:
                atoms.append(self._with_arguments(atom, path, annotation, cls, depth))
            else:
                atoms.append(atom)
        return Value(tuple(atoms), base.reason)

    def _with_arguments(
        self, atom: Instance, path: str, annotation: f.Subscript, cls: str | None, depth: int
    ) -> Instance:
        params = self._engine.project.hierarchy.classes[atom.cls].type_params
        parts = annotation.index.items if isinstance(annotation.index, f.Display) else (annotation.index,)
        bound = {p: self._value(path, part, cls, depth - 1) for p, part in zip(params, parts, strict=False)}
        fields = []
        for name, (_, expr) in self._engine.classes.annotated_fields(atom.cls).items():
            inner = substitute(expr, bound)
            if inner is not None:
                fields.append((name, inner))
        return atom._replace(fields=tuple(sorted(fields)))


def substitute(annotation: f.Expr, bound: dict[str, Value]) -> Value | None:
    """Return the value of an annotation that is a type variable or a collection of one, else None."""
    if isinstance(annotation, f.Name):
        return bound.get(annotation.id)
    if isinstance(annotation, f.Subscript):
        head = annotation.value
        name = head.id if isinstance(head, f.Name) else ""
        item = substitute(annotation.index, bound) if not isinstance(annotation.index, f.Display) else None
        if item is not None and name in lib.COLLECTION_ANNOTATIONS:
            return many(item, lib.COLLECTION_ANNOTATIONS[name])
        if item is not None and name == "Optional":
            return join(item, NONE)
    return None


def external_type(name: str) -> Value:
    """Return what an instance of a type outside the project stands for."""
    _, last = lib.root_and_last(name)
    if lib.is_sql(name):
        if last in lib.SESSION_TYPES:
            return of(Session("session", "connection" if last == "Connection" else "session", False, True))
        if last in lib.ASYNC_SESSION_TYPES:
            return of(Session("session", "connection" if last == "AsyncConnection" else "session", True, True))
        if last in ("sessionmaker", "async_sessionmaker"):
            return of(SessionFactory("factory", last.startswith("async"), True))
        if last in ("Result", "ScalarResult", "CursorResult", "AsyncResult"):
            return many(UNKNOWN, "result")
        return of(External("external", f"{name}()"))
    if last in lib.PLAIN_TYPES:
        return SCALAR
    if last in lib.COLLECTION_ANNOTATIONS and name.startswith(("builtins.", "typing.", "collections.")):
        return many(UNKNOWN)
    if last in lib.MAPPING_ANNOTATIONS:
        return mapping(SCALAR, UNKNOWN)
    if last in ("Any", "object", "TypeVar"):
        return unknown(f"annotated {last}")
    if name.startswith("builtins."):
        return unknown(f"{last} is not defined in the project")
    return of(External("external", f"{name}()"))
