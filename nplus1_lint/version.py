"""The version, apart from the package's face so that every layer may name it."""

from typing import Final

__version__: Final = "0.1.0"
