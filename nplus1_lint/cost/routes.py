"""The routes that a handler answers: method and path, with the prefixes of its routers and of those around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted, expressions
from nplus1_lint.link.symbols import GlobalSymbol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.link import Project
    from nplus1_lint.link.hierarchy import Function as Definition

_VERBS: Final = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace"})
_PREFIXES: Final = ("prefix", "url_prefix", "path")
_INCLUDES: Final = {"include_router": "prefix", "register_blueprint": "url_prefix", "mount": "path"}
_UNKNOWN: Final = "…"
_DEEPEST: Final = 6

Router = tuple[str, str]
"""A router: the file and the name to which it is assigned at the top level."""


class Routes:
    """Every router of a project and where it is included."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._included: dict[Router, list[tuple[Router | None, str]]] = {}
        for path, expr in self._calls():
            self._include(path, expr)

    def of(self, handler: Definition) -> tuple[str, ...]:
        """Return the routes of a handler as ``GET /artifacts/{id}``, by path, in the order of its decorators."""
        found: dict[str, None] = {}
        for decorator in reversed(handler.facts.decorators):
            if isinstance(decorator, f.Call):
                found.update(dict.fromkeys(self._decorated(handler, decorator)))
        if not found and handler.cls is not None:
            name = handler.cls.rpartition(":")[2]
            found[f"{handler.facts.name.upper()} {name}"] = None
        return tuple(found)

    def _decorated(self, handler: Definition, decorator: f.Call) -> Iterator[str]:
        if not isinstance(decorator.func, f.Attr):
            name = dotted(decorator.func) or ""
            if name.rpartition(".")[2] == "view_config":
                yield self._view(handler, decorator)
            return
        router, name = decorator.func.value, decorator.func.name
        if (dotted(decorator.func) or "").endswith("view_config"):
            yield self._view(handler, decorator)
            return
        written = decorator.args[0] if decorator.args else _keyword(decorator, "path", "rule")
        own = self._text(handler.path, written)
        if name not in _VERBS | {"route", "api_route", "websocket", "websocket_route"}:
            return
        for prefix in self._prefixes(self._router(handler.path, router)):
            for method in self._methods(decorator, name):
                yield f"{method} {prefix}{own}" if prefix or own else f"{method} /"

    def _view(self, handler: Definition, decorator: f.Call) -> str:
        """Pyramid gives its routes names, and paths elsewhere."""
        method = _keyword(decorator, "request_method")
        verb = method.value if isinstance(method, f.Const) and isinstance(method.value, str) else "GET"
        named = self._text(handler.path, _keyword(decorator, "route_name", "context"))
        return f"{verb} {named or handler.facts.name}"

    def _methods(self, decorator: f.Call, name: str) -> tuple[str, ...]:
        if name in _VERBS:
            return (name.upper(),)
        if name.startswith("websocket"):
            return ("WEBSOCKET",)
        listed = _keyword(decorator, "methods")
        if isinstance(listed, f.Display):
            found = tuple(item.value for item in listed.items if isinstance(item, f.Const))
            if found:
                return tuple(str(method).upper() for method in found)
        return ("GET",)

    # -- prefixes -----------------------------------------------------------------------------------------------

    def _prefixes(self, router: Router | None, depth: int = _DEEPEST) -> tuple[str, ...]:
        """Every prefix under which a router answers; one that is included nowhere has its own alone."""
        if router is None or depth == 0:
            return ("",)
        made = self._made(router)
        own = self._text(router[0], _keyword(made, *_PREFIXES[:2])) if made is not None else ""
        found: dict[str, None] = {}
        for outer, prefix in self._included.get(router, ()):
            replaces = made is not None and _last(made.func) == "Blueprint" and prefix
            for above in self._prefixes(outer, depth - 1):
                found[f"{above}{prefix}{'' if replaces else own}"] = None
        return tuple(found) or (own,)

    def _made(self, router: Router) -> f.Call | None:
        values = self._project.symbols.modules[router[0]].assigns.get(router[1], [])
        return next((value for value in values if isinstance(value, f.Call)), None)

    def _router(self, path: str, expr: f.Expr) -> Router | None:
        if not isinstance(expr, (f.Name, f.Attr)):
            return None
        symbol = self._project.hierarchy.resolve_expr(path, expr)
        return (symbol.path, symbol.name) if isinstance(symbol, GlobalSymbol) else None

    def _calls(self) -> Iterator[tuple[str, f.Call]]:
        """Every call that includes a router in another one."""
        wanted = frozenset(_INCLUDES)
        for path in sorted(self._project.symbols.modules):
            module = self._project.symbols.modules[path].facts
            if not module.body.mentions.isdisjoint(wanted):
                yield from ((path, call) for call in _including(expressions(module.body.body)))
        for function in self._project.hierarchy.functions.values():
            if not function.facts.mentions.isdisjoint(wanted):
                yield from ((function.path, call) for call in _including(expressions(function.facts.body)))

    def _include(self, path: str, call: f.Call) -> None:
        if not isinstance(call.func, f.Attr) or not call.args:
            return
        mounts = call.func.name == "mount"
        inner = self._router(path, call.args[1 if mounts and len(call.args) > 1 else 0])
        if inner is None:
            return
        written = call.args[0] if mounts else _keyword(call, _INCLUDES[call.func.name])
        outer = self._router(path, call.func.value)
        places = self._included.setdefault(inner, [])
        if outer != inner and (outer, self._text(path, written)) not in places:
            places.append((outer, self._text(path, written)))

    def _text(self, path: str, expr: f.Expr | None) -> str:
        """Return a literal or a constant's text; what is computed is an ellipsis."""
        if expr is None:
            return ""
        if isinstance(expr, f.Const):
            return expr.value if isinstance(expr.value, str) else ""
        if isinstance(expr, f.Binary) and expr.op == "Add":
            return f"{self._text(path, expr.left)}{self._text(path, expr.right)}"
        router = self._router(path, expr)
        values = self._project.symbols.modules[router[0]].assigns.get(router[1], []) if router is not None else []
        literal = values[-1] if values else None
        return literal.value if isinstance(literal, f.Const) and isinstance(literal.value, str) else _UNKNOWN


def _including(found: Iterable[f.Expr]) -> Iterator[f.Call]:
    for expr in found:
        if isinstance(expr, f.Call) and isinstance(expr.func, f.Attr) and expr.func.name in _INCLUDES:
            yield expr


def _keyword(call: f.Call | None, *names: str) -> f.Expr | None:
    given = dict(call.keywords) if call is not None else {}
    return next((given[name] for name in names if name in given), None)


def _last(expr: f.Expr) -> str:
    return (dotted(expr) or "").rpartition(".")[2]
