"""What the commands of both programs share: how one is declared and ends, checks of its files, tables."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

__all__ = [
    "ArgumentError",
    "add_command",
    "check_at_least_one",
    "check_outputs",
    "exit_code",
    "fail",
    "given",
    "print_pairs",
    "print_table",
]


class ArgumentError(Exception):
    """A combination of arguments that argparse alone does not see."""


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], *, help: str, example: str, saves: bool = False
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"example:  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, parser=parser, saves=saves)
    return parser


def exit_code(program: str, command: Callable[[], int | None], *, interrupted: str = "interrupted") -> int:
    """Run a command and return its exit code; what goes wrong is said on stderr, but for `ArgumentError`."""
    try:
        code = command() or 0
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return fail(program, interrupted, code=130)
    except BrokenPipeError:  # the reader of our output has gone: nothing more to say, not even while exiting
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError as error:
        return fail(program, str(error) or "not enough memory")
    except (OSError, ValueError, TypeError, IndexError, RuntimeError, ImportError) as error:
        return fail(program, _message(error))


def fail(program: str, message: str, *, code: int = 1) -> int:
    """Print a message on stderr and return the exit code."""
    print(f"{program}: error: {message}" if code == 1 else f"{program}: {message}", file=sys.stderr)
    return code


def _message(error: Exception) -> str:
    """Say what went wrong in one line, with the file first where there is one."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def check_outputs(paths: Sequence[str]) -> None:
    """Raise OSError now rather than after the work: write a nameless file where each file will go."""
    for path in paths:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if os.path.exists(path) and not os.path.isfile(path):
            continue  # a device
        folder = os.path.dirname(os.path.realpath(path))
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise OSError(error.errno, f"cannot write here: {error.strerror}", path) from None


def check_at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ArgumentError(f"{name} must be at least 1, got {value}")


def given(**settings: Any) -> dict[str, Any]:
    """Leave out what was not given: the library knows the defaults."""
    return {name: value for name, value in settings.items() if value is not None}


def print_pairs(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for first, *others in (header, *rows):
        print(
            "  ".join([f"{first:{widths[0]}}", *(f"{text:>{w}}" for text, w in zip(others, widths[1:], strict=True))])
        )
