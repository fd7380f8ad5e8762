"""Runs the command line: ``python -m hogvec``."""

from hogvec.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
