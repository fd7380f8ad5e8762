"""What `info` says about the build and the machine."""

from __future__ import annotations

import platform

import hogvec
import numpy as np
from hogvec import _core


def test_info_names_the_build_and_the_machine() -> None:
    info = hogvec.info()
    assert set(info) == {
        "version",
        "compiler",
        "instruction_set",
        "available_instruction_sets",
        "cores",
        "python",
        "numpy",
        "platform",
    }
    assert info["version"] == hogvec.__version__ == _core.__version__
    assert info["compiler"].split()[0] in ("gcc", "clang")
    assert info["python"] == platform.python_version()
    assert info["numpy"] == np.__version__
    assert info["cores"] >= 1


def test_an_available_instruction_set_is_in_use() -> None:
    info = hogvec.info()
    available = info["available_instruction_sets"]
    assert available[0] == "baseline"
    assert info["instruction_set"] in available
    order = ["baseline", "neon", "avx2", "avx512"]
    assert available == sorted(available, key=order.index)


def test_every_public_name_is_there() -> None:
    for name in hogvec.__all__:
        assert hasattr(hogvec, name)
