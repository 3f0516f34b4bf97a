"""What a rule is: one class, its documentation and its executed examples."""

from __future__ import annotations

import abc
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.findings import Severity, Suspect
    from nplus1_lint.infer.analysis import Analysis


class Proof(enum.Enum):
    """How an example is executed on SQLite.

    GROWTH: the statements of ``app.run(session)`` at two sizes; a bad example grows, a good one does not.
    WASTE: the statements with the mapping as written against the same program with every mapping-level eager
        strategy made ``lazy="select"``; a bad example needs fewer then, a good one does not.
    OPTIONS: the statements and joins as written against the same program with one loader option taken away; a bad
        example is cheaper without one, a good one is not, or it loads that relationship lazily then.
    RESULT: what ``app.run(session)`` returns against the same program with its loader options taken away; a bad
        example returns something else or raises ``InvalidRequestError``, a good one returns the same.
    EXPLOSION: the rows that the first statement fetches against the same program with joined loading made select-in
        loading; a bad example fetches more, a good one does not.
    TWICE: a bad example sends one statement with the same parameters twice; a good one does not.
    SCAN: the plans that SQLite makes for the statements of ``app.run(session)``; a bad example reads a whole table, and
        with the index that its finding advises it does not; a good one never does.
    ALIKE: a bad example sends a COUNT with one SQL text from two places; a good one does not.
    MISSING_GREENLET: a bad example raises ``MissingGreenlet``; a good one runs.
    ROWS: the rows that the program fetches at two sizes; for a bad example they grow, for a good one they do not.
    STEPS: the steps of SQLite's virtual machine at two sizes, which grow likewise.
    NONE: nothing in it runs (a file that cannot be parsed), or only a comment is wrong.
    """

    GROWTH = "growth"
    WASTE = "waste"
    OPTIONS = "options"
    RESULT = "result"
    EXPLOSION = "explosion"
    TWICE = "twice"
    SCAN = "scan"
    ALIKE = "alike"
    MISSING_GREENLET = "missing greenlet"
    ROWS = "rows"
    STEPS = "steps"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Example:
    """A small program that a rule flags or leaves alone.

    Attributes:
        name: a few words, unique within the rule.
        source: one or more files, templates among them; each starts with a line ``# file: NAME``.
            ``# expect: NP101`` at the end of a line of Python says that this line carries this finding. ``app.py``
            defines ``run(session)`` and imports the shared example models from ``models`` unless the example brings a
            ``models.py`` of its own.
        proof: how it is executed.
    """

    name: str
    source: str
    proof: Proof = Proof.GROWTH


class Rule(abc.ABC):
    """Base of all rules.

    The class docstring is the rule's page: what, why, when quiet, and under ``Fix safety`` what its suggestions may do:
    ``Safe …`` where they are applied by ``--fix``, ``Unsafe …`` where they change behaviour and how, ``Shown only …``
    where they are never applied, or ``There is no fix``; several of these where it depends.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    summary: ClassVar[str]
    VALID: ClassVar[tuple[Example, ...]] = ()
    INVALID: ClassVar[tuple[Example, ...]] = ()

    @abc.abstractmethod
    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield what this rule suspects.

        Args:
            analysis: the inferred facts of the whole project; pure data.

        Yields:
            Suspects in any order; the pipeline sorts them.
        """


def fix_safety(rule: type[Rule]) -> str:
    """Return what a rule's page says of the safety of its fix.

    Args:
        rule: the rule.

    Returns:
        The section ``Fix safety`` on one line.

    Raises:
        ValueError: The page has no such section, or it does not begin with one of its words.
    """
    _, _, section = (rule.__doc__ or "").partition("\n    Fix safety\n")
    text = " ".join(section.split())
    if not text.startswith(("Safe ", "Unsafe", "Shown only", "There is no fix")):
        raise ValueError(
            f"{rule.code}: its page needs a section 'Fix safety' that begins with Safe, Unsafe, Shown only or "
            "There is no fix"
        )
    return text
