"""``python -m nplus1_lint``."""

from nplus1_lint.cli import main

if __name__ == "__main__":
    main(prog_name="nplus1-lint")
