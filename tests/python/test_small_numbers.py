"""Numbers below the normal range of float32: zero for the threads of workers on x86, themselves everywhere else."""

import platform

import hogvec
import numpy as np
import pytest

TINY = np.float32(1e-40)
CORPUS = [["a", "b", "c", "d"]] * 20


def trainer_of_tiny_numbers():
    trainer = hogvec.Trainer(hogvec.SkipGram(dim=16, subsample=0), hogvec.NegativeSampling(2), threads=1)
    trainer.initialize(corpus := hogvec.Corpus.from_sequences(CORPUS, min_count=1))
    trainer.input_table[:] = trainer.output_table[:] = TINY
    return trainer, corpus


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 alone is slow with them")
def test_workers_count_them_as_zero():
    trainer, corpus = trainer_of_tiny_numbers()
    trainer.fit(corpus, epochs=1, progress=False)
    assert not trainer.input_table.any()
    assert not trainer.output_table.any()


def test_calls_on_the_callers_thread_do_not_and_leave_it_as_it_was():
    trainer, corpus = trainer_of_tiny_numbers()
    batch = hogvec.Batch(
        bag_rows=[0, 1], group_offsets=[0, 2], shared_offsets=[0, 2], shared_rows=[2, 3], shared_labels=[1, 0]
    )
    trainer.train_batch(batch, learning_rate=0.1)
    assert trainer.input_table.all()
    assert trainer.output_table.all()
    trainer.fit(corpus, epochs=1, progress=False)
    assert TINY * np.float32(0.5) != 0
    hidden, weights = np.full((1, 16), TINY), np.ones((3, 16), np.float32)
    loss = hogvec.Softmax()
    step = loss.step(hidden, [0], weights, None, hogvec.SGD(learning_rate=1.0), threads=1)
    assert hidden.all()
    assert np.isfinite(step.loss).all()
