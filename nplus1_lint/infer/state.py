"""What is true at a point of a function, and of its loops while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from nplus1_lint.infer.joins import join
from nplus1_lint.infer.marks import differ_by_reads
from nplus1_lint.infer.memos import FIRST_TIME, ONE_ITERATION
from nplus1_lint.infer.spent import dearer
from nplus1_lint.infer.values import Session, Value

if TYPE_CHECKING:
    from nplus1_lint.infer.effects import Effect, Emission, Loop
    from nplus1_lint.infer.repeats import Asked
    from nplus1_lint.infer.shapes import Shape
    from nplus1_lint.infer.spent import Spent

Val: TypeAlias = tuple[Value, int]
"""A value and the mask of what it depends on."""

Place: TypeAlias = tuple[int, int, int, int]


class Binding(NamedTuple):
    """What a name holds, and which effects its last assignment ran."""

    value: Value
    mask: int
    born: frozenset[int]


class State:
    """What is true at a point of the function: names, and the effects on this path of the current iteration.

    *spent* is None where costs are not asked for.
    """

    __slots__ = ("alive", "asked", "env", "pending", "spent")

    def __init__(
        self,
        env: dict[str, Binding],
        pending: set[int],
        alive: bool = True,
        asked: dict[str, Asked] | None = None,
        spent: Spent | None = None,
    ) -> None:
        self.env = env
        self.pending = pending
        self.alive = alive
        self.asked = asked if asked is not None else {}
        self.spent = spent

    def copy(self) -> State:
        """Return an independent state."""
        return State(dict(self.env), set(self.pending), self.alive, dict(self.asked), self.spent)

    def join(self, other: State) -> State:
        """Return what holds on either of two paths; a dead path adds nothing."""
        if not other.alive:
            return self
        if not self.alive:
            return other
        env = dict(self.env)
        known = self.env.get
        for name, binding in [one for one in other.env.items() if known(one[0]) is not one[1]]:
            present = known(name)
            env[name] = binding if present is None else _joined(present, binding)
        asked = {text: one for text, one in self.asked.items() if other.asked.get(text) == one}
        return State(env, self.pending | other.pending, asked=asked, spent=dearer(self.spent, other.spent))


def _joined(left: Binding, right: Binding) -> Binding:
    value = join(left.value, right.value)
    joined = Binding(value, left.mask | right.mask, left.born | right.born)
    if left.value is right.value:
        return joined
    if joined in (left, right) and differ_by_reads(left.value, right.value):
        return left if joined == left else right  # nobody has assigned the name
    return joined


class LoopState:
    """A loop while it runs."""

    __slots__ = ("breaks", "continues", "loop", "memos", "repeated", "shape", "start")

    def __init__(self, loop: Loop, start: int, memos: int, shape: Shape) -> None:
        """Begin a loop.

        Args:
            loop: what is known of it.
            start: how many effects have happened before it.
            memos: how many memos are asked before it: they guard the loop, not one of its iterations.
            shape: what its syntax says.
        """
        self.loop = loop
        self.start = start
        self.memos = memos
        self.shape = shape
        self.repeated: set[int] = set()
        self.breaks: list[State] = []
        self.continues: list[State] = []


def hands_over(loop: Loop, effect: Effect) -> bool:
    """True if a loop runs a function that was passed in on each of its items."""
    return not (loop.bounded or loop.chunked or loop.waiting) and bool(effect.deps & loop.bit)


def is_guarded(emission: Emission, running: LoopState) -> bool:
    """True if a memo is asked inside a loop before what it guards, and lets that run once, or once per key.

    What the objects of a call keep, one object keeps for all iterations, or each iteration has its own.
    """
    keeper = emission.effect.keeper
    if keeper and not keeper & running.loop.bit:
        return True
    return any(asked_first(memo, running) for memo in emission.memos[running.memos :])


def asked_first(memo: str, running: LoopState) -> bool:
    """True if what is guarded runs at most once in a loop, or once per key of something older than the loop."""
    if memo.startswith(FIRST_TIME):
        return memo[len(FIRST_TIME) :] not in running.shape.resets
    if memo.startswith(ONE_ITERATION):
        return memo == f"{ONE_ITERATION}{running.loop.bit:x}"
    return memo.partition(".")[0] not in running.shape.assigned


def carried(state: State, entry: State, running: LoopState) -> State:
    """Names that the body assigns and the head sees depend on the loop from the second iteration on."""
    env = dict(state.env)
    for name in running.shape.assigned:
        if name in entry.env and name in env:
            binding = env[name]
            if binding.value.first(Session) is not None:
                continue  # `session.add(row)` makes no other session of it
            env[name] = binding._replace(mask=binding.mask | running.loop.bit)
    return State(env, set(state.pending), state.alive, spent=state.spent)


def leaving(at_test: State, entry: State, back: State, endless: bool) -> State:
    """The state after the loop has ended by its head."""
    if endless:
        return State({}, set(), alive=False)
    left = at_test.copy()
    return left.join(back) if back.alive else left.join(entry)


def same(left: dict[str, Binding], right: dict[str, Binding]) -> bool:
    """True if two environments hold the same."""
    if left.keys() != right.keys():
        return False
    return all(a is (b := right[k]) or (a.mask == b.mask and a.value == b.value) for k, a in left.items())
