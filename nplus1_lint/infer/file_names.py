"""Names of files that code puts together: a template's, from what the class of a view says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nplus1_lint.infer.joins import MAX_TEXT
from nplus1_lint.infer.values import SCALAR, Const, Value, of

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME: Final = re.compile(r"[\w./{}%-]*\.\w{2,6}")
_FIELD: Final = re.compile(r"\{\}|%s")


def formatted(template: Value, values: Sequence[Value]) -> Value:
    """Return ``template % values`` or ``template.format(values)`` where that makes a name of a file.

    Args:
        template: the text with its places to fill.
        values: what they are filled with, in order.

    Returns:
        The name; plain data where it is not known, or something else.
    """
    text, given = _text_of(template), [_text_of(value) for value in values]
    if text is None or None in given or _NAME.fullmatch(text) is None:
        return SCALAR
    plain = _FIELD.split(text)
    if len(plain) != len(given) + 1:
        return SCALAR
    made = "".join(f"{part}{value or ''}" for part, value in zip(plain, [*given, ""], strict=True))
    return of(Const("const", made)) if len(made) <= MAX_TEXT and _NAME.fullmatch(made) is not None else SCALAR


def _text_of(value: Value) -> str | None:
    """Return the text that a value is; None for anything else."""
    atom = value.atoms[0] if len(value.atoms) == 1 else None
    return atom.value if type(atom) is Const and isinstance(atom.value, str) else None
