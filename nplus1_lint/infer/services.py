"""What Pyramid does for a view that asks its request: finds services, and asks a context's ``__acl__``.

Sources: pyramid_services, ``find_service``; Pyramid, "Security", Assigning ACLs to Your Resource Objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.edits.compare import plain
from nplus1_lint.index import facts as f
from nplus1_lint.infer.frame import Arguments
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.lexical_values import value_in
from nplus1_lint.infer.values import SCALAR, UNKNOWN, ClassRef, Const, Function, Instance, Row, Value, of
from nplus1_lint.link.services import REGISTERING, Service, find_services

if TYPE_CHECKING:
    from collections.abc import Collection

    from nplus1_lint.infer.frame import Frame, Place, Val
    from nplus1_lint.infer.solve import Engine

FINDING: Final = "find_service"
_ACL: Final = "__acl__"
_ASKING: Final = {"has_permission": (1, "context"), "principals_allowed_by_permission": (0, "context")}
"""What asks a context for its permissions: the position and the name of the argument."""
NAMES: Final = frozenset({FINDING, *_ASKING})


class Services:
    """The services of a project, by interface and by name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._registered = find_services(engine.project.symbols, engine.project.hierarchy)

    @property
    def names(self) -> frozenset[str]:
        """Whatever mentions one of these may change what is found."""
        return REGISTERING

    def settings(self) -> tuple[str, ...]:
        """Return what stands for all of them: who finds one mentions nothing of its registration."""
        return tuple(map(_described, self._registered))

    def reading(self, reaching: Collection[str]) -> frozenset[str]:
        """Return the names among `NAMES` by which a function may reach a query.

        Args:
            reaching: the names by which functions do so already.
        """
        asking = frozenset(_ASKING) if _ACL in reaching else frozenset()
        return asking | {FINDING} if self._registered else asking

    def call(self, frame: Frame, name: str, mask: int, arguments: Arguments, place: Place) -> Val | None:
        """Call what is named so on something that is not known; None where it means nothing here.

        Args:
            frame: the running function.
            name: one of `NAMES`.
            mask: on what the receiver depends.
            arguments: of the call.
            place: the call.
        """
        if name != FINDING:
            return _ask(frame, name, arguments, place)
        if not arguments.positional and not arguments.keywords:
            return None
        found = self._found(frame, arguments, place)
        return (found[0], found[1] | mask | arguments.mask) if found is not None and found[0].atoms else None

    def _found(self, frame: Frame, arguments: Arguments, place: Place) -> Val | None:
        given, named = arguments.get(0, "iface"), arguments.get(2, "name")
        classes = given[0].only(ClassRef) if given is not None else []
        name = _text(named[0]) if named is not None else ""
        if name is None or len(classes) > 1 or (given is not None and not classes and not _is_none(given[0])):
            return None
        interface = classes[0].id if classes else ""
        made = [one for one in self._registered if one.name == name and self._interface(one) == interface]
        values = [self._made(frame, one, place) for one in made]
        if values and all(value.atoms for value, _ in values):
            mask = 0
            for _, one_mask in values:
                mask |= one_mask
            return join_all([value for value, _ in values]), mask
        if not interface or frame.engine.classes.extends(interface, ("Interface",)):
            return None
        return frame.engine.annotations.instance(interface), 0

    def _interface(self, service: Service) -> str:
        """The id of the class that is a service's interface, or an empty string."""
        if service.interface is None:
            return ""
        value = self._value(service, service.interface)
        return next((atom.id for atom in value.only(ClassRef)), "?")

    def _value(self, service: Service, written: f.Expr) -> Value:
        """The value of an expression, or what a dotted name in a string stands for."""
        if not (isinstance(written, f.Const) and isinstance(written.value, str)):
            return value_in(self._engine, service.path, service.holder, written)
        name = written.value.lstrip(".")
        module, _, last = name.replace(":", ".").rpartition(".")
        return self._engine.imported(service.path, module, len(written.value) - len(name), last)

    def _made(self, frame: Frame, service: Service, place: Place) -> Val:
        value = self._value(service, service.value)
        if not service.is_factory:
            return value, 0
        makers = Value(tuple(atom for atom in value.atoms if type(atom) in (Function, ClassRef)))
        if not makers.atoms or len(makers.atoms) != len(value.atoms):
            return UNKNOWN, 0
        return frame.call((makers, 0), Arguments(((UNKNOWN, 0), (UNKNOWN, 0)), {}), place)


def _ask(frame: Frame, name: str, arguments: Arguments, place: Place) -> Val | None:
    """``request.has_permission(permission, context)`` runs the context's ``__acl__``."""
    context = arguments.get(*_ASKING[name])
    if context is None:
        return None
    asked = False
    for atom in context[0].atoms:
        cls = atom.cls if type(atom) is Instance else atom.model if type(atom) is Row else ""
        if not cls or frame.engine.project.hierarchy.find_method(cls, _ACL) is None:
            continue
        asked = True
        found = frame.attribute((of(atom), context[1]), _ACL, place)
        if found[0].first(Function) is not None:
            found = frame.call(found, Arguments((), {}), place)
        frame.iterate(found, place)
    return (SCALAR, arguments.mask) if asked else None


def _text(value: Value) -> str | None:
    atom = value.atoms[0] if len(value.atoms) == 1 else None
    return atom.value if type(atom) is Const and isinstance(atom.value, str) else None


def _is_none(value: Value) -> bool:
    return all(type(atom) is Const and atom.value is None for atom in value.atoms) and bool(value.atoms)


def _described(one: Service) -> str:
    """Return what says whether something is registered as it was, places aside."""
    interface = plain(one.interface) if one.interface is not None else None
    body = plain(one.holder.facts) if one.holder is not None else None  # what names mean there
    return repr((one.path, plain(one.value), one.is_factory, interface, one.name, body))
