"""What was built and what it runs on."""

from __future__ import annotations

import platform
import sys
from typing import Any

import numpy as np

from hogvec import _core
from hogvec._system import available_cores

__all__ = ["info"]


def info() -> dict[str, Any]:
    """Return the version, the compiler, the instruction set in use and those available, and the versions around it.

    The instruction set is the fastest that the processor supports; the environment variable HOGVEC_ISA forces another
    (``baseline``, ``avx2``, ``avx512``, ``neon``).

    Returns
    -------
    dict
        With the keys version, compiler, instruction_set, available_instruction_sets, cores, python, numpy, platform.

    Raises
    ------
    ValueError
        If HOGVEC_ISA names an instruction set that is not available.

    Examples
    --------
    >>> "baseline" in info()["available_instruction_sets"]
    True
    """
    return {
        "version": _core.__version__,
        "compiler": _core.compiler(),
        "instruction_set": _core.instruction_set(),
        "available_instruction_sets": _core.available_instruction_sets(),
        "cores": available_cores(),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "platform": platform.platform(),
    }
