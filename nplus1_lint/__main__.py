"""``python -m nplus1_lint`` and the program ``nplus1-lint``: the command line as a process of its own."""

from __future__ import annotations

import gc
import os
import sys


def run() -> None:
    """Run the command line, and end the process without giving back its memory bit by bit.

    Facts are large and live until the end: to collect among them, and to free them one by one at the exit, would take
    a sixth of a whole scan. The operating system frees them at once.
    """
    gc.disable()
    from nplus1_lint.cli import main

    try:
        main(prog_name="nplus1-lint")
    except SystemExit as ending:
        if not isinstance(ending.code, int):
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ending.code)


if __name__ == "__main__":
    run()
