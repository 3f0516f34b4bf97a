"""Names of templates to files: where several folders hold a name, the one nearest to who asks is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.discover.walk import TEMPLATE_FOLDER
from nplus1_lint.index.templates import TemplateReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.index.template_facts import TemplateFacts
    from nplus1_lint.index.templates import TemplateFile


class Templates:
    """The templates of a project.

    Args:
        files: every file that may be one.
    """

    def __init__(self, files: Sequence[TemplateFile]) -> None:
        self._reader = TemplateReader(files)
        self._by_name: dict[str, list[str]] = {}
        self._by_last: dict[str, list[str]] = {}
        self._paths = frozenset(file.path for file in files)
        for file in files:
            for name in file.names:
                self._by_name.setdefault(name, []).append(file.path)
            self._by_last.setdefault(file.path.rpartition("/")[2], []).append(file.path)

    def __bool__(self) -> bool:
        """True if there is any."""
        return bool(self._paths)

    def __contains__(self, path: str) -> bool:
        """True if a project path is that of a template."""
        return path in self._paths

    def find(self, name: str, near: str) -> str | None:
        """Return the project path of a template.

        Args:
            name: as code or another template writes it: relative to a template folder, to a folder around one, with
                the template folder or without it, or ``package:path``.
            near: project path of the file that asks.

        Returns:
            The one that shares the longest path with *near*, of several the one of the outermost folder (an
            application's templates come before those of its parts); None where there is none or no such one.
        """
        package, colon, rest = name.partition(":")
        wanted = f"{package.replace('.', '/')}/{rest}" if colon else name.lstrip("/")
        candidates = [] if colon else self._by_name.get(wanted, [])
        if not candidates:
            ending = f"/{wanted}"
            last = self._by_last.get(wanted.rpartition("/")[2], ())
            candidates = [path for path in last if f"/{path}".endswith(ending)]
            if not candidates and not colon:
                # A loader may name the folder around a template folder without it.
                candidates = [path for path in last if _without_folder(path).endswith(ending)]
        return _nearest(candidates, near)

    def first(self, names: tuple[str, ...], near: str) -> str | None:
        """Return the first of several templates that exists, as ``{% include [...] %}`` does."""
        return next((path for name in names if (path := self.find(name, near)) is not None), None)

    def facts(self, path: str) -> TemplateFacts:
        """Return what the template at a project path says, parsed when it is first asked for."""
        return self._reader.facts(path)

    def words(self) -> frozenset[str]:
        """Return every name that stands in any file."""
        return self._reader.words()

    def notes(self) -> tuple[str, ...]:
        """Return sentences on what has been read and what could not be."""
        return self._reader.notes()


def _without_folder(path: str) -> str:
    """A path as if its innermost template folder were the folder around it."""
    before, folder, after = f"/{path}".rpartition(f"/{TEMPLATE_FOLDER}/")
    return f"{before}/{after}" if folder else ""


def _nearest(candidates: Sequence[str], near: str) -> str | None:
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    here = near.split("/")
    ranked = sorted(((_shared(path.split("/"), here), -path.count("/"), path) for path in candidates), reverse=True)
    return ranked[0][2] if ranked[0][:2] > ranked[1][:2] else None


def _shared(left: list[str], right: list[str]) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count
