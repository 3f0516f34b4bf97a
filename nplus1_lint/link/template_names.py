"""What an application gives to all of its Jinja templates: filters, tests, globals and context processors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions, last_name, statements
from nplus1_lint.link.symbols import FunctionSymbol, GlobalSymbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nplus1_lint.link.hierarchy import Function, Hierarchy
    from nplus1_lint.link.symbols import Symbols

# Sources: Flask 3 ("Templates", API of Flask and Blueprint), Jinja 3.1 ("API", "Custom Filters").
_DECORATORS: Final = {
    f"{prefix}{name}": kind
    for prefix in ("", "app_")
    for name, kind in (
        ("template_filter", "filter"), ("template_test", "test"), ("template_global", "global"),
        ("context_processor", "context"),
    )
}  # fmt: skip
_ADDERS: Final = {f"add_{name}": kind for name, kind in _DECORATORS.items() if kind != "context"}
_TABLES: Final = {"filters": "filter", "tests": "test", "globals": "global"}
GIVING: Final = frozenset({*_DECORATORS, *_ADDERS, *_TABLES})


class Given(NamedTuple):
    """Something that all templates are given.

    Attributes:
        kind: ``filter``, ``test``, ``global`` or ``context``, a function of which the result is merged into contexts.
        name: how templates call it; empty for a context processor.
        path: project path of the file in which it is given.
        holder: the function in which that stands, or None for the top level.
        value: it as written; None for a function that is decorated.
        function: id of that function, or an empty string.
    """

    kind: str
    name: str
    path: str
    holder: Function | None
    value: f.Expr | None
    function: str


class _Suite(NamedTuple):
    """The statements of a function or of a top level."""

    path: str
    holder: Function | None
    body: tuple[f.Stmt, ...]


class _Registrar(NamedTuple):
    """A decorator of the project that registers the function that it is given.

    Attributes:
        key: the parameter that names it, with its position; None where none does.
        name: the literal name; empty for the function's own.
    """

    kind: str
    key: tuple[str, int] | None
    name: str


def find_given(symbols: Symbols, hierarchy: Hierarchy) -> tuple[Given, ...]:
    """Return what templates are given, in the order of the files and of each of them."""
    by_path = hierarchy.functions_by_path
    reader = _Reader(symbols, hierarchy)
    found: list[Given] = []
    registrars: dict[str, _Registrar] = {}
    for path, module in sorted(symbols.modules.items()):
        if module.facts.body.mentions.isdisjoint(GIVING):
            continue
        found += reader.given(_Suite(path, None, module.facts.body.body))
        for definition in by_path.get(path, ()):
            found += _decorated(definition)
            if not definition.facts.mentions.isdisjoint(GIVING):
                found += reader.given(_Suite(path, definition, definition.facts.body))
                registrar = _registrar(definition)
                if registrar is not None:
                    registrars[definition.id] = registrar
    if registrars:
        for path in sorted(by_path):
            found += _by_registrars(hierarchy, registrars, by_path[path])
    return tuple(found)


# -- decorators ------------------------------------------------------------------------------------------------------


def _decorated(definition: Function) -> Iterator[Given]:
    for decorator in definition.facts.decorators:
        called = decorator.func if isinstance(decorator, f.Call) else decorator
        kind = _DECORATORS.get(called.name) if isinstance(called, f.Attr) else None
        if kind is not None:
            name = _written_name(decorator, 0) or definition.facts.name
            yield Given(kind, "" if kind == "context" else name, definition.path, None, None, definition.id)


def _written_name(call: f.Expr, position: int, keyword: str = "name") -> str:
    """The literal name among a call's arguments, or an empty string."""
    if not isinstance(call, f.Call):
        return ""
    value = dict(call.keywords).get(keyword)
    if value is None and position < len(call.args):
        value = call.args[position]
    return _text(value)


def _text(expr: f.Expr | None) -> str:
    return expr.value if isinstance(expr, f.Const) and isinstance(expr.value, str) else ""


def _registrar(definition: Function) -> _Registrar | None:
    """Read off a decorator of the project how it registers what it decorates, itself or in a function inside it."""
    inner = [one.function for one in statements(definition.facts.body) if isinstance(one, f.Def)]
    outer = [param.name for param in definition.facts.params]
    for function in (definition.facts, *inner):
        params = {param.name for param in function.params}
        wrappers = {
            one.function.name
            for one in statements(function.body)
            if isinstance(one, f.Def) and not one.function.mentions.isdisjoint(params)
        }
        for statement in statements(function.body):
            if not isinstance(statement, f.Assign) or not isinstance(statement.value, f.Name):
                continue
            if statement.value.id not in params | wrappers:
                continue
            for target in statement.targets:
                kind = _table(target.value) if isinstance(target, f.Subscript) else None
                if isinstance(target, f.Subscript) and kind is not None:
                    key = target.index
                    if isinstance(key, f.Name) and key.id in outer and function is not definition.facts:
                        return _Registrar(kind, (key.id, outer.index(key.id)), "")
                    if isinstance(key, f.Attr) and key.name == "__name__":
                        return _Registrar(kind, None, "")
                    if _text(key) and function is definition.facts:
                        return _Registrar(kind, None, _text(key))
    return None


def _by_registrars(
    hierarchy: Hierarchy, registrars: dict[str, _Registrar], functions: Iterable[Function]
) -> Iterator[Given]:
    for definition in functions:
        for decorator in definition.facts.decorators:
            target = decorator.func if isinstance(decorator, f.Call) else decorator
            if not isinstance(target, (f.Name, f.Attr)):
                continue
            symbol = hierarchy.resolve_expr(definition.path, target)
            known = registrars.get(symbol.id) if isinstance(symbol, FunctionSymbol) else None
            if known is None:
                continue
            name = known.name or definition.facts.name
            if known.key is not None and isinstance(decorator, f.Call) and (decorator.args or decorator.keywords):
                name = _written_name(decorator, known.key[1], known.key[0])
            if name:
                yield Given(known.kind, name, definition.path, None, None, definition.id)


# -- statements and calls --------------------------------------------------------------------------------------------


class _Item(NamedTuple):
    """An item of a dictionary, and where its value is written."""

    name: str
    value: f.Expr
    suite: _Suite


class _Reader:
    """Reads off suites what they put into the dictionaries of environments.

    Args:
        symbols: names of every module.
        hierarchy: classes and functions.
    """

    def __init__(self, symbols: Symbols, hierarchy: Hierarchy) -> None:
        self._symbols = symbols
        self._hierarchy = hierarchy
        self._open: list[tuple[str, str]] = []  # dictionaries that are being read: one may name itself

    def given(self, suite: _Suite) -> Iterator[Given]:
        """Yield what a suite gives to templates."""
        table = _tables_of(suite)
        for statement in statements(suite.body):
            if isinstance(statement, f.Assign):
                for target in statement.targets:
                    kind = table(target.value) if isinstance(target, f.Subscript) else None
                    if isinstance(target, f.Subscript) and kind is not None:
                        yield from _given(kind, self._stored(suite, target.index, statement.value))
            elif isinstance(statement, f.AugAssign) and statement.op == "BitOr":
                kind = table(statement.target)
                if kind is not None:
                    yield from _given(kind, self._items(suite, statement.value))
        for expr in expressions(suite.body):
            if isinstance(expr, f.Call) and isinstance(expr.func, f.Attr):
                kind = table(expr.func.value) if expr.func.name == "update" else None
                if kind is not None:
                    yield from _given(kind, self._updated(suite, expr))
                elif expr.args:
                    yield from _added(suite, expr, expr.func.name)

    def _stored(self, suite: _Suite, key: f.Expr, value: f.Expr) -> Iterator[_Item]:
        """``table[key] = value``, also for each item of a dictionary."""
        if _text(key):
            yield _Item(_text(key), value, suite)
        elif isinstance(key, f.Attr) and key.name == "__name__" and isinstance(value, f.Name):
            if _is(key.value, value.id):
                yield _Item(value.id, value, suite)
        elif isinstance(key, f.Name) and isinstance(value, f.Name):
            for loop in statements(suite.body):
                if isinstance(loop, f.For) and isinstance(loop.target, f.Display):
                    names = [last_name(one) for one in loop.target.items]
                    source = loop.iterable.func if isinstance(loop.iterable, f.Call) else None
                    if names == [key.id, value.id] and isinstance(source, f.Attr) and source.name == "items":
                        yield from self._items(suite, source.value)

    def _updated(self, suite: _Suite, call: f.Call) -> Iterator[_Item]:
        """``table.update({…}, name=…)``, ``dict(…)``."""
        for argument in call.args:
            yield from self._items(suite, argument)
        for name, value in call.keywords:
            if name is not None:
                yield _Item(name, value, suite)
            else:
                yield from self._items(suite, value)

    def _items(self, suite: _Suite, expr: f.Expr) -> Iterator[_Item]:
        """The items of a dictionary that is written out, in place or under a name."""
        if isinstance(expr, f.Dict):
            for key, value in expr.items:
                if key is None:
                    yield from self._items(suite, value)
                elif _text(key):
                    yield _Item(_text(key), value, suite)
        elif isinstance(expr, f.Call) and last_name(expr.func) == "dict":
            yield from self._updated(suite, expr)
        elif isinstance(expr, f.Name) and (named := _under_name(suite, expr.id)):
            yield from self._of(suite, expr.id, named)
        elif isinstance(expr, (f.Name, f.Attr)):
            symbol = self._hierarchy.resolve_expr(suite.path, expr)
            if isinstance(symbol, GlobalSymbol):
                top = _Suite(symbol.path, None, self._symbols.modules[symbol.path].facts.body.body)
                yield from self._of(top, symbol.name, _under_name(top, symbol.name))

    def _of(self, suite: _Suite, name: str, named: list[_Item | f.Expr]) -> Iterator[_Item]:
        place = (suite.holder.id if suite.holder is not None else suite.path, name)
        if place in self._open:
            return
        self._open.append(place)
        for item in named:
            if isinstance(item, _Item):
                yield item
            else:
                yield from self._items(suite, item)
        self._open.remove(place)


def _tables_of(suite: _Suite) -> Callable[[f.Expr], str | None]:
    """Return what tells the kind of an environment's dictionary in a suite."""
    holder = suite.holder
    own = holder.facts.params[0].name if holder is not None and holder.cls and holder.facts.params else ""
    aliases = _aliases(suite.body)

    def table(expr: f.Expr) -> str | None:
        if isinstance(expr, f.Name):
            return aliases.get(expr.id)
        # `self.filters` is of whatever the class is for
        return _table(expr) if not (isinstance(expr, f.Attr) and _is(expr.value, own)) else None

    return table


def _given(kind: str, items: Iterable[_Item]) -> Iterator[Given]:
    return (Given(kind, item.name, item.suite.path, item.suite.holder, item.value, "") for item in items)


def _added(suite: _Suite, call: f.Call, method: str) -> Iterator[Given]:
    """``app.add_template_filter(f, "name")``, ``app.context_processor(f)``."""
    if method in _ADDERS:
        name = _written_name(call, 1) or last_name(call.args[0])
        yield Given(_ADDERS[method], name, suite.path, suite.holder, call.args[0], "")
    elif _DECORATORS.get(method) == "context":
        yield Given("context", "", suite.path, suite.holder, call.args[0], "")


def _table(expr: f.Expr) -> str | None:
    """The kind of what an environment's dictionary holds: ``env.filters``."""
    return _TABLES.get(expr.name) if isinstance(expr, f.Attr) else None


def _aliases(body: tuple[f.Stmt, ...]) -> dict[str, str]:
    """Names that stand for a dictionary of an environment."""
    return {
        target.id: kind
        for statement in statements(body)
        if isinstance(statement, f.Assign) and (kind := _table(statement.value)) is not None
        for target in statement.targets
        if isinstance(target, f.Name)
    }


def _under_name(suite: _Suite, name: str) -> list[_Item | f.Expr]:
    """What a suite puts into the dictionary of a name: items, and other dictionaries."""
    found: list[_Item | f.Expr] = []
    for statement in statements(suite.body):
        if isinstance(statement, f.Assign):
            for target in statement.targets:
                if isinstance(target, f.Name) and target.id == name:
                    found.append(statement.value)
                elif isinstance(target, f.Subscript) and _is(target.value, name) and _text(target.index):
                    found.append(_Item(_text(target.index), statement.value, suite))
        elif isinstance(statement, f.AnnAssign) and _is(statement.target, name):
            found += [statement.value] if statement.value is not None else []
        elif isinstance(statement, f.ExprStmt) and isinstance(statement.value, f.Call):
            func = statement.value.func
            if isinstance(func, f.Attr) and func.name == "update" and _is(func.value, name):
                found.append(msgspec.structs.replace(statement.value, func=f.Name("dict", statement.pos)))
    return found


def _is(expr: f.Expr, name: str) -> bool:
    return isinstance(expr, f.Name) and expr.id == name
