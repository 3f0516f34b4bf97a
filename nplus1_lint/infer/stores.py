"""What is stored in an object: it depends on that from then on, and a query that mentions it is another query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import statements, targets
from nplus1_lint.infer.instantiate import contents, translate
from nplus1_lint.infer.joins import join
from nplus1_lint.infer.values import (
    PARAMS_MASK,
    Const,
    Instance,
    Many,
    Mapping,
    Row,
    Scalar,
    ScalarOf,
    Session,
)

if TYPE_CHECKING:
    from nplus1_lint.infer.arguments import Arguments
    from nplus1_lint.infer.binding import Bound
    from nplus1_lint.infer.effects import Summary
    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.infer.state import Binding
    from nplus1_lint.infer.values import Function, Value
    from nplus1_lint.link.hierarchy import Function as Definition

_DATA = frozenset({Many, Mapping, Const, Scalar, ScalarOf})


def holder(frame: Frame, expr: f.Expr) -> str:
    """Return the name at which a chain of attributes and items begins, or an empty string."""
    while isinstance(expr, (f.Attr, f.Subscript)):
        expr = expr.value
    if isinstance(expr, f.Name):
        return expr.id
    if isinstance(expr, f.Call) and isinstance(expr.func, f.Name) and expr.func.id == "super" and not expr.args:
        return next((param.name for param in frame.function.facts.params), "")
    return ""


def store(frame: Frame, name: str, mask: int) -> None:
    """Something that depends on *mask* has been stored in the object that a name holds, or in a part of it."""
    binding = frame.state.env.get(name)
    if binding is None or any(type(a) is Row or type(a) is Session for a in binding.value.atoms):
        return  # a change of a row is an effect of its own, and a session stays the same one
    frame.stored[name] = frame.stored.get(name, 0) | mask
    if frame.state.asked:
        frame.forget_asked(name)
    added = mask if _is_data_of_its_own(frame, name, binding) else contents(mask)
    if added & ~binding.mask:
        frame.state.env[name] = binding._replace(mask=binding.mask | added)


def _is_made_here(frame: Frame, name: str) -> bool:
    return name not in frame.params and name not in frame.captured_names and name not in frame.globals


def _is_data_of_its_own(frame: Frame, name: str, binding: Binding) -> bool:
    """True for an object made by this function that holds nothing but data: all that it gives depends on all of it."""
    if not binding.value.atoms or not _is_made_here(frame, name):
        return False
    return all(
        type(a) is Instance and a.exact and all(map(_is_data, frame.engine.classes.fields(a).values()))
        for a in binding.value.atoms
    )


def _is_data(value: Value) -> bool:
    return bool(value.atoms) and all(type(atom) in _DATA for atom in value.atoms)


def of_run(frame: Frame) -> tuple[tuple[int, int], ...]:
    """Return the positions of the parameters in which a function has stored something, each with what that depends on.

    A parameter that the function assigns is no argument any more.
    """
    facts = frame.function.facts
    if not any(param.name in frame.stored for param in facts.params):
        return ()
    assigned = {t.id for s in statements(facts.body) for t in targets(s) if isinstance(t, f.Name)}
    return tuple(
        (position, frame.stored[param.name] & PARAMS_MASK)
        for position, param in enumerate(facts.params)
        if param.name in frame.stored and param.name not in assigned
    )


def by_call(
    frame: Frame, function: Function, summary: Summary, arguments: Arguments, bound: Bound, captured: tuple[int, ...]
) -> None:
    """A called function has stored something in its arguments."""
    before = len(function.bound) + (function.receiver is not None)
    names = dict(arguments.keyword_exprs)
    params = frame.engine.definition(function.id).facts.params
    for position, mask in summary.stored:
        if position == 0 and function.receiver is not None:
            name = arguments.holder
        elif before <= position < before + len(arguments.exprs):
            name = holder(frame, arguments.exprs[position - before])
        else:
            written = names.get(params[position].name)
            name = holder(frame, written) if written is not None else ""
        if name:
            store(frame, name, translate(mask, bound.masks, captured))


def by_unknown(frame: Frame, arguments: Arguments) -> None:
    """A method that is not known may have changed its object, and keep its arguments there."""
    if not arguments.holder:
        return
    if _is_made_here(frame, arguments.holder):
        store(frame, arguments.holder, contents(arguments.mask))
    elif frame.state.asked:
        frame.forget_asked(arguments.holder)


def fields_left(frame: Frame, definition: Definition) -> tuple[tuple[str, Value], ...]:
    """Return what a method leaves on its first parameter, by attribute, sorted."""
    if definition.cls is None or not definition.facts.params:
        return ()
    prefix = f"{definition.facts.params[0].name}."
    fields: dict[str, Value] = {}
    for state in frame.left:
        for path, binding in state.env.items():
            if path.startswith(prefix) and path.count(".") == 1:
                name = path[len(prefix) :]
                fields[name] = join(fields[name], binding.value) if name in fields else binding.value
    return tuple(sorted(fields.items()))
