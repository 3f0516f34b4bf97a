"""The command ``cost``: what each endpoint sends, as a table, as a gate, and compared with a revision."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from nplus1_lint.output import LateBar, emit, view_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.config import Config, Settings, Workspace
    from nplus1_lint.costing import CostsOutcome
    from nplus1_lint.findings import ScanError
    from nplus1_lint.query_costs import Assumptions, CostDiff, CostEntry


@click.command()
@click.argument("paths", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every function that queries, not endpoints alone.")
@click.option(
    "--assume",
    multiple=True,
    metavar="NAME=NUMBER,…",
    help="Numbers for sizes of the formulas; N=50 for all others, which is the default.",
)
@click.option("--max-degree", type=click.IntRange(min=0), metavar="D", help="Exit with 1 if a formula grows faster.")
@click.option("--budget", type=click.IntRange(min=0), metavar="N", help="Exit with 1 if one sends more statements.")
@click.option("--diff", "base", metavar="BASE", help="Show what is worse or better than in this git revision.")
@click.option(
    "--format", "format_name", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
@click.option("--output", "-o", metavar="FILE", help="Write the table to FILE instead of standard output.")
@click.option("--jobs", "-j", type=click.IntRange(min=0), metavar="N", help="Processes; 0 for one per processor.")
@click.option("--config", "config_file", metavar="FILE", help="Read [tool.nplus1-lint] from this TOML file.")
@click.option("--verbose", "-v", is_flag=True, help="Also say where the statements of each entry come from.")
def cost(
    paths: tuple[str, ...],
    every: bool,
    assume: tuple[str, ...],
    max_degree: int | None,
    budget: int | None,
    base: str | None,
    format_name: str,
    output: str | None,
    jobs: int | None,
    config_file: str | None,
    verbose: bool,
) -> None:
    """Show how many statements each endpoint sends, as a formula in the sizes of its loops, the worst first.

    PATHS are read as `check` reads them; without any, the working directory. With --diff, the gates --max-degree and
    --budget ask of what is new or worse only. Exit code 0: shown; 1: a gate is exceeded; 2: wrong usage, broken
    configuration, or a file that could not be read or parsed.
    """
    from nplus1_lint import pipeline
    from nplus1_lint.config import load
    from nplus1_lint.query_costs import Verdict, worst_first
    from nplus1_lint.report import cost_diff_writer, costs_writer

    assumed = assumptions(assume)
    cwd = os.getcwd()
    paths = paths or (".",)
    settings = load(paths, cwd=cwd, codes=pipeline.rule_codes(), config_file=config_file)
    config = settings.config if jobs is None else replace(settings.config, jobs=jobs)
    outcome = _run(paths, config, settings.workspace, cwd, mended=base is None)
    table = outcome.table
    shown = worst_first((entry for entry in table.entries if _concerns(entry, every)), assumed)
    warn(outcome.warnings, table.errors)
    _warn_of_names(assumed, shown)
    view = replace(view_of(output), details=verbose)
    if base is None:
        emit(costs_writer(format_name)(replace(table, entries=shown), assumed, view), output)
        gated: Iterable[CostEntry] = shown
    else:
        diff = _compared(base, paths, shown, assumed, settings, config, cwd, every=every)
        emit(cost_diff_writer(format_name)(replace(diff, errors=table.errors), assumed, view), output)
        gated = (c.after for c in diff.changes if c.after and c.verdict in (Verdict.WORSE, Verdict.NEW))
    exceeded = _exceeding(gated, assumed, max_degree, budget)
    if table.errors:
        sys.exit(2)
    sys.exit(1 if exceeded else 0)


def _concerns(entry: CostEntry, every: bool) -> bool:
    return bool(entry.polynomial.terms) if every and entry.route is None else entry.route is not None


def _run(paths: tuple[str, ...], config: Config, workspace: Workspace, cwd: str, *, mended: bool) -> CostsOutcome:
    from nplus1_lint import costing

    bar = LateBar() if sys.stderr.isatty() else None
    try:
        return costing.costs(paths, config, workspace, cwd=cwd, progress=bar, mended=mended)
    finally:
        if bar:
            bar.close()


def _compared(
    base: str,
    paths: tuple[str, ...],
    after: tuple[CostEntry, ...],
    assumed: Assumptions,
    settings: Settings,
    config: Config,
    cwd: str,
    *,
    every: bool,
) -> CostDiff:
    """Read the same paths as they were, with the configuration of today."""
    from nplus1_lint.query_costs import compare
    from nplus1_lint.revisions import checked_out

    workspace = settings.workspace
    with checked_out(workspace.root, base) as folder:

        def there(path: str) -> str:
            return os.path.normpath(os.path.join(folder, os.path.relpath(os.path.join(cwd, path), workspace.root)))

        known = tuple(there(path) for path in paths if os.path.exists(there(path)))
        bases = tuple(there(path) for path in workspace.bases)
        where = replace(workspace, root=folder, bases=bases)
        before = _run(known, config, where, there("."), mended=False).table.entries if known else ()
    return compare(base, [entry for entry in before if _concerns(entry, every)], after, assumed)


def assumptions(given: tuple[str, ...]) -> Assumptions:
    """Read what ``--assume`` says."""
    from nplus1_lint.query_costs import Assumptions

    sizes: dict[str, int] = {}
    for part in (part.strip() for text in given for part in text.split(",")):
        name, equals, number = part.partition("=")
        if not part:
            continue
        if not equals or not name.strip() or not number.strip().isdigit():
            raise click.UsageError(f"--assume takes NAME=NUMBER such as artifacts=50; {part!r} is none.")
        sizes[name.strip()] = int(number)
    default = sizes.pop("N", None)
    return Assumptions(sizes) if default is None else Assumptions(sizes, default)


def warn(warnings: tuple[str, ...], errors: tuple[ScanError, ...]) -> None:
    """Say what could not be read."""
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    for missing in errors:
        click.echo(f"error: {missing.path}:{missing.line}: {missing.message}", err=True)


def _warn_of_names(assumed: Assumptions, entries: tuple[CostEntry, ...]) -> None:
    """A size that no formula has was perhaps misspelt."""
    known = {size.name for entry in entries for size in entry.polynomial.sizes}
    for name in sorted(set(assumed.sizes) - known):
        click.echo(f"warning: no formula has a size named {name!r}, which --assume gives a number", err=True)


def _exceeding(entries: Iterable[CostEntry], assumed: Assumptions, max_degree: int | None, budget: int | None) -> bool:
    """Say which entries a gate does not let through."""
    exceeded = False
    for entry in entries:
        statements = assumed.statements(entry.polynomial)
        reasons = []
        if max_degree is not None and entry.degree > max_degree:
            reasons.append(f"{entry.formula} has degree {entry.degree}, more than {max_degree}")
        if budget is not None and statements > budget:
            reasons.append(f"{statements} statements are more than {budget}")
        for reason in reasons:
            exceeded = True
            name = entry.route or f"{entry.function}()"
            click.echo(f"{entry.path}:{entry.line}: {name}: {reason}", err=True)
    return exceeded
