"""Files of KeyedVectors.save: exact round trips, other readers, full disks, damaged files and hostile headers."""

from __future__ import annotations

import json
import os
import pickle
import struct

import numpy as np
import pytest
from hogvec import _safetensors
from hogvec.keyed_vectors import KeyedVectors
from hogvec.vocabulary import Vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st
from rewritten_files import rewrite


def make(n=50, dim=7, seed=1, stride=None):
    rng = np.random.default_rng(seed)
    table = np.zeros((n, stride or dim), np.float32)
    table[:, :dim] = rng.normal(size=(n, dim))
    return KeyedVectors(Vocabulary.from_words([f"w{i}" for i in range(n)]), table[:, :dim])


def same(a, b):
    assert a.vocabulary == b.vocabulary
    np.testing.assert_array_equal(a.vectors.view(np.uint32), b.vectors.view(np.uint32))


@pytest.mark.parametrize("stride", [5, 16])
def test_saved_vectors_load_bit_for_bit_as_a_memory_map(tmp_path, stride, monkeypatch):
    monkeypatch.setattr(_safetensors, "_BLOCK", 64)  # several blocks
    v = make(n=30, dim=5, stride=stride)
    v.save(tmp_path / "v.safetensors")
    loaded = KeyedVectors.load(tmp_path / "v.safetensors")
    same(v, loaded)
    base = loaded.vectors
    while not isinstance(base, np.memmap):
        base = base.base
    assert os.listdir(tmp_path) == ["v.safetensors"]


@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True, max_size=6),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
@settings(max_examples=50)  # each is flushed to the disk
def test_any_words_and_any_bits_survive_a_round_trip(tmp_path_factory, words, dim, random):
    bits = np.array([random.getrandbits(32) for _ in range(len(words) * dim)], np.uint32)
    counts = [random.getrandbits(40) for _ in words]
    letters, offsets = Vocabulary.from_words(words).to_bytes_arrays()
    vocabulary = Vocabulary.from_bytes_arrays(letters, offsets, np.array(counts, np.int64))
    v = KeyedVectors(vocabulary, bits.view(np.float32).reshape(len(words), dim))
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    v.save(path)
    loaded = KeyedVectors.load(path)
    same(v, loaded)
    assert loaded.vocabulary.counts.tolist() == counts
    same(v, pickle.loads(pickle.dumps(v)))


def test_the_safetensors_package_reads_the_file(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    v = make(n=4, dim=3, stride=16)
    v.save(tmp_path / "v.safetensors")
    tensors = safetensors.load_file(tmp_path / "v.safetensors")
    np.testing.assert_array_equal(tensors["vectors"], v.vectors)
    assert tensors["word_letters"].tobytes() == b"w0w1w2w3"
    assert tensors["word_offsets"].tolist() == [0, 2, 4, 6, 8]
    assert tensors["word_counts"].tolist() == [0, 0, 0, 0]


def test_a_file_of_the_safetensors_package_is_read_even_if_its_tensors_are_not_aligned(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    v = make(n=3, dim=3)
    v.save(tmp_path / "v.safetensors")
    tensors, metadata = _safetensors.read_safetensors(tmp_path / "v.safetensors")
    text = safetensors.save({name: np.array(tensor) for name, tensor in tensors.items()}, metadata)
    length = int.from_bytes(text[:8], "little")
    shifted = (length + 1).to_bytes(8, "little") + text[8 : 8 + length] + b" " + text[8 + length :]
    for content in (text, shifted):
        (tmp_path / "other.safetensors").write_bytes(content)
        same(v, KeyedVectors.load(tmp_path / "other.safetensors"))


def test_saving_over_the_file_that_is_mapped_is_safe(tmp_path):
    path = tmp_path / "v.safetensors"
    make(seed=1).save(path)
    loaded = KeyedVectors.load(path)
    before = loaded.vectors.copy()
    make(seed=2).save(path)
    np.testing.assert_array_equal(loaded.vectors, before)
    loaded.save(path)
    same(make(seed=1), KeyedVectors.load(path))


class FullDisk:
    """A file that takes some bytes and then none."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(28, "No space left on device")
        return self.file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 100, 500, 800])
def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, room):
    path = tmp_path / "v.safetensors"
    make(n=2).save(path)
    monkeypatch.setattr("builtins.open", lambda *a, _open=open: FullDisk(_open(*a), room) if "x" in a[1] else _open(*a))
    with pytest.raises(OSError, match="No space left"):
        make(n=50).save(path)
    monkeypatch.undo()
    same(make(n=2), KeyedVectors.load(path))
    assert os.listdir(tmp_path) == ["v.safetensors"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_that_is_full_is_an_os_error_and_stays_a_device():
    with pytest.raises(OSError, match="No space left"):
        make().save("/dev/full")
    assert not os.path.isfile("/dev/full")


def test_a_size_limit_of_the_process_leaves_the_old_file(tmp_path):
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "v.safetensors"
    make(n=2).save(path)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
    try:
        with pytest.raises(OSError, match=r"too large: '.*v\.safetensors'"):
            make(n=5000).save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    same(make(n=2), KeyedVectors.load(path))
    assert os.listdir(tmp_path) == ["v.safetensors"]


def test_a_link_stays_a_link_and_permissions_stay(tmp_path):
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "real.safetensors"
    make(n=2).save(path)
    path.chmod(0o640)
    (tmp_path / "link").symlink_to(path)
    make(n=3).save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(KeyedVectors.load(path)) == 3


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent/v\.safetensors"):
        make().save(tmp_path / "absent" / "v.safetensors")
    with pytest.raises(IsADirectoryError):
        make().save(tmp_path)
    with pytest.raises(FileNotFoundError):
        KeyedVectors.load(tmp_path / "absent")


def small_file(tmp_path):
    path = tmp_path / "v.safetensors"
    make(n=3, dim=2).save(path)
    return path, path.read_bytes()


def test_every_truncation_is_refused(tmp_path):
    path, content = small_file(tmp_path)
    for length in range(len(content)):
        rewrite(path, content[:length])
        with pytest.raises(ValueError, match=r"v\.safetensors"):
            KeyedVectors.load(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="tensors end at byte"):
        KeyedVectors.load(path)


@pytest.mark.parametrize("field", [0, 0xFFFFFFFF, 0x31313131])
def test_every_mutated_field_loads_or_is_refused(tmp_path, field):
    path, content = small_file(tmp_path)
    for position in range(len(content) - 3):
        rewrite(path, content[:position] + struct.pack("<I", field) + content[position + 4 :])
        try:
            v = KeyedVectors.load(path)
        except (ValueError, OSError):
            continue
        assert v.vectors.shape == (3, 2)
        assert len(v.most_similar(v.vocabulary.word(0))) == 2


def write_header(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)


def tensor(shape=(1,), offsets=(0, 4), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"", "not JSON"),
        (b"\xff\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a map"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": {"dtype": "F32", "shape": [1e0], "data_offsets": [0, 4]}}', "impossible shape"),
        (b'{"a": {"dtype": "F32", "shape": [' + b"9" * 5000 + b'], "data_offsets": [0, 4]}}', "not JSON"),
        ({"a": 5}, "must have dtype, shape and data_offsets"),
        ({"a": tensor() | {"more": 1}}, "must have dtype"),
        ({"a": tensor(dtype="F8")}, "must have a dtype of"),
        ({"a": tensor(dtype=["F32"])}, "must have a dtype of"),
        ({"a": tensor(shape=(-1,))}, "impossible shape"),
        ({"a": tensor(shape=(True,))}, "impossible shape"),
        ({"a": tensor(shape=(2**40, 2**40))}, "does not fit"),
        ({"a": tensor(shape=(0, 2**62), offsets=(0, 4))}, "does not fit"),
        ({"a": tensor(offsets=(0, 2**60))}, "lies at"),
        ({"a": tensor(offsets=(4, 0))}, "lies at"),
        ({"a": tensor(offsets=(-4, 0))}, "lies at"),
        ({"a": tensor(offsets=(0, 4, 4))}, "lies at"),
        ({"a": tensor(), "b": tensor()}, "overlap or leave a hole"),
        ({"a": tensor(shape=(0,), offsets=(2, 2))}, "overlap or leave a hole"),
        ({"a": tensor(shape=(0,), offsets=(0, 0))}, "end at byte 0 of 4"),
        ({"__metadata__": {"a": 1}, "a": tensor()}, "metadata are not"),
        ({"__metadata__": [], "a": tensor()}, "metadata are not"),
        ({"a": tensor()}, "must be a file of KeyedVectors.save, got the format None"),
        ({"__metadata__": {"format": "hogvec.KeyedVectors", "version": "2"}, "a": tensor()}, "version 1, got '2'"),
        (
            {"__metadata__": {"format": "hogvec.KeyedVectors", "version": "1"}, "vectors": tensor()},
            "a tensor 'vectors' of float32 with 2 axes",
        ),
    ],
)
def test_a_hostile_header_is_refused(tmp_path, header, message):
    write_header(tmp_path / "v", header, b"\0" * 4)
    with pytest.raises(ValueError, match=message):
        KeyedVectors.load(tmp_path / "v")


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**12, 7])
def test_a_header_longer_than_the_file_is_refused(tmp_path, length):
    write_header(tmp_path / "v", b"{}", b"\0" * 4, length=length)
    with pytest.raises(ValueError, match=f"its header claims {length} bytes of a file of 14"):
        KeyedVectors.load(tmp_path / "v")


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("word_offsets", [0, 4, 2, 6], "ascend"),
        ("word_offsets", [0, 2, 4, 2**62], "from 0 to the number of letters"),
        ("word_offsets", [-2, 2, 4, 6], "from 0 to the number of letters"),
        ("word_offsets", [0, 0, 4, 6], "empty"),
        ("word_offsets", [0, 2, 6], "one count a word"),
        ("word_counts", [0, -1, 0], "negative"),
        ("word_letters", list(b"w0w0w2"), "distinct"),
    ],
)
def test_words_that_contradict_each_other_are_refused(tmp_path, name, values, message):
    make(n=3, dim=2).save(tmp_path / "v")
    tensors, metadata = _safetensors.read_safetensors(tmp_path / "v")
    tensors[name] = np.array(values, tensors[name].dtype)
    _safetensors.write_safetensors(tmp_path / "v", tensors, metadata)
    with pytest.raises(ValueError, match=message):
        KeyedVectors.load(tmp_path / "v")


def test_one_vector_too_few_is_refused(tmp_path):
    make(n=3, dim=2).save(tmp_path / "v")
    tensors, metadata = _safetensors.read_safetensors(tmp_path / "v")
    tensors["vectors"] = tensors["vectors"][:2]
    _safetensors.write_safetensors(tmp_path / "v", tensors, metadata)
    with pytest.raises(ValueError, match=r"vectors must have the shape \(3, dim\), got \(2, 2\)"):
        KeyedVectors.load(tmp_path / "v")


def test_a_write_protected_file_is_not_replaced(tmp_path):
    path = tmp_path / "v.safetensors"
    make(n=2).save(path)
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write to any file")
    with pytest.raises(PermissionError, match=r"v\.safetensors"):
        make(n=3).save(path)
    same(make(n=2), KeyedVectors.load(path))


def test_an_empty_path_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="''"):
        make(n=2).save("")
    assert os.listdir(tmp_path) == []


def test_a_path_of_bytes_is_a_path(tmp_path):
    path = os.fsencode(tmp_path / "v.safetensors")
    make(n=2).save(path)
    same(make(n=2), KeyedVectors.load(path))
