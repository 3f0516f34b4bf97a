"""What a loop's syntax says of it, whatever it iterates."""

from __future__ import annotations

from typing import Final, NamedTuple

from nplus1_lint.infer.periodic import NO_GROWTH, Growth

_NONE: Final[frozenset[str]] = frozenset()


class Shape(NamedTuple):
    """What a loop's syntax says, read once however often it runs.

    Attributes:
        text: its header in short.
        chunked: an iteration handles a batch.
        sleeps: it waits between its iterations.
        targets: names that its head binds.
        assigned: names that the body assigns or changes in place.
        resets: names that it assigns elsewhere than where it has found them empty.
        growth: what the body adds to.
    """

    text: str
    chunked: bool
    sleeps: bool
    targets: frozenset[str]
    assigned: frozenset[str]
    resets: frozenset[str]
    growth: Growth


NO_SHAPE: Final = Shape("", False, False, _NONE, _NONE, _NONE, NO_GROWTH)
"""That of a comprehension, or of a helper that calls what it is given: a body that assigns nothing."""
