"""Paths to :class:`SourceFile`: what is read, and what of it is reported."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nplus1_lint.config import Config, ConfigError, Workspace
from nplus1_lint.discover.gitignore import PatternError, Patterns
from nplus1_lint.discover.templates import TemplateFile, find_templates
from nplus1_lint.discover.walk import Walk, list_folder, relative
from nplus1_lint.findings import ScanError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from nplus1_lint.cache.stamps import Seen

__all__ = ["Discovery", "SourceFile", "TemplateFile", "discover", "find_templates", "list_folder", "relative"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to be indexed.

    Attributes:
        path: relative to the project root, forward slashes.
        absolute: where it stands on disk.
        reported: findings in it are shown; otherwise it is read for the sake of others.
    """

    path: str
    absolute: str
    reported: bool


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found under the passed paths and around them.

    Attributes:
        files: files to be indexed in any case, by path.
        context: files to be indexed when one of *files* imports them, by path.
        errors: paths that could not be read.
        warnings: sentences about paths that hold nothing to read.
        template_folders: absolute folders named ``templates``.
        listed: the folders whose listing was read, in the state that they had then.
        ignore_files: the ignore files that were read.
        named: project paths of the reported files that were passed by name.
        whole: *files* are all of the project, what is excluded aside, as far as it is known where that ends.
    """

    files: tuple[SourceFile, ...]
    context: tuple[SourceFile, ...]
    errors: tuple[ScanError, ...]
    warnings: tuple[str, ...]
    template_folders: tuple[str, ...] = ()
    listed: tuple[Seen, ...] = ()
    ignore_files: tuple[Seen, ...] = ()
    named: frozenset[str] = frozenset()
    whole: bool = False


def discover(paths: Sequence[str], config: Config, workspace: Workspace, *, cwd: str) -> Discovery:
    """Find the files of a run.

    A passed folder stands for the files in it. A passed file asks about that file alone, so the whole project is
    indexed to understand it. What is excluded by the configuration is not reported and becomes context, unless it is
    passed by name.

    Args:
        paths: files and folders, absolute or relative to *cwd*.
        config: the exclusions.
        workspace: the project around the paths.
        cwd: the absolute working directory.

    Returns:
        The files, with everything that was wrong on the way; the order of *paths* changes nothing.

    Raises:
        ConfigError: A pattern of the exclusions is invalid.
    """
    passed = sorted({os.path.abspath(os.path.join(cwd, path)) for path in paths})
    folders = [path for path in passed if os.path.isdir(path)]
    singles = [path for path in passed if path not in folders]
    exclusions = _Exclusions(config, workspace.root)
    walk = Walk(workspace.root)
    for folder in folders:
        walk.enter(folder)
    errors, warnings = list(walk.errors), [_nothing_in(folder, cwd) for folder in folders if not walk.under(folder)]
    reported = {path for folder in folders for path in exclusions.left_in(folder, walk.under(folder))}
    for file in singles:
        if not os.path.exists(file):
            errors.append(ScanError(relative(file, workspace.root), 1, "no such file or folder"))
        elif file.endswith(".pyi"):
            warnings.append(f"{relative(file, cwd)} is a stub file; there is no code in it to check")
        elif not (config.force_exclude and exclusions.match(file)):
            reported.add(file)
    for base in workspace.bases:  # what is wrong outside the passed paths is nobody's question
        walk.enter(base)
    known = walk.files(reported) | (reported & set(singles))
    reported &= known
    indexed = {file for file in known if file in reported or (singles and not exclusions.match(file))}
    context = known - indexed
    return Discovery(
        files=_source_files(indexed, reported, workspace.root),
        context=_source_files(context, reported, workspace.root),
        errors=tuple(sorted(errors, key=lambda error: error.path)),
        warnings=tuple(warnings),
        template_folders=tuple(sorted(walk.template_folders)),
        listed=tuple(walk.listed[folder] for folder in sorted(walk.listed)),
        ignore_files=tuple(walk.ignore_files[file] for file in sorted(walk.ignore_files)),
        named=frozenset(relative(file, workspace.root) for file in reported.intersection(singles)),
        whole=(
            (workspace.marked or not singles) and not walk.errors and all(exclusions.match(file) for file in context)
        ),
    )


def _nothing_in(folder: str, cwd: str) -> str:
    return f"no Python files found under {relative(folder, cwd)}"


def _source_files(files: Iterable[str], reported: Collection[str], root: str) -> tuple[SourceFile, ...]:
    made = [SourceFile(relative(file, root), file, file in reported) for file in files]
    return tuple(sorted(made, key=lambda file: file.path))


class _Exclusions:
    """The configuration's patterns of files that are not reported."""

    def __init__(self, config: Config, root: str) -> None:
        self._root = root
        self._force = config.force_exclude
        self._folders: dict[str, bool] = {root: False}
        try:
            self._patterns = Patterns(root, [*config.exclude, *config.extend_exclude], strict=True)
        except PatternError as error:
            raise ConfigError(f"exclude: {error}; the patterns are those of .gitignore") from error

    def match(self, path: str, *, is_folder: bool = False) -> bool:
        """True if *path* or a folder around it is excluded; the root itself never is."""
        if not path.startswith(os.path.join(self._root, "")):
            return False
        return self._inside(os.path.dirname(path)) or bool(self._patterns.verdict(path, is_folder=is_folder))

    def left_in(self, folder: str, files: Iterable[str]) -> Iterator[str]:
        """Those of *files* that a passed folder stands for; all of them when the folder is itself excluded."""
        named = self.match(folder, is_folder=True) and not self._force
        return (file for file in files if named or not self.match(file))

    def _inside(self, folder: str) -> bool:
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self.match(folder, is_folder=True)
        return known
