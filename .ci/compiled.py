"""What .ci/run asks of the compiled wheel: ``missing`` says why none can be built here, ``modules`` what is compiled.

``modules`` is run by the Python of the environment in which the wheel is installed; it fails where a module that
pyproject.toml wants compiled is not, or where the package is that of a source tree.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import shutil
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Run the command that is named."""
    commands = {"missing": missing, "modules": modules}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(f"usage: compiled.py {'|'.join(commands)}")
    commands[sys.argv[1]]()


def missing() -> None:
    """Print what this machine lacks to compile; nothing if it lacks nothing."""
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    header = Path(sysconfig.get_paths()["include"], "Python.h")
    if shutil.which(compiler.split()[0]) is None:
        print(f"there is no C compiler {compiler.split()[0]} here")
    elif not header.exists():
        print(f"there is no {header} here: the headers of Python are not installed")


def modules() -> None:
    """Import every module that is to be compiled, and print how many there are."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))
    hook = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
    excluded = {ROOT / path for path in hook["exclude"]}
    included = (ROOT / path for path in hook["include"])
    wanted = [file for path in included for file in ([path] if path.suffix else sorted(path.rglob("*.py")))]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in wanted if file not in excluded]
    for name in names:
        place = importlib.import_module(name.removesuffix(".__init__")).__file__ or ""
        if not place.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)):
            sys.exit(f"{name} is not compiled: it is {place}")
        if Path(place).is_relative_to(ROOT):
            sys.exit(f"{name} is that of the source tree: {place}")
    print(f"{len(names)} modules are compiled")


if __name__ == "__main__":
    main()
