"""The arguments of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nplus1_lint.index import facts as f
    from nplus1_lint.infer.state import Place, Val


class Arguments(NamedTuple):
    """The arguments of a call.

    Attributes:
        positional: values, in order; starred ones excluded.
        keywords: values by name.
        starred: what ``*args`` and ``**kwargs`` hold, if any.
        exprs: the positional arguments as written, for places; empty for synthetic calls.
        keyword_exprs: the keyword arguments as written.
        receiver: where the object stands on which the method is called, or None.
        holder: the name at which that object is found, or an empty string.
    """

    positional: tuple[Val, ...]
    keywords: dict[str, Val]
    starred: tuple[Val, ...] = ()
    exprs: tuple[f.Expr, ...] = ()
    keyword_exprs: tuple[tuple[str | None, f.Expr], ...] = ()
    receiver: Place | None = None
    holder: str = ""

    @property
    def mask(self) -> int:
        """What any argument depends on."""
        mask = 0
        for _, one in self.positional:
            mask |= one
        if self.keywords or self.starred:
            for _, one in (*self.keywords.values(), *self.starred):
                mask |= one
        return mask

    def get(self, position: int, name: str) -> Val | None:
        """Return an argument by position or name."""
        if position < len(self.positional):
            return self.positional[position]
        return self.keywords.get(name)
