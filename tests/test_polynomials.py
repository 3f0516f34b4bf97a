"""Polynomials in named sizes: their algebra is that of numbers, and they print as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nplus1_lint.query_costs import ONE, ZERO, Polynomial, Size, SizeKind, greater

A, B = Size("artifacts"), Size("collections")
PAGES = Size("pages", kind=SizeKind.BATCHES)

polynomials = st.lists(
    st.tuples(st.lists(st.sampled_from([A, B, PAGES]), max_size=3).map(lambda m: tuple(sorted(m))), st.integers(0, 9)),
    max_size=4,
).map(Polynomial.collected)
sizes = st.fixed_dictionaries({size.name: st.integers(0, 20) for size in (A, B, PAGES)})


@given(polynomials, polynomials, sizes)
def test_sums_and_products_are_those_of_the_numbers(one: Polynomial, two: Polynomial, at: dict[str, int]) -> None:
    assert (one + two).value(at, 0) == one.value(at, 0) + two.value(at, 0)
    assert (one * two).value(at, 0) == one.value(at, 0) * two.value(at, 0)
    assert one + two == two + one
    assert one * two == two * one
    assert one + ZERO == one
    assert one * ONE == one


@given(polynomials, polynomials, sizes)
def test_what_goes_beyond_completes_the_other(one: Polynomial, two: Polynomial, at: dict[str, int]) -> None:
    assert (two + one.beyond(two)).value(at, 0) >= max(one.value(at, 0), two.value(at, 0))
    assert (one + two).beyond(two) == one


@given(polynomials, polynomials)
def test_the_greater_one_is_one_of_both_and_contains_no_less(one: Polynomial, two: Polynomial) -> None:
    assert greater(one, two) in (one, two)
    assert greater(one + two, two) == one + two
    assert greater(two, one + two) == one + two


@given(polynomials, sizes)
def test_replacing_a_size_is_to_assume_its_value(one: Polynomial, at: dict[str, int]) -> None:
    def change(size: Size) -> Polynomial:
        return Polynomial.constant(at[size.name])

    assert one.replaced(change) == Polynomial.constant(one.value(at, 0))


@pytest.mark.parametrize(
    ("polynomial", "text", "degree"),
    [
        (ZERO, "0", 0),
        (Polynomial.constant(7), "7", 0),
        (Polynomial.constant(8) + Polynomial.constant(2) * Polynomial.size(A), "8 + 2·artifacts", 1),
        (Polynomial.size(A) * Polynomial.size(B) + ONE, "1 + artifacts·collections", 2),
        (Polynomial.size(A) * Polynomial.size(A), "artifacts²", 2),
        (ONE + Polynomial.size(PAGES), "1 + pages", 0),
    ],
)
def test_text_and_degree(polynomial: Polynomial, text: str, degree: int) -> None:
    assert (str(polynomial), polynomial.degree) == (text, degree)


def test_sizes_that_nothing_is_assumed_of() -> None:
    polynomial = Polynomial.size(A) + Polynomial.size(B) + Polynomial.size(PAGES)
    assert polynomial.value({"artifacts": 3}, 50) == 3 + 50 + 1
    assert polynomial.sizes == (A, B, PAGES)
    assert polynomial.fixed == 0
