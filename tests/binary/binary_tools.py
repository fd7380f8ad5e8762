"""Programs of the machine, and the core's objects as nm and objdump show them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

__all__ = ["ROOT", "Core", "Instruction", "Symbol", "find_tool", "run_tool"]

ROOT = Path(__file__).resolve().parents[2]
PREFIXES = {"lock", "rep", "repz", "repnz", "bnd", "notrack", "data16", "cs", "ds", "{vex}", "{vex3}", "{evex}"}


def find_tool(name: str) -> str:
    """Return the path of a program, this interpreter's environment first; skip the test where there is none."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    path = shutil.which(name, path=os.pathsep.join(places))
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def run_tool(name: str, *arguments: str) -> str:
    """Return what a program prints; its failure is the test's."""
    result = subprocess.run([find_tool(name), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{name} {' '.join(arguments)}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@dataclass(frozen=True)
class Instruction:
    """One instruction of a disassembly."""

    object: str
    function: str  # mangled
    mnemonic: str
    operands: str

    def __str__(self) -> str:
        return f"{self.object}: {self.mnemonic} {self.operands} in {self.function}"


@dataclass(frozen=True)
class Symbol:
    """A symbol that an object defines."""

    object: str
    name: str  # mangled
    kind: str  # nm's letter

    def __str__(self) -> str:
        return f"{self.object}: {self.kind} {self.name}"


@dataclass(frozen=True)
class Core:
    """The core's static library in its build folder, nothing stripped."""

    build: Path

    @property
    def archive(self) -> str:
        return str(self.build / "libhogvec_core.a")

    @cached_property
    def sections(self) -> list[tuple[str, str]]:
        """Every (object, section)."""
        found = []
        member = ""
        for line in run_tool("objdump", "-h", "-w", self.archive).splitlines():
            if header := re.match(r"(\S+):\s+file format", line):
                member = header[1]
            elif section := re.match(r"\s*\d+ (\S+)", line):
                found.append((member, section[1]))
        return found

    @cached_property
    def symbols(self) -> list[Symbol]:
        """Every symbol that is defined."""
        found = []
        member = ""
        for line in run_tool("nm", "--defined-only", self.archive).splitlines():
            if header := re.match(r"(\S+):$", line):
                member = header[1]
            elif symbol := re.match(r"[0-9a-f]+ (\S) (.+)$", line):
                found.append(Symbol(member, symbol[2], symbol[1]))
        return found

    @cached_property
    def instructions(self) -> list[Instruction]:
        """Every instruction, with the function it stands in."""
        found = []
        member = function = ""
        for line in run_tool("objdump", "-d", "-w", "--no-show-raw-insn", self.archive).splitlines():
            if header := re.match(r"(\S+):\s+file format", line):
                member = header[1]
            elif header := re.match(r"[0-9a-f]+ <(.+)>:$", line):
                function = header[1]
            elif code := re.match(r"\s*[0-9a-f]+:\t(.+)$", line):
                words = code[1].split()
                while len(words) > 1 and words[0] in PREFIXES:
                    words.pop(0)
                found.append(Instruction(member, function, words[0], " ".join(words[1:])))
        return found
