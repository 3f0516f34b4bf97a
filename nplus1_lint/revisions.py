"""Another revision of the project, as files in a folder of its own."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nplus1_lint.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def checked_out(root: str, revision: str) -> Iterator[str]:
    """Give the files of a git revision below a folder; nothing in the repository or the working tree changes.

    Args:
        root: an absolute folder of a repository, not necessarily its top.
        revision: anything that git understands: a branch, a tag, a commit, ``HEAD~1``.

    Returns:
        A context manager for a temporary folder that stands for *root*.

    Raises:
        ConfigError: There is no git, no repository or no such revision.
    """
    if revision.startswith("-"):
        raise ConfigError(f"--diff: {revision!r} is no revision; name a branch, a tag or a commit.")
    command = ["git", "-C", root, "archive", "--format=tar", revision, "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise ConfigError(f"--diff needs git, which cannot be run: {error.strerror}.") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ConfigError(
            f"--diff: git knows no {revision!r} of {root}: {said[0] if said else 'it says nothing more'}."
        )
    with tempfile.TemporaryDirectory(prefix="nplus1-lint-") as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            if sys.version_info >= (3, 12):
                archive.extractall(folder, filter="data")
            else:
                archive.extractall(folder, [member for member in archive if member.isfile() or member.isdir()])
        yield folder
