"""A PostgreSQL server of one's own: Debian's, on a free loopback port, with a data folder that is gone afterwards."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_USER = "postgres"  # the server refuses to run as root
_START_SECONDS = 60


class Missing(Exception):
    """There is no server to be started here; the message says why."""


def programs() -> str:
    """Return the folder with ``initdb`` and ``postgres``.

    Raises:
        Missing: there is none, or this user may not run them.
    """
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=_version)
    initdb = found[-1] if found else shutil.which("initdb")
    if initdb is None:
        raise Missing("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    if os.geteuid() == 0 and not _has_user():
        raise Missing(f"PostgreSQL does not run as root, and there is no user {_USER} to run it as")
    return os.path.dirname(os.path.realpath(initdb))


def _version(path: str) -> float:
    part = path.split("/")[4]
    return float(part) if part.replace(".", "", 1).isdigit() else 0.0


def _has_user() -> bool:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return False
    return True


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run a server while the block runs, and give the URL of its database.

    Raises:
        Missing: there is no server to be started here.
    """
    folder = programs()
    home = tempfile.mkdtemp(prefix="pg-")
    data = os.path.join(home, "data")
    run_as = {"user": _USER, "group": pwd.getpwnam(_USER).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    try:
        if run_as:
            shutil.chown(home, _USER)
        initdb = [f"{folder}/initdb", "-D", data, "-U", "tester", "--auth=trust", "--no-sync", "-E", "UTF8"]
        subprocess.run([*initdb, "--locale=C"], check=True, capture_output=True, cwd=home, **run_as)  # type: ignore[call-overload]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = ["-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", home, "-F"]
        with open(os.path.join(home, "log"), "wb") as log:
            process = subprocess.Popen([f"{folder}/postgres", *options], stdout=log, stderr=log, cwd=home, **run_as)  # type: ignore[call-overload]
        try:
            _wait(process, folder, port, home)
            yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait(timeout=_START_SECONDS)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], folder: str, port: int, home: str) -> None:
    ready = [f"{folder}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "tester", "-d", "postgres"]
    end = time.monotonic() + _START_SECONDS
    while subprocess.run(ready, check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > end:
            with open(os.path.join(home, "log"), encoding="utf-8", errors="replace") as log:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read()[-2000:]}")
        time.sleep(0.1)


def main() -> None:
    """Print why there is no server here, or nothing."""
    try:
        programs()
    except Missing as reason:
        print(reason)


if __name__ == "__main__":
    main()
