"""The laws of the build: one baseline for every file, and no flag that changes arithmetic or links a runtime."""

from __future__ import annotations

import json
import re

from binary_tools import ROOT, Core

# -march, -mtune, -mavx...: one file's instruction set leaks into inline functions that others use. -ffast-math and
# -Ofast: the linked library switches the whole process to flush-to-zero. -flto: moves code between instruction sets.
FORBIDDEN = re.compile(
    r"(?<![\w-])-(march=\S*|mtune=\S*|mcpu=\S*|mavx\w*|msse\w*|mfma\w*|mbmi\w*|mf16c|ffast-math|Ofast|flto\S*"
    r"|funsafe-math-optimizations|fopenmp\S*)|INTERPROCEDURAL_OPTIMIZATION|OpenMP"
)


def uncommented(text: str) -> str:
    return re.sub(r"(^|\s)#.*", "", text)


def test_build_files_set_no_instruction_set_and_no_unsafe_arithmetic() -> None:
    files = [
        *ROOT.glob("CMake*.*"),
        *ROOT.glob("cmake/*"),
        *ROOT.glob("tests/cpp/CMakeLists.txt"),
        *ROOT.glob("bench/cpp/CMakeLists.txt"),
        ROOT / "pyproject.toml",
        *ROOT.glob(".ci/*"),
        *ROOT.glob(".github/workflows/*"),
    ]
    found = {
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in files
        for line in file.read_text().splitlines()
        for match in FORBIDDEN.finditer(uncommented(line))
    }
    assert not found


def test_no_file_is_compiled_with_such_a_flag(core: Core) -> None:
    commands = json.loads((core.build / "compile_commands.json").read_text())
    assert any("kernels_avx2" in entry["file"] for entry in commands)
    found = {f"{entry['file']}: {match[0]}" for entry in commands for match in FORBIDDEN.finditer(entry["command"])}
    assert not found


def test_kernel_sources_ask_for_no_unsafe_arithmetic() -> None:
    sources = sorted((ROOT / "cpp").rglob("*.?pp"))
    assert sources
    pattern = re.compile(r"fast-math|Ofast|GCC\s+optimize|__optimize__|optimize\s*\(")
    found = {
        f"{file.relative_to(ROOT)}: {match[0]}" for file in sources for match in pattern.finditer(file.read_text())
    }
    assert not found
