"""Services that a Pyramid application registers, for views to find them by interface or by name.

Source: pyramid_services, ``register_service``, ``register_service_factory``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.link.hierarchy import Function, Hierarchy
    from nplus1_lint.link.symbols import Symbols

FACTORY: Final = "register_service_factory"
REGISTERING: Final = frozenset({FACTORY, "register_service"})


class Service(NamedTuple):
    """A call that registers a service.

    Attributes:
        path: project path of the file.
        holder: the function in which that is done, or None for the top level.
        value: the service or its factory, as written.
        is_factory: *value* makes it, for a context and a request.
        interface: the interface as written, or None.
        name: the name, or an empty string.
    """

    path: str
    holder: Function | None
    value: f.Expr
    is_factory: bool
    interface: f.Expr | None
    name: str


def find_services(symbols: Symbols, hierarchy: Hierarchy) -> tuple[Service, ...]:
    """Return the services that the code registers, in the order of the files and of each of them."""
    found: list[Service] = []
    for path, module in sorted(symbols.modules.items()):
        if module.facts.body.mentions.isdisjoint(REGISTERING):
            continue
        found += _registered(path, None, module.facts.body.body)
        for definition in hierarchy.functions_by_path.get(path, ()):
            if not definition.facts.mentions.isdisjoint(REGISTERING):
                found += _registered(path, definition, definition.facts.body)
    return tuple(found)


def _registered(path: str, holder: Function | None, body: tuple[f.Stmt, ...]) -> Iterator[Service]:
    for expr in expressions(body):
        if not isinstance(expr, f.Call) or not isinstance(expr.func, f.Attr) or expr.func.name not in REGISTERING:
            continue
        given = dict(expr.keywords)
        is_factory = expr.func.name == FACTORY
        value = _argument(expr, given, 0, "service_factory" if is_factory else "service")
        name = _argument(expr, given, 3, "name")
        if value is None or (name is not None and not (isinstance(name, f.Const) and isinstance(name.value, str))):
            continue
        written = str(name.value) if isinstance(name, f.Const) else ""
        yield Service(path, holder, value, is_factory, _argument(expr, given, 1, "iface"), written)


def _argument(call: f.Call, given: dict[str | None, f.Expr], position: int, name: str) -> f.Expr | None:
    return call.args[position] if position < len(call.args) else given.get(name)
