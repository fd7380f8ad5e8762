"""What this process may use of the machine, read from files like those of Linux."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hogvec import _system
from hogvec._system import available_cores, available_memory, read_numbers


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty control group."""
    monkeypatch.setattr(_system, "CGROUP", tmp_path)
    return tmp_path


def allow_cores(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(number)), raising=False)


def test_cores_are_those_of_the_affinity(cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 3, 64):
        allow_cores(monkeypatch, number)
        assert available_cores() == number


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("250000 100000", 3),  # a part of a core counts
        ("1000 100000", 1),
        ("0 100000", 1),
        ("9900000 100000", 8),
        ("", 8),
        ("nonsense", 8),
        ("200000 0", 8),
    ],
)
def test_cores_are_no_more_than_the_quota(
    quota: str, cores: int, cgroup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_cores(monkeypatch, 8)
    (cgroup / "cpu.max").write_text(quota)
    assert available_cores() == cores


def test_cores_are_counted_where_there_is_no_affinity(cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert available_cores() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1


def test_memory_is_no_more_than_the_group_has_left(cgroup: Path) -> None:
    (cgroup / "memory.max").write_text("1000000\n")
    (cgroup / "memory.current").write_text("400000\n")
    assert available_memory() == 600_000
    (cgroup / "memory.current").write_text("1200000\n")
    assert available_memory() == 0


def test_memory_without_a_limit_is_that_of_the_machine(cgroup: Path) -> None:
    machine = available_memory()
    (cgroup / "memory.max").write_text("max\n")
    (cgroup / "memory.current").write_text("400000\n")
    unlimited = available_memory()
    assert (machine is None) == (unlimited is None)
    if Path("/proc/meminfo").exists():
        assert machine is not None
        assert machine > 2**20


def test_numbers_of_a_file_that_is_not_there_are_none(tmp_path: Path) -> None:
    assert read_numbers(tmp_path / "missing") == []
    assert read_numbers(tmp_path) == []
    (tmp_path / "binary").write_bytes(b"\xff\x00 12")
    assert read_numbers(tmp_path / "binary") == [12]
