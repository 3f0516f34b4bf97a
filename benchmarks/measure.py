"""What a command takes: wall time, processor time, and memory over all of its processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_EVERY = 0.02  # seconds between two looks at the memory


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run has taken.

    Attributes:
        wall: seconds.
        cpu: seconds of all its processes.
        memory: the most that they held at a time, in MB; 0 where it cannot be told.
    """

    wall: float
    cpu: float
    memory: float


def run(command: Sequence[str], cwd: Path) -> Cost:
    """Run a command whose exit code says nothing, for linters find something.

    It may keep bytecode, as an installed program does, whatever the environment says.

    Raises:
        RuntimeError: It failed: it ended by a signal or with a traceback.
    """
    before = os.times()
    start = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    assert process.stderr is not None
    said = process.stderr.read()
    code = process.wait()
    wall = time.perf_counter() - start
    watcher.join()
    after = os.times()
    if code < 0 or b"Traceback" in said:
        raise RuntimeError(f"{' '.join(command)} ended with {code}: {said.decode(errors='replace')[-400:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall, cpu, peak[0])


def middling(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(
        statistics.median(one.wall for one in costs),
        statistics.median(one.cpu for one in costs),
        max(one.memory for one in costs),
    )


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], _memory(process.pid))
        time.sleep(_EVERY)


def _memory(session: int) -> float:
    """The proportional share of memory of all processes of a session, in MB (Linux)."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) != session:
                continue
            for line in (folder / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    return total / 1024
