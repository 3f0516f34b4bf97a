"""What the rules say of a whole project, kept until any file of it changes.

It holds for every set of reported files, selected rules and formats: a hook that passes single files reads it too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nplus1_lint.cache.codec import flatten, restore
from nplus1_lint.cache.stamps import Inputs, look
from nplus1_lint.cache.store import digest
from nplus1_lint.discover import find_templates
from nplus1_lint.index.facts import ParseError, Suppression  # noqa: TC001  # msgspec reads the annotations

if TYPE_CHECKING:
    from nplus1_lint.cache.stamps import Seen
    from nplus1_lint.cache.store import Store
    from nplus1_lint.discover import Discovery
    from nplus1_lint.findings import Suspect
    from nplus1_lint.front import Front
    from nplus1_lint.index.facts import ModuleFacts
    from nplus1_lint.index.sources import Sources
    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.former import Former

_PREFIX: Final = "judged-"
_KEPT: Final = 6  # states of the project: branches, and a folder checked by itself
_STATE: Final = "state-"  # names the judgement of files with these contents
_STATES: Final = 24
_INFERRED: Final = "inferred-"  # what inference has found out of a set of files
_SETS: Final = 3


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates that were looked at, to see whether they are still the same.

    Attributes:
        named: as `nplus1_lint.index.templates.named_folders` gives them.
        contents: project path and digest of each, an empty one if it could not be read.
        sought: the modules render templates at all.
    """

    named: tuple[tuple[str, str], ...] = ()
    contents: tuple[tuple[str, bytes], ...] = ()
    sought: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """All that the later stages read of the earlier ones.

    Attributes:
        suspects: those of all rules in all files.
        function_count: definitions of functions in all files.
        model_count: mapped classes.
        suppressions: the comments of each file that has some, by project path.
        unparsed: files that could not be read or parsed, by project path.
        notes: sentences on templates.
        templates: those it holds for; filled when it is kept.
    """

    suspects: tuple[Suspect, ...]
    function_count: int
    model_count: int
    suppressions: dict[str, tuple[Suppression, ...]]
    unparsed: tuple[tuple[str, ParseError], ...]
    notes: tuple[str, ...]
    templates: Templates


class _Stored(msgspec.Struct, array_like=True):
    """A judgement as it is written: suspects are flat."""

    suspects: Any
    function_count: int
    model_count: int
    suppressions: dict[str, tuple[Suppression, ...]]
    unparsed: tuple[tuple[str, ParseError], ...]
    notes: tuple[str, ...]
    templates: Templates


class Memory:
    """Judgements of the states that a project was in.

    A judgement rests on facts and templates alone, so one is kept for all contents that come to the same facts: an edit
    of a comment, or of a file that nothing imports, needs no new one.

    Args:
        store: where they are kept.
        found: the files of this run.
        root: the absolute project root.
        contents: reads the files.
    """

    def __init__(self, store: Store, found: Discovery, root: str, contents: Sources) -> None:
        self._store = store
        self._found = found
        self._contents = contents
        self._templates = Templates()
        self._seen: tuple[Seen | None, ...] = ()
        self._folders = found.template_folders
        self._root = root
        parts = [b"files"]
        for group in (found.files, found.context):
            for file in group:
                parts += [file.path.encode("utf-8", "surrogatepass"), contents.digest(file.absolute)]
            parts.append(b"context")
        self._name, self._facts, self._inferred = "", b"", ""
        self._state = f"{_STATE}{digest(*parts, *(f.encode('utf-8', 'surrogatepass') for f in self._folders)).hex()}"

    def recall(self) -> Judged | None:
        """Return what was said of files with these contents, or None."""
        facts = self._store.read(self._state)
        return self._recalled(f"{_PREFIX}{facts.hex()}") if facts is not None else None

    def recall_alike(self, front: Front) -> Judged | None:
        """Return what was said of the same facts, or None; what is kept from now on is kept for these."""
        parts = [module.digest or _unread(module) for module in (*front.index.modules, *front.index.migrations)]
        bound = len(front.index.modules).to_bytes(8, "little")
        self._facts = digest(bound, *parts, *map(os.fsencode, self._folders))
        self._name = f"{_PREFIX}{self._facts.hex()}"
        judged = self._recalled(self._name)
        if judged is not None:
            self._note_state()
        return judged

    def _recalled(self, name: str) -> Judged | None:
        body = self._store.read(name)
        if body is None:
            return None
        try:
            judged = _decoded(body)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):  # nothing that this edition has written
            return None
        return judged if judged.templates == self._looked_at(judged.templates) else None

    def look_at_templates(self, front: Front) -> None:
        """See in which state the templates are, before inference reads them."""
        from nplus1_lint.index.templates import named_folders, renders

        sought = renders(front.index.modules)
        self._templates = self._looked_at(Templates(named_folders(front.index.modules) if sought else (), (), sought))

    def former(self, front: Front) -> Former | None:
        """Return what inference has left in a run over other contents of these files."""
        from nplus1_lint.infer.former import Former

        if front.known is None:
            return None
        files = (*self._found.files, *self._found.context)
        self._inferred = f"{_INFERRED}{digest(*sorted(os.fsencode(file.path) for file in files)).hex()}"
        contents = {file.path: self._contents.digest(file.absolute) for file in files}
        return Former(self._store.read(self._inferred), front.known.get, contents)

    def keep(self, judged: Judged, former: Former | None) -> None:
        """Keep what is said of the facts for which it was sought in vain.

        Args:
            judged: what is said.
            former: what inference has left.
        """
        left = former.encoded() if former is not None else None
        if left is not None:
            old = self._store.names(_INFERRED)[_SETS - 1 :]
            self._store.write(self._inferred, left)
            self._store.remove(name for name in old if name != self._inferred)
        judged = replace(judged, templates=self._templates)
        old = self._store.names(_PREFIX)[_KEPT - 1 :]
        self._store.write(self._name, _encoded(judged))
        self._store.remove(name for name in old if name != self._name)
        self._note_state()

    def _note_state(self) -> None:
        old = self._store.names(_STATE)[_STATES - 1 :]
        self._store.write(self._state, self._facts)
        self._store.remove(name for name in old if name != self._state)

    def inputs(self) -> Inputs | None:
        """Return all that the judgement depends on; None if that cannot be told from files and folders."""
        files = self._contents.seen()
        if self._found.errors or files is None or None in self._seen:
            return None
        templates = tuple(seen for seen in self._seen if seen is not None)
        folders = self._folders if self._templates.sought else ()
        named, ignore_files = self._templates.named, self._found.ignore_files
        return Inputs((*files, *ignore_files), self._found.listed, folders, named, templates, self._root)

    def _looked_at(self, before: Templates) -> Templates:
        self._seen = ()
        if before.sought:
            found = find_templates(self._folders, before.named, self._root)
            self._seen = tuple(_look(file.absolute) for file in found)
            pairs = zip(found, self._seen, strict=True)
            before = replace(before, contents=tuple((file.path, seen.digest if seen else b"") for file, seen in pairs))
        self._templates = before
        return before


def gather(front: Front, analysis: Analysis, suspects: tuple[Suspect, ...]) -> Judged:
    """Return what the later stages need."""
    modules = front.index.modules
    return Judged(
        suspects=suspects,
        function_count=analysis.function_count,
        model_count=analysis.model_count,
        suppressions={module.path: module.suppressions for module in modules if module.suppressions},
        unparsed=tuple((module.path, module.parse_error) for module in modules if module.parse_error),
        notes=front.project.templates.notes(),
        templates=Templates(),
    )


def _unread(module: ModuleFacts) -> bytes:
    """Stands for a file that could not be read, of which nothing is kept."""
    return digest(msgspec.msgpack.encode((module.path, module.parse_error)))


def _look(location: str) -> Seen | None:
    try:
        return look(location)
    except OSError:
        return None


def _encoded(judged: Judged) -> bytes:
    values = {field.name: getattr(judged, field.name) for field in fields(judged)}
    return msgspec.msgpack.encode(_Stored(**{**values, "suspects": flatten(judged.suspects)}))


def _decoded(body: memoryview) -> Judged:
    stored = msgspec.msgpack.decode(body, type=_Stored)
    values = {field: getattr(stored, field) for field in stored.__struct_fields__}
    return Judged(**{**values, "suspects": restore(stored.suspects)})
