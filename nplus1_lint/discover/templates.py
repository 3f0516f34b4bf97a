"""The files that may be templates: those under folders named so, and under folders that the code names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nplus1_lint.discover.walk import TEMPLATE_FOLDER, Walk, relative

if TYPE_CHECKING:
    from collections.abc import Iterable

_CODE = (".py", ".pyc", ".pyi")


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A file in a template folder.

    Attributes:
        path: relative to the project root, forward slashes.
        absolute: where it stands on disk.
        names: the names by which a loader may know it: its paths below each template folder around it.
    """

    path: str
    absolute: str
    names: tuple[str, ...]


def find_templates(folders: Iterable[str], named: Iterable[tuple[str, str]], root: str) -> tuple[TemplateFile, ...]:
    """Find the files of all template folders.

    Args:
        folders: absolute folders named ``templates`` that the search for Python files has come through.
        named: (path of a module, folder as it names it); the folder is looked for beside the module and, if there is
            none, in each folder above it up to the root.
        root: the absolute project root.

    Returns:
        The files by path; ignore files are honoured below each folder.
    """
    places = sorted({*folders, *_located(named, root)})
    walk = Walk(root, lambda name: not name.endswith(_CODE))
    for place in places:
        walk.enter(place)
    files = walk.files(())
    found = (TemplateFile(relative(file, root), file, _names(file, places)) for file in files)
    return tuple(sorted(found, key=lambda file: file.path))


def _located(named: Iterable[tuple[str, str]], root: str) -> Iterable[str]:
    for module, folder in named:
        if os.path.basename(folder) == TEMPLATE_FOLDER:
            continue  # found as such
        place = os.path.dirname(os.path.join(root, module))
        while True:
            candidate = os.path.join(place, *folder.split("/"))
            if os.path.isdir(candidate):
                yield candidate
                break
            if place == root or not place.startswith(os.path.join(root, "")):
                break
            place = os.path.dirname(place)


def _names(file: str, folders: Iterable[str]) -> tuple[str, ...]:
    return tuple(relative(file, folder) for folder in folders if file.startswith(os.path.join(folder, "")))
