"""Training: what is learned, what is reproducible, what is reported, how a run ends, and what is refused.

Long, since all of it shares the small corpora and the scripts at its head.
"""

from __future__ import annotations

import gc
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hogvec
import hogvec.trainer
import numpy as np
import pytest
from hogvec import CBOW, SGD, Corpus, HierarchicalSoftmax, NegativeSampling, Progress, SkipGram, Trainer
from hogvec.trainer import LOSS_FRACTION

WORDS_OF_A_TOPIC = 10
ARCHITECTURES = [
    SkipGram(dim=16, window=4, subsample=0),
    *(
        CBOW(dim=16, window=4, subsample=0, gradient=gradient, pooling=pooling)
        for gradient in ("word2vec", "exact")
        for pooling in ("mean", "sum")
    ),
]
LOSSES = [NegativeSampling(), HierarchicalSoftmax()]


def make_topics(num_tokens: int = 20_000, *, length: int = 20) -> Corpus:
    """Sequences about one of two topics: words 0 to 9 or words 10 to 19, never both."""
    random = np.random.default_rng(1)
    num_sequences = num_tokens // length
    topic = random.integers(2, size=(num_sequences, 1))
    ids = topic * WORDS_OF_A_TOPIC + random.integers(WORDS_OF_A_TOPIC, size=(num_sequences, length))
    return Corpus.from_ids(ids.astype(np.int32).ravel(), np.arange(num_sequences + 1) * length)


@pytest.fixture(scope="module")
def topics() -> Corpus:
    return make_topics()


@pytest.fixture(scope="module")
def long_corpus() -> Corpus:
    """Some seconds of training: a run over it is still going when something happens to it."""
    random = np.random.default_rng(2)
    return Corpus.from_ids(random.integers(1000, size=2_000_000, dtype=np.int32), [0, 2_000_000])


def small_trainer(**options: Any) -> Trainer:
    return Trainer(SkipGram(dim=16, window=4, subsample=0), NegativeSampling(negatives=3), **{"threads": 1, **options})


def fit(trainer: Trainer, corpus: Corpus, **options: Any) -> hogvec.KeyedVectors:
    return trainer.fit(corpus, **{"progress": False, "epochs": 2, **options})


def tables_of(trainer: Trainer) -> tuple[np.ndarray, np.ndarray]:
    return trainer.input_table.copy(), trainer.output_table.copy()


def are_equal(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def run_script(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


# What is learned.


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=repr)
@pytest.mark.parametrize("threads", [1, 2])
def test_words_of_a_topic_become_neighbours(architecture: Any, loss: Any, threads: int, topics: Corpus) -> None:
    # Sums of five rows and more are long: a step of 0.1 would overshoot.
    rate = 0.01 if getattr(architecture, "pooling", "mean") == "sum" else 0.1
    trainer = Trainer(architecture, loss, SGD(learning_rate=rate), threads=threads, seed=1)
    vectors = fit(trainer, topics, epochs=4).vectors
    centred = vectors - vectors.mean(axis=0)  # all words share a direction away from the noise
    directions = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    cosines = directions @ directions.T
    same = np.arange(20)[:, None] // WORDS_OF_A_TOPIC == np.arange(20) // WORDS_OF_A_TOPIC
    assert cosines[same].min() > cosines[~same].max()
    losses = [report.loss for report in trainer.history]
    assert losses[-1] < losses[0]
    assert all(np.isfinite(losses))


def test_the_first_loss_of_zero_scores_is_that_of_fair_coins() -> None:
    corpus = Corpus.from_ids(np.arange(10, dtype=np.int32), [0, 10])  # one group of 16 is measured: the first
    trainer = Trainer(SkipGram(dim=4, subsample=0), NegativeSampling(negatives=7), threads=1)
    fit(trainer, corpus, epochs=1)
    assert trainer.history[0].loss == pytest.approx(8 * math.log(2), abs=1e-6)


# What is reproducible.


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("architecture", ARCHITECTURES[:2], ids=repr)
def test_one_thread_is_reproducible_to_the_bit(architecture: Any, loss: Any, topics: Corpus) -> None:
    runs = []
    for seed in (5, 5, 6):
        trainer = Trainer(architecture, loss, threads=1, seed=seed)
        fit(trainer, topics)
        runs.append(tables_of(trainer))
    assert are_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0][0], runs[2][0])
    assert not np.array_equal(runs[0][1], runs[2][1])


def test_tables_are_the_same_however_many_files_the_text_is_in(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    lines = [" ".join(f"w{word}" for word in random.zipf(1.5, size=30) if word < 100) + "\n" for _ in range(500)]
    trained = []
    for number in (1, 2, 7):
        paths = []
        for part in range(number):
            path = tmp_path / f"{number}-{part}.txt"
            path.write_text("".join(lines[part * 500 // number : (part + 1) * 500 // number]))
            paths.append(path)
        trainer = Trainer(SkipGram(dim=20, subsample=1e-2), threads=1)
        fit(trainer, Corpus.from_file(paths, min_count=2))
        trained.append(tables_of(trainer))
    assert are_equal(trained[0], trained[1])
    assert are_equal(trained[0], trained[2])


def test_examples_are_the_same_for_any_number_of_threads() -> None:
    random = np.random.default_rng(4)
    ids = np.minimum(random.zipf(1.3, size=60_000), 500).astype(np.int32) - 1
    corpus = Corpus.from_ids(ids, [0, 1, 100, 60_000])
    counts = []
    for threads in (1, 2, 5):
        trainer = Trainer(SkipGram(dim=8, subsample=1e-2), threads=threads)
        fit(trainer, corpus, epochs=2)
        counts.append([(report.words, report.trained_words) for report in trainer.history])
    assert counts[0] == counts[1] == counts[2]
    assert counts[0][0] != counts[0][1]  # each epoch keeps other words


# Reports.


def test_history_has_a_report_of_every_epoch(topics: Corpus) -> None:
    trainer = small_trainer()
    fit(trainer, topics, epochs=3)
    assert [report.epoch for report in trainer.history] == [1, 2, 3]
    for report in trainer.history:
        assert report.words == report.trained_words == len(topics)
        assert report.seconds > 0
        assert report.words_per_second == report.words / report.seconds
        assert report.completed
        assert 0 < report.loss < 4 * math.log(2)
    assert LOSS_FRACTION == 1 / 16


def test_subsampled_words_are_passed_but_not_trained(topics: Corpus) -> None:
    trainer = Trainer(SkipGram(dim=4, subsample=1e-3), threads=1)  # every word has a share of 1 in 20
    fit(trainer, topics, epochs=1)
    keep = math.sqrt(1e-3 * 20) + 1e-3 * 20
    report = trainer.history[0]
    assert report.words == len(topics)
    assert report.trained_words == pytest.approx(keep * len(topics), abs=4 * math.sqrt(keep * len(topics)))


def test_the_learning_rate_falls_linearly_to_its_floor(topics: Corpus) -> None:
    seen: list[tuple[int, float]] = []
    trainer = small_trainer(optimizer=SGD(learning_rate=0.1))
    fit(
        trainer,
        topics,
        epochs=4,
        callbacks=[lambda p: seen.append((p.epoch, p.learning_rate)) if p.epoch_finished else 0],
    )
    for epoch, rate in seen:  # a batch of 128 words has the rate of its first
        assert 0 <= rate / 0.1 - (1 - epoch / 4) <= 128 / len(topics) / 4 + 1e-9
    assert [report.learning_rate for report in trainer.history] == [rate for _, rate in seen]
    assert seen[-1][1] >= 0.1e-4


def test_without_an_optimizer_the_architecture_says_the_learning_rate() -> None:
    assert Trainer(SkipGram()).learning_rate == SkipGram().default_learning_rate(NegativeSampling())
    assert Trainer(CBOW(), HierarchicalSoftmax()).learning_rate == CBOW().default_learning_rate(HierarchicalSoftmax())
    assert Trainer(SkipGram(), optimizer=SGD(learning_rate=0.3)).learning_rate == 0.3


# A second call.


def test_a_second_fit_continues_with_new_epochs_and_new_examples(topics: Corpus) -> None:
    trainer = small_trainer()
    trainer.initialize(topics)
    start = tables_of(trainer)
    fit(trainer, topics, epochs=1)
    first = tables_of(trainer)
    trainer.input_table[:], trainer.output_table[:] = start
    fit(trainer, topics, epochs=1)
    second = tables_of(trainer)
    assert not are_equal(first, second)  # the same tables and words, another epoch
    assert [report.epoch for report in trainer.history] == [1, 2]
    trainer.initialize(topics)
    assert trainer.history == []
    assert are_equal(start, tables_of(trainer))
    fit(trainer, topics, epochs=1)
    assert are_equal(first, tables_of(trainer))


def test_a_second_fit_goes_on_from_the_tables(topics: Corpus) -> None:
    trainer = small_trainer(optimizer=SGD(learning_rate=0.1))
    fit(trainer, topics, epochs=5)
    fit(trainer, topics, epochs=1)
    assert trainer.history[5].loss < trainer.history[0].loss


def test_a_corpus_of_other_words_is_refused() -> None:
    trainer = small_trainer()
    fit(trainer, Corpus.from_sequences([["a", "b"]] * 5, min_count=1))
    with pytest.raises(ValueError, match=r"the corpus must have as many words as the input table has rows, 2, got 3"):
        fit(trainer, Corpus.from_sequences([["a", "b", "c"]] * 5, min_count=1))
    with pytest.raises(ValueError, match=r"the corpus must have the vocabulary of the corpus trained on before"):
        fit(trainer, Corpus.from_sequences([["a", "c"]] * 5, min_count=1))
    again = Corpus.from_sequences([["b", "a"]] * 5, min_count=1, vocabulary=None)
    assert len(again) == 10
    fit(trainer, Corpus.from_sequences([["a", "b"]] * 5, min_count=1))  # equal, though another object
    assert len(trainer.history) == 4


# The tables.


@pytest.mark.parametrize("dim", [1, 15, 16, 17, 100])
def test_tables_are_live_writable_views_of_padded_rows(dim: int, topics: Corpus) -> None:
    trainer = Trainer(SkipGram(dim=dim), threads=1)
    vectors = fit(trainer, topics, epochs=1)
    for table in (trainer.input_table, trainer.output_table):
        assert table.shape == (20, dim)
        assert table.dtype == np.float32
        assert table.strides == (-(-dim // 16) * 64, 4)
        assert table.ctypes.data % 64 == 0
        assert table.flags.writeable
        assert not table.flags.owndata
    assert np.shares_memory(trainer.input_table, trainer.input_table)
    assert np.shares_memory(trainer.input_table, vectors.vectors)
    assert not np.shares_memory(trainer.input_table, trainer.output_table)
    trainer.input_table[3] = 7.0
    assert (trainer.input_table[3] == 7.0).all()
    assert (vectors.vectors[3] == 7.0).all()


def test_the_output_table_has_a_row_for_each_candidate(topics: Corpus) -> None:
    for loss, rows in ((NegativeSampling(), 20), (HierarchicalSoftmax(), 19)):
        trainer = Trainer(SkipGram(dim=3), loss, threads=1)
        trainer.initialize(topics)
        assert trainer.output_table.shape == (rows, 3)
        assert not trainer.output_table.any()
        assert np.abs(trainer.input_table).max() <= 0.5 / 3


def test_a_table_outlives_its_trainer(topics: Corpus) -> None:
    trainer = small_trainer()
    vectors = fit(trainer, topics)
    table = trainer.output_table
    expected = [table.copy(), vectors.vectors.copy()]
    del trainer
    gc.collect()
    fit(small_trainer(seed=9), topics)  # memory that had been given back would be in use again
    np.testing.assert_array_equal(table, expected[0])
    np.testing.assert_array_equal(vectors.vectors, expected[1])


def test_vectors_see_a_later_fit(topics: Corpus) -> None:
    trainer = small_trainer()
    vectors = fit(trainer, topics)
    before = vectors.vectors.copy()
    fit(trainer, topics)
    assert not np.array_equal(before, vectors.vectors)


def test_all_vectors_of_a_trainer_see_a_later_fit(topics: Corpus) -> None:
    trainer = small_trainer()
    runs = [fit(trainer, topics), fit(trainer, topics)]
    seen: list[bool] = []

    def look(progress: Progress) -> None:  # at the vectors of the earlier runs
        for vectors in runs:
            seen.append(np.allclose(vectors.norms, np.linalg.norm(vectors.vectors, axis=1)))

    look(Progress(epochs=1, total_words=1, learning_rate=1.0))
    fit(trainer, topics, epochs=3, callbacks=[look])
    look(Progress(epochs=1, total_words=1, learning_rate=1.0))
    assert all(seen), seen


def test_tables_of_no_corpus_take_any_number_of_rows() -> None:
    trainer = Trainer(SkipGram(dim=5), seed=3)
    trainer.initialize(input_rows=7, output_rows=1)
    assert trainer.input_table.shape == (7, 5)
    assert trainer.output_table.shape == (1, 5)


def test_tables_are_made_before_they_are_used() -> None:
    trainer = small_trainer()
    for use in (
        lambda: trainer.input_table,
        lambda: trainer.output_table,
        lambda: trainer.train_batch(
            hogvec.Batch(bag_rows=[0], group_offsets=[0, 1], shared_offsets=[0, 1], shared_rows=[0], shared_labels=[1])
        ),
    ):
        with pytest.raises(RuntimeError, match="the tables must be made first: call fit or initialize"):
            use()


def test_ids_that_cannot_be_written_are_trained_on() -> None:
    ids = np.arange(100, dtype=np.int32) % 7
    ids.flags.writeable = False
    offsets = np.array([0, 50, 100])
    offsets.flags.writeable = False
    assert fit(small_trainer(), Corpus.from_ids(ids, offsets)).vectors.shape == (7, 16)


# Callbacks.


def test_callbacks_see_every_epoch_end(topics: Corpus) -> None:
    seen: list[dict[str, Any]] = []
    trainer = small_trainer()
    fit(trainer, topics, epochs=3, callbacks=[lambda p: seen.append(dict(vars(p)))])
    ends = [p for p in seen if p["epoch_finished"]]
    assert [p["epoch"] for p in ends] == [1, 2, 3]
    for progress, report in zip(ends, trainer.history, strict=True):
        assert progress["epochs"] == 3
        assert progress["words"] == progress["total_words"] == progress["trained_words"] == len(topics)
        assert progress["loss"] == report.loss
        assert progress["learning_rate"] == report.learning_rate
        assert progress["words_per_second"] == pytest.approx(progress["epoch"] * len(topics) / progress["seconds"])
    assert [p["seconds"] for p in seen] == sorted(p["seconds"] for p in seen)


def test_a_callback_may_stop_the_run_after_an_epoch(topics: Corpus) -> None:
    trainer = small_trainer()
    vectors = fit(trainer, topics, epochs=1000, callbacks=[lambda p: p.stop() if p.epoch == 3 else None])
    assert 3 <= len(trainer.history) <= 3
    assert len(vectors.vectors) == 20
    fit(trainer, topics, epochs=1)
    assert trainer.history[-1].epoch == 4


@pytest.mark.parametrize("threads", [1, 2])
def test_a_callback_may_stop_the_run_within_an_epoch(threads: int, long_corpus: Corpus) -> None:
    trainer = Trainer(SkipGram(dim=100, subsample=0), threads=threads)
    vectors = fit(trainer, long_corpus, epochs=100, callbacks=[Progress.stop])
    (report,) = trainer.history
    assert not report.completed
    assert report.words < len(long_corpus)
    assert np.isfinite(vectors.vectors).all()
    fit(trainer, long_corpus, callbacks=[Progress.stop])
    assert [report.epoch for report in trainer.history] == [1, 2]


def test_what_a_callback_raises_reaches_the_caller_and_the_trainer_goes_on(topics: Corpus, long_corpus: Corpus) -> None:
    def fail(progress: Progress) -> None:
        raise LookupError(f"epoch {progress.epoch}")

    for corpus in (topics, long_corpus):  # at the end of an epoch, and within one
        trainer = Trainer(SkipGram(dim=100, subsample=0), threads=2)
        with pytest.raises(LookupError, match="epoch 1"):
            fit(trainer, corpus, callbacks=[fail])
        assert np.isfinite(trainer.input_table).all()
        fit(trainer, corpus, epochs=1, callbacks=[Progress.stop])
        assert trainer.history[-1].epoch == 2


def test_progress_describes_itself(topics: Corpus) -> None:
    texts: list[str] = []
    fit(small_trainer(), topics, callbacks=[lambda p: texts.append(repr(p))])
    assert texts[-1].startswith("<Progress: epoch 2 of 2, 20,000 of 20,000 words, loss ")


# The bar.


def test_a_bar_is_shown_when_asked_for(topics: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    fit(small_trainer(), topics, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 2/2" in err
    assert "40.0k/40.0k" in err
    assert "loss" in err


def test_no_bar_is_shown_without_a_terminal(topics: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    fit(small_trainer(), topics, progress=None)
    fit(small_trainer(), topics, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_shown_on_a_terminal(
    topics: Corpus, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fit(small_trainer(), topics, progress=None)
    assert "epoch 2/2" in capsys.readouterr().err


def test_a_process_without_standard_error_trains(topics: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    fit(small_trainer(), topics, progress=None)


# One call at a time.


def test_a_trainer_trains_for_one_call_at_a_time(topics: Corpus) -> None:
    trainer = small_trainer()
    inside, release = threading.Event(), threading.Event()

    def hold(progress: Progress) -> None:
        if progress.epoch == 1 and progress.epoch_finished:
            inside.set()
            assert release.wait(60)

    results: list[hogvec.KeyedVectors] = []
    thread = threading.Thread(target=lambda: results.append(fit(trainer, topics, epochs=3, callbacks=[hold])))
    thread.start()
    assert inside.wait(60)
    batch = hogvec.Batch(bag_rows=[0], group_offsets=[0, 1], shared_offsets=[0, 1], shared_rows=[0], shared_labels=[1])
    for second in (
        lambda: fit(trainer, topics),
        lambda: trainer.train_batch(batch),
        lambda: trainer.initialize(topics),
    ):
        with pytest.raises(RuntimeError, match="must train for one call at a time"):
            second()
    release.set()
    thread.join()
    assert [report.epoch for report in trainer.history] == [1, 2, 3]
    assert np.shares_memory(results[0].vectors, trainer.input_table)
    alone = small_trainer()
    fit(alone, topics, epochs=3)
    assert are_equal(tables_of(alone), tables_of(trainer))


def test_two_first_fits_at_once_train_one_trainer(topics: Corpus) -> None:
    # Whoever comes second finds it busy, or finds it done.
    trainer = small_trainer()
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def train() -> None:
        barrier.wait()
        try:
            fit(trainer, topics, epochs=2)
            outcomes.append("trained")
        except RuntimeError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=train) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trained = outcomes.count("trained")
    assert trained >= 1
    assert all("one call at a time" in outcome for outcome in outcomes if outcome != "trained")
    assert [report.epoch for report in trainer.history] == list(range(1, 2 * trained + 1))


def test_a_callback_may_not_train_its_own_trainer(topics: Corpus) -> None:
    trainer = small_trainer()
    with pytest.raises(RuntimeError, match="must train for one call at a time"):
        fit(trainer, topics, callbacks=[lambda p: fit(trainer, topics)])
    fit(trainer, topics)


def test_two_trainers_train_at_once(topics: Corpus) -> None:
    expected = small_trainer()
    fit(expected, topics)
    trainers = [small_trainer() for _ in range(2)]
    threads = [threading.Thread(target=fit, args=(trainer, topics)) for trainer in trainers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for trainer in trainers:
        assert are_equal(tables_of(trainer), tables_of(expected))


# Signals, forks, exits.

PREPARE = """
    import os, signal, sys, threading, time
    import numpy as np
    import hogvec

    ids = np.random.default_rng(1).integers(1000, size=2_000_000, dtype=np.int32)
    corpus = hogvec.Corpus.from_ids(ids, [0, len(ids)])
    trainer = hogvec.Trainer(hogvec.SkipGram(dim=100, subsample=0), threads=2)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_ctrl_c_stops_within_half_a_second_and_the_trainer_goes_on() -> None:
    script = textwrap.dedent(PREPARE) + textwrap.dedent("""
        started = threading.Event()
        def announce(progress):
            if not started.is_set():
                started.set()
                print("training", flush=True)
        try:
            trainer.fit(corpus, epochs=1000, callbacks=[announce])
        except KeyboardInterrupt:
            print(time.monotonic(), flush=True)
        vectors = trainer.fit(corpus, epochs=1, callbacks=[hogvec.Progress.stop])
        print(bool(np.isfinite(vectors.vectors).all()), trainer.history[-1].epoch)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "training\n"
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        stopped = process.stdout.readline()
        out, err = process.communicate(timeout=60)
    assert stopped, err
    assert float(stopped) - sent < 0.5
    assert out == "True 2\n"
    assert err == ""
    assert process.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_forked_after_training_trains() -> None:
    done = run_script(
        PREPARE
        + """
    small = hogvec.Corpus.from_ids(ids[:50_000], [0, 50_000], num_ids=1000)
    trainer.fit(small, epochs=1)
    child = os.fork()
    vectors = trainer.fit(small, epochs=1)
    new = hogvec.Trainer(hogvec.CBOW(dim=10), threads=2).fit(small, epochs=1)
    ok = np.isfinite(vectors.vectors).all() and np.isfinite(new.vectors).all() and trainer.history[-1].epoch == 2
    if child == 0:
        os._exit(0 if ok else 1)
    print(os.waitpid(child, 0)[1], ok)
    """
    )
    assert (done.stdout, done.stderr, done.returncode) == ("0 True\n", "", 0)


@pytest.mark.parametrize("epochs", [1000, 1])
def test_a_daemon_thread_that_trains_does_not_abort_the_exit(epochs: int) -> None:
    # Calls of many epochs, and calls that follow each other closely.
    done = run_script(
        PREPARE
        + f"""
    started = threading.Event()
    if {epochs} == 1:
        corpus = hogvec.Corpus.from_ids(ids[:500], [0, 500], num_ids=1000)
    def train():
        while True:
            trainer.fit(corpus, epochs={epochs}, callbacks=[lambda progress: started.set()])
    threading.Thread(target=train, daemon=True).start()
    started.wait()
    """
    )
    assert done.returncode == 0, done.stderr
    assert "terminate" not in done.stderr
    assert "Fatal" not in done.stderr


@pytest.mark.parametrize(
    "work",
    [
        "hogvec.Corpus.from_file(path, min_count=1, threads=2)",
        "hogvec.Corpus.from_sequences(endless(), min_count=1)",
        "vectors.save_word2vec_format(path + '.txt')",
        "hogvec.KeyedVectors.load_word2vec_format(path + '.vec')",
        "hogvec.UnigramSampler(np.arange(1, 10**5)).sample(10**7)",
        "hogvec.HuffmanTree(np.arange(1, 10**5))",
        "best_outputs()",
        "hogvec.Vocabulary.from_words(str(i) for i in range(10**5))",
    ],
)
def test_a_daemon_thread_in_the_core_does_not_abort_the_exit(work: str, tmp_path: Path) -> None:
    done = run_script(f"""
    import threading, time, hogvec, numpy as np
    path = {str(tmp_path / "text")!r}
    with open(path, "w") as file:
        for i in range(20000):
            file.write(f"{{i}} a b c {{i * 7}} {{i % 77}}\\n")
    vocabulary = hogvec.Vocabulary.from_words(str(i) for i in range(10000))
    vectors = hogvec.KeyedVectors(vocabulary, np.ones((10000, 50), np.float32))
    vectors.save_word2vec_format(path + ".vec")
    def endless():
        while True:
            yield ["a", "b"]
    def best_outputs():   # of a tree whose outputs are all as good: much work
        loss = hogvec.HierarchicalSoftmax(tree=hogvec.BalancedTree(10**4))
        loss.top_k(np.ones((10**4, 1), np.float32), np.zeros((10**4 - 1, 1), np.float32), None, 1)
    started = threading.Event()
    def run():
        while True:
            started.set()
            {work}
    for _ in range(2):
        threading.Thread(target=run, daemon=True).start()
    started.wait()
    time.sleep(0.3)   # so that the exit meets the thread anywhere in its work
    """)
    assert done.returncode == 0, done.stderr
    assert "terminate" not in done.stderr


def test_the_thread_that_exits_may_still_call_the_core() -> None:
    done = run_script("""
    import atexit
    @atexit.register   # before ours, and so called after it
    def at_exit():
        trainer.fit(corpus, epochs=1)
        print(hogvec.UnigramSampler([1, 2]).sample(3).ids.shape)
    import hogvec, numpy as np
    corpus = hogvec.Corpus.from_ids(np.arange(10, dtype=np.int32), np.array([0, 10]))
    trainer = hogvec.Trainer(hogvec.SkipGram(dim=4, subsample=0), threads=2)
    """)
    assert (done.stdout, done.stderr, done.returncode) == ("(3,)\n", "", 0)


# Runs that go wrong.


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=repr)
@pytest.mark.parametrize("learning_rate", [10.0, 1e4, 1e20, 1e38, 1e300])
def test_a_run_that_diverges_says_so(architecture: Any, loss: Any, learning_rate: float, topics: Corpus) -> None:
    for corpus, epochs in ((topics, 3), (Corpus.from_ids(np.arange(9, dtype=np.int32), [0, 9]), 1)):
        trainer = Trainer(architecture, loss, SGD(learning_rate=learning_rate), threads=1)
        try:
            vectors = fit(trainer, corpus, epochs=epochs)
        except RuntimeError as error:
            message = str(error)
            assert "must stay finite" in message
            assert "in epoch " in message
            assert "at learning rate " in message
            assert len(message) < 200
        else:
            assert np.isfinite(vectors.vectors).all()
            assert np.isfinite(trainer.output_table).all()


@pytest.mark.parametrize("table", ["input_table", "output_table"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_table_that_is_not_finite_is_noticed(table: str, wrong: float, topics: Corpus) -> None:
    trainer = small_trainer()
    fit(trainer, topics)
    getattr(trainer, table)[3, 2] = wrong
    with pytest.raises(RuntimeError, match=r"must stay finite, .* in epoch 3 at learning rate 0\.0"):
        fit(trainer, topics)


@pytest.mark.parametrize("dim", [10**8, 2**31 - 1])
def test_tables_larger_than_memory_are_refused_before_they_are_made(dim: int) -> None:
    # 2 * 10^6 rows of 10^8 floats: 745,058 GiB.
    trainer = Trainer(SkipGram(dim=dim))
    with pytest.raises(
        MemoryError, match=r"tables of 1,000,000 and 1,000,000 rows of [\d,]+ floats need [\d.]+ GiB, got"
    ):
        trainer.initialize(input_rows=10**6, output_rows=10**6)
    with pytest.raises(RuntimeError, match="made first"):
        _ = trainer.input_table


def test_tables_that_the_system_refuses_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hogvec.trainer, "available_memory", lambda: None)
    with pytest.raises(MemoryError, match=r"rows of 2,147,483,647 floats need [\d.]+ GiB, got too little memory"):
        Trainer(SkipGram(dim=2**31 - 1)).initialize(input_rows=10**6, output_rows=10**6)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of the address space are Linux's")
def test_a_limit_of_the_address_space_is_a_limit_of_the_tables() -> None:
    done = run_script("""
    import resource, hogvec
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    try:
        hogvec.Trainer(hogvec.SkipGram(dim=1024)).initialize(input_rows=10**6, output_rows=10**5)
    except MemoryError as error:
        print(error)
    """)
    assert done.stdout.startswith("tables of 1,000,000 and 100,000 rows of 1,024 floats need 4.2 GiB, got "), done


def test_the_memory_that_tables_need_is_that_of_their_padded_rows(
    topics: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = (20 + 20) * 112 * 4
    monkeypatch.setattr(hogvec.trainer, "available_memory", lambda: needed)
    Trainer(SkipGram(dim=100)).initialize(topics)
    monkeypatch.setattr(hogvec.trainer, "available_memory", lambda: needed - 1)
    with pytest.raises(MemoryError, match="tables of 20 and 20 rows of 100 floats need"):
        Trainer(SkipGram(dim=100)).fit(topics)
    monkeypatch.setattr(hogvec.trainer, "available_memory", lambda: None)  # the system does not say
    Trainer(SkipGram(dim=100)).initialize(topics)


def test_a_corpus_of_one_word_is_refused() -> None:
    corpus = Corpus.from_sequences([["only"] * 10], min_count=1)
    for loss in LOSSES:
        with pytest.raises(ValueError, match="the corpus must have at least 2 different words, got 1"):
            fit(Trainer(SkipGram(), loss), corpus)


def test_a_corpus_without_two_words_in_a_sequence_is_refused() -> None:
    for corpus in (
        Corpus.from_sequences([["a"], ["b"], ["a"]], min_count=1),
        Corpus.from_ids(np.arange(5, dtype=np.int32), np.arange(6)),
    ):
        trainer = small_trainer()
        with pytest.raises(ValueError, match="the corpus must hold something to train on"):
            fit(trainer, corpus)


def test_subsampling_that_leaves_nothing_is_refused(topics: Corpus) -> None:
    with pytest.raises(ValueError, match="the corpus must hold something to train on"):
        fit(Trainer(SkipGram(subsample=1e-30), threads=1), topics)


def test_a_word_that_has_all_the_noise_to_itself_is_trained() -> None:
    corpus = Corpus.from_ids(np.zeros(100, np.int32), [0, 100], num_ids=5)
    for loss in LOSSES:
        vectors = fit(Trainer(SkipGram(dim=4, subsample=0), loss, threads=1), corpus).vectors
        assert np.isfinite(vectors).all()


def test_the_widest_window_and_the_most_negatives_train() -> None:
    corpus = Corpus.from_ids(np.arange(300, dtype=np.int32) % 100, [0, 300])
    # A group is one step along the gradient of 300 words against 10,000 negatives.
    loss, optimizer = NegativeSampling(negatives=10_000), SGD(learning_rate=1e-5)
    trainer = Trainer(SkipGram(dim=8, window=1_000_000, subsample=0), loss, optimizer, threads=2)
    vectors = fit(trainer, corpus, epochs=1).vectors
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize(("array", "error"), [("ids", "IndexError"), ("offsets", "ValueError")])
@pytest.mark.parametrize("value", [2**30, -1, -(2**31)])
@pytest.mark.parametrize("architecture", ["SkipGram", "CBOW"])
def test_arrays_changed_while_they_are_trained_on_do_no_harm(
    array: str, error: str, value: int, architecture: str
) -> None:
    done = run_script(
        PREPARE
        + f"""
    offsets = np.arange(0, len(ids) + 1, 1000)
    corpus = hogvec.Corpus.from_ids(ids, offsets)
    trainer = hogvec.Trainer(hogvec.{architecture}(dim=100, subsample=0), threads=2)
    def change(progress):
        if not progress.epoch_finished:
            {array}[1:] = {value} if {array} is ids else {value} << 20
    try:
        trainer.fit(corpus, epochs=2, callbacks=[change])
    except (IndexError, ValueError) as error:
        print(type(error).__name__, trainer.history[0].words)
    print(bool(np.isfinite(trainer.input_table).all()))
    """
    )
    assert (done.stdout, done.stderr) == (f"{error} 2000000\nTrue\n", "")


# Arguments.

INTEGER_ERRORS = [
    (True, TypeError, "must be an integer, got True"),
    ("5", TypeError, "must be an integer, got '5'"),
    (2.0, TypeError, r"must be an integer, got 2\.0"),
    (math.nan, TypeError, "must be an integer, got nan"),
    (-1, ValueError, "must be at least [01], got -1"),
    (10**30, ValueError, "must be at most [0-9]+, got 10+"),
]
MAKERS: dict[str, Callable[[Any], object]] = {
    "threads": lambda v: Trainer(SkipGram(), threads=v),
    "seed": lambda v: Trainer(SkipGram(), seed=v),
    "epochs": lambda v: small_trainer().fit(make_topics(40), epochs=v),
    "input_rows": lambda v: small_trainer().initialize(input_rows=v, output_rows=1),
    "output_rows": lambda v: small_trainer().initialize(input_rows=1, output_rows=v),
}


@pytest.mark.parametrize(("value", "error", "message"), INTEGER_ERRORS, ids=repr)
@pytest.mark.parametrize("name", MAKERS)
def test_numbers_of_a_trainer_are_checked(name: str, value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{name} {message}"):
        MAKERS[name](value)


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "seed"])
def test_numbers_of_a_trainer_are_at_least_1(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be at least 1, got 0$"):
        MAKERS[name](0)


def test_numbers_of_a_trainer_may_be_numpy_integers(topics: Corpus) -> None:
    trainer = Trainer(SkipGram(dim=np.int64(8)), threads=np.int32(1), seed=np.uint64(2**64 - 1))
    fit(trainer, topics, epochs=np.int16(1))
    assert trainer.threads == 1
    assert trainer.seed == 2**64 - 1
    with pytest.raises(ValueError, match="threads must be at most 1024, got 1025"):
        Trainer(SkipGram(), threads=1025)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Trainer("skipgram"),
            "architecture must be a SkipGram, a CBOW, a FastText or a Retriever, got 'skipgram'",
        ),
        (lambda: Trainer(SkipGram), "architecture must be a SkipGram, a CBOW, a FastText or a Retriever, got <class"),
        (
            lambda: Trainer(SkipGram(), "ns"),
            "loss must be a Loss such as NegativeSampling.., got 'ns'",
        ),
        (
            lambda: Trainer(SkipGram(), NegativeSampling(), 0.025),
            r"optimizer must be an SGD, Momentum, RMSProp, AdaGrad or Adam, got 0\.025",
        ),
        (lambda: small_trainer().fit([["a", "b"]]), r"corpus must be a Corpus or Walks, got \[\['a', 'b'\]\]"),
        (lambda: small_trainer().fit("text.txt"), "corpus must be a Corpus or Walks, got 'text.txt'"),
        (lambda: small_trainer().fit(make_topics(40), callbacks=[3]), "callbacks must be callable, got 3"),
        (
            lambda: small_trainer().fit(make_topics(40), progress="yes"),
            "progress must be True, False or None, got 'yes'",
        ),
        (lambda: small_trainer().initialize(), "initialize takes either a corpus or both input_rows and output_rows"),
        (lambda: small_trainer().initialize(input_rows=3), "initialize takes either a corpus or both"),
        (lambda: small_trainer().initialize(make_topics(40), input_rows=3, output_rows=3), "initialize takes either"),
        (lambda: small_trainer().initialize(make_topics(40), input_rows=3), "initialize takes either"),
        (lambda: small_trainer().initialize("text.txt"), "corpus must be a Corpus or Walks, got 'text.txt'"),
    ],
)
def test_arguments_of_the_wrong_kind_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{message}"):
        make()


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (-0.1, ValueError, r"must be at least 0, got -0\.1"),
        (math.nan, ValueError, "must be finite, got nan"),
        (math.inf, ValueError, "must be finite, got inf"),
        ("fast", TypeError, "must be a number, got 'fast'"),
        (True, TypeError, "must be a number, got True"),
    ],
)
def test_the_learning_rate_of_a_batch_is_checked(value: Any, error: type[Exception], message: str) -> None:
    trainer = small_trainer()
    trainer.initialize(input_rows=1, output_rows=1)
    batch = hogvec.Batch(bag_rows=[0], group_offsets=[0, 1], shared_offsets=[0, 1], shared_rows=[0], shared_labels=[1])
    with pytest.raises(error, match=f"learning_rate {message}"):
        trainer.train_batch(batch, learning_rate=value)
    with pytest.raises(TypeError, match="batch must be a Batch, got None"):
        trainer.train_batch(None)


def test_a_trainer_describes_itself() -> None:
    text = repr(Trainer(SkipGram(dim=7), HierarchicalSoftmax(), SGD(learning_rate=0.1), threads=2, seed=3))
    assert text.startswith("Trainer(SkipGram(dim=7, ")
    assert ", HierarchicalSoftmax(), SGD(learning_rate=0.1, schedule=Schedule(" in text
    assert text.endswith("), threads=2, seed=3)")
