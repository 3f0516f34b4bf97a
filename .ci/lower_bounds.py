"""Print a constraints file that pins every dependency of pyproject.toml to its lower bound.

Run by the Python whose environment is to be pinned; needs ``packaging``, and ``tomli`` below Python 3.11.
"""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def main() -> None:
    """Print one ``name==version`` a line; a dependency without a lower bound is an error."""
    project = tomllib.loads(Path(__file__).parent.parent.joinpath("pyproject.toml").read_text(encoding="utf-8"))
    table = project["project"]
    lines = [*table["dependencies"], *(line for extra in table["optional-dependencies"].values() for line in extra)]
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        bounds = [bound.version for bound in requirement.specifier if bound.operator == ">="]
        if len(bounds) != 1:
            sys.exit(f"{line}: has no lower bound")
        print(f"{requirement.name}=={bounds[0]}")


if __name__ == "__main__":
    main()
