"""Where the text of a command goes: a terminal, a pipe or a file; and what a terminal shows until then."""

from __future__ import annotations

import io
import os
import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from nplus1_lint.report import View

_WIDTH = 110  # of a report that does not go to a terminal: the same everywhere


class Failure(click.ClickException):
    """The run cannot give an answer: neither clean nor findings."""

    exit_code = 2


def view_of(output: str | None) -> View:
    """Return how the text looks where it goes."""
    from nplus1_lint.report import View

    return View(*look(output))


def look(output: str | None) -> tuple[bool, int]:
    """Look at where the text goes: a terminal has colours and a width of its own."""
    terminal = output is None and sys.stdout.isatty()
    colour = bool(os.environ.get("FORCE_COLOR")) or terminal
    return (
        colour and output is None and "NO_COLOR" not in os.environ,
        _terminal_width() if terminal else _WIDTH,
    )


def _terminal_width() -> int:
    import shutil

    return max(60, min(120, shutil.get_terminal_size().columns))


def emit(text: str, output: str | None) -> None:
    """Write a report to where it belongs; away from a terminal it is UTF-8 whatever the locale."""
    if output is None and sys.stdout.isatty():
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        click.echo(text, nl=False)
    else:
        emit_bytes(text.encode("utf-8", "replace"), output)


def emit_bytes(content: bytes, output: str | None) -> None:
    """Write a report that may hold more than text: the diff of a file in any encoding."""
    if output is not None:
        try:
            with open(output, "wb") as stream:
                stream.write(content)
        except OSError as error:
            raise Failure(f"the report cannot be written to {output}: {error.strerror}") from error
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()


class LateBar:
    """A progress bar on standard error that appears once a scan has taken a second.

    It draws only when told of progress: a drawing thread would be alive while worker processes are forked.
    """

    def __init__(self) -> None:
        self._begun = self._drawn = time.monotonic()
        self._bar: tuple[Progress, TaskID] | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Draw, if it is time to."""
        now = time.monotonic()
        if now - self._begun < 1:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            progress = Progress(console=Console(stderr=True), transient=True, auto_refresh=False)
            progress.start()
            self._bar = progress, progress.add_task(stage, total=None)
        progress, task = self._bar
        due = not total or now - self._drawn > 0.1
        progress.update(task, description=stage, completed=done, total=total or None, refresh=due)
        if due:
            self._drawn = now

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar[0].stop()
