"""Loader options that a loop adds to a statement, one per round: behind the loop, the statement has them all.

``for name in names: query = query.options(selectinload(name))``, with conditions on the form of each name or without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer import loaders
from nplus1_lint.infer.loader_options import join_loads
from nplus1_lint.infer.values import NO_LOADS, Statement, of

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame


def built(frame: Frame, assigned: frozenset[str]) -> dict[str, Statement]:
    """Return the statements, by the names that hold them, to which a loop may add.

    Args:
        frame: the running function.
        assigned: the names that the loop's body assigns.
    """
    found: dict[str, Statement] = {}
    for name in sorted(assigned):
        binding = frame.state.env.get(name)
        if binding is not None and len(binding.value.atoms) == 1 and type(binding.value.atoms[0]) is Statement:
            found[name] = binding.value.atoms[0]
    return found


def given(frame: Frame, before: dict[str, Statement]) -> None:
    """Give the statements that differ by their loader options alone the options of all rounds.

    That a loop runs no round at all, for what it adds options from is empty, is not taken for a way on which what these
    options name is not loaded.

    Args:
        frame: the running function.
        before: what `built` has given before the loop.
    """
    for name, statement in before.items():
        binding = frame.state.env.get(name)
        atoms = binding.value.atoms if binding is not None else ()
        if binding is None or len(atoms) < 2 or any(not _differs_by_options(atom, statement) for atom in atoms):
            continue
        added = loaders.NO_LOADERS
        for atom in atoms:
            added = loaders.combined(added, atom.loaders)
        whole = statement._replace(loads=join_loads([NO_LOADS, *(atom.loads for atom in atoms)]), loaders=added)
        frame.state.env[name] = binding._replace(value=of(whole))


def _differs_by_options(atom: object, statement: Statement) -> bool:
    return (
        type(atom) is Statement
        and atom.style == statement.style
        and atom._replace(loads=statement.loads, loaders=statement.loaders) == statement
    )
