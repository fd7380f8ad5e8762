"""The laws of the installed extension, seen from outside: what it links, what importing it does, what it chooses."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable

import pytest
from binary_tools import run_tool
from hogvec import _core

Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("x86_64_linux")

TRAIN = """
import hogvec, numpy
corpus = hogvec.Corpus.from_sequences([list("abcdefghijklmnop")] * 25, min_count=1)
trainer = hogvec.Trainer(hogvec.SkipGram(dim=20, subsample=0), hogvec.NegativeSampling(), threads=2, seed=1)
trainer.fit(corpus, epochs=1, progress=False)
assert numpy.isfinite(trainer.input_table).all() and trainer.output_table.any()
"""
CHOICE = "import hogvec; info = hogvec.info(); print((info['instruction_set'], info['available_instruction_sets']))"


def chosen_and_available(result: subprocess.CompletedProcess[str]) -> tuple[str, list[str]]:
    assert result.returncode == 0, result.stderr
    chosen, available = ast.literal_eval(result.stdout)
    return chosen, list(available)


def test_the_extension_links_only_the_platforms_libraries() -> None:
    dynamic = run_tool("readelf", "--dynamic", "--wide", _core.__file__)
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))
    allowed = {"libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2"}
    assert needed
    assert needed <= allowed


def test_the_extension_exports_only_its_initialiser() -> None:
    # Weak symbols are templates of the standard library, which gives them default visibility.
    lines = run_tool("nm", "--dynamic", "--defined-only", _core.__file__).splitlines()
    symbols = [line.split()[-2:] for line in lines]
    assert [name for kind, name in symbols if kind not in "WVu"] == ["PyInit__core"]
    assert not [name for _, name in symbols if "6hogvec" in name]


def test_importing_and_training_leave_denormal_numbers_alone(run_python: Run) -> None:
    code = """
import threading, numpy
def check():
    assert (numpy.full(64, 1e-38, numpy.float32) * numpy.float32(1e-3)).all(), "flushed to zero"
    assert numpy.full(64, 1e-42, numpy.float32).astype(float).all(), "denormals are zero"
check()
{}
check()
failed = []
threading.excepthook = failed.append
thread = threading.Thread(target=check)
thread.start()
thread.join()
assert not failed, failed
"""
    result = run_python(code.format(TRAIN))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("cpu", "expected"), [("Nehalem", ["baseline"]), ("Haswell", ["baseline", "avx2"])], ids=["Nehalem", "Haswell"]
)
def test_an_emulated_processor_gets_the_kernels_it_can_run(run_python: Run, cpu: str, expected: list[str]) -> None:
    chosen, available = chosen_and_available(run_python(CHOICE + TRAIN, cpu=cpu))
    assert available == expected
    assert chosen == expected[-1]


def test_every_available_instruction_set_can_be_forced(run_python: Run) -> None:
    best, available = chosen_and_available(run_python(CHOICE))
    assert best in available
    assert "baseline" in available
    for isa in available:
        chosen, unchanged = chosen_and_available(run_python(CHOICE + TRAIN, isa=isa))
        assert chosen == isa
        assert unchanged == available


@pytest.mark.parametrize("isa", ["nonsense", "AVX2", "neon"])
def test_an_unknown_instruction_set_is_an_error_that_lists_what_is_available(run_python: Run, isa: str) -> None:
    _, available = chosen_and_available(run_python(CHOICE))
    result = run_python(CHOICE, isa=isa)
    assert result.returncode == 1, result.stdout
    message = result.stderr.strip().splitlines()[-1]
    assert "HOGVEC_ISA" in message
    assert repr(isa) in message or f"got {isa}" in message
    assert all(name in message for name in available)


def test_an_instruction_set_that_the_processor_lacks_is_an_error(run_python: Run) -> None:
    result = run_python(CHOICE, isa="avx2", cpu="Nehalem")
    assert result.returncode == 1, result.stdout
    assert "HOGVEC_ISA" in result.stderr.strip().splitlines()[-1]
