"""Route handlers: which functions answer requests, and what their response models say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted
from nplus1_lint.infer import library as lib

if TYPE_CHECKING:
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Value
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
