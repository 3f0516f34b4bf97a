"""NP902."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis


class CannotParse(Rule):
    """A file cannot be read, decoded or parsed.

    What it does
        Reports the file among the errors and makes the run exit with 2, findings or not. It cannot be deselected.

    Why is this bad
        A file that is silently left out reads as clean.

    When it stays quiet
        The file's syntax is newer than the Python that runs the linter: type parameters, ``type`` statements, quotes
        of any kind in the fields of an f-string, ``except A, B:`` and templates (``t"…"``) are read by any.

        No chain of imports ties the file to one that mentions SQLAlchemy or a package on it. Such a file is never
        parsed, unless it is passed by name.

    Fix safety
        There is no fix.
    """

    code: ClassVar[str] = "NP902"
    name: ClassVar[str] = "cannot-parse"
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str] = "a file cannot be read, decoded or parsed"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example("an unclosed bracket", "# file: app.py\nimport sqlalchemy\n\nrun = (  # expect: NP902\n", Proof.NONE),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example("an empty function", "# file: app.py\ndef run(session):\n    return None\n"),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield nothing: the entries come from indexing, since such a file has no facts."""
        return ()
