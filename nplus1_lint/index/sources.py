"""What the files of a scan hold: on disk, or laid over it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from nplus1_lint.cache.stamps import Seen, stamp
from nplus1_lint.cache.store import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nplus1_lint.cache.states import States


class Sources:
    """Reads files; the one way by which the contents of Python files come into a scan.

    Args:
        overlay: contents that stand for those on disk, by absolute path: a scan of what a fix would write.
        keep: a file is read once, and has that content from then on.
        states: what former runs know of files, so that these need not be read for their digests.
    """

    def __init__(
        self, overlay: Mapping[str, bytes] | None = None, *, keep: bool = False, states: States | None = None
    ) -> None:
        self._overlay = dict(overlay or {})
        self._keep = keep
        self._states = states
        self._laid = bool(overlay)
        self._seen: dict[str, Seen | None] = {}

    def over(self, changed: Mapping[str, bytes]) -> Sources:
        """Return the same with further contents, by absolute path, laid over it."""
        return Sources({**self._overlay, **changed}, keep=self._keep)

    def read(self, absolute: str) -> bytes:
        """Return a file's content.

        Raises:
            OSError: it cannot be read, or is no longer what the scan rests upon.
        """
        laid = self._overlay.get(absolute)
        if laid is not None:
            return laid
        with open(absolute, "rb") as handle:
            taken = stamp(os.fstat(handle.fileno()))
            content = handle.read()
        if self._keep:
            now, before = Seen(absolute, taken, digest(content)), self._seen.get(absolute)
            if before is not None and before.digest != now.digest:
                raise OSError(errno.ESTALE, "changed during the scan", absolute)
            self._overlay[absolute] = content
            self._seen[absolute] = now
        return content

    def digest(self, absolute: str) -> bytes:
        """Return what stands for a file's content; a few bytes less for one that cannot be read."""
        seen = self._seen.get(absolute)
        if seen is None and self._states is not None and absolute not in self._overlay:
            seen = self._seen[absolute] = self._states.get(absolute)
        if seen is not None:
            return seen.digest
        try:
            content = self.read(absolute)
        except OSError as error:
            self._seen[absolute] = None
            return str(error.errno).encode()
        seen = self._seen.get(absolute)
        return seen.digest if seen is not None else digest(content)

    def passes(self, absolute: str, test: Callable[[bytes], bool]) -> bool:
        """Return what a test says of a file's content, which is not read if a former run has asked the same.

        Raises:
            OSError: the file cannot be read.
        """
        if self._states is None:
            return test(self.read(absolute))
        content = self.digest(absolute)
        answer = self._states.answers.get(content)
        if answer is None:
            answer = self._states.answers[content] = test(self.read(absolute))
        return answer

    def save(self) -> None:
        """Keep what is known of the files for later runs."""
        if self._states is not None and not self._laid:
            self._states.save(seen for seen in self._seen.values() if seen is not None)

    def seen(self) -> tuple[Seen, ...] | None:
        """Return the states of all files that were read, by path; None if one could not be, or was laid over."""
        states = [self._seen[path] for path in sorted(self._seen)]
        known = tuple(state for state in states if state is not None)
        return known if self._keep and not self._laid and len(known) == len(states) else None
