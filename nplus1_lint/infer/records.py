"""What a dictionary that is written out holds under each of its keys.

Values know of a dictionary only what all its values may be. Where rows are given to a template, each has its own name;
so the items of displays are kept, and those of a name that holds one, on which ``ctx["x"] = rows`` goes on. An item of
the dictionary `ctx` is a binding ``ctx..x`` of the function's state: it is forgotten with `ctx`, and paths joined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted
from nplus1_lint.infer.effects import RETURNED
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.values import Const

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
    from nplus1_lint.infer.values import Value

Items: TypeAlias = "dict[str, Val]"


def note_display(frame: Frame, expr: f.Dict, entries: Iterable[tuple[Value, Val]]) -> None:
    """Keep the items of an evaluated dict display whose keys are literals."""
    frame.displays[id(expr)] = {name: val for key, val in entries if (name := _text(key)) is not None}


def note_call(frame: Frame, place: Place, arguments: Arguments) -> None:
    """Keep the items of ``dict(a=…, b=…)``."""
    frame.displays[place] = {**_of_exprs(frame, arguments.exprs), **keywords(frame, arguments)}


def note_returned(frame: Frame, place: Place, given: Iterable[tuple[str, Value]], mask: int) -> None:
    """Keep the items of the dictionary that a call of a function of the project returns, as far as they are told."""
    items: dict[str, list[Value]] = {}
    for name, value in given:
        if name.startswith(RETURNED):
            items.setdefault(name[len(RETURNED) :], []).append(value)
    if items:
        frame.displays[place] = {name: (join_all(values), mask) for name, values in items.items()}


def items_of(frame: Frame, expr: f.Expr) -> Items | None:
    """Return the known items of a dictionary, or None when nothing is known of it.

    Args:
        frame: the running function.
        expr: the dictionary as written; it has been evaluated before.
    """
    if isinstance(expr, f.Dict):
        own = frame.displays.get(id(expr))
        spread = _of_exprs(frame, [value for key, value in expr.items if key is None])
        return {**spread, **own} if own is not None else None
    if isinstance(expr, f.Binary) and expr.op == "BitOr":
        left, right = items_of(frame, expr.left), items_of(frame, expr.right)
        return None if left is None and right is None else {**(left or {}), **(right or {})}
    if isinstance(expr, f.Call):
        if dotted(expr.func) == "locals":
            return {name: (b.value, b.mask) for name, b in frame.state.env.items() if "." not in name}
        return frame.displays.get(expr.pos)
    path = dotted(expr)
    return (held(frame, path) or None) if path is not None else None


def keywords(frame: Frame, arguments: Arguments) -> Items:
    """Return what a call passes by name, ``**mapping`` included as far as it is known."""
    found: Items = {}
    for name, expr in arguments.keyword_exprs:
        if name is None:
            found.update(items_of(frame, expr) or {})
        else:
            found[name] = arguments.keywords[name]
    return found


def remember(frame: Frame, target: f.Expr, value: f.Expr) -> None:
    """Keep the items of a dictionary that a name or attribute is bound to."""
    path = dotted(target)
    items = items_of(frame, value) if path is not None and not isinstance(value, f.Const) else None
    if path is not None and items:
        keep(frame, path, items)


def held(frame: Frame, path: str) -> Items:
    """Return the known items of the dictionary that a name or attribute holds."""
    prefix = f"{path}.."
    return {
        name[len(prefix) :]: (binding.value, binding.mask)
        for name, binding in frame.state.env.items()
        if name.startswith(prefix)
    }


def keep(frame: Frame, path: str, items: Items) -> None:
    """Bind the items of the dictionary that *path* holds."""
    for name, val in items.items():
        frame.bind(f"{path}..{name}", val)


def store(frame: Frame, target: f.Subscript, key: Value, val: Val) -> None:
    """``path[key] = value``."""
    path, name = dotted(target.value), _text(key)
    if path is not None and name is not None:
        keep(frame, path, {name: val})


def update(frame: Frame, receiver: f.Expr, arguments: Arguments) -> None:
    """``path.update(other, a=…)``."""
    path = dotted(receiver)
    if path is not None:
        keep(frame, path, {**_of_exprs(frame, arguments.exprs), **keywords(frame, arguments)})


def _of_exprs(frame: Frame, exprs: Iterable[f.Expr]) -> Items:
    found: Items = {}
    for expr in exprs:
        found.update(items_of(frame, expr) or {})
    return found


def _text(key: Value) -> str | None:
    const = key.first(Const) if len(key.atoms) == 1 else None
    return const.value if const is not None and isinstance(const.value, str) else None
