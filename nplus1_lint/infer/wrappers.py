"""Functions of the project that render: they hand a template's name and its context on, so their call renders it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions, last_name, names, statements, targets
from nplus1_lint.infer import library as lib
from nplus1_lint.infer import records
from nplus1_lint.infer.joins import concatenated
from nplus1_lint.infer.rendering import GETS, HELD, MAKES, NAMED, RENDERS, ROOTS, context_of, paths_of, render
from nplus1_lint.infer.values import UNKNOWN, External, of
from nplus1_lint.link.symbols import FunctionSymbol

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
    from nplus1_lint.infer.values import Function, Value
    from nplus1_lint.link.hierarchy import Function as Definition
    from nplus1_lint.link.hierarchy import Hierarchy

_ROUNDS = 3  # a wrapper of a wrapper of a wrapper


class Wrapper(NamedTuple):
    """A function that hands a template's name and its context on.

    Attributes:
        name: the parameter that names the template; for ``*args``, the first of them does.
        context: the parameter that is the context; ``**context`` gathers what is passed by name.
        prefix: what is put before the name, as the function writes it, or None.
    """

    name: str
    context: str
    prefix: f.Expr | None = None


def find_wrappers(hierarchy: Hierarchy) -> dict[str, Wrapper]:
    """Return the functions of the project that render what they are told to, by id."""
    found: dict[str, Wrapper] = {}
    mentioned = {*NAMED, "TemplateResponse", "get_template"}
    for cls in hierarchy.classes.values():
        mentioned |= {name for name, value in cls.attributes.items() if last_name(_unwrapped(value)) in NAMED}
    for _ in range(_ROUNDS):
        new = {}
        for definition in hierarchy.functions.values():
            if definition.id not in found and not definition.facts.mentions.isdisjoint(mentioned):
                wrapper = _wrapper(hierarchy, found, definition)
                if wrapper is not None:
                    new[definition.id] = wrapper
        found.update(new)
        mentioned = {hierarchy.functions[one].facts.name for one in new}
    return found


class Maker(NamedTuple):
    """A function that returns a template of which it is given the name, or what it has.

    Attributes:
        name: the parameter that names the template.
        what: what follows the template's path in the value, as in `rendering.HELD`.
    """

    name: str
    what: str


def find_makers(hierarchy: Hierarchy) -> dict[str, Maker]:
    """Return the functions of the project that return templates or their macros, by id."""
    found = {}
    for definition in hierarchy.functions.values():
        if not definition.facts.mentions.isdisjoint(GETS):
            for statement in statements(definition.facts.body):
                made = _made(definition.facts, statement.value, "") if isinstance(statement, f.Return) else None
                if made is not None:
                    found[definition.id] = made
    return found


def _made(facts: f.FunctionFacts, expr: f.Expr | None, what: str) -> Maker | None:
    """``env.get_template(name)``, also under a name, and ``….module`` or ``….make_module(context)`` of it."""
    if isinstance(expr, f.Name):
        name = expr.id
        bindings = [one for one in statements(facts.body) if any(last_name(t) == name for t in targets(one))]
        bound = bindings[0] if len(bindings) == 1 else None
        return (
            _made(facts, bound.value, what)
            if isinstance(bound, f.Assign) and not isinstance(bound.value, f.Name)
            else None
        )
    if isinstance(expr, f.Attr) and expr.name == "module" and not what:
        return _made(facts, expr.value, ".module")
    if not isinstance(expr, f.Call) or not isinstance(expr.func, f.Attr):
        return None
    if expr.func.name in MAKES and not what:
        return _made(facts, expr.func.value, ".module")
    name = last_name(expr.args[0]) if expr.args and isinstance(expr.args[0], f.Name) else ""
    params = {param.name for param in facts.params if param.kind != "args"}
    return Maker(name, what) if expr.func.name in GETS and name in params else None


def made(frame: Frame, definition: Definition, function: Function, arguments: Arguments, place: Place) -> Value | None:
    """Return what a function gives that makes templates, where the template's name is known."""
    maker = frame.engine.templates.makers.get(definition.id)
    if maker is None:
        return None
    frame.engine.templates.consult()
    position = [param.name for param in definition.facts.params].index(maker.name)
    bound = len(function.bound) + (function.receiver is not None)
    paths = paths_of(frame, arguments.get(position - bound, maker.name), place)
    return of(*(External("external", f"{HELD}{path}{maker.what}") for path in paths)) if paths else None


def wrapped(frame: Frame, definition: Definition, function: Function, arguments: Arguments, place: Place) -> Arguments:
    """Run the template that a wrapper renders at its call, where name and context are known.

    Returns:
        The arguments for the wrapper's own run, without a context that has been followed.
    """
    wrapper = frame.engine.templates.wrappers.get(definition.id)
    if wrapper is None:
        return arguments
    params = definition.facts.params
    position = {param.name: number for number, param in enumerate(params)}
    bound = len(function.bound) + (function.receiver is not None)
    name = arguments.get(position[wrapper.name] - bound, wrapper.name)
    named = {param.name for param in params if param.kind in ("positional", "keyword")}
    if params[position[wrapper.context]].kind == "kwargs":
        items = {key: val for key, val in records.keywords(frame, arguments).items() if key not in named}
        rest = {key: val for key, val in arguments.keywords.items() if key in named}
        without = arguments._replace(keywords=rest, starred=())
    else:
        at = position[wrapper.context] - bound
        items = context_of(frame, arguments, at, wrapper.context)
        rest = {key: val for key, val in arguments.keywords.items() if key != wrapper.context}
        left = tuple((UNKNOWN, 0) if number == at else val for number, val in enumerate(arguments.positional))
        without = arguments._replace(keywords=rest, positional=left)
    if wrapper.prefix is not None:
        name = _prefixed(frame, definition, function, wrapper.prefix, name)
    return without if render(frame, paths_of(frame, name, place), items, arguments, place) else arguments


def _prefixed(frame: Frame, definition: Definition, function: Function, prefix: f.Expr, name: Val | None) -> Val | None:
    """The name of a template behind what a wrapper puts before it: a constant, or an attribute of its class."""
    if name is None:
        return None
    params = definition.facts.params
    own = params[0].name if definition.cls is not None and params else ""
    if isinstance(prefix, f.Attr) and isinstance(prefix.value, f.Name) and prefix.value.id == own:
        receiver = function.receiver or UNKNOWN
        before = frame.engine.member(definition.path, receiver, prefix)
    elif any(param.name in names(prefix) for param in params):
        return None
    else:
        before = frame.engine.constant(definition.path, prefix)
    return concatenated(before, name[0]), name[1]


def _wrapper(hierarchy: Hierarchy, known: dict[str, Wrapper], definition: Definition) -> Wrapper | None:
    """Read off a function's calls which of its parameters name the template and are the context."""
    params = {param.name: param.kind for param in definition.facts.params}
    calls = [expr for expr in expressions(definition.facts.body) if isinstance(expr, f.Call)]
    named = [(call, _Call(hierarchy, known, definition, call)) for call in calls]
    prefix, name = None, None
    for call, one in named:
        before, written = _parted(one.name(call))
        name = _parameter(written, params)
        if name is not None:
            prefix = before
            break
    if name is None:
        return None
    for call, one in named:
        if one.renders or one.last in RENDERS:
            given = [*one.context(call), *(inner for expr in one.context(call) for inner in _copied(definition, expr))]
            context = next((c for expr in given if (c := _parameter(expr, params)) not in (None, name)), None)
            if context is not None:
                return Wrapper(name, context, prefix)
    return None


def _copied(definition: Definition, expr: f.Expr) -> list[f.Expr]:
    """What a dictionary is made of, also under a name bound once: ``dict(context, more=1)``, ``{**context}``."""
    if isinstance(expr, f.Name):
        inside = statements(definition.facts.body)
        bindings = [one for one in inside if any(last_name(target) == expr.id for target in targets(one))]
        bound = bindings[0] if len(bindings) == 1 else None
        made = bound.value if isinstance(bound, f.Assign) else None
        return _copied(definition, made) if made is not None and not isinstance(made, f.Name) else []
    if isinstance(expr, f.Dict):
        return [value for key, value in expr.items if key is None]
    if isinstance(expr, f.Call) and last_name(expr.func) == "dict":
        return [*expr.args[:1], *(value for key, value in expr.keywords if key is None)]
    return []


def _parted(expr: f.Expr | None) -> tuple[f.Expr | None, f.Expr | None]:
    """What is put before a name, and the name: ``prefix + name``."""
    return (expr.left, expr.right) if isinstance(expr, f.Binary) and expr.op == "Add" else (None, expr)


class _Call:
    """What a call inside a function may hand on."""

    def __init__(self, hierarchy: Hierarchy, known: dict[str, Wrapper], definition: Definition, call: f.Call) -> None:
        func = call.func
        external = hierarchy.external_name(definition.path, func) or _held_by_class(hierarchy, definition, func)
        self.last = func.name if isinstance(func, f.Attr) and external is None else ""
        if external is not None and external.partition(".")[0] in ROOTS:
            self.last = lib.root_and_last(external)[1]
        self.inner: Wrapper | None = None
        self._params: list[str] = []
        target = self._target(hierarchy, definition, func)
        if target is not None and target.id in known and known[target.id].prefix is None:
            self.inner, self.last = known[target.id], ""
            bound = int(target.cls is not None)
            self._params = [param.name for param in target.facts.params][bound:]

    @staticmethod
    def _target(hierarchy: Hierarchy, definition: Definition, func: f.Expr) -> Definition | None:
        """The function of the project that is called, or the method of the same object."""
        symbol = hierarchy.resolve_expr(definition.path, func)
        if isinstance(symbol, FunctionSymbol):
            return hierarchy.functions.get(symbol.id)
        params = definition.facts.params
        if definition.cls is not None and params and isinstance(func, f.Attr) and isinstance(func.value, f.Name):
            return hierarchy.find_method(definition.cls, func.name) if func.value.id == params[0].name else None
        return None

    @property
    def renders(self) -> bool:
        """True if it is given both a name and a context."""
        return self.inner is not None or self.last in NAMED or self.last == "TemplateResponse"

    def name(self, call: f.Call) -> f.Expr | None:
        """The argument that names the template, or None."""
        if self.inner is not None:
            return self._argument(call, self.inner.name)
        if self.last not in NAMED and self.last not in ("TemplateResponse", "get_template"):
            return None
        given = next((value for key, value in call.keywords if key == "name"), None)
        if given is not None:
            return given
        position = NAMED.get(self.last, 0)
        if self.last == "TemplateResponse":  # (name, context) or (request, name, context)
            position = len(call.args) - (1 if "context" in dict(call.keywords) else 2)
        return call.args[position] if 0 <= position < len(call.args) else None

    def context(self, call: f.Call) -> list[f.Expr]:
        """The arguments that may be the context: ``**context``, ``context``, ``{…, **context}``."""
        found: list[f.Expr | None]
        if self.inner is not None:
            found = [self._argument(call, self.inner.context), *(value for key, value in call.keywords if key is None)]
        else:
            found = [*(value for key, value in call.keywords if key in (None, "context")), *call.args[-1:]]
        spread = [one for value in found if isinstance(value, f.Dict) for key, one in value.items if key is None]
        return [value for value in (*found, *spread) if value is not None]

    def _argument(self, call: f.Call, name: str) -> f.Expr | None:
        given = next((value for key, value in call.keywords if key == name), None)
        position = self._params.index(name) if name in self._params else len(call.args)
        return given if given is not None else call.args[position] if position < len(call.args) else None


def _held_by_class(hierarchy: Hierarchy, definition: Definition, func: f.Expr) -> str | None:
    """The name of a function outside the project that a class holds: ``render = staticmethod(render_template)``."""
    params = definition.facts.params
    if definition.cls is None or not params or not isinstance(func, f.Attr) or not isinstance(func.value, f.Name):
        return None
    found = hierarchy.find_attribute(definition.cls, func.name) if func.value.id == params[0].name else None
    if found is None:
        return None
    return hierarchy.external_name(found[0].path, _unwrapped(found[1]))


def _unwrapped(value: f.Expr) -> f.Expr:
    """What ``staticmethod(…)`` is given, or the value itself."""
    wraps = isinstance(value, f.Call) and last_name(value.func) == "staticmethod" and value.args
    return value.args[0] if isinstance(value, f.Call) and wraps else value


def _parameter(expr: f.Expr | None, params: dict[str, str]) -> str | None:
    """The parameter that an argument is: `name`, ``*args`` or ``args[0]``."""
    if isinstance(expr, f.Starred):
        expr = expr.value
    elif isinstance(expr, f.Subscript) and isinstance(expr.value, f.Name) and expr.index == f.Const(0):
        expr = expr.value if params.get(expr.value.id) == "args" else None
    return expr.id if isinstance(expr, f.Name) and expr.id in params else None
