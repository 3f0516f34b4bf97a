"""Functions of the project that make columns: ``author_id = reference_col("users")``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, statements
from nplus1_lint.link.declarations import COLUMN_CALLS
from nplus1_lint.link.symbols import FunctionSymbol

if TYPE_CHECKING:
    from nplus1_lint.link.hierarchy import Hierarchy


def made_column(hierarchy: Hierarchy, path: str, value: f.Expr | None) -> f.Call | None:
    """Return the column that a call of a function of the project returns, its parameters replaced.

    Args:
        hierarchy: names and functions.
        path: project path of the file in which the call stands.
        value: what an attribute is given.

    Returns:
        The call that makes the column; None for anything but a function that always returns one.
    """
    if not isinstance(value, f.Call) or not isinstance(value.func, (f.Name, f.Attr)):
        return None
    symbol = hierarchy.resolve_expr(path, value.func)
    definition = hierarchy.functions.get(symbol.id) if isinstance(symbol, FunctionSymbol) else None
    if definition is None or definition.cls is not None:
        return None
    returned = [one.value for one in statements(definition.facts.body) if isinstance(one, f.Return)]
    made = returned[0] if len(returned) == 1 else None
    if not isinstance(made, f.Call) or call_name(made) not in COLUMN_CALLS:
        return None
    given: dict[str, f.Expr] = {}
    taken = 0
    for param in definition.facts.params:
        if param.kind == "positional" and taken < len(value.args):
            given[param.name] = value.args[taken]
            taken += 1
        elif param.default is not None:
            given[param.name] = param.default
    own = {param.name for param in definition.facts.params}
    given.update({name: one for name, one in value.keywords if name in own and name is not None})
    rest = tuple((name, one) for name, one in value.keywords if name not in own)
    return _replaced(made, given, rest)


def _replaced(call: f.Call, given: dict[str, f.Expr], rest: tuple[tuple[str | None, f.Expr], ...]) -> f.Call:
    args = tuple(_filled(one, given) for one in call.args)
    keywords: list[tuple[str | None, f.Expr]] = []
    for name, one in call.keywords:
        keywords += rest if name is None else [(name, _filled(one, given))]
    return msgspec.structs.replace(call, args=args, keywords=tuple(keywords))


def _filled(expr: f.Expr, given: dict[str, f.Expr]) -> f.Expr:
    """An expression with what its names stand for; texts that are put together are one."""
    text = _text(expr, given)
    if text is not None:
        return f.Const(text)
    if isinstance(expr, f.Name):
        return given.get(expr.id, expr)
    return _replaced(expr, given, ()) if isinstance(expr, f.Call) else expr


def _text(expr: f.Expr, given: dict[str, f.Expr]) -> str | None:
    """The text that an expression gives; None where it is not known to give one."""
    if isinstance(expr, f.Const):
        return expr.value if isinstance(expr.value, str) else None
    if isinstance(expr, f.Name):
        known = given.get(expr.id)
        return known.value if isinstance(known, f.Const) and isinstance(known.value, str) else None
    parts: tuple[f.Expr, ...] = ()
    if isinstance(expr, f.Opaque):
        parts = expr.parts
    elif isinstance(expr, f.Binary) and expr.op == "Add":
        parts = (expr.left, expr.right)
    elif isinstance(expr, f.Call) and isinstance(expr.func, f.Attr) and expr.func.name == "format":
        return _formatted(_text(expr.func.value, given), [_text(one, given) for one in expr.args], expr)
    texts = [_text(part, given) for part in parts]
    return "".join(one for one in texts if one is not None) if texts and None not in texts else None


def _formatted(template: str | None, values: list[str | None], call: f.Call) -> str | None:
    if template is None or None in values or call.keywords:
        return None
    try:
        return template.format(*values)
    except (IndexError, KeyError, ValueError):
        return None  # the template asks for more than it is given
