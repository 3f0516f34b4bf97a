"""What the linter itself fails at: one fault of it costs what stands at one place, and is told beside all the rest."""

from __future__ import annotations

import traceback
from typing import NamedTuple

from nplus1_lint.findings import InternalError, ScanError


class Failure(NamedTuple):
    """An error that is a bug of the linter.

    Attributes:
        path: project path of what it was looking at; ``.`` for the whole project.
        line: the line of that, counting from 1.
        message: a sentence.
        trace: Python's traceback, for a report of the bug.
    """

    path: str
    line: int
    message: str
    trace: str

    @property
    def scan_error(self) -> ScanError:
        """The failure as the report tells it."""
        return ScanError(self.path, self.line, self.message)


class Failures:
    """The failures of one run, each place once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, str], Failure] = {}

    def note(self, path: str, line: int, what: str, error: Exception) -> None:
        """Remember a failure.

        Args:
            path: as for `Failure`.
            line: as for `Failure`.
            what: what could not be done, ``following save()``.
            error: the exception.
        """
        said = str(error) if isinstance(error, InternalError) else repr(error)
        message = f"nplus1-lint failed at {what}, which is a bug in it, not in your code: {said}"
        if "please report" not in said:
            message += "; please report it with what --verbose adds"
        trace = "".join(traceback.format_exception(error))
        self._found.setdefault((path, line, what), Failure(path, line, message, trace))

    def __len__(self) -> int:
        return len(self._found)

    def all(self) -> tuple[Failure, ...]:
        """Return them in order."""
        return tuple(self._found[key] for key in sorted(self._found))
