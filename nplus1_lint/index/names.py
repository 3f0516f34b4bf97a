"""Names by which a module is known for what few modules do."""

from __future__ import annotations

from typing import Final

MAPPERS: Final = frozenset({"map_imperatively", "mapper"})
"""Called to map a class imperatively."""
