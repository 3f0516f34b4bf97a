"""Queries as places, and what becomes of what they load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.findings import Step
from nplus1_lint.load_matrix import Use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.eager import Loading
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link.models import Model


def use_of(loading: Loading) -> Use:
    """Say what becomes of what a query loads on one way."""
    if loading.read:
        return Use.READ
    return Use.MAYBE if loading.escaped else Use.WASTED


def best(uses: Iterable[Use]) -> Use:
    """Return the use that speaks for all: read before maybe, maybe before wasted."""
    return min(uses, key=list(Use).index)


class Sites:
    """Names of places, and loader options for them.

    Args:
        analysis: the inferred facts of the project.
        named: project path to the path that is shown.
    """

    def __init__(self, analysis: Analysis, named: Callable[[str], str]) -> None:
        self._analysis = analysis
        self.named = named

    @property
    def models(self) -> dict[str, Model]:
        """All mapped classes."""
        return self._analysis.project.models

    def place(self, site: Site) -> tuple[str, int, int]:
        """Return path, line and column of a query, both counting from 1."""
        return self.named(self._analysis.path_of(site)), site.place[0], site.place[1] + 1

    def step(self, site: Site, message: str) -> Step:
        """Return a query with what is said of it."""
        return Step(*self.place(site)[:2], message)

    def options(self, loader: str, loadings: Iterable[Loading]) -> str:
        """Write the options that load a relationship in another way, whatever leads to it staying as it is.

        Args:
            loader: SQLAlchemy's name of the option.
            loadings: the ways of one query.

        Returns:
            ``defaultload(Project.artifacts).selectinload(Artifact.tags)``; where one line of code runs queries for
            several classes, which of them take the option is said.
        """
        (query,) = self._analysis.loading_queries(loadings)
        text = query.options(loader)
        return f"{text}, where it asks for {', '.join(query.asking_for)}" if query.asking_for else text
