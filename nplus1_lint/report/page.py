"""A page of text for a person, with escape sequences only where the view allows them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from nplus1_lint.report import View

UNCUT = 10_000
"""A width in columns at which nothing is cut."""


class Page:
    """Collects printed lines."""

    def __init__(self, view: View, width: int) -> None:
        self._out = io.StringIO()
        self._console = Console(
            file=self._out,
            width=width,
            force_terminal=view.colour,
            color_system="standard" if view.colour else None,
            no_color=not view.colour,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def text(self) -> str:
        """Return what is printed, without blanks at the ends of lines and empty lines at the end."""
        lines = self._out.getvalue().rstrip("\n").split("\n")
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def line(self, line: RenderableType) -> None:
        """Print what stands on lines of its own."""
        self._console.print(line)
