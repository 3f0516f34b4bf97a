"""Classes and their instances: construction, attributes, dispatch to implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, last_name
from nplus1_lint.infer import changes, descriptors, marshmallow, page_classes, serialise, trails
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
from nplus1_lint.infer.joins import join, join_all
from nplus1_lint.infer.values import (
    NO_LOADS,
    OF_CLASS,
    SCALAR,
    SOME_FIXED,
    UNKNOWN,
    BoundMethod,
    ClassRef,
    ColumnRef,
    Const,
    External,
    Function,
    Instance,
    Many,
    Mapping,
    RelationRef,
    Row,
    Session,
    SessionFactory,
    Statement,
    Tuple,
    Value,
    many,
    of,
    row,
    unknown,
)
from nplus1_lint.infer.widening import widen

if TYPE_CHECKING:
    from collections.abc import Collection

    from nplus1_lint.infer.cells import Held
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Class
    from nplus1_lint.link.hierarchy import Function as Definition

MAX_IMPLEMENTATIONS = 6
_INTERESTING = (Session, SessionFactory, Row, Many, Mapping, Instance, Function, ClassRef, Statement, Tuple, External)
_PROPERTIES = frozenset(
    {"property", "cached_property", "hybrid_property", "classproperty", "abstractproperty", "lazyproperty", "reify"}
)
_PLAIN_FIELDS = ("dataclass", "define", "attrs", "frozen", "mutable", "s", "dataclasses.dataclass", "attr.s")
_ENUMS = ("Enum", "StrEnum", "IntEnum", "Flag", "IntFlag")
_FIELD_BASES = ("BaseModel", "NamedTuple", "TypedDict", "SQLModel", "BaseSettings", "Struct", "GenericModel")


class Classes:
    """What instances of the project's classes hold."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fields: dict[tuple[str, tuple[tuple[str, Value], ...]], Held] = {}
        self._late: dict[tuple[str, str], Held] = {}
        self._sessions: dict[str, Session | None] = {}

    # -- what a class is ----------------------------------------------------------------------------------------

    def session_of(self, class_id: str) -> Session | None:
        """Return the session that an instance is, for classes that extend SQLAlchemy's."""
        if class_id not in self._sessions:
            self._sessions[class_id] = None
            for base in self._engine.project.hierarchy.external_bases(class_id):
                _, last = lib.root_and_last(base)
                if lib.is_sql(base) and last in lib.SESSION_TYPES | lib.ASYNC_SESSION_TYPES:
                    self._sessions[class_id] = Session("session", "session", last in lib.ASYNC_SESSION_TYPES, True)
        return self._sessions[class_id]

    def is_enum(self, class_id: str) -> bool:
        """True if a class is an enumeration: its members are fixed in the source."""
        return self.extends(class_id, _ENUMS)

    def is_typed_dict(self, class_id: str) -> bool:
        """True for a ``typing.TypedDict``: its items have the types of its attributes."""
        return self.extends(class_id, ("TypedDict",))

    def extends(self, class_id: str, names: Collection[str]) -> bool:
        """True if a class, or one that it extends, has a base outside the project that goes by one of some names."""
        bases = self._engine.project.hierarchy.external_bases(class_id)
        return any(lib.root_and_last(base)[1] in names for base in bases)

    def is_abstract(self, definition: Definition) -> bool:
        """True if a method has no body of its own: abstract, a protocol's, or raising ``NotImplementedError``."""
        if any(decorator_name(d) in ("abstractmethod", "abstractproperty") for d in definition.facts.decorators):
            return True
        body = definition.facts.body
        if not body:
            return True
        return len(body) == 1 and isinstance(body[0], f.Raise)

    def implements(self, definition: Definition, interface: Class) -> bool:
        """True if a method is what a call of an interface's abstract method of its name may reach."""
        hierarchy = self._engine.project.hierarchy
        own = hierarchy.classes.get(definition.cls or "")
        if own is None or own is interface or not self.is_abstract(interface.methods[definition.facts.name]):
            return False
        return interface in hierarchy.mro(own.id) or (
            self.is_protocol(interface) and set(interface.methods) <= set(own.methods)
        )

    def annotated_fields(self, class_id: str) -> dict[str, tuple[str, f.Expr]]:
        """Return the fields of a dataclass-like class in order: name to (module, annotation)."""
        fields: dict[str, tuple[str, f.Expr]] = {}
        for cls in reversed(self._engine.project.hierarchy.mro(class_id)):
            for name, annotation in cls.annotations.items():
                fields[name] = (cls.path, annotation)
        return fields

    def holds_arguments(self, class_id: str) -> bool:
        """True if the constructor keeps its arguments as fields: dataclasses, pydantic, named tuples."""
        hierarchy = self._engine.project.hierarchy
        if hierarchy.find_method(class_id, "__init__"):
            return False
        for cls in hierarchy.mro(class_id):
            if any(decorator_name(d) in _PLAIN_FIELDS for d in cls.facts.decorators):
                return True
        return self.extends(class_id, _FIELD_BASES)

    def type_argument(self, class_id: str, path: str, name: str) -> tuple[str, f.Expr] | None:
        """Return what a type variable is bound to by a concrete class: (module, expression)."""
        hierarchy = self._engine.project.hierarchy
        for cls in hierarchy.mro(class_id):
            for base_id, arguments in cls.base_arguments.items():
                base = hierarchy.classes.get(base_id)
                if base is not None and name in base.type_params:
                    position = base.type_params.index(name)
                    if position < len(arguments):
                        bound = arguments[position]
                        if isinstance(bound, f.Name) and bound.id == name and cls.id != class_id:
                            continue
                        return cls.path, bound
        return None

    # -- construction -------------------------------------------------------------------------------------------

    def construct(self, frame: Frame, cls: ClassRef, arguments: Arguments, place: Place) -> Val:
        """Return a new instance; an ``__init__`` of the project runs."""
        class_id = cls.id
        if class_id in self._engine.project.models:
            trails.kept(frame, arguments)
            changes.constructed(frame, class_id, place)
            return of(row(class_id, None, None)), arguments.mask
        session = self.session_of(class_id)
        if session is not None:
            return of(session), arguments.mask
        if self.is_enum(class_id):
            return SCALAR, arguments.mask
        if page_classes.is_page_class(self._engine.project, class_id):
            return page_classes.created(arguments)
        init = self._engine.project.hierarchy.find_method(class_id, "__init__")
        if init is None:
            trails.kept(frame, arguments)
            fields = self._argument_fields(class_id, arguments) if self.holds_arguments(class_id) else ()
            if marshmallow.is_schema(self._engine, class_id):
                fields = marshmallow.restrictions(arguments.keyword_exprs)
            serialise.constructed(frame, cls, fields, arguments.mask, place)
            return of(Instance("instance", class_id, True, fields)), arguments.mask
        names = [p.name for p in init.facts.params][1:]
        fields = _interesting_fields(names, arguments)
        made = of(Instance("instance", class_id, True, fields))
        if self._engine.reaches(init.facts):
            frame.call((of(Function("function", init.id, made, (), ())), arguments.mask), arguments, place)
        return made, arguments.mask

    def _argument_fields(self, class_id: str, arguments: Arguments) -> tuple[tuple[str, Value], ...]:
        return _interesting_fields(list(self.annotated_fields(class_id)), arguments)

    # -- attributes ---------------------------------------------------------------------------------------------

    def attribute(self, frame: Frame, instance: Instance, mask: int, name: str, place: Place) -> Val:
        """Return an attribute of an instance: a field, a method, a property's result, or a class attribute."""
        hierarchy = self._engine.project.hierarchy
        for field, value in instance.fields:
            if field == name and self.holds_arguments(instance.cls):
                return value, mask
        definition = hierarchy.find_method(instance.cls, name)
        if definition is not None:
            return self._method(frame, instance, definition, mask, name, place)
        value = without_flags(self.fields(instance).get(name, UNKNOWN))
        if not value.atoms:
            value = self._late_field(instance.cls, name)
        if not value.atoms:
            value = self._class_attribute(instance.cls, name)
            read = descriptors.read(frame, value, instance, mask, place)
            if read is not None:
                return read
        if not value.atoms and not instance.exact:
            value = join_all(
                [
                    without_flags(self.fields(instance._replace(cls=sub)).get(name, UNKNOWN))
                    for sub in self._implementations(instance.cls)
                ]
            )
        if not value.atoms and name in marshmallow.DUMPS and marshmallow.is_schema(self._engine, instance.cls):
            return of(BoundMethod("bound", of(instance), name)), mask
        if not value.atoms:
            value = self._inherited(frame, instance.cls, name, place)
        return (value if value.atoms else unknown(f"{name} of {instance.cls.rpartition(':')[2]} is not known")), mask

    def _inherited(self, frame: Frame, class_id: str, name: str, place: Place) -> Value:
        """Return what a class has from a base in SQLAlchemy or a package on it, as an instance of that has it."""
        for base in self._engine.project.hierarchy.external_bases(class_id):
            if lib.is_sql(base):
                return frame.attribute((self._engine.external(f"{base}()"), 0), name, place)[0]
        return UNKNOWN

    def _implementations(self, class_id: str) -> list[str]:
        return list(self._engine.project.hierarchy.descendants(class_id)[:MAX_IMPLEMENTATIONS])

    def _method(
        self, frame: Frame, instance: Instance, definition: Definition, mask: int, name: str, place: Place
    ) -> Val:
        targets = self.dispatch(instance, definition, name)
        bound = []
        for receiver, target in targets:
            kind = method_kind(target.facts)
            if kind == "static":
                bound.append(Function("function", target.id, None, (), ()))
            elif kind == "class":
                bound.append(Function("function", target.id, of(ClassRef("class", receiver.cls)), (), ()))
            else:
                bound.append(Function("function", target.id, of(receiver), (), ()))
        value = Value(tuple(bound))
        if is_property(definition.facts):
            return frame.call((value, mask), Arguments((), {}), place)
        held = descriptors.of_method(frame, definition) if definition.facts.decorators else None
        found = descriptors.read(frame, held, instance, mask, place) if held is not None else None
        return found or (value, mask)

    def dispatch(self, instance: Instance, definition: Definition, name: str) -> list[tuple[Instance, Definition]]:
        """Return every definition that a call may reach (class-hierarchy analysis)."""
        own: list[tuple[Instance, Definition]] = [(instance, definition)]
        if instance.exact:
            return own
        hierarchy = self._engine.project.hierarchy
        overrides = []
        abstract = self.is_abstract(definition)
        for sub in hierarchy.descendants(instance.cls):
            # An abstract method may be implemented by another base of the subclass.
            method = hierarchy.find_method(sub, name) if abstract else hierarchy.classes[sub].methods.get(name)
            if method is not None and method.id != definition.id and not self.is_abstract(method):
                overrides.append((instance._replace(cls=sub), method))
        if abstract and not overrides:
            overrides = self._by_protocol(instance, name)
        if abstract and overrides:
            return overrides[:MAX_IMPLEMENTATIONS]
        return (own + overrides)[:MAX_IMPLEMENTATIONS]

    def _by_protocol(self, instance: Instance, name: str) -> list[tuple[Instance, Definition]]:
        """Classes that have every method of a ``Protocol`` implement it without saying so."""
        hierarchy = self._engine.project.hierarchy
        if not self.extends(instance.cls, ("Protocol",)):
            return []
        wanted = set(hierarchy.classes[instance.cls].methods)
        found = []
        for cls in self._engine.classes_with_method(name):
            if cls.id != instance.cls and wanted <= set(cls.methods) and not self.is_protocol(cls):
                found.append((Instance("instance", cls.id, False, ()), cls.methods[name]))
        return found

    def is_protocol(self, cls: Class) -> bool:
        """True for a ``typing.Protocol``: classes that do not extend it are of it, too."""
        return any(lib.root_and_last(b)[1] == "Protocol" for b in cls.external)

    def fields(self, instance: Instance) -> dict[str, Value]:
        """Return what ``__init__`` leaves on an instance made with these arguments."""
        key, none = (instance.cls, instance.fields), dict[str, Value]()
        return self._engine.cells.share(self._fields, key, none, lambda: self._initial(instance))

    def _initial(self, instance: Instance) -> dict[str, Value]:
        init = self._engine.project.hierarchy.find_method(instance.cls, "__init__")
        if init is None:
            return {}
        return dict(self._engine.run_method(init, of(instance), dict(instance.fields)).fields)

    def _late_field(self, class_id: str, name: str) -> Value:
        """Return what methods other than ``__init__`` store in an attribute."""
        return self._engine.cells.share(self._late, (class_id, name), UNKNOWN, lambda: self._stored(class_id, name))

    def _stored(self, class_id: str, name: str) -> Value:
        found = UNKNOWN
        for cls in self._engine.project.hierarchy.mro(class_id):
            for method in dict(cls.facts.stores).get(name, ()):
                definition = cls.methods.get(method)
                if method != "__init__" and definition is not None:
                    receiver = of(Instance("instance", class_id, False, ()))
                    left = dict(self._engine.run_method(definition, receiver, {}).fields)
                    found = join(found, left.get(name, UNKNOWN))
        return without_flags(found)

    def _class_attribute(self, class_id: str, name: str) -> Value:
        hierarchy = self._engine.project.hierarchy
        found = hierarchy.find_attribute(class_id, name)
        if found is not None:
            value = without_flags(self._engine.constant(found[0].path, found[1]))
            if value.atoms:
                return value
        annotated = hierarchy.find_annotation(class_id, name)
        if annotated is not None:
            return self._engine.annotations.value(annotated[0].path, annotated[1], class_id)
        return UNKNOWN

    def class_member(self, frame: Frame, class_id: str, mask: int, name: str, place: Place) -> Val:
        """Return an attribute of the class object itself."""
        model = self._engine.project.models.get(class_id)
        if model is not None:
            if name in model.relationships:
                return of(RelationRef("relation", class_id, name)), mask
            if name in model.columns:
                return of(ColumnRef("column", class_id, name)), mask
            if name == "query":
                own = self._engine.query_classes.models.get(class_id)
                flags = frozenset({f"{OF_CLASS}{own}"} if own else ())
                return of(Statement("statement", "flask-query", (("row", class_id),), NO_LOADS, (), flags, False)), mask
        hierarchy = self._engine.project.hierarchy
        definition = hierarchy.find_method(class_id, name)
        if definition is not None:
            kind = method_kind(definition.facts)
            if kind == "class":
                return of(Function("function", definition.id, of(ClassRef("class", class_id)), (), ())), mask
            if is_property(definition.facts):
                return of(ColumnRef("column", class_id, name)) if model is not None else SCALAR, mask
            return of(Function("function", definition.id, None, (), ())), mask
        if name == "__subclasses__":
            return of(BoundMethod("bound", of(ClassRef("class", class_id)), name)), mask
        nested = f"{class_id}.{name}"
        if nested in hierarchy.classes:
            return of(ClassRef("class", nested)), mask
        if self.is_enum(class_id):
            return SCALAR, mask
        value = self._class_attribute(class_id, name)
        if name == "metadata" and not value.atoms and (model is not None or self._is_of_sql(class_id)):
            return of(External("external", "sqlalchemy.MetaData()")), mask  # of the declarative base
        if not value.atoms and model is not None:
            return of(ColumnRef("column", class_id, name)), mask
        made = name == "create" and page_classes.is_page_class(self._engine.project, class_id)
        if not value.atoms and (name in lib.VALIDATORS or made):
            return of(BoundMethod("bound", of(ClassRef("class", class_id)), name)), mask
        return value, mask

    def subclasses(self, class_id: str) -> Value:
        """Return what ``cls.__subclasses__()`` gives: those that the source has; without any, the class itself."""
        own = self._engine.project.hierarchy.descendants(class_id)
        found = Value(tuple(ClassRef("class", one) for one in (own or [class_id])[:MAX_IMPLEMENTATIONS]))
        return many(found, "list", len(own) or SOME_FIXED)

    def _is_of_sql(self, class_id: str) -> bool:
        """True for a class upon one of SQLAlchemy's, such as ``DeclarativeBase``."""
        return any(map(lib.is_sql, self._engine.project.hierarchy.external_bases(class_id)))


def without_flags(value: Value) -> Value:
    """Drop None, True and False: what an attribute starts with says nothing of what it holds later."""
    kept = tuple(a for a in value.atoms if not (type(a) is Const and (a.value is None or isinstance(a.value, bool))))
    return value if len(kept) == len(value.atoms) else Value(kept, "a flag of an instance")


def method_kind(facts: f.FunctionFacts) -> str:
    """Return ``static``, ``class`` or ``instance``."""
    for decorator in facts.decorators:
        name = decorator_name(decorator)
        if name == "staticmethod":
            return "static"
        if name == "classmethod" or name.startswith("classmethod"):
            return "class"
    return "class" if facts.name in ("__new__", "__init_subclass__", "__class_getitem__") else "instance"


def is_property(facts: f.FunctionFacts) -> bool:
    """True if reading the attribute calls the function."""
    return any(decorator_name(d) in _PROPERTIES for d in facts.decorators)


def decorator_name(decorator: f.Expr) -> str:
    """Return the last part of a decorator's name, with arguments or without."""
    return call_name(decorator) or last_name(decorator)


def decorator_names(facts: f.FunctionFacts) -> tuple[str, ...]:
    """Return the last part of each decorator's name."""
    return tuple(decorator_name(d) for d in facts.decorators)


def _interesting_fields(names: list[str], arguments: Arguments) -> tuple[tuple[str, Value], ...]:
    """Keep the constructor arguments that can matter later: sessions, rows, instances, callables, collections."""
    fields: dict[str, Value] = {}
    for name, val in [*zip(names, arguments.positional, strict=False), *arguments.keywords.items()]:
        kept = tuple(a for a in val[0].atoms if type(a) in _INTERESTING)
        if kept:
            fields[name] = widen(Value(kept), 3)
    return tuple(sorted(fields.items()))
