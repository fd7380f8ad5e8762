"""The search: what it tries, what it records, when it ends, its file."""

from __future__ import annotations

import json
import math
import re
from types import SimpleNamespace

import hogvec
import numpy as np
import pytest
from hogvec import Progress, tuning
from hogvec.tuning import Choice, Clock, Float, Integer, OutOfTimeError, PowerOfTwo, Trial, Trials, tune

SPACE = {
    "rate": Float(0.01, 100.0, start=1.0),
    "size": Integer(1, 1000, start=10, log=True),
    "n": Integer(1, 5),
    "part": PowerOfTwo(1, 16),
    "kind": Choice(("a", "b", "c")),
}


def hill(p):
    """Highest at rate 20, size 200, n 2, part 8, kind b."""
    far = [math.log2(p["rate"] / 20), math.log2(p["size"] / 200), p["n"] - 2, math.log2(p["part"] / 8)]
    return -sum(map(abs, far)) - (p["kind"] != "b")


class Time:
    """A clock of the processor that goes on when it is told to."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(tuning, "time", SimpleNamespace(perf_counter=lambda: self.now))


@pytest.fixture
def time(monkeypatch):
    return Time(monkeypatch)


def quiet(*arguments, **options):
    return tune(*arguments, progress=False, **options)


def test_the_first_trial_is_the_start_and_the_search_comes_near_the_top():
    found = quiet(dict, SPACE, hill, trials=150)
    assert found.trials[0].parameters == {"rate": 1.0, "size": 10, "n": 3, "part": 4, "kind": "a"}
    assert found.trials[0].score == pytest.approx(hill(found.trials[0].parameters))
    assert [trial.number for trial in found.trials] == list(range(1, 151))
    assert found.best.score > -1.5 > found.trials[0].score
    assert found.model == found.best.parameters
    assert found.best is max(found.trials, key=lambda trial: trial.score)


def test_what_is_tried_stays_within_the_space_and_is_not_tried_twice():
    seen = [trial.parameters for trial in quiet(dict, SPACE, hill, trials=200).trials]
    for parameters in seen:
        assert 0.01 <= parameters["rate"] <= 100.0
        assert isinstance(parameters["size"], int)
        assert 1 <= parameters["size"] <= 1000
    assert {parameters["n"] for parameters in seen} == {1, 2, 3, 4, 5}
    assert {parameters["part"] for parameters in seen} == {1, 2, 4, 8, 16}
    assert {parameters["kind"] for parameters in seen} == {"a", "b", "c"}
    assert all(parameters not in seen[:i] for i, parameters in enumerate(seen))


def test_the_same_seed_and_results_give_the_same_trials_and_another_seed_gives_others():
    def tried(seed):
        return [trial.parameters for trial in quiet(dict, SPACE, hill, trials=20, seed=seed).trials]

    assert tried(7) == tried(7) != tried(8)


def test_steps_become_smaller_from_a_quarter_to_three_quarters_of_the_search():
    flat = {"rate": Float(2.0**-40, 2.0**40, start=1.0, widths=(4.0, 1.0))}
    runs = [quiet(dict, flat, lambda p: 0.0, trials=41, seed=seed).trials for seed in range(60)]
    steps = np.log2([[trial.parameters["rate"] for trial in run] for run in runs])  # equal scores: the first stays best
    # The standard deviation of 600 draws has an error of 3 %, that of 180 one of 5 %.
    assert steps[:, 1:11].std() == pytest.approx(4.0, rel=0.1)
    assert steps[:, 19:22].std() == pytest.approx(2.5, rel=0.15)
    assert steps[:, 31:].std() == pytest.approx(1.0, rel=0.1)


def test_failures_are_recorded_and_the_search_goes_on():
    errors = {
        2: ValueError("no such\nthing"), 3: RuntimeError("the loss is nan"), 4: MemoryError("16 GiB"),
        5: ZeroDivisionError("by zero"),
    }  # fmt: skip
    calls = []

    def objective(p):
        calls.append(p)
        if len(calls) in errors:
            raise errors[len(calls)]
        return math.nan if len(calls) == 6 else hill(p)

    trials = quiet(dict, SPACE, objective, trials=8).trials
    assert [trial.error for trial in trials] == [
        None, "ValueError: no such", "RuntimeError: the loss is nan", "MemoryError: 16 GiB",
        "ZeroDivisionError: by zero", "its score is nan", None, None,
    ]  # fmt: skip
    assert [trial.score is None for trial in trials] == [trial.error is not None for trial in trials]


@pytest.mark.parametrize("error", [TypeError("a bug"), OSError("no such file"), KeyError("a")])
def test_errors_that_parameters_cannot_cause_end_the_search(error):
    def objective(p):
        raise error

    with pytest.raises(type(error)):
        quiet(dict, SPACE, objective, trials=3)


def test_a_value_error_of_the_first_trial_is_raised_and_a_search_without_a_success_says_why():
    def objective(p):
        raise kind("what is wrong")

    kind = ValueError
    with pytest.raises(ValueError, match=r"^what is wrong$"):
        quiet(dict, SPACE, objective, trials=3)
    kind = RuntimeError
    with pytest.raises(RuntimeError, match=r"a trial must succeed within the time, got 3 that failed: .*what is wrong"):
        quiet(dict, SPACE, objective, trials=3)


def test_ctrl_c_ends_the_search_with_the_best_so_far(tmp_path):
    def objective(p):
        if len(json.loads((tmp_path / "t.json").read_text())["trials"]) == 3:
            raise KeyboardInterrupt
        return hill(p)

    found = quiet(dict, SPACE, objective, resume=tmp_path / "t.json")
    assert len(found.trials) == 3
    assert found.model == found.best.parameters

    def interrupted(p):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quiet(dict, SPACE, interrupted, trials=2)


def test_the_search_ends_with_its_time_and_narrows_by_it(time):
    def objective(p):
        time.now += 7.0
        return hill(p)

    found = quiet(dict, SPACE, objective, seconds=100)
    assert len(found.trials) == 15  # the one that runs at the end is finished
    assert [trial.seconds for trial in found.trials] == [7.0] * 15
    # By share of the time as by share of the trials.
    by_number = quiet(dict, {"rate": SPACE["rate"]}, lambda p: 0.0, trials=4).trials

    def quarter(p):
        time.now += 25.0
        return 0.0

    by_time = quiet(dict, {"rate": SPACE["rate"]}, quarter, seconds=100).trials
    assert [trial.parameters for trial in by_time] == [trial.parameters for trial in by_number]


def test_a_trial_that_asks_the_clock_is_stopped_at_a_quarter_of_the_time_and_at_its_end(time):
    clock = Clock(100)
    clock()
    lengths = iter([10, 50, 24, 100, 100])

    def objective(p):
        for _ in range(next(lengths)):
            clock()
            time.now += 1.0
        return 1.0

    trials = quiet(dict, SPACE, objective, seconds=clock).trials
    assert [trial.seconds for trial in trials] == [10.0, 25.0, 24.0, 41.0]
    assert [trial.error is None for trial in trials] == [True, False, True, False]
    assert trials[1].error == "stopped: its time was over"


def test_a_trial_has_twice_the_time_of_the_longest_that_was_finished(time):
    clock = Clock(100)
    lengths = iter([15, 50, 20, 100])

    def objective(p):
        for _ in range(next(lengths)):
            clock()
            time.now += 1.0
        return 1.0

    trials = quiet(dict, SPACE, objective, seconds=clock).trials
    assert [trial.seconds for trial in trials] == [15.0, 30.0, 20.0, 35.0]


@pytest.mark.parametrize("kind", ["share", "progress"])
def test_a_trial_that_would_not_end_in_time_is_stopped_after_a_tenth_of_it(kind, time):
    clock = Clock(100)
    lengths = iter([20, 100, 43, 41, 5, 100])

    def objective(p):
        time.now += 2.0  # before the run begins
        length = next(lengths)
        for i in range(length):
            progress = Progress(epochs=4, total_words=length, learning_rate=0.1)
            progress.epoch, progress.words = 1 + 4 * i // length, 4 * i % length
            clock(i / length if kind == "share" else progress)
            time.now += 1.0
        return 1.0

    trials = quiet(dict, SPACE, objective, seconds=clock, trials=6).trials
    # Twice 22 seconds for all but the first and, at the end, the 20 and 13 that are left.
    assert [trial.seconds for trial in trials] == [22.0, 7.0, 7.0, 43.0, 7.0, 4.0]
    assert [trial.score is None for trial in trials] == [False, True, True, False, False, True]
    assert trials[1].error == "stopped: it would not have ended in time"


def test_the_first_trial_may_take_all_the_time_and_no_more(time):
    clock = Clock(100)

    def objective(p):
        for _ in range(101):
            clock()
            time.now += 1.0
        return 1.0

    with pytest.raises(RuntimeError, match="got 1 that failed: stopped: its time was over"):
        quiet(dict, SPACE, objective, seconds=clock)
    assert time.now == 1100.0
    clock()  # it has stopped


def test_a_search_that_is_resumed_is_the_same_as_one_that_was_not_interrupted(tmp_path):
    path = tmp_path / "trials.json"
    whole = quiet(dict, SPACE, hill, trials=10).trials
    calls = []

    def dies(p):
        calls.append(p)
        if len(calls) == 5:
            raise OSError("the disk is gone")
        return hill(p)

    with pytest.raises(OSError, match="the disk is gone"):
        quiet(dict, SPACE, dies, trials=10, resume=path)
    again = quiet(dict, SPACE, hill, trials=10, resume=path)
    assert [trial.parameters for trial in again.trials] == [trial.parameters for trial in whole]
    assert [trial.score for trial in again.trials] == [trial.score for trial in whole]
    assert list(tmp_path.iterdir()) == [path]
    # Nothing is left to try: the best model is made once more.
    calls.clear()
    done = quiet(dict, SPACE, lambda p: calls.append(p) or hill(p), trials=10, resume=path)
    assert calls == [done.best.parameters]
    assert done.model == again.model


def test_a_start_of_numpy_goes_into_a_file(tmp_path):
    space = {"rate": Float(0.1, 10.0, start=np.float32(0.5)), "n": Integer(1, 5, start=np.int64(2))}
    found = [quiet(dict, space, lambda p: 1.0, trials=1, resume=tmp_path / "t.json").trials for _ in range(2)]
    assert found[0] == found[1]
    assert found[0][0].parameters == {"rate": 0.5, "n": 2}


def test_seconds_of_a_file_count(time, tmp_path):
    def objective(p):
        time.now += 30.0
        return hill(p)

    path = tmp_path / "trials.json"
    assert len(quiet(dict, SPACE, objective, seconds=50, resume=path).trials) == 2
    time.now = 0.0
    assert len(quiet(dict, SPACE, objective, seconds=100, resume=path).trials) == 4


def test_files_of_another_search_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "trials.json"
    quiet(dict, SPACE, hill, trials=2, resume=path)
    good = path.read_text()
    with pytest.raises(ValueError, match="its seed must be that of this search, 2, got 1"):
        quiet(dict, SPACE, hill, trials=2, resume=path, seed=2)
    with pytest.raises(ValueError, match="its space must be that of this search"):
        quiet(dict, {**SPACE, "n": Integer(1, 6)}, hill, trials=2, resume=path)
    for damaged in [
        "", good[:-20], "[" * 100_000, "[]", "null", "{}",
        good.replace('"trials"', '"trails"'), good.replace('"score"', '"scare"'),
        re.sub(r'"score": [^,]*', '"score": "x"', good), re.sub(r'"score": [^,]*', '"score": NaN', good),
        re.sub(r'"rate": [\d.]+', '"rate": 1e9', good), re.sub(r'"kind": \d', '"kind": 3', good),
        re.sub(r'"part": \d+', '"part": 3', good), re.sub(r'"seconds": [^,]*', '"seconds": -1', good),
        re.sub(r'"error": null', '"error": 1', good), re.sub(r'"parameters": {[^}]*}', '"parameters": 1', good),
    ]:  # fmt: skip
        assert damaged != good
        path.write_text(damaged)
        with pytest.raises(ValueError, match="must be a"):
            quiet(dict, SPACE, hill, trials=2, resume=path)
        assert path.read_text() == damaged


def test_a_file_that_cannot_be_written_is_an_error_before_the_first_trial(tmp_path):
    calls = []
    with pytest.raises(FileNotFoundError):
        quiet(dict, SPACE, lambda p: calls.append(p) or 0.0, trials=2, resume=tmp_path / "missing" / "t.json")
    assert not calls


def test_trials_print_as_a_table_with_a_star_at_the_best():
    trials = Trials(
        [
            Trial(number=1, parameters={"rate": 0.123456, "n": 3}, score=0.5, seconds=1.25),
            Trial(number=2, parameters={"rate": 5.0, "n": 12}, score=None, seconds=10.0, error="RuntimeError: nan"),
            Trial(number=3, parameters={"rate": 0.2, "n": 2}, score=0.75, seconds=2.0),
        ]
    )
    assert str(trials).splitlines() == [
        "trial    score  seconds    rate   n",
        "    1  0.5000       1.2  0.1235   3",
        "    2   failed     10.0       5  12  RuntimeError: nan",
        "    3  0.7500*      2.0     0.2   2",
    ]
    assert str(Trials()) == "trial  score  seconds"
    assert Trials().best is None


def test_the_bar_shows_the_best_score_and_the_time(time, capsys):
    tune(dict, SPACE, hill, trials=3, progress=True)
    assert "3 trials, best -" in capsys.readouterr().err
    clock = Clock(40)

    def objective(p):
        time.now += 10.0
        clock()
        return 0.5

    tune(dict, SPACE, objective, seconds=clock, progress=True)
    assert "| 40/40 s, 4 trials, best 0.5000" in capsys.readouterr().err
    tune(dict, SPACE, hill, trials=3, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (lambda: Float(0.0, 1.0), ValueError, "low must be above 0, got 0"),
        (lambda: Float(2.0, 1.0), ValueError, "low must be below high, 1.0, got 2.0"),
        (lambda: Float(1.0, 2.0, start=3.0), ValueError, "start must be from low to high, 1.0 to 2.0, got 3"),
        (lambda: Float(1.0, 2.0, widths=(1.0, 0.0)), ValueError, "widths must be above 0, got 0"),
        (lambda: Float(1.0, 2.0, widths=1.0), TypeError, "widths must be a tuple of two numbers, got 1.0"),
        (lambda: Integer(0, 5, log=True), ValueError, "low must be at least 1, got 0"),
        (lambda: Integer(1, 2.5), TypeError, "high must be an integer, got 2.5"),
        (lambda: PowerOfTwo(1, 12), ValueError, "high must be a power of two, got 12"),
        (lambda: Choice(("a",)), ValueError, "values must be at least 2, got 1"),
        (lambda: Choice(["a", "b"]), TypeError, "values must be a tuple"),
        (lambda: Choice(("a", "b"), start="c"), ValueError, "start must be one of the values, got 'c'"),
        (lambda: Clock(0), ValueError, "seconds must be above 0, got 0"),
        (lambda: quiet(dict, {}, hill), TypeError, "space must be a dict of names"),
        (lambda: quiet(dict, {"a": (1, 2)}, hill), TypeError, "a of space must be a Float, Integer"),
        (lambda: quiet(dict, SPACE, hill, trials=0), ValueError, "trials must be at least 1, got 0"),
        (lambda: quiet(dict, SPACE, hill, seed=-1), ValueError, "seed must be at least 0, got -1"),
    ],
)
def test_wrong_arguments_are_named(made, error, message):
    with pytest.raises(error, match=re.escape(message)):
        made()


def test_a_clock_stops_a_trainer(time):
    corpus = hogvec.Corpus.from_sequences([["red", "green"], ["one", "two"]] * 50, min_count=1)
    clock = Clock(10)

    def late(progress):
        time.now += 100.0

    def objective(trainer):
        trainer.fit(corpus, epochs=1000, callbacks=[late, clock], progress=False)
        return 1.0

    space = {"learning_rate": Float(0.01, 1.0)}
    with pytest.raises(RuntimeError, match="its time was over"):
        tune(
            lambda learning_rate: hogvec.Trainer(
                hogvec.SkipGram(dim=4, subsample=0), optimizer=hogvec.SGD(learning_rate=learning_rate), threads=1
            ),
            space,
            objective,
            seconds=clock,
            progress=False,
        )


def test_out_of_time_is_no_error_that_a_search_takes_for_another():
    assert not issubclass(OutOfTimeError, (ValueError, RuntimeError, OSError))
