"""Instruction sets: chosen by name, and close to each other."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import hogvec
import numpy as np
import pytest
from hogvec import _core

AVAILABLE = hogvec.info()["available_instruction_sets"]

TRAIN = textwrap.dedent("""
    import sys
    import numpy as np
    import hogvec

    ids = np.random.default_rng(1).integers(50, size=5000, dtype=np.int32)
    corpus = hogvec.Corpus.from_ids(ids, [0, 5000])
    architecture = getattr(hogvec, sys.argv[1])(dim=33, subsample=0)
    trainer = hogvec.Trainer(architecture, None, hogvec.SGD(learning_rate=0.01), threads=1)
    trainer.fit(corpus, epochs=1, progress=False)
    np.savez(sys.argv[2], input=trainer.input_table, output=trainer.output_table)
    print(hogvec.info()["instruction_set"])
""")


def run(*arguments: str, instruction_set: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOGVEC_ISA": instruction_set}
    command = [sys.executable, "-c", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def test_every_instruction_set_trains_nearly_the_same_tables(tmp_path: Path) -> None:
    trained = []
    for name in AVAILABLE:
        path = tmp_path / f"{name}.npz"
        done = run(TRAIN, "SkipGram", str(path), instruction_set=name)
        assert (done.stdout, done.stderr) == (f"{name}\n", "")
        trained.append(np.load(path))
    # The same examples and the same steps: sums of 33 products in another order, some thousand times over.
    for other in trained[1:]:
        for table in ("input", "output"):
            np.testing.assert_allclose(other[table], trained[0][table], rtol=0, atol=1e-5)
    assert np.abs(trained[0]["output"]).max() > 0.01


def test_an_unknown_instruction_set_is_an_error_that_lists_those_available() -> None:
    done = run("import hogvec; hogvec.info()", instruction_set="sse9")
    assert done.returncode == 1
    listed = ", ".join(AVAILABLE)
    assert f"ValueError: HOGVEC_ISA must be an instruction set available here ({listed}), got sse9" in done.stderr


def test_an_empty_name_is_no_choice() -> None:
    done = run("import hogvec; print(hogvec.info()['instruction_set'])", instruction_set="")
    assert done.stdout == f"{AVAILABLE[-1]}\n"


def test_elementary_functions_take_only_what_they_need_not_convert() -> None:
    for function in (_core.sigmoid, _core.softplus):
        assert function(np.zeros(0, np.float32)).shape == (0,)
        with pytest.raises(TypeError):
            function(np.zeros(3))  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            function(np.zeros(6, np.float32)[::2])
        with pytest.raises(ValueError, match="x must have one axis, got 2"):
            function(np.zeros((2, 2), np.float32))
        with pytest.raises(ValueError, match="instruction_set must be available here, got sse9"):
            function(np.zeros(3, np.float32), "sse9")
