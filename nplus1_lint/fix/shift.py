"""Where places of a text are after it was edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.findings import Edit


class Shift:
    """Follows places through edits, none of which overlaps another.

    Args:
        edits: in any order.
    """

    def __init__(self, edits: Iterable[Edit]) -> None:
        self._edits = sorted(edits, key=lambda edit: (edit.start, edit.end))

    def moved(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where a range stands now, grown by what was put inside it; None if its first character is gone."""
        shift = grown = 0
        for edit in self._edits:
            by = len(edit.text) - (edit.end - edit.start)
            if edit.end <= start:
                shift += by
            elif edit.start <= start:
                return None
            elif edit.start < end:
                if edit.end > end:
                    return None
                grown += by
        return start + shift, end + shift + grown

    def written(self, edit: Edit) -> tuple[int, int]:
        """Return where the new text of one of the edits stands."""
        at = self._edits.index(edit)
        before = sum(len(other.text) - (other.end - other.start) for other in self._edits[:at])
        return edit.start + before, edit.start + before + len(edit.text)
