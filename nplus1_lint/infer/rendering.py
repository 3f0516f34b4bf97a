"""Which calls render a template, with which names: Flask, Starlette and FastAPI, Jinja itself, Pyramid's views.

The template is run as a function of its context. What it does stands at the rendering call, like what any callee does.
Where the template or a part of it cannot be told, rows that it is given escape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted
from nplus1_lint.infer import library as lib
from nplus1_lint.infer import records
from nplus1_lint.infer.effects import RETURNED, TO_TEMPLATES
from nplus1_lint.infer.frame import Arguments
from nplus1_lint.infer.holding import rows_in
from nplus1_lint.infer.values import (
    SCALAR,
    Const,
    External,
    Function,
    Instance,
    Many,
    Mapping,
    Statement,
    Tuple,
    Value,
    of,
)

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame, Place, Val
    from nplus1_lint.infer.records import Items
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function as Definition

ROOTS: Final = frozenset({"flask", "quart", "apiflask", "flask_themes2", "starlette", "fastapi", "jinja2", "pyramid"})
NAMED: Final = {"render_template": 0, "stream_template": 0, "render_theme_template": 1}
"""Functions of (…, name of the template, **context), with the position of the name."""

_WITH_DICT: Final = frozenset({"render", "render_to_response"})
"""Pyramid's functions of (name of the template, context)."""

HELD: Final = "jinja2.get_template:"
"""How the result of ``get_template(…)`` begins: its path follows, and ``.module`` for its macros."""

GETS: Final = frozenset({"get_template", "get_or_select_template"})
MAKES: Final = frozenset({"make_module", "make_module_async"})
"""Methods of a template that give the same as its attribute ``module``, for a context."""

RENDERS: Final = frozenset({"render", "render_async", "generate", "generate_async", "stream"})
_VIEWS: Final = frozenset(
    {"view_config", "view_defaults", "notfound_view_config", "forbidden_view_config", "exception_view_config"}
)
_DEPTH: Final = 4


# -- calls of libraries ----------------------------------------------------------------------------------------------


def by_name(frame: Frame, callee: Val, name: str) -> Val:
    """Take a method of something unknown for Jinja's; that a template has the name that it is given is evidence."""
    if (name in GETS or name == "TemplateResponse") and frame.engine.templates.active:
        return of(External("external", f"jinja2.environment().{name}")), callee[1]
    return callee


def external_call(frame: Frame, name: str, mask: int, arguments: Arguments, place: Place) -> Val | None:
    """Run the template that a call from outside the project renders.

    Args:
        frame: the running function.
        name: dotted name of the callee.
        mask: what the callee depends on.
        arguments: the call's arguments.
        place: the call.

    Returns:
        The call's result; None where it renders nothing, or not all that it is given could be followed.
    """
    if not frame.engine.templates.active:
        return None
    root, last = lib.root_and_last(name)
    if root not in ROOTS:
        return None
    result = of(External("external", f"{name}()")), mask | arguments.mask
    if name.startswith(HELD):
        return _of_template(frame, name, last, arguments, place, result)
    if last in GETS:
        return _held(paths_of(frame, arguments.get(0, "name"), place), "", mask)
    if last == "get_template_attribute":
        macro = arguments.get(1, "attribute")
        texts = _texts(macro[0]) if macro is not None else []
        paths = paths_of(frame, arguments.get(0, "template_name"), place)
        return _held(paths, f".module.{texts[0]}", mask) if len(texts) == 1 else None
    request = _request(frame, root, last, arguments)
    if request is None:
        return None
    return result if render(frame, paths_of(frame, request[0], place), request[1], arguments, place) else None


def _held(paths: list[str], what: str, mask: int) -> Val | None:
    """Templates, or what they have, as values."""
    return (of(*(External("external", f"{HELD}{path}{what}") for path in paths)), mask) if paths else None


def _of_template(frame: Frame, name: str, last: str, arguments: Arguments, place: Place, result: Val) -> Val | None:
    """Call a method of a template that is known, or one of its macros."""
    path = name.removeprefix(HELD).removesuffix(f".{last}")
    if path.endswith(".module"):
        followed = frame.engine.templates.run_macro(frame, path.removesuffix(".module"), last, arguments, place)
        return (SCALAR, result[1]) if followed else None
    if last in MAKES:
        return _held([path], ".module", result[1])
    if last not in RENDERS:
        return None
    context = {**_positional_items(frame, arguments), **records.keywords(frame, arguments)}
    return result if render(frame, [path], context, arguments, place) else None


def _request(frame: Frame, root: str, last: str, arguments: Arguments) -> tuple[Val | None, Items] | None:
    """The name of the template and the context that a rendering function is given; None for other functions."""
    if last in NAMED:
        return arguments.get(NAMED[last], "template_name_or_list"), records.keywords(frame, arguments)
    if last == "TemplateResponse":
        position = 0 if arguments.positional and _texts(arguments.positional[0][0]) else 1
        context = context_of(frame, arguments, position + 1, "context")
        request = arguments.keywords.get("request") or (
            arguments.positional[0] if position and arguments.positional else None
        )
        return arguments.get(position, "name"), {"request": request, **context} if request is not None else context
    if last in _WITH_DICT and root == "pyramid":
        return arguments.get(0, "renderer_name"), context_of(frame, arguments, 1, "value")
    return None


def context_of(frame: Frame, arguments: Arguments, position: int, name: str) -> Items:
    """Return the known items of the dictionary that is one of a call's arguments."""
    expr = _written(arguments, position, name)
    return (records.items_of(frame, expr) or {}) if expr is not None else {}


def _written(arguments: Arguments, position: int, name: str) -> f.Expr | None:
    if position < len(arguments.exprs):
        return arguments.exprs[position]
    return next((expr for key, expr in arguments.keyword_exprs if key == name), None)


def _positional_items(frame: Frame, arguments: Arguments) -> Items:
    found: Items = {}
    for expr in arguments.exprs:
        found.update(records.items_of(frame, expr) or {})
    return found


def _texts(value: Value) -> list[str]:
    """The strings that a value is one of; none where it may be something else."""
    texts = [atom.value for atom in value.atoms if type(atom) is Const and isinstance(atom.value, str)]
    return texts if len(texts) == len(value.atoms) else []


def paths_of(frame: Frame, name: Val | None, place: Place) -> list[str]:
    """Return the project paths of the templates that a name may mean; one that is not found is a known unknown."""
    texts = _texts(name[0]) if name is not None else []
    found = []
    for text in texts:
        path = frame.engine.templates.find(text, frame.path)
        if path is not None:
            found.append(path)
        elif frame.notes is not None:
            frame.notes.doubt("callee", place, f"no template {text} is found, or several are equally near")
    return found


def render(frame: Frame, paths: list[str], context: Items, arguments: Arguments, place: Place) -> bool:
    """Run templates on a context.

    Args:
        frame: the function that renders.
        paths: project paths of the templates that it may be.
        context: the known names.
        arguments: all that the templates are given.
        place: the rendering call.

    Returns:
        True if every row among *arguments* was followed.
    """
    templates = frame.engine.templates
    reading = [path for path in paths if templates.is_given_rows(path, context.values())]
    if not reading:
        return False
    for path in reading:
        templates.run(frame, path, context, place)
    if not all(templates.is_complete(path) for path in paths):
        return False
    known = {atom for value, _ in context.values() for atom in rows_in(value)}
    given = (*arguments.positional, *arguments.keywords.values(), *arguments.starred)
    return all(atom in known for value, _ in given for atom in rows_in(value))


def gives_rows(value: Value, depth: int = _DEPTH) -> bool:
    """True if a template can read rows through a value."""
    if depth == 0:
        return False
    for atom in value.atoms:
        kind = type(atom)
        inner = atom.item if kind is Many else atom.value if kind is Mapping else None
        if kind is Statement or rows_in(of(atom), 1) or (inner is not None and gives_rows(inner, depth - 1)):
            return True
        held = atom.items if kind is Tuple else [v for _, v in atom.captured] if kind is Function else ()
        fields = [v for _, v in atom.fields] if kind is Instance else ()
        if any(gives_rows(item, depth - 1) for item in (*held, *fields)):
            return True
    return False


# -- views of Pyramid --------------------------------------------------------------------------------------------------


def returned(frame: Frame, val: Val, expr: f.Expr) -> bool:
    """Run the template of a view on the dictionary that it returns; True if all its rows were followed there."""
    if not frame.engine.templates.active:
        return False
    given = records.items_of(frame, expr)
    for name, (value, _) in (given or {}).items():
        if frame.engine.templates.gives_rows(value):
            frame.given[f"{RETURNED}{name}", value] = None
        if frame.function.id in frame.engine.names.processors:
            frame.given[f"{TO_TEMPLATES}{name}", value] = None
    renderers = _renderers(frame.engine, frame.function)
    rows_in_it = Arguments((val,), {})
    followed = [render(frame, [path], given or {}, rows_in_it, place) for path, place in renderers]
    return bool(followed) and all(followed)


def _renderers(engine: Engine, definition: Definition) -> tuple[tuple[str, Place], ...]:
    """The templates of ``@view_config(renderer=…)``, each with the place of that call."""
    known = engine.templates.views
    if definition.id not in known:
        cls = engine.project.hierarchy.classes.get(definition.cls) if definition.cls is not None else None
        default = next((_renderer(d) for d in cls.facts.decorators if _renderer(d)), None) if cls is not None else None
        found: dict[str, Place] = {}
        for decorator in definition.facts.decorators:
            name = _renderer(decorator, default)
            path = engine.templates.find(name, definition.path) if name else None
            if path is not None and isinstance(decorator, f.Call):
                found.setdefault(path, decorator.pos)  # one view may answer several routes with one template
        known[definition.id] = tuple(found.items())
    return known[definition.id]


def _renderer(decorator: f.Expr, default: str | None = None) -> str | None:
    if not isinstance(decorator, f.Call) or (dotted(decorator.func) or "").rpartition(".")[2] not in _VIEWS:
        return None
    written = dict(decorator.keywords).get("renderer")
    return written.value if isinstance(written, f.Const) and isinstance(written.value, str) else default
