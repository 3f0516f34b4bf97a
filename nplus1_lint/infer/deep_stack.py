"""Inference calls itself as deeply as the code that it follows is nested: it runs on a stack that suffices for that."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_CALLS: Final = 12_000  # an abstract call takes about 30 Python frames; the engine allows 100 of them on the stack
_BYTES: Final = 1 << 27  # those that are used become memory; compiled, a counted call has taken up to 2 KB


def on_deep_stack(compute: Callable[[], T]) -> T:
    """Return what a function returns that may call itself 12,000 times before Python objects.

    A thread has a stack of a size that is known; the main one may overflow before Python's limit is met.

    Args:
        compute: the function; what it raises is raised here.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(compute())
        except BaseException as error:
            errors.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size(_BYTES)
    sys.setrecursionlimit(max(limit, _CALLS))
    try:
        thread = threading.Thread(target=run, name="infer", daemon=True)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)
    for error in errors:
        raise error
    return results[0]
