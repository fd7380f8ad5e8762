"""fastText files that are cut short, altered, or lie: refused with a reason, and never with much time or memory."""

from __future__ import annotations

import struct
import time
import tracemalloc

import numpy as np
import pytest
from fasttext_files import MODELS, file_bytes, small_model
from hogvec.fasttext_format import read_fasttext
from hogvec.product_quantizer import QuantizedMatrix
from hypothesis import given
from hypothesis import strategies as st
from rewritten_files import rewrite

KINDS = ["dense", "quantized", "norms", "pruned", "fully pruned"]
FILES = [(kind, version) for kind in KINDS for version in (12, 11)] + [("dense", 0)]  # 0 is older than quantization
FIELDS = (0, 0xFFFFFFFF, 0x7FFFFFFF)
NUM_KEPT = range(8 + 56 + 20, 8 + 56 + 28)  # where the number of pruned buckets is


def places(content, model):
    """The places where a file is damaged.

    All of a dense one. Others begin like it, so theirs are those of the number of pruned buckets and all after the
    words, but for the middle of centroids: there are 256 and more floats alike in a row.
    """
    if not isinstance(model.input_table, QuantizedMatrix):
        return range(len(content))
    found = {*NUM_KEPT, *range(content.index(b"__label__b\0") + 20, len(content))}
    for table in (model.input_table, model.output_table):
        if isinstance(table, QuantizedMatrix):
            for values in (table.centroids, table.norm_centroids):
                if values is not None:
                    begin = content.index(values.tobytes())
                    found -= set(range(begin + 8, begin + values.nbytes - 8))
    return sorted(found)


def refused(path):
    """Return the model of a file or what is said against it; neither takes much time or memory."""
    began = time.process_time()
    tracemalloc.start()
    try:
        return read_fasttext(path)
    except ValueError as error:
        return str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 500_000
        assert time.process_time() - began < 2


def read_or_refuse(path, content):
    """The file is refused, or it is a finite model, which is written as the same bytes if it says version 12."""
    rewrite(path, content)
    model = refused(path)
    if isinstance(model, str):
        assert "must be a whole fastText model: " in model
        assert len(model) < 500
        return False
    for table in (model.input_table, model.output_table):
        values = table.centroids if isinstance(table, QuantizedMatrix) else table
        assert np.isfinite(values).all()
    if struct.unpack_from("<ii", content) == (793712314, 12):
        assert file_bytes(model) == content
    return True


@pytest.mark.parametrize(("kind", "version"), FILES)
def test_every_prefix_of_a_file_is_refused(tmp_path, kind, version):
    model = small_model(kind, dim=1)
    content = file_bytes(model, version)
    assert read_or_refuse(tmp_path / "m.bin", content)
    for length in places(content, model):
        assert not read_or_refuse(tmp_path / "m.bin", content[:length])


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_goes_on_after_its_end_is_refused(tmp_path, kind):
    for model in MODELS:
        content = file_bytes(small_model(kind, model))
        for more in (b"\0", b"\n", content):
            assert not read_or_refuse(tmp_path / "m.bin", content + more)


@pytest.mark.parametrize(("kind", "version"), [(kind, version) for kind, version in FILES if version != 11])
def test_every_field_that_is_overwritten_is_refused_or_makes_a_finite_model(tmp_path, kind, version):
    model = small_model(kind, dim=1)
    content = file_bytes(model, version)
    for place in places(content, model):
        for field in FIELDS:
            damaged = content[:place] + struct.pack("<I", field) + content[place + 4 :]
            read_or_refuse(tmp_path / "m.bin", damaged[: len(content)])


@pytest.mark.parametrize("kind", KINDS)
def test_every_bit_that_is_flipped_is_refused_or_makes_a_finite_model(tmp_path, kind):
    model = small_model(kind, dim=1)
    content = bytearray(file_bytes(model))
    for place in places(content, model)[::3]:  # fields have 4 bytes or 8, but for marks, which are overwritten above
        for bit in range(8):
            content[place] ^= 1 << bit
            read_or_refuse(tmp_path / "m.bin", bytes(content))
            content[place] ^= 1 << bit


DAMAGE = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(["<b", "<i", "<q"]), st.integers(-(2**63), 2**63 - 1)),
    min_size=1,
    max_size=4,
)


@given(kind_and_version=st.sampled_from(FILES), damage=DAMAGE, cut=st.integers(-50, 50))
def test_a_file_damaged_at_several_places_is_refused_or_makes_a_finite_model(
    tmp_path_factory, kind_and_version, damage, cut
):
    kind, version = kind_and_version
    content = bytearray(file_bytes(small_model(kind, dim=1), version))
    for place, form, value in damage:
        bits = 8 * struct.calcsize(form)
        value = (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
        if place + bits // 8 <= len(content):
            struct.pack_into(form, content, place, value)
    content = content[:cut] if cut < 0 else content + bytes(cut)
    read_or_refuse(tmp_path_factory.getbasetemp() / "damaged.bin", bytes(content))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_model_are_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "random.bin"
    read_or_refuse(path, struct.pack("<ii", 793712314, 12) + content)
    assert not read_or_refuse(path, b"# fastText\n" + content)


def test_errors_say_what_was_expected_and_where(tmp_path):
    path = tmp_path / "m.bin"
    model = small_model()
    content = file_bytes(model)
    header = 8 + 56  # where the dictionary begins
    entries = header + 28
    table = len(content) - 6 * 4 - 17 - 9 * 3 * 4 - 17

    def damaged(place, form, value):
        out = bytearray(content)
        struct.pack_into(form, out, place, value)
        return bytes(out)

    for changed, message in (
        (b"", "it is empty"),
        (damaged(4, "<i", 13), "version must be 11 or 12, got 13"),
        (damaged(0, "<i", 1 << 30), "begin with the number 793712314 or with a dim of its matrices, got 1073741824"),
        (content[:30], "arguments, from byte 8: 56 bytes expected at byte 8, the file has 22 left"),
        (damaged(8, "<i", -1), "arguments, from byte 8: dim must be at least 1, got -1"),
        (damaged(8 + 24, "<i", 5), "number of the loss must be at most 4, got 5"),
        (damaged(8 + 28, "<i", 0), "number of the model must be at least 1, got 0"),
        (damaged(8 + 48, "<d", np.nan), "subsample must be finite, got nan"),
        (damaged(header, "<i", 7), "header of the dictionary, from byte 64: number of entries must be 4 words and 2 "),
        (damaged(header + 12, "<q", -1), "number of tokens must be at least 0"),
        (damaged(header + 20, "<q", -2), "number of pruned buckets must be at least -1, got -2"),
        (damaged(header + 20, "<q", 99), "6 entries and 99 pruned buckets take at least 852 bytes, the file has"),
        (damaged(header + 20, "<q", 0), "input matrix, from byte .*: must be quantized in a pruned model, and is not"),
        (
            damaged(entries + 13, "<b", 1),
            "entries, from byte 92: type of entry 0, at byte 105, must be 0, a word, got 1",
        ),
        (damaged(entries, "<4s", b"good"), "words must be distinct"),
        (damaged(table, "<b", 3), "mark of a quantized matrix must be 0 or 1, got 3"),
        (damaged(table + 1, "<q", 10), r"input matrix, from byte \d+: must have the shape \(9, 3\), got \(10, 3\)"),
        (damaged(table + 17, "<f", np.inf), rf"value 0, at byte {table + 17}, must be finite, got inf"),
        (content[:-1], r"output matrix, from byte \d+: 24 bytes expected at byte \d+, the file has 23 left"),
        (content + b"\n", r"it must end at byte \d+, where its output matrix does, has \d+"),
    ):
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"'.*m.bin' must be a whole fastText model: .*" + message):
            read_fasttext(path)


def test_errors_in_quantized_matrices_say_what_was_expected(tmp_path):
    path = tmp_path / "m.bin"
    content = file_bytes(small_model("norms"))
    table = content.index(struct.pack("<??qqi", True, True, 9, 3, 18))
    quantizer = table + 22 + 18
    norms = quantizer + 16 + 256 * 3 * 4 + 9
    for place, form, value, message in (
        (table + 1, "<b", 2, "mark of quantized norms must be 0 or 1, got 2"),
        (table + 18, "<i", 17, "number of codes must be 9 rows times 1 to 3 parts, got 17"),
        (table + 18, "<i", -9, "number of codes must be 9 rows times 1 to 3 parts, got -9"),
        (quantizer, "<i", 4, rf"quantizer at byte {quantizer} must have dim 3 in 2 parts, got .* \(4, 2, 2, 1\)"),
        (quantizer + 8, "<i", 0, r"got dim, parts, values in a part and in the last one of \(3, 2, 0, 1\)"),
        (quantizer + 12, "<i", 2, r"\(3, 2, 2, 2\)"),
        (quantizer + 16, "<f", np.nan, "centroid value 0, at byte .*, must be finite, got nan"),
        (norms + 8, "<i", 2, f"quantizer of norms at byte {norms} must have 1 value in a part, got 2"),
    ):
        damaged = bytearray(content)
        struct.pack_into(form, damaged, place, value)
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="input matrix, from byte .*" + message):
            read_fasttext(path)


def test_a_word_without_an_end_in_a_large_file_takes_little_time_and_memory(tmp_path):
    path = tmp_path / "m.bin"
    header = file_bytes(small_model())[: 8 + 56]
    with open(path, "wb") as file:
        file.write(header + struct.pack("<iiiqq", 2_000_000, 2_000_000, 0, 1, -1) + b"x" * 30_000_000)
    began = time.process_time()
    tracemalloc.start()
    with pytest.raises(ValueError, match="entry 0 of 2000000 must be a word, a NUL, a count and a type"):
        read_fasttext(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - began < 5
    assert peak < 50e6


def test_values_of_a_mapped_file_are_not_checked(tmp_path):
    content = bytearray(file_bytes(small_model()))
    struct.pack_into("<f", content, len(content) - 4, np.nan)
    (tmp_path / "m.bin").write_bytes(content)
    assert np.isnan(read_fasttext(tmp_path / "m.bin", memory_map=True).output_table[1, 2])
    with pytest.raises(ValueError, match="must be finite, got nan"):
        read_fasttext(tmp_path / "m.bin")
