"""The command line in this process."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from nplus1_lint.cli import main

if TYPE_CHECKING:
    from click.testing import Result

# Before 8.2 click mixes the two streams unless told not to.
_APART: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}


def invoke(*arguments: str) -> Result:
    """Run ``nplus1-lint`` with some arguments, its two streams apart."""
    return CliRunner(**_APART).invoke(main, arguments)
