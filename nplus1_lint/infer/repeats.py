"""The same query twice: what has been asked on this path, told by its text and by names that still hold the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import children, names
from nplus1_lint.infer.effects import READS, Repeat

if TYPE_CHECKING:
    from nplus1_lint.infer.effects import Query
    from nplus1_lint.infer.frame import Frame, Place

_CHANGING = frozenset({"now", "utcnow", "today", "time", "monotonic", "random", "uuid4", "uuid1", "choice", "next"})
_UNWRITABLE = (f.Lambda, f.Comprehension, f.Opaque, f.Yield, f.Walrus)


class Asked(NamedTuple):
    """A query that has run on this path.

    Attributes:
        place: its call.
        names: the names that its text mentions.
    """

    place: Place
    names: frozenset[str]


def ask(frame: Frame, expr: f.Call, mark: int) -> None:
    """Remember a call that has just queried, or record that it asks what has been asked before.

    Args:
        frame: the running function.
        expr: the call.
        mark: the effects before it.
    """
    effects = tuple(e.effect for e in frame.emissions[mark:] if e.place == expr.pos)
    if not effects or any(e.kind not in READS or e.keeper or _may_be_held(e.query) for e in effects):
        return
    known_text = frame.engine.texts.get(id(expr))
    if known_text is None:
        known_text = frame.engine.texts[id(expr)] = (expr, _text(expr))
    text = known_text[1]
    if text is None:
        return
    known = frame.state.asked.get(text)
    if known is None:
        frame.state.asked[text] = Asked(expr.pos, frozenset(names(expr)))
    elif known.place != expr.pos:
        frame.repeats.append(Repeat(frame.site(expr.pos), frame.scopes[-1], frame.site(known.place), effects))


def _may_be_held(query: Query | None) -> bool:
    """``session.get`` asks the identity map first; a locking read is repeated on purpose; raw SQL may do anything."""
    if query is None:
        return True
    on_purpose = bool(query.flags & {"for_update", "populate_existing"})
    return query.method in ("get", "get_one") or on_purpose or query.style == "text"


def _text(expr: f.Expr) -> str | None:
    """Write an expression whole; None where equal text need not mean an equal value."""
    if isinstance(expr, _UNWRITABLE):
        return None
    if isinstance(expr, f.Call):
        last = expr.func.id if isinstance(expr.func, f.Name) else getattr(expr.func, "name", "")
        if last in _CHANGING:
            return None
    parts = [_text(child) for child in children(expr)]
    if any(part is None for part in parts):
        return None
    return f"{type(expr).__name__}({_own(expr)};{','.join(part or '' for part in parts)})"


def _own(expr: f.Expr) -> str:
    """What an expression says beside its parts."""
    if isinstance(expr, f.Name):
        return expr.id
    if isinstance(expr, f.Attr):
        return expr.name
    if isinstance(expr, f.Const):
        return repr(expr.value)
    if isinstance(expr, f.Call):
        return ",".join(name or "**" for name, _ in expr.keywords)
    if isinstance(expr, f.Compare):
        return ",".join(expr.ops)
    if isinstance(expr, f.Binary):
        return expr.op
    if isinstance(expr, f.BoolOp):
        return str(expr.is_and)
    if isinstance(expr, f.Display):
        return expr.kind
    if isinstance(expr, f.Dict):
        return ",".join("**" if key is None else "" for key, _ in expr.items)
    if isinstance(expr, f.Slice):
        return ",".join(str(part is not None) for part in (expr.lower, expr.upper, expr.step))
    return ""
