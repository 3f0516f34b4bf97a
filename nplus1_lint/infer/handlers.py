"""Route handlers: which functions answer requests, and what their response models say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted, last_name
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.marshmallow import is_schema
from nplus1_lint.infer.values import ClassRef, Instance, Value, of
from nplus1_lint.link.symbols import FunctionSymbol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function as Definition


def is_handler(engine: Engine, definition: Definition) -> bool:
    """True if a function answers a route."""
    for decorator in definition.facts.decorators:
        target = decorator.func if isinstance(decorator, f.Call) else decorator
        if isinstance(target, f.Attr) and isinstance(decorator, f.Call) and target.name in lib.ROUTE_DECORATORS:
            if _routes(engine, definition, decorator, target):
                return True
        name = dotted(target) or ""
        if name.rpartition(".")[2] in lib.ROUTE_FUNCTIONS:
            return True
    if definition.cls is not None and definition.facts.name in ("get", "post", "put", "patch", "delete"):
        externals = engine.project.hierarchy.external_bases(definition.cls)
        return any(base.endswith((*lib.HANDLER_BASES, "Resource", "MethodView")) for base in externals)
    return False


def _routes(engine: Engine, definition: Definition, decorator: f.Call, target: f.Attr) -> bool:
    external = engine.project.hierarchy.external_name(definition.path, target.value) or ""
    if lib.root_and_last(external)[1] in lib.ROUTER_TYPES:
        return True
    path = decorator.args[0] if decorator.args else None
    written = (
        isinstance(path, f.Const) and isinstance(path.value, str) and (path.value == "" or path.value.startswith("/"))
    )
    return written and not lib.is_sql(external)


# Libraries that dump what a view returns by a schema of marshmallow: flask-apispec ("Decorators"), flask-smorest
# ("Response"), APIFlask ("Response Formatting"), APIFairy ("The response Decorator"), flask-accepts, Flask-Rebar.
_DUMPING: Final = frozenset({"marshal_with", "response", "output", "responds", "handles"})


def response_schemas(engine: Engine, definition: Definition) -> Value:
    """Return the schemas of marshmallow by which a view's decorators, or its class', dump what it returns."""
    holder = engine.project.hierarchy.classes.get(definition.cls) if definition.cls is not None else None
    found = [*_decorated_with(engine, definition.path, definition.facts.decorators)]
    if not found and holder is not None and not definition.facts.name.startswith("_"):
        found = [*_decorated_with(engine, holder.path, holder.facts.decorators)]
    return join_all(found)


def _decorated_with(engine: Engine, path: str, decorators: Iterable[f.Expr]) -> Iterator[Value]:
    for decorator in decorators:
        if not isinstance(decorator, f.Call) or last_name(decorator.func) not in _DUMPING:
            continue
        if isinstance(engine.project.hierarchy.resolve_expr(path, decorator.func), FunctionSymbol):
            continue  # what a decorator of the project does is followed
        for expr in (*decorator.args, *(value for _, value in decorator.keywords)):
            value = engine.constant(path, expr)
            named = of(*value.only(Instance), *value.only(ClassRef))
            schema = next((a.cls if type(a) is Instance else a.id for a in named.atoms), "")
            if schema and is_schema(engine, schema):
                yield named


def response_annotation(engine: Engine, definition: Definition) -> Value | None:
    """Return what a handler's response model or return annotation says, or None."""
    for decorator in definition.facts.decorators:
        if isinstance(decorator, f.Call):
            for key, value in decorator.keywords:
                if key == "response_model" and not (isinstance(value, f.Const) and value.value is None):
                    return engine.annotations.value(definition.path, value)
    if definition.facts.returns is not None:
        return engine.annotations.value(definition.path, definition.facts.returns)
    return None
