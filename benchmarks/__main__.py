"""Time nplus1-lint beside other readers of the same files: ``python -m benchmarks [TREE …]``; see README.md here."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.generated import middle, write_project
from benchmarks.measure import Cost, middling, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_PARSE = """
import ast, sys, warnings
warnings.simplefilter("ignore")
for path in open(sys.argv[1]).read().split("\\0"):
    try:
        ast.parse(open(path, "rb").read())
    except (SyntaxError, ValueError):
        pass
"""
_MEASURED = """
from importlib.machinery import EXTENSION_SUFFIXES
import nplus1_lint
from nplus1_lint.infer import solve
kind = "compiled" if solve.__file__.endswith(tuple(EXTENSION_SUFFIXES)) else "pure Python"
print(nplus1_lint.__version__, f"({kind},", f"{solve.__file__})")
"""
# linters that read every file by themselves, if they are installed: module -> arguments
_LINTERS = {
    "ruff": ("check", "--no-cache", "--exit-zero", "-q"),
    "pyflakes": (),
    "flake8": ("--exit-zero", "-q"),
    "perflint": (),
    "vulture": (),
    "bandit": ("-q", "-r", "--exit-zero"),
    "pylint": ("--exit-zero", "-j2", "--disable=all", "--enable=E"),
}
_SLOW = frozenset({"pylint"})


@dataclass
class Contestant:
    """One command in one state of the tree.

    Attributes:
        name: as the table shows it.
        command: what runs.
        prepare: brings the tree and the cache into the state; it is not timed.
        costs: one per round.
    """

    name: str
    command: Sequence[str]
    prepare: Callable[[], None] = lambda: None
    costs: list[Cost] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tree:
    """A project to be scanned, in a folder that may be changed.

    Attributes:
        name: as the heading shows it.
        root: the folder from which the commands run.
        scanned: what they are given, relative to the root.
        edited: the file that is changed, in the middle of the call graph.
    """

    name: str
    root: Path
    scanned: str
    edited: Path


def main() -> None:
    """Measure, and print one table per tree."""
    options = _options()
    with tempfile.TemporaryDirectory() as scratch:
        print(f"Measured: nplus1-lint {measured(Path(scratch))}", flush=True)
        trees = [*_generated(options.sizes, Path(scratch)), *_copied(options.trees, Path(scratch))]
        results = {}
        for tree in trees:
            contestants = list(_contestants(tree, Path(scratch), slow=options.slow))
            for number in range(options.rounds):
                for one in contestants:  # in turn, so that a busy machine is busy for all
                    one.prepare()
                    one.costs.append(run(one.command, tree.root))
                    print(f"{tree.name}, round {number + 1}: {one.name}", file=sys.stderr)
            results[tree.name] = {one.name: middling(one.costs) for one in contestants}
            print(table(tree, results[tree.name]), flush=True)
        _print_growth(options.sizes, results)


def measured(elsewhere: Path) -> str:
    """Return the version of nplus1-lint that is installed here, whether it is compiled, and where it is.

    The commands run in folders that hold no package of that name: what they import is what this Python has installed.

    Args:
        elsewhere: any such folder.
    """
    command = (sys.executable, "-c", _MEASURED)
    return subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True).stdout.strip()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("trees", nargs="*", metavar="TREE", help="A folder to scan; it is copied first.")
    parser.add_argument("--sizes", default="100,1000,10000", help="Modules of the generated projects; none if empty.")
    parser.add_argument("--rounds", type=int, default=3, help="How often each command runs; medians are shown.")
    parser.add_argument("--slow", action="store_true", help="Run the slow linters too.")
    options = parser.parse_args()
    options.sizes = [int(size) for size in options.sizes.split(",") if size]
    return options


def _generated(sizes: Sequence[int], scratch: Path) -> Iterator[Tree]:
    for size in sizes:
        root = scratch / f"generated-{size}"
        root.mkdir()
        write_project(root, size)
        yield Tree(f"generated, {size} modules", root, "generated", root / middle(size))


def _copied(trees: Sequence[str], scratch: Path) -> Iterator[Tree]:
    for number, given in enumerate(trees):
        source = Path(given).resolve()
        root = scratch / f"tree-{number}"
        for file in _files(source):
            target = root / source.name / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        (root / "pyproject.toml").write_text("[tool.nplus1-lint]\n", encoding="utf-8")
        yield Tree(source.name, root, source.name, _between(root / source.name))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") or part == "node_modules" for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and (path.suffix in (".py", ".pyi") or "templates" in path.parts):
            yield path


def _between(folder: Path) -> Path:
    """The file most in the middle: many others import it, and it imports many others."""
    files = {file.stem: file for file in sorted(folder.rglob("*.py")) if file.stem != "__init__"}
    imports: dict[str, set[str]] = {}
    for stem, file in files.items():
        text = file.read_bytes().decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if re.match(r"\s*(from|import)\s", line)]
        imports[stem] = {word for line in lines for word in re.findall(r"\w+", line) if word in files} - {stem}
    importers = Counter(name for names in imports.values() for name in names)
    stem = max(sorted(files), key=lambda name: min(len(imports[name]), importers[name]))
    return files[stem]


def _contestants(tree: Tree, scratch: Path, *, slow: bool) -> Iterator[Contestant]:
    python = sys.executable
    listed = scratch / f"{tree.root.name}.txt"
    files = sorted(str(path) for path in (tree.root / tree.scanned).rglob("*.py"))
    listed.write_text("\0".join(files))
    cache = scratch / f"{tree.root.name}-cache"
    original = tree.edited.read_bytes()
    edits = iter(range(1_000_000))

    def cold() -> None:
        shutil.rmtree(cache, ignore_errors=True)

    def warm() -> None:
        run(check, tree.root)

    def changed(body: str) -> None:
        tree.edited.write_bytes(original)
        warm()
        tree.edited.write_bytes(original + f"\n\ndef edited_{next(edits)}(x):\n    return {body}\n".encode())

    own = (python, "-m", "nplus1_lint", "check", tree.scanned, "--format", "json")
    check = (*own, "--cache-dir", str(cache))
    yield Contestant("import click", (python, "-c", "import click"))
    yield Contestant("ast.parse", (python, "-c", _PARSE, str(listed)))
    for module, arguments in _LINTERS.items():
        if importlib.util.find_spec(module) is not None and (slow or module not in _SLOW):
            yield Contestant(module, (python, "-m", module, *arguments, tree.scanned))
    yield Contestant("nplus1-lint, no cache, one worker", (*own, "--no-cache", "-j1"))
    yield Contestant("nplus1-lint, cold, two workers", (*check, "-j2"), cold)
    yield Contestant("nplus1-lint, nothing changed", check, warm)
    yield Contestant("nplus1-lint, one file changed", check, lambda: changed("[x, len(x)]"))
    yield Contestant("nplus1-lint, a query added in it", check, lambda: changed("x.execute('SELECT 1').all()"))
    yield Contestant("nplus1-lint, one file asked for", (*check[:3], "check", str(tree.edited), *check[5:]), warm)


def table(tree: Tree, costs: dict[str, Cost]) -> str:
    """Return the figures of one tree as a table, with the ratios to what ran beside nplus1-lint."""
    parse, click, ruff = costs["ast.parse"], costs["import click"], costs.get("ruff")
    files = sum(1 for _ in (tree.root / tree.scanned).rglob("*.py"))
    lines = [f"\n### {tree.name}: {files} file{'' if files == 1 else 's'}\n"]
    lines.append("| | wall s | CPU s | memory MB | CPU / ast.parse | wall / ruff | wall / import click |")
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    for name, cost in costs.items():
        against_ruff = f"{cost.wall / ruff.wall:.1f}" if ruff else "–"
        ratios = f"{cost.cpu / parse.cpu:.1f} | {against_ruff} | {cost.wall / click.wall:.1f}"
        lines.append(f"| {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {cost.memory:.0f} | {ratios} |")
    return "\n".join(lines)


def _print_growth(sizes: Sequence[int], results: dict[str, dict[str, Cost]]) -> None:
    for small, large in pairwise(sizes):
        name = "nplus1-lint, no cache, one worker"
        ratio = results[f"generated, {large} modules"][name].cpu / results[f"generated, {small} modules"][name].cpu
        print(f"\n{large} modules take {ratio:.1f} times the CPU of {small}.")


if __name__ == "__main__":
    main()
