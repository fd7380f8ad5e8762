"""What this process may use of the machine: cores and memory."""

from __future__ import annotations

import math
import os
from pathlib import Path

from hogvec._validate import check_int

__all__ = ["available_cores", "available_memory", "number_of_threads"]

CGROUP = Path("/sys/fs/cgroup")
MOST_THREADS = 1024


def read_numbers(path: Path) -> list[int]:
    """Return the whole numbers of a small text file, none if it cannot be read; other words are passed over."""
    try:
        return [int(word) for word in path.read_text(encoding="ascii", errors="replace").split() if word.isdigit()]
    except OSError:
        return []


def available_cores() -> int:
    """Return the number of cores this process may run on: its affinity, and no more than its cgroup's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = read_numbers(CGROUP / "cpu.max")  # "max 100000" has no limit
    if len(quota) == 2 and quota[1] > 0:
        cores = min(cores, max(1, math.ceil(quota[0] / quota[1])))
    return cores


def number_of_threads(threads: int | None) -> int:
    """Return `threads`, by default the cores that this process may use."""
    if threads is None:
        return min(available_cores(), MOST_THREADS)
    return check_int("threads", threads, minimum=1, maximum=MOST_THREADS)


def available_memory() -> int | None:
    """Return the bytes that can be allocated without swapping, or None where the system does not say."""
    known = []
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                known.append(int(line.split()[1]) * 1024)
    except (OSError, ValueError):
        pass
    limit, used = read_numbers(CGROUP / "memory.max"), read_numbers(CGROUP / "memory.current")
    if limit and used:
        known.append(max(0, limit[0] - used[0]))
    left = _address_space_left()
    if left is not None:
        known.append(left)
    return min(known) if known else None


def _address_space_left() -> int | None:
    """Return the bytes that a limit of this process (``ulimit -v``) leaves it, None without such a limit."""
    try:
        import resource
    except ImportError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    pages = read_numbers(Path("/proc/self/statm"))
    if limit == resource.RLIM_INFINITY or not pages:
        return None
    return max(0, limit - pages[0] * resource.getpagesize())
