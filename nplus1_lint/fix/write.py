"""Changed files go to disk: each as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile


def unchanged(path: str, content: bytes) -> bool:
    """True if a file still holds what was read of it.

    Args:
        path: the absolute path; a link stands for what it names.
        content: what was read.

    Raises:
        OSError: the file can no longer be read.
    """
    with open(path, "rb") as handle:
        return handle.read() == content


def replace_content(path: str, content: bytes) -> None:
    """Give a file a new content, in one step: who reads it meanwhile sees the old one or the new one.

    The file keeps its mode; of a link, what it names is written.

    Args:
        path: the absolute path.
        content: what it shall hold.

    Raises:
        OSError: it cannot be written; it holds then what it held.
    """
    target = os.path.realpath(path)
    mode = stat.S_IMODE(os.stat(target).st_mode)
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "the file is read-only", path)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".nplus1-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
