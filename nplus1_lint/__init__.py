"""A static N+1 query linter for Python code on SQLAlchemy.

The public interface is :func:`check`; everything else may change between versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.version import __version__

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from nplus1_lint.findings import Report

__all__ = ["__version__", "check"]


def check(paths: Sequence[str | os.PathLike[str]]) -> Report:
    """Scan files and folders as ``nplus1-lint check`` does, with the configuration that applies to them.

    Args:
        paths: files and folders, absolute or relative to the working directory.

    Returns:
        The findings, the suppressed findings and the files that could not be read; paths in it are relative to the
        working directory.

    Raises:
        nplus1_lint.config.ConfigError: The configuration cannot be used.
        nplus1_lint.findings.InternalError: The linter contradicts itself.
    """
    import os

    from nplus1_lint.config import load
    from nplus1_lint.pipeline import check as scan
    from nplus1_lint.pipeline import rule_codes

    names = [os.fspath(path) for path in paths]
    cwd = os.getcwd()
    settings = load(names, cwd=cwd, codes=rule_codes())
    return scan(names, settings.config, settings.workspace, cwd=cwd).report
