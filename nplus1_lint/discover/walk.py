"""The walk through folders that finds Python files, and templates."""

from __future__ import annotations

import contextlib
import io
import os
from typing import TYPE_CHECKING, Final

from nplus1_lint.cache.stamps import Seen, stamp
from nplus1_lint.cache.store import digest
from nplus1_lint.discover.gitignore import Patterns
from nplus1_lint.findings import ScanError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

# Never walked into: no hand-written source lies there. A folder with a pyvenv.cfg is skipped whatever its name.
SKIPPED_FOLDERS: Final = frozenset(
    {
        ".bzr",
        ".direnv",
        ".eggs",
        ".git",
        ".hg",
        ".hypothesis",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".nplus1_cache",
        ".pytest_cache",
        ".pytype",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        "__pycache__",
        "__pypackages__",
        "buck-out",
        "node_modules",
        "site-packages",
        "venv",
    }
)

# Files whose presence decides over their folder.
_MARKS: Final = frozenset({".gitignore", "pyvenv.cfg"})

TEMPLATE_FOLDER: Final = "templates"

# Made by packaging tools, unless the name is a package's own.
_OUTPUT_FOLDERS: Final = frozenset({"build", "dist"})


def relative(path: str, start: str) -> str:
    """Return a path as reports and stages name it.

    Args:
        path: an absolute path.
        start: the absolute folder that it shall be relative to.

    Returns:
        The relative path with forward slashes; the absolute one where no relative path exists.
    """
    prefix = os.path.join(start, "")
    if path.startswith(prefix):  # relpath() is slow, and nearly every path comes this way
        path = path[len(prefix) :]
    else:
        with contextlib.suppress(ValueError):  # another drive
            path = os.path.relpath(path, start)
    return path.replace(os.sep, "/")


class Walk:
    """Walks folders, each one once, honouring ignore files.

    Links to folders are not followed, as in git, so no walk is endless.

    Args:
        root: the absolute project root.
        wanted: tells by its name whether a file is looked for; Python files by default.

    Attributes:
        errors: what could not be read.
        template_folders: the folders named ``templates`` that were walked through.
        listed: the folders whose listing was read.
        ignore_files: the ignore files that were read in them.
    """

    def __init__(self, root: str, wanted: Callable[[str], bool] = lambda name: name.endswith(".py")) -> None:
        self._root = root
        self._wanted = wanted
        self._walked: set[str] = set()
        self._links: set[str] = set()
        self._found: set[str] = set()
        self.errors: list[ScanError] = []
        self.template_folders: set[str] = set()
        self.listed: dict[str, Seen] = {}
        self.ignore_files: dict[str, Seen] = {}

    def enter(self, folder: str) -> None:
        """Find the files under *folder*, even if *folder* itself is ignored."""
        pending = [(folder, self._rules_above(folder))]
        while pending:
            place, rules = pending.pop()
            if place not in self._walked:
                self._walked.add(place)
                if os.path.basename(place) == TEMPLATE_FOLDER:
                    self.template_folders.add(place)
                pending.extend(self._list(place, rules))

    def under(self, folder: str) -> list[str]:
        """Return the files found under *folder*."""
        prefix = os.path.join(folder, "")
        return [file for file in self._found if file.startswith(prefix)]

    def files(self, reported: Collection[str]) -> set[str]:
        """Return all files, without links to files that are there under their own name too."""
        if not self._links:
            return set(self._found)
        own = self._found - self._links
        seen = {True: {os.path.realpath(file) for file in own & set(reported)}, False: set(map(os.path.realpath, own))}
        for link in sorted(self._links):
            target, asked = os.path.realpath(link), link in reported
            if target not in seen[asked]:
                own.add(link)
                seen[asked].add(target)
        return own

    def _list(self, folder: str, rules: tuple[Patterns, ...]) -> Iterator[tuple[str, tuple[Patterns, ...]]]:
        try:
            self.listed[folder], entries = list_folder(folder)
        except OSError as error:
            self._fail(folder, error)
            return
        if "pyvenv.cfg" in entries:
            return
        if ".gitignore" in entries:
            rules = (*rules, *self._rules_of(os.path.join(folder, ".gitignore"), folder))
        for name, entry in entries.items():
            if self._wanted(name) and self._is_file(entry):
                if not _ignored(entry.path, False, rules):
                    self._found.add(entry.path)
                    if entry.is_symlink():
                        self._links.add(entry.path)
            elif (
                name not in SKIPPED_FOLDERS
                and not (name in _OUTPUT_FOLDERS and not self._is_source(entry, entries))
                and entry.is_dir(follow_symlinks=False)
                and not _ignored(entry.path, True, rules)
            ):
                yield entry.path, rules

    def _is_source(self, entry: os.DirEntry[str], siblings: Collection[str]) -> bool:
        """True if a folder is a package or part of one."""
        if "__init__.py" in siblings or not entry.is_dir(follow_symlinks=False):
            return True
        try:
            self.listed[entry.path], inside = list_folder(entry.path)
        except OSError:
            return False  # nobody asked for it
        return "__init__.py" in inside

    def _is_file(self, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_file()
        except OSError as error:  # a link that leads to itself
            self._fail(entry.path, error)
            return False

    def _rules_above(self, folder: str) -> tuple[Patterns, ...]:
        """The rules of all folders from the top of the repository (or project) down to the parent of *folder*."""
        top = _top(folder, self._root)
        names = [name for name in relative(folder, top).split("/") if name != "."]
        place = top
        rules = self._rules_of(os.path.join(top, ".git", "info", "exclude"), top) if names else ()
        for name in names:
            rules = (*rules, *self._rules_of(os.path.join(place, ".gitignore"), place))
            place = os.path.join(place, name)
        return rules

    def _rules_of(self, file: str, folder: str) -> tuple[Patterns, ...]:
        try:
            with open(file, "rb") as stream:
                taken = stamp(os.fstat(stream.fileno()))
                content = stream.read()
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            self._fail(file, error)
            return ()
        self.ignore_files[file] = Seen(file, taken, digest(content))
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", errors="surrogateescape").read()
        return (Patterns(folder, text.splitlines()),)

    def _fail(self, path: str, error: OSError) -> None:
        self.errors.append(ScanError(relative(path, self._root), 1, f"cannot be read: {error.strerror}"))


def list_folder(folder: str) -> tuple[Seen, dict[str, os.DirEntry[str]]]:
    """Read a folder's listing.

    Returns:
        The folder's state, which stands for what a walk for Python files depends on, and the entries by name. A link is
        known by where it leads, and as one that leads to a file or not; a folder with links is always listed anew.

    Raises:
        OSError: it cannot be read.
    """
    taken = stamp(os.stat(folder))
    with os.scandir(folder) as listing:
        entries = {entry.name: entry for entry in listing}
    parts: list[str] = []
    for entry in entries.values():
        if entry.is_symlink():
            parts.append(f"link {entry.name} {os.readlink(entry.path)} {os.path.isfile(entry.path)}")
            taken = taken.doubted()
        elif entry.is_dir(follow_symlinks=False):
            if entry.name not in SKIPPED_FOLDERS:
                parts.append(f"folder {entry.name}")
        elif entry.name.endswith(".py") or entry.name in _MARKS:
            parts.append(f"file {entry.name}")
    return Seen(folder, taken, digest(*(part.encode("utf-8", "surrogateescape") for part in sorted(parts)))), entries


def _top(folder: str, root: str) -> str:
    place = folder
    while not os.path.exists(os.path.join(place, ".git")):
        parent = os.path.dirname(place)
        if parent == place:
            return root if os.path.join(folder, "").startswith(os.path.join(root, "")) else folder
        place = parent
    return place


def _ignored(path: str, is_folder: bool, rules: tuple[Patterns, ...]) -> bool:
    """Ask the rules from the deepest folder upward; the first that has an opinion decides."""
    verdicts = (rule.verdict(path, is_folder=is_folder) for rule in reversed(rules))
    return next((verdict for verdict in verdicts if verdict is not None), False)
