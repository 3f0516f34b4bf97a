"""What an application hands to its framework: loaders of the request's user, and what is kept on Flask's ``g``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import children, expressions, statements, targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.link.hierarchy import Function, Hierarchy
    from nplus1_lint.link.symbols import Symbols

# Sources: Flask-Login 0.6 ("Configuring your Application"), Flask-JWT-Extended 4 ("Automatic User Loading"),
# Flask-Security 5 ("Models"), Flask 3 ("The Application Context").
USER_LOADERS: Final = frozenset({"user_loader", "request_loader", "user_lookup_loader"})
USER_STORES: Final = frozenset({"SQLAlchemyUserDatastore", "SQLAlchemySessionUserDatastore", "FSQLALiteUserDatastore"})
REGISTERING: Final = USER_LOADERS | USER_STORES
_HOLDERS: Final = frozenset({"flask", "quart"})  # packages that have a `g`


class Registered(NamedTuple):
    """Something that is handed to a framework.

    Attributes:
        verb: the name of what takes it.
        path: project path of the file.
        holder: the function in which that is done, or None for the top level.
        value: what is handed over, as written; None for the function that is decorated.
        function: id of that function, or an empty string.
    """

    verb: str
    path: str
    holder: Function | None
    value: f.Expr | None
    function: str


def find_registered(symbols: Symbols, hierarchy: Hierarchy) -> tuple[Registered, ...]:
    """Return what the code registers, in the order of the files and of each of them."""
    by_path = hierarchy.functions_by_path
    found: list[Registered] = []
    for path, module in sorted(symbols.modules.items()):
        if module.facts.body.mentions.isdisjoint(REGISTERING):
            continue
        found += _calls(path, None, module.facts.body.body)
        for definition in by_path.get(path, ()):
            for decorator in definition.facts.decorators:
                called = decorator.func if isinstance(decorator, f.Call) else decorator
                if isinstance(called, f.Attr) and called.name in USER_LOADERS:
                    found.append(Registered(called.name, path, None, None, definition.id))
            if not definition.facts.mentions.isdisjoint(REGISTERING):
                found += _calls(path, definition, definition.facts.body)
    return tuple(found)


def _calls(path: str, holder: Function | None, body: tuple[f.Stmt, ...]) -> Iterator[Registered]:
    """Yield what calls in a suite register: ``manager.user_loader(load)``, ``SQLAlchemyUserDatastore(db, User)``."""
    for expr in expressions(body):
        if not isinstance(expr, f.Call):
            continue
        func = expr.func
        name = func.name if isinstance(func, f.Attr) else func.id if isinstance(func, f.Name) else ""
        given = dict(expr.keywords)
        if name in USER_LOADERS and isinstance(func, f.Attr) and len(expr.args) == 1:
            yield Registered(name, path, holder, expr.args[0], "")
        elif name in USER_STORES and (len(expr.args) > 1 or "user_model" in given):
            yield Registered(name, path, holder, given.get("user_model") or expr.args[1], "")


class Keeping(NamedTuple):
    """Which functions keep something on Flask's ``g``.

    Attributes:
        names: the names by which files know it.
        keepers: ids of the functions that assign each of its attributes.
        blurred: attributes that are assigned in a way that is not followed; ``*`` for all.
    """

    names: frozenset[str]
    keepers: dict[str, tuple[str, ...]]
    blurred: frozenset[str]


def find_keeping(symbols: Symbols, hierarchy: Hierarchy) -> Keeping:
    """Return which functions keep something on ``g``; what the top level of a file does is no part of a request."""
    by_path = hierarchy.functions_by_path
    names: set[str] = set()
    keepers: dict[str, dict[str, None]] = {}
    blurred: set[str] = set()
    for path, module in sorted(symbols.modules.items()):
        own = set(_known_as(module.facts))
        names |= own
        for definition in by_path.get(path, ()) if own else ():
            if definition.facts.mentions.isdisjoint(own):
                continue
            for name in _assigned(definition.facts.body, own):
                keepers.setdefault(name, {})[definition.id] = None
            blurred.update(_set_by_name(definition.facts.body, own))
    return Keeping(frozenset(names), {name: tuple(ids) for name, ids in sorted(keepers.items())}, frozenset(blurred))


def _known_as(module: f.ModuleFacts) -> Iterator[str]:
    """The names by which a file, its functions included, imports ``g``, or the package that has it."""
    for statement in module.imports:
        if statement.level:
            continue
        wanted = (
            _HOLDERS
            if statement.module is None
            else {"g"}
            if (statement.module or "").partition(".")[0] in _HOLDERS
            else ()
        )
        yield from (alias.asname or alias.name for alias in statement.names if alias.name in wanted)


def _is_held(expr: f.Expr, names: set[str]) -> bool:
    if isinstance(expr, f.Attr) and expr.name == "g":
        expr = expr.value
    return isinstance(expr, f.Name) and expr.id in names


def _assigned(body: tuple[f.Stmt, ...], names: set[str]) -> Iterator[str]:
    waiting = [target for statement in statements(body) for target in targets(statement)]
    for target in waiting:
        if isinstance(target, (f.Display, f.Starred)):
            waiting += children(target)
        elif isinstance(target, f.Attr) and _is_held(target.value, names):
            yield target.name


def _set_by_name(body: tuple[f.Stmt, ...], names: set[str]) -> Iterator[str]:
    """The attributes that ``setattr(g, name, value)`` and ``g.setdefault(name, value)`` may assign."""
    for expr in expressions(body):
        if not isinstance(expr, f.Call):
            continue
        func, args = expr.func, expr.args
        if isinstance(func, f.Name) and func.id == "setattr" and args and _is_held(args[0], names):
            args = args[1:]
        elif not (isinstance(func, f.Attr) and func.name == "setdefault" and _is_held(func.value, names)):
            continue
        first = args[0] if args else None
        yield first.value if isinstance(first, f.Const) and isinstance(first.value, str) else "*"
