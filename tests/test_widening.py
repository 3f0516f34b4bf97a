"""What of a value makes a context of its own, and what does not."""

from __future__ import annotations

import pytest

from nplus1_lint.infer.values import SOME, Const, External, Instance, Many, Row, Value
from nplus1_lint.infer.widening import widen

ROW = Value((Row("row", "app.Hero", None, None, is_async=False),))
PLAIN = Value((SOME,))
OUTSIDE = Value((External("external", "httpx.get()"),))


def instance(**fields: Value) -> Value:
    """An instance of one class, made with these arguments."""
    return Value((Instance("instance", "app.Page", exact=True, fields=tuple(sorted(fields.items()))),))


def literal(data: bool | int | str | None) -> Value:
    """A literal in the source."""
    return Value((Const("const", data),))


@pytest.mark.parametrize("value", [PLAIN, OUTSIDE, Value((Many("many", PLAIN, "list", None),))])
def test_an_instance_is_not_told_apart_by_plain_data(value: Value) -> None:
    """Numbers, text and what comes from outside make no context of their own."""
    assert widen(instance(size=value, hero=ROW)) == instance(hero=ROW)


@pytest.mark.parametrize(
    "value", [ROW, Value((Many("many", ROW, "list", None),)), literal(data=None), literal(data=False)]
)
def test_an_instance_is_told_apart_by_rows_and_by_what_steers(value: Value) -> None:
    """A row may be read, ``None`` and ``False`` decide which branch is taken."""
    assert widen(instance(given=value)) == instance(given=value)


def test_a_literal_among_the_fields_is_plain_data_of_its_kind() -> None:
    """``Page("hero")`` and ``Page("team")`` are one context, that a literal stood there is kept."""
    assert widen(instance(name=literal("hero"))) == widen(instance(name=literal("team"))) == instance(name=PLAIN)
