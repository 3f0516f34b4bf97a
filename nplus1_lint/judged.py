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
from nplus1_lint.edits.bearing import Bearing, idle_moves
from nplus1_lint.edits.carried import carried
from nplus1_lint.edits.moves import Moved
from nplus1_lint.index.facts import ParseError, Suppression  # noqa: TC001  # msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.cache.stamps import Seen
    from nplus1_lint.cache.store import Store
    from nplus1_lint.discover import Discovery
    from nplus1_lint.failures import Failure
    from nplus1_lint.findings import Suspect
    from nplus1_lint.front import Front, Read
    from nplus1_lint.index.facts import ModuleFacts
    from nplus1_lint.index.sources import Sources
    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.former import Former

_PREFIX: Final = "judged-"
_KEPT: Final = 6  # states of the project: branches, and a folder checked by itself
_STATE: Final = "state-"  # names the judgement of files with these contents
_STATES: Final = 24
_GROUNDS: Final = "grounds-"  # of the last judgement of a set of files for which an analysis was made
_INFERRED: Final = "inferred-"  # what inference has found out of a set of files
_SETS: Final = 3
_OF_THE_RUN: Final = ("bearing", "failures")


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
        aside: project paths of the files that cannot matter and were not parsed.
        bearing: what the analysis has looked at; None where none was made in this run.
        failures: of the linter; such a judgement is not kept.
    """

    suspects: tuple[Suspect, ...]
    function_count: int
    model_count: int
    suppressions: dict[str, tuple[Suppression, ...]]
    unparsed: tuple[tuple[str, ParseError], ...]
    notes: tuple[str, ...]
    templates: Templates
    aside: tuple[str, ...] = ()
    bearing: Bearing | None = None
    failures: tuple[Failure, ...] = ()


class _Stored(msgspec.Struct, array_like=True):
    """A judgement as it is written: suspects are flat."""

    suspects: Any
    function_count: int
    model_count: int
    suppressions: dict[str, tuple[Suppression, ...]]
    unparsed: tuple[tuple[str, ParseError], ...]
    notes: tuple[str, ...]
    templates: Templates
    aside: tuple[str, ...]


class _Grounds(msgspec.Struct, array_like=True):
    """What the last analysis of a set of files rests on.

    Attributes:
        name: of the judgement.
        files: path, and digests of the facts and of the content, of each module.
        others: digests of the facts of migrations.
        bearing: what was looked at.
    """

    name: str
    files: tuple[tuple[str, bytes, bytes], ...]
    others: tuple[bytes, ...]
    bearing: Bearing


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
        self._facts = b""
        files = sorted(os.fsencode(file.path) for file in (*found.files, *found.context))
        self._set = digest(*files).hex()
        self._state = f"{_STATE}{digest(*parts, *(f.encode('utf-8', 'surrogatepass') for f in self._folders)).hex()}"

    def recall(self) -> Judged | None:
        """Return what was said of files with these contents, or None."""
        facts = self._store.read(self._state)
        return self._recalled(f"{_PREFIX}{facts.hex()}") if facts is not None else None

    def recall_alike(self, read: Read) -> Judged | None:
        """Return what was said of the same facts, or of others that come to the same; None if that is not known.

        What is kept from now on is kept for these facts.
        """
        parts = [_digest(module) for module in (*read.index.modules, *read.index.migrations)]
        bound = len(read.index.modules).to_bytes(8, "little")
        aside = digest(*map(os.fsencode, read.aside))
        self._facts = digest(bound, *parts, aside, *map(os.fsencode, self._folders))
        judged = self._recalled(f"{_PREFIX}{self._facts.hex()}")
        if judged is not None:
            self._note_state()
            return judged
        self._look_at_templates(read)
        return self._upheld(read)

    def _upheld(self, read: Read) -> Judged | None:
        """Return what was said before edits that cannot matter, with the places of now, or None."""
        grounds = self._grounds()
        judged = self._decoded(f"{_PREFIX}{grounds.name}") if grounds is not None else None
        if grounds is None or judged is None or judged.templates != self._templates:
            return None
        before = _edited(grounds, read)
        if before is None:
            return None
        now = {module.path: module for module in read.index.modules}
        moves = idle_moves(grounds.bearing, before, now)
        if moves is None:
            return None
        try:
            suspects = carried(judged.suspects, moves)
        except Moved:
            return None
        more = sum(now[path].function_count - was.function_count for path, was in before.items())
        return replace(
            judged,
            suspects=suspects,
            function_count=judged.function_count + more,
            suppressions=_suppressions(now.values()),
            aside=read.aside,
        )

    def _grounds(self) -> _Grounds | None:
        body = self._store.read(_GROUNDS + self._set)
        try:
            return msgspec.msgpack.decode(body, type=_Grounds) if body is not None else None
        except msgspec.DecodeError:  # nothing that this edition has written
            return None

    def _recalled(self, name: str) -> Judged | None:
        judged = self._decoded(name)
        return judged if judged is not None and judged.templates == self._looked_at(judged.templates) else None

    def _decoded(self, name: str) -> Judged | None:
        body = self._store.read(name)
        try:
            return _decoded(body) if body is not None else None
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):  # nothing that this edition has written
            return None

    def _look_at_templates(self, read: Read) -> None:
        """See in which state the templates are, before inference reads them."""
        from nplus1_lint.index.templates import named_folders, renders

        sought = renders(read.index.modules)
        self._templates = self._looked_at(Templates(named_folders(read.index.modules) if sought else (), (), sought))

    def former(self, read: Read) -> Former | None:
        """Return what inference has left in a run over other contents of these files."""
        from nplus1_lint.infer.former import Former

        if read.known is None:
            return None
        return Former(self._store.read(_INFERRED + self._set), read.known.get, self._digests())

    def _digests(self) -> dict[str, bytes]:
        """What stands for the content of each file, by path."""
        files = (*self._found.files, *self._found.context)
        return {file.path: self._contents.digest(file.absolute) for file in files}

    def keep(self, judged: Judged, read: Read, former: Former | None) -> None:
        """Keep what is said of the facts for which it was sought in vain.

        Args:
            judged: what is said.
            read: of what.
            former: what inference has left.
        """
        left = former.encoded() if former is not None else None
        if left is not None:
            self._keep(_INFERRED, self._set, left, _SETS)
        if judged.bearing is not None:
            contents = self._digests()
            modules = [(module.path, _digest(module), contents[module.path]) for module in read.index.modules]
            others = tuple(map(_digest, read.index.migrations))
            grounds = _Grounds(self._facts.hex(), tuple(modules), others, judged.bearing)
            self._keep(_GROUNDS, self._set, msgspec.msgpack.encode(grounds), _SETS)
        self._keep(_PREFIX, self._facts.hex(), _encoded(replace(judged, templates=self._templates)), _KEPT)
        self._note_state()

    def _note_state(self) -> None:
        self._keep(_STATE, self._state.removeprefix(_STATE), self._facts, _STATES)

    def _keep(self, kind: str, name: str, body: bytes, most: int) -> None:
        """Write an entry, and forget the oldest of its kind beyond so many."""
        old = self._store.names(kind)[most - 1 :]
        self._store.write(kind + name, body)
        self._store.remove(one for one in old if one != kind + name)

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


def _edited(grounds: _Grounds, read: Read) -> dict[str, ModuleFacts] | None:
    """Return the facts of then of the files that are not the same, by path; None where they are not known."""
    modules = read.index.modules
    others = tuple(map(_digest, read.index.migrations))
    if [path for path, _, _ in grounds.files] != [module.path for module in modules] or grounds.others != others:
        return None
    before: dict[str, ModuleFacts] = {}
    for (path, facts, content), module in zip(grounds.files, modules, strict=True):
        if _digest(module) != facts:
            was = read.known.get(path, content) if read.known is not None else None
            if was is None:
                return None
            before[path] = was
    return before


def _suppressions(modules: Iterable[ModuleFacts]) -> dict[str, tuple[Suppression, ...]]:
    return {module.path: module.suppressions for module in modules if module.suppressions}


def gather(
    front: Front,
    analysis: Analysis,
    suspects: tuple[Suspect, ...],
    bearing: Bearing | None = None,
    failures: tuple[Failure, ...] = (),
) -> Judged:
    """Return what the later stages need."""
    modules = front.index.modules
    return Judged(
        suspects=suspects,
        function_count=analysis.function_count,
        model_count=analysis.model_count,
        suppressions=_suppressions(modules),
        unparsed=tuple((module.path, module.parse_error) for module in modules if module.parse_error),
        notes=front.project.templates.notes(),
        templates=Templates(),
        aside=front.aside,
        bearing=bearing,
        failures=failures,
    )


def _digest(module: ModuleFacts) -> bytes:
    """Return what stands for the facts of a file, and for why there are none where it cannot be read."""
    return module.digest or digest(msgspec.msgpack.encode((module.path, module.parse_error)))


def _look(location: str) -> Seen | None:
    try:
        return look(location)
    except OSError:
        return None


def _encoded(judged: Judged) -> bytes:
    values = {field.name: getattr(judged, field.name) for field in fields(judged) if field.name not in _OF_THE_RUN}
    return msgspec.msgpack.encode(_Stored(**{**values, "suspects": flatten(judged.suspects)}))


def _decoded(body: memoryview) -> Judged:
    stored = msgspec.msgpack.decode(body, type=_Stored)
    values = {field: getattr(stored, field) for field in stored.__struct_fields__}
    return Judged(**{**values, "suspects": restore(stored.suspects)})
