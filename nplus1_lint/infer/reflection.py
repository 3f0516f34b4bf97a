"""Attributes that code asks of the mapping: ``for c in self.__table__.columns: getattr(self, c.name)``.

Source: SQLAlchemy, "Runtime Inspection API", "ORM Mapped Class Overview", Inspection of Mapped objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted, expressions, statements
from nplus1_lint.index.walk import names as names_of
from nplus1_lint.infer import expiry, reflection_tests, rows
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.library import REFLECTING
from nplus1_lint.infer.values import (
    MAX_ATOMS,
    SCALAR,
    SOME_FIXED,
    BoundMethod,
    ClassRef,
    ColumnRef,
    Const,
    Many,
    Mapping,
    Reflection,
    Row,
    Value,
    many,
    of,
    tuple_of,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
    from nplus1_lint.infer.values import Atom
    from nplus1_lint.link import Project
    from nplus1_lint.link.models import Model

INSPECTORS: Final = frozenset({"inspect", "class_mapper", "object_mapper", "object_state"})
"""What SQLAlchemy inspects a class or a row with."""
MAPPER: Final = "__mapper__"
TABLE: Final = "__table__"
_TABLE_COLUMNS = frozenset({"columns", "c"})

_COLUMNS = frozenset({"columns", "c", "column_attrs"})
_TABLES = frozenset({"local_table", "mapped_table", "persist_selectable"})
_ALL = frozenset({"attrs", "iterate_properties"})
_METHODS = frozenset({"keys", "values", "items", "get"})
_KEYS = reflection_tests.KEYS
_TAKES_OUT = frozenset({"remove", "discard", "pop", "difference_update", "intersection_update", "clear"})


def is_asked(project: Project) -> bool:
    """True if anything in a project asks a mapping for its attributes."""
    names = REFLECTING | {TABLE}
    return any(not module.facts.body.mentions.isdisjoint(names) for module in project.symbols.modules.values())


# -- what is inspected -------------------------------------------------------------------------------------------------


def inspected(frame: Frame, name: str, arguments: Arguments) -> Value | None:
    """Return what ``inspect(row)``, ``inspect(Model)`` or ``class_mapper(Model)`` gives; None for anything else.

    Args:
        frame: the running function.
        name: the function's, one of `INSPECTORS`.
        arguments: of the call.
    """
    given = arguments.positional[0][0] if arguments.positional else None
    if given is None or not given.atoms:
        return None
    models = frame.engine.project.models
    found: list[Value] = []
    for atom in given.atoms:
        if type(atom) is Row:
            state = name in ("inspect", "object_state")
            found.append(of(_of(atom.model, "state", row=atom) if state else _of(atom.model, "mapper")))
        elif type(atom) is ClassRef and atom.id in models and name in ("inspect", "class_mapper"):
            found.append(of(_of(atom.id, "mapper")))
        elif type(atom) is Reflection and atom.part in ("mapper", "state"):
            found.append(of(atom))
        else:
            return None
    return join_all(found)


def asked(frame: Frame, atom: Atom, mask: int, name: str, place: Place) -> Value | None:
    """Return what an attribute says of a mapping: ``__mapper__``, ``__table__.columns``; None for any other attribute.

    Args:
        frame: the running function.
        atom: that of which it is an attribute: a row, a class, a column or table, or what is said of a mapping.
        mask: on what that depends.
        name: the attribute's name.
        place: where it is read.
    """
    if type(atom) is Reflection:
        return _attribute(frame, atom, mask, name, place)
    if type(atom) is ColumnRef:
        return _columns(frame, atom.model) if atom.column == TABLE and name in _TABLE_COLUMNS else None
    if name not in (MAPPER, TABLE):
        return None
    model = atom.model if type(atom) is Row else atom.id if type(atom) is ClassRef else ""
    if model not in frame.engine.project.models:
        return None
    return of(_of(model, "mapper") if name == MAPPER else ColumnRef("column", model, TABLE))


def _columns(frame: Frame, model: str) -> Value:
    return of(_of(model, "attributes", tuple(frame.engine.project.models[model].columns)))


def _of(model: str, part: str, names: tuple[str, ...] = (), row: Row | None = None) -> Reflection:
    return Reflection("reflection", part, model, names, False, row)


def _attribute(frame: Frame, atom: Reflection, mask: int, name: str, place: Place) -> Value:
    """Return an attribute of a mapper, of a row's state, or of what they hold."""
    model = frame.engine.project.models[atom.model]
    known: Value | None = None
    if atom.part == "attribute":
        return _of_attribute(frame, atom, mask, name, place)
    if atom.part == "name":
        return SCALAR
    if atom.part == "attributes":
        one = name in atom.names and name not in _METHODS
        return of(atom._replace(part="attribute", names=(name,)) if one else _bound(atom, name))
    if atom.part == "state":
        known = _of_state(atom, model, name)
    elif atom.part == "mapper":
        known = _of_mapper(frame, atom, model, name)
    elif name in _COLUMNS:
        known = _columns(frame, atom.model)
    return known if known is not None else frame.engine.external(f"sqlalchemy.inspect().{name}")


def _of_attribute(frame: Frame, atom: Reflection, mask: int, name: str, place: Place) -> Value:
    if name in _KEYS:
        return of(atom._replace(part="name", row=None))
    if name == "value" and atom.row is not None:
        return read(frame, (of(atom.row), mask), of(atom), place)[0]
    if name == "columns":
        return many(of(atom._replace(row=None)), size=SOME_FIXED)
    return unknown("what a mapping says of an attribute")


def _of_state(atom: Reflection, model: Model, name: str) -> Value | None:
    if name == "object" and atom.row is not None:
        return of(atom.row)
    if name == "mapper":
        return of(_of(atom.model, "mapper"))
    return of(_of(atom.model, "attributes", _all(model), atom.row)) if name == "attrs" else None


def _bound(atom: Reflection, name: str) -> BoundMethod:
    return BoundMethod("bound", of(atom), name)


def _all(model: Model) -> tuple[str, ...]:
    return (*model.columns, *model.relationships)


def _of_mapper(frame: Frame, atom: Reflection, model: Model, name: str) -> Value | None:
    if name in _COLUMNS:
        return of(_of(atom.model, "attributes", tuple(model.columns)))
    if name == "relationships":
        return of(_of(atom.model, "attributes", tuple(model.relationships)))
    if name in _ALL:
        return of(_of(atom.model, "attributes", _all(model)))
    if name == "all_orm_descriptors":
        return of(_of(atom.model, "attributes", (*_all(model), *model.proxies, *_hybrids(frame, model))))
    if name == "primary_key":
        return many(of(_of(atom.model, "attribute", model.primary_key)), size=len(model.primary_key) or SOME_FIXED)
    if name in _TABLES:
        return of(_of(atom.model, "table"))
    if name in ("class_", "entity"):
        return of(ClassRef("class", atom.model))
    return of(atom) if name == "mapper" else None


def _hybrids(frame: Frame, model: Model) -> tuple[str, ...]:
    from nplus1_lint.infer.classes import decorator_names

    found: dict[str, None] = {}
    for cls in frame.engine.project.hierarchy.mro(model.id):
        for name, method in cls.methods.items():
            if "hybrid_property" in decorator_names(method.facts):
                found[name] = None
    return tuple(found)


def call(atom: Reflection, name: str, mask: int, arguments: Arguments) -> Val:
    """Call a method of a mapper or of a collection of attributes."""
    key = arguments.positional[0][0] if arguments.positional else None
    one = of(item(atom))
    if atom.part == "attributes" and name in ("keys", "values", "items"):
        names = of(atom._replace(part="name", row=None))
        value = names if name == "keys" else one if name == "values" else tuple_of((names, one))
        return many(value, size=SOME_FIXED), mask
    if atom.part == "attributes" and name == "get" and key is not None:
        return at(atom, key), mask
    return SCALAR, mask | arguments.mask


def item(atom: Reflection) -> Reflection:
    """Return what iterating a collection of attributes yields."""
    return atom._replace(part="attribute")


def at(atom: Reflection, key: Value) -> Value:
    """Return ``mapper.attrs[key]``."""
    names = _names(key)
    if atom.part != "attributes" or names is None:
        return unknown("an attribute by a name that is not known")
    return of(atom._replace(part="attribute", names=names[0], vague=names[1]))


# -- what is read ------------------------------------------------------------------------------------------------------


def _names(value: Value) -> tuple[tuple[str, ...], bool] | None:
    """The attributes that a value may name, and whether some of them may be left out; None where not all are known."""
    found: dict[str, None] = {}
    vague = False
    if len(value.atoms) >= MAX_ATOMS:
        return None  # a full set may have lost some
    for atom in value.atoms:
        if type(atom) is Reflection and atom.part in ("name", "attribute"):
            found.update(dict.fromkeys(atom.names))
            vague = vague or atom.vague
        elif type(atom) is Const and isinstance(atom.value, str):
            found[atom.value] = None
        else:
            return None
    return (tuple(found), vague) if found or vague else None


def is_named(value: Value) -> bool:
    """True if a value is the name of an attribute that the mapping has given."""
    return value.first(Reflection) is not None and _names(value) is not None


def read(frame: Frame, rows_of: Val, named: Value, place: Place) -> Val:
    """Read of rows all attributes that a value may name: each once, however often the loop over the names runs.

    What of their rows is read further is not followed: nothing tells the attributes apart there. Nor is what a number
    decides that the function is given, such as ``depth=0``: numbers do not tell its runs apart.

    Args:
        frame: the running function.
        rows_of: the rows, and on what they depend.
        named: the names.
        place: the read.
    """
    value, mask = rows_of
    names, vague = _names(named) or ((), True)
    if _counts_levels(frame.function.facts):
        names, vague = (), True
    for running in frame.loops:
        if holds_names(running.loop.over) or running.loop.over.first(Reflection) is not None:
            mask &= ~running.loop.bit
    found: list[Value] = [SCALAR]
    for atom in value.atoms:
        for name in names:
            if type(atom) is Row and name in _known(frame, atom):
                one = frame.attribute((of(atom), mask), name, place)[0]
                if expiry.EXPIRED in (atom.loads or ()):
                    atom = expiry.fresh(atom)
                if len(frame.misreads) and frame.misreads[-1].place == frame.site(place):
                    break  # the program ends here
                rows.escape(frame, one, place, "read by a name that the mapping gives")
                frame.tracker.leave(one, "read by a name that the mapping gives")
                found.append(expiry.map_rows(one, lambda row: row._replace(loads=None, origin=None)))
    if vague or not names:
        rows.escape(frame, value, place, "getattr with a variable name")
    return join_all(found), mask


def _counts_levels(facts: f.FunctionFacts) -> bool:
    """True if a function asks for a parameter that is a number unless it is given."""
    numbers = {
        param.name
        for param in facts.params
        if isinstance(param.default, f.Const) and type(param.default.value) in (int, float)
    }
    if not numbers:
        return False
    tests = [one.test for one in statements(facts.body) if isinstance(one, (f.If, f.While))]
    tests += [one.test if type(one) is f.Conditional else one for one in expressions(facts.body)
              if type(one) in (f.Compare, f.Conditional)]  # fmt: skip
    return any(not numbers.isdisjoint(names_of(test)) for test in tests)


def _known(frame: Frame, atom: Row) -> frozenset[str]:
    """The attributes of a row that cost anything, or tell of a row."""
    model = frame.engine.project.models[atom.model]
    return (
        frozenset(model.columns)
        | frozenset(model.relationships)
        | frozenset(model.proxies)
        | frozenset(_hybrids(frame, model))
    )


# -- what leaves some out ----------------------------------------------------------------------------------------------


def less(left: Value, right: Value, *, common: bool) -> Value:
    """Return ``names - others`` or ``names & others`` of collections of names.

    Args:
        left: the names.
        right: the others.
        common: what both have is kept, not what the others lack.
    """
    others = _names(join_all([atom.item for atom in right.atoms if type(atom) is Many]))
    if others is None or others[1] or any(type(atom) is not Many for atom in right.atoms):
        return vaguely(left)
    return _mapped(
        left, lambda atom: atom._replace(names=tuple(one for one in atom.names if (one in others[0]) == common))
    )


def vaguely(value: Value) -> Value:
    """Return the names of which something that is not followed leaves some out."""
    return _mapped(value, lambda atom: atom._replace(names=(), vague=True))


def taken_out(frame: Frame, func: f.Attr, base: Value, arguments: Arguments) -> None:
    """``names.remove("password")``: the collection is without it from here on."""
    method = func.name
    if method not in _TAKES_OUT or not frame.engine.reflects:
        return
    path = dotted(func.value)
    binding = frame.state.env.get(path) if path is not None else None
    if binding is None or path is None or not holds_names(base):
        return
    given = [value for value, _ in arguments.positional]
    single = method in ("remove", "discard", "pop")
    without = many(join_all(given)) if single and given else given[0] if given else Value(())
    frame.state.env[path] = binding._replace(value=less(base, without, common=method == "intersection_update"))


def holds_names(value: Value) -> bool:
    """True for a collection of names that a mapping has given."""
    return any(
        (atom.item if type(atom) is Many else atom.key).first(Reflection) is not None
        for atom in value.atoms
        if type(atom) in (Many, Mapping)
    )


def _mapped(value: Value, change: Callable[[Reflection], Reflection]) -> Value:
    atoms: list[Atom] = []
    for atom in value.atoms:
        if type(atom) is Reflection:
            atoms.append(change(atom))
        elif type(atom) is Many:
            atoms.append(atom._replace(item=_mapped(atom.item, change)))
        elif type(atom) is Mapping:
            atoms.append(atom._replace(key=_mapped(atom.key, change)))
        else:
            atoms.append(atom)
    return Value(tuple(atoms), value.reason)
