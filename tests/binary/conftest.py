"""Fixtures of the binary tests: the core built with symbols, and the installed package in a fresh interpreter."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from binary_tools import ROOT, Core, find_tool, run_tool


@pytest.fixture(scope="session")
def x86_64_linux() -> None:
    """Skip elsewhere: the tools and the names of instructions and processors are this platform's."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("looks at x86-64 ELF files")


@pytest.fixture(scope="session")
def core(x86_64_linux: None) -> Core:
    """Build the core with the release preset, in a folder that stays: the next run compiles what has changed."""
    build = ROOT / "build" / "binary_tests"
    find_tool("c++")
    make_program = f"CMAKE_MAKE_PROGRAM={find_tool('ninja')}"
    run_tool("cmake", "--preset", "release", "-B", str(build), "-D", "HOGVEC_TESTS=OFF", "-D", make_program)
    run_tool("cmake", "--build", str(build), "--target", "hogvec_core")
    return Core(build)


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a piece of Python in a fresh interpreter, on this processor or an emulated one."""

    def run(code: str, *, isa: str | None = None, cpu: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key != "HOGVEC_ISA"}
        if isa is not None:
            environment["HOGVEC_ISA"] = isa
        command = [sys.executable, "-W", "error", "-c", code]
        if cpu is not None:
            command = [find_tool("qemu-x86_64"), "-cpu", cpu, *command]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run
