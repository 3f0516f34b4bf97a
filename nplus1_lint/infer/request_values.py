"""What belongs to a request: its user, and what the application keeps on Flask's ``g``.

A framework calls the function that loads the user, so no call says what the user is: what such a function returns
does, and what ``g.user`` has been assigned. Where one of several is not known, nothing is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.edits.compare import plain
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.binding import entry_arguments
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.lexical_values import value_in
from nplus1_lint.infer.rendering import gives_rows
from nplus1_lint.infer.values import (
    UNKNOWN,
    ClassRef,
    Const,
    External,
    Function,
    Instance,
    Tuple,
    Value,
    of,
    unknown,
)
from nplus1_lint.link.registered import REGISTERING, USER_LOADERS, Keeping, Registered, find_keeping, find_registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nplus1_lint.infer.cells import Held
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Atom
    from nplus1_lint.link.hierarchy import Function as Definition

_USERS: Final = frozenset({"flask_login", "flask_security", "flask_jwt_extended"})
_FRAMEWORKS: Final = _USERS | {"starlette", "fastapi"}
_BACKEND: Final = ("starlette", "AuthenticationBackend")
_REQUESTS: Final = ("starlette.", "fastapi.")
_CONNECTIONS: Final = ("Request()", "HTTPConnection()", "WebSocket()")


def is_request(name: str) -> bool:
    """True if a dotted name outside the project is that of a request (or connection) of Starlette."""
    return name.endswith(_CONNECTIONS) and name.startswith(_REQUESTS)


class RequestValues:
    """What an engine's project lets a request have.

    Attributes:
        registered: what loads users.
        keeping: which functions keep something on ``g``.
        backends: the ``authenticate`` methods of Starlette's backends, in the order of their ids.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        project = engine.project
        self.registered = find_registered(project.symbols, project.hierarchy)
        self.keeping: Keeping = find_keeping(project.symbols, project.hierarchy)
        self.backends = _backends(engine)
        self._values: dict[str, Held] = {}

    @property
    def names(self) -> frozenset[str]:
        """Whatever mentions one of these may change it."""
        return REGISTERING | self.keeping.names

    @property
    def is_known(self) -> bool:
        """True if a request has anything."""
        return bool(self.registered or self.keeping.keepers or self.backends)

    def settings(self) -> tuple[str, ...]:
        """Return what stands for all of it: who reads one of the values mentions nothing of that."""
        keepers = (f"{name} {one}" for name, ids in self.keeping.keepers.items() for one in ids)
        return (
            *(_described(one) for one in self.registered),
            *keepers,
            *sorted(self.keeping.blurred),
            *(one.id for one in self.backends),
        )

    def attribute(self, holder: str, name: str) -> Value | None:
        """Return what an attribute of something outside the project is, if it belongs to a request.

        Args:
            holder: dotted name of the object: ``flask.g``, ``flask_login``, ``starlette.requests.Request()``.
            name: the attribute.
        """
        if holder in lib.REQUEST_HOLDERS:
            return self._kept(name)
        if name == "current_user":
            return self.current_user(f"{holder}.{name}")
        if name == "user" and self.backends and is_request(holder):
            return self._share("request.user", self._authenticated)
        return None

    def current_user(self, name: str) -> Value | None:
        """Return what ``flask_login.current_user`` and its like stand for; None for other names."""
        root, last = lib.root_and_last(name)
        if last != "current_user" or root not in _USERS or not self.registered:
            return None
        return self._share("current_user", self._loaded)

    def has_values(self, value: Value) -> bool:
        """True for a request that has a user, and for ``g`` where something is kept there."""
        for atom in value.atoms:
            if type(atom) is External:
                if atom.name in lib.REQUEST_HOLDERS:
                    return bool(self.keeping.keepers)
                if self.backends and is_request(atom.name):
                    return True
        return False

    def gives_rows(self, value: Value) -> bool:
        """True if rows can be read through such a value."""
        if not self.has_values(value):
            return False
        held = [self._kept(name) for name in self.keeping.keepers] if self.keeping.keepers else []
        if self.backends:
            held.append(self._share("request.user", self._authenticated))
        return any(one is not None and gives_rows(one) for one in held)

    def ambient(self, name: str) -> Value | None:
        """Return what Flask and Flask-Login give to every template by a name, where something is known of it."""
        if name == "g" and self.keeping.keepers:
            return self._engine.external("flask.g")
        return self.current_user("flask_login.current_user") if name == "current_user" else None

    # -- computed once --------------------------------------------------------------------------------------------

    def _share(self, name: str, compute: Callable[[], Value]) -> Value | None:
        """Return a value by the name of what has it, or None where it is not known."""
        value = self._engine.cells.share(self._values, name, UNKNOWN, compute)
        return value if any(type(atom) is not Const for atom in value.atoms) else None

    def _loaded(self) -> Value:
        """What the functions give that load the user, and the classes of the stores of users."""
        found: list[Value] = []
        for one in self.registered:
            handed = self._handed(one)
            if one.verb in USER_LOADERS:
                found += [self._returned(atom) for atom in handed.atoms] or [UNKNOWN]
            else:
                found += [self._engine.annotations.instance(a.id) for a in handed.only(ClassRef)] or [UNKNOWN]
        return _any_of(found)

    def _handed(self, one: Registered) -> Value:
        if one.function:
            return self._engine.function_value(one.function)
        assert one.value is not None
        return value_in(self._engine, one.path, one.holder, one.value)

    def _returned(self, atom: Atom) -> Value:
        """What a function returns that is called by a framework."""
        if type(atom) is not Function:
            return UNKNOWN
        definition = self._engine.definition(atom.id)
        values = entry_arguments(self._engine, definition, atom.receiver)
        return self._engine.summary(definition, values, atom.captured, 1, None).returns

    def _authenticated(self) -> Value:
        """The user is the second of the pair that a backend returns."""
        found: list[Value] = []
        for definition in self.backends:
            receiver = of(Instance("instance", definition.cls or "", False, ()))
            for atom in self._engine.run_method(definition, receiver, {}).returns.atoms or (None,):
                if type(atom) is Tuple and len(atom.items) == 2:
                    found.append(atom.items[1])
                elif not (type(atom) is Const and atom.value is None):
                    found.append(UNKNOWN)
        return _any_of(found)

    def _kept(self, name: str) -> Value | None:
        """What functions have assigned to an attribute of ``g``."""
        keeping = self.keeping
        if name not in keeping.keepers or not keeping.blurred.isdisjoint((name, "*")):
            return None
        return self._share(f"g.{name}", lambda: self._assigned(keeping.keepers[name], name))

    def _assigned(self, keepers: Iterable[str], name: str) -> Value:
        engine, found = self._engine, list[Value]()
        for one in keepers:
            definition = engine.project.hierarchy.functions[one]
            summary = engine.summary(definition, entry_arguments(engine, definition, None), (), 1, None)
            found += [value for attribute, value in summary.given if attribute == name]
        return _any_of(found)


def _any_of(values: list[Value]) -> Value:
    """Return what is one of several values; where one is not known, nothing is."""
    if not all(value.atoms and all(map(_is_known, value.atoms)) for value in values):
        return unknown("one of several sources is not known")
    return join_all(values)


def _is_known(atom: Atom) -> bool:
    """False for what comes from outside and may be a row all the same; who is nobody comes from the framework."""
    return type(atom) is not External or lib.root_and_last(atom.name)[0] in _FRAMEWORKS


def _backends(engine: Engine) -> tuple[Definition, ...]:
    hierarchy = engine.project.hierarchy
    return tuple(
        cls.methods["authenticate"]
        for class_id, cls in sorted(hierarchy.classes.items())
        if "authenticate" in cls.methods
        and any(lib.root_and_last(base) == _BACKEND for base in hierarchy.external_bases(class_id))
    )


def _described(one: Registered) -> str:
    """Return what says whether something is registered as it was, places aside."""
    value = plain(one.value) if one.value is not None else None
    body = plain(one.holder.facts) if one.holder is not None else None  # what names mean there
    return repr((one.verb, one.path, one.function, value, body))
