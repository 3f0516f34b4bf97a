"""The stages in order for `--fix`, round by round: scan, apply what findings suggest, scan what that makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nplus1_lint.findings import Applicability
from nplus1_lint.front import Clock, Names, find, no_collection, read
from nplus1_lint.pipeline import Outcome, Scan, judge, nothing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nplus1_lint.cache.store import Store
    from nplus1_lint.config import Config, Workspace
    from nplus1_lint.front import Front, Progress


class FixableScan(Scan):
    """A scan that can be made again with other contents.

    Args:
        front: the project.
        config: what to report.
        clock: times the stages.
    """

    def __init__(self, front: Front, config: Config, clock: Clock) -> None:
        super().__init__(judge(front, clock), front.found, front.index.contents, front.names, config, clock)
        self.front = front

    def over(self, changed: Mapping[str, bytes]) -> FixableScan:
        """Scan the same project with other contents."""
        return FixableScan(self.front.over(changed), self._config, self._clock)


@dataclass(frozen=True, slots=True)
class FixOutcome:
    """What a run of fixes came to.

    Attributes:
        outcome: what is found afterwards; with nothing written, what would be.
        diff: the changes as one unified diff for ``git apply`` in the project's root.
        fixed: how many findings are gone.
        files: what was written, or would be, as seen from the working directory.
        refused: sentences about fixes that were not made, and about files that were left alone.
        failed: a file could not be written, or was changed meanwhile.
    """

    outcome: Outcome
    diff: bytes
    fixed: int
    files: tuple[str, ...]
    refused: tuple[str, ...]
    failed: bool


def fix(
    paths: Sequence[str],
    config: Config,
    workspace: Workspace,
    *,
    cwd: str,
    unsafe: bool,
    dry: bool,
    progress: Progress | None = None,
    store: Store | None = None,
) -> FixOutcome:
    """Scan files and folders and apply what their findings suggest.

    Args:
        paths: files and folders, absolute or relative to *cwd*; no other file is changed.
        config: what to report, and so what to fix.
        workspace: the project around the paths.
        cwd: the absolute working directory.
        unsafe: apply also what changes behaviour in a named way.
        dry: write nothing.
        progress: as for `check`.
        store: what former runs have kept.

    Returns:
        What was fixed, and the report of what remains.

    Raises:
        ConfigError: A pattern of the exclusions is invalid.
        InternalError: The linter contradicts itself.
        OSError: A file with a finding vanished during the scan.
    """
    from nplus1_lint import fix as stage
    from nplus1_lint.index.sources import Sources

    clock = Clock(progress)
    wanted = {Applicability.SAFE, Applicability.UNSAFE} if unsafe else {Applicability.SAFE}
    with no_collection():
        found = find(paths, config, workspace, cwd=cwd, clock=clock)
        if not any(file.reported for file in found.files):
            empty = nothing(found.errors, found.warnings, clock.timings, Names(workspace.root, cwd))
            return FixOutcome(empty, b"", 0, (), (), False)
        contents = Sources(keep=True)
        project = read(found, config, workspace, cwd=cwd, clock=clock, contents=contents, store=store, sieve=True)
        front = project.linked(clock)
        first = FixableScan(front, config, clock)
        last, settled = stage.settle(first, wanted, first.front.reported)
        shown = first.front.names.shown
        before = {path: first.front.index.content(path) for path in settled.contents}
        written, failed = dict(settled.contents), dict[str, str]()
        if not dry:
            written, failed = stage.write(settled, before, first.front.index.locations)
        if failed:
            last = first.over(written)
        return FixOutcome(
            outcome=last.outcome(),
            diff=stage.diff(before, written),
            fixed=sum(not {change.path for change in stage.changes_of(one)} & set(failed) for one in settled.fixed),
            files=tuple(shown(path) for path in written),
            refused=(
                *(stage.sentence(refusal, shown) for refusal in settled.refused),
                *(f"{shown(path)} was not changed: {reason}" for path, reason in failed.items()),
            ),
            failed=bool(failed),
        )
