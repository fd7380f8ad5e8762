"""The classifier: rows of texts against the reference, steps against NumPy, planted structure, labels, bad input."""

import itertools
import threading

import hogvec
import numpy as np
import pytest
from fasttext_files import small_model
from hogvec import _core, reference_subwords
from hogvec._classifier_model import FeatureSettings
from hogvec._classifier_training import prepare
from hogvec._texts import LabelColumn, texts_of
from hogvec.fasttext_format import write_fasttext
from hogvec.text_classifier import TextClassifier

LOSSES = (
    hogvec.Softmax(),
    hogvec.HierarchicalSoftmax(),
    hogvec.NegativeSampling(negatives=2, power=0.5),
    hogvec.NCE(negatives=2),
    hogvec.SampledSoftmax(num_sampled=2),
    hogvec.OneVsAll(),
)
MASK = 2**64 - 1


def planted(n, *, seed=1, classes=4):
    """Texts whose class is that of a few of their words, and the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    words = [f"w{i}" for i in range(30)]
    own = [[f"c{c}{i}" for i in range(5)] for c in range(classes)]
    texts = [" ".join([*rng.choice(words, 5), *rng.choice(own[c], 2), *rng.choice(words, 3)]) for c in labels]
    return texts, [f"class{c}" for c in labels]


@pytest.fixture(scope="module")
def fitted():
    return TextClassifier(learning_rate=0.5, epochs=5, threads=1).fit(*planted(400))


def vocabulary(words):
    return _core.Vocabulary.from_words(words)


@pytest.mark.parametrize("max_n", [0, 3])
def test_rows_of_a_text_are_those_of_the_reference(max_n):
    words = ["</s>", "été", "b", "c"]
    text = "été b unknown\tc \x00b __label__y __label__other 中 c"
    features = _core.TextFeatures(
        vocabulary(words), vocabulary(["__label__x", "__label__y"]), word_ngrams=3, min_n=2 if max_n else 0,
        max_n=max_n, buckets=1000, label_prefix="__label__",
    )  # fmt: skip
    documents = features.encode(texts_of([text, ""]), unknown_labels=True, threads=1)
    tokens = ["été", "b", "unknown", "c", "b", "中", "c", "</s>"]
    expected = []
    for token in tokens:
        if token in words:
            expected.append(words.index(token))  # its n-grams of letters come with it
        else:
            expected += reference_subwords.subword_ids(token, num_words=4, buckets=1000, min_n=2, max_n=max_n)
    expected += reference_subwords.word_ngram_ids(tokens, n=3, num_words=4, buckets=1000)
    assert documents.entries[: documents.offsets[1]].tolist() == expected
    assert documents.entries[documents.offsets[1] :].tolist() == [0]  # </s> alone
    assert documents.labels.tolist() == [1, -1]
    table = np.random.default_rng(1).normal(size=(features.num_rows, 3)).astype(np.float32)
    rows = itertools.chain.from_iterable(
        reference_subwords.subword_ids(words[e], num_words=4, buckets=1000, min_n=2, max_n=max_n, word_id=e)
        if e < 4
        else [e]
        for e in expected
    )
    mean = table[list(rows)].astype(float).mean(axis=0)
    np.testing.assert_allclose(features.means(texts_of([text]), table, 1)[0], mean, atol=1e-6)


@pytest.mark.parametrize("missing_count", [False, True])
def test_buckets_without_a_row_count_as_zeros_or_not_at_all(missing_count):
    words = vocabulary(["</s>", "a", "b"])
    settings = {"word_ngrams": 2, "min_n": 0, "max_n": 0, "buckets": 50, "label_prefix": "__label__"}
    of_a_b, _ = (i - 3 for i in reference_subwords.word_ngram_ids(["a", "b", "</s>"], n=2, num_words=3, buckets=50))
    kept = np.array([of_a_b], np.uint32)
    features = _core.TextFeatures(words, vocabulary([]), **settings, kept=kept, missing_count=missing_count)
    table = np.arange(8, dtype=np.float32).reshape(4, 2) + 1
    mean = features.means(texts_of(["a b"]), table, 1)[0]
    np.testing.assert_allclose(mean, table.sum(axis=0) / (5 if missing_count else 4), rtol=1e-6)


def test_counts_and_rows_are_the_same_for_any_number_of_threads():
    rng = np.random.default_rng(2)
    texts = [" ".join(rng.choice([f"word{i}" for i in range(500)], n)) for n in rng.integers(0, 60, size=1500)]
    texts += ["", "__label__b x", "__label__a __label__b"]
    found = []
    for threads in (1, 2, 5):
        arena = texts_of(texts)
        words, labels, tokens = arena.count(label_prefix="__label__", min_count=2, min_count_label=0, threads=threads)
        features = _core.TextFeatures(
            words, labels, word_ngrams=2, min_n=0, max_n=0, buckets=5000, label_prefix="__label__"
        )
        documents = features.encode(arena, threads=threads)
        table = np.random.default_rng(3).normal(size=(features.num_rows, 4)).astype(np.float32)
        means = features.means(arena, table, threads)
        found.append((words.letters.tobytes(), words.counts.tolist(), labels.words(0, 9), tokens, *map(
            np.ndarray.tolist, (documents.offsets, documents.entries, documents.label_offsets, documents.labels, means)
        )))  # fmt: skip
    assert found[0] == found[1] == found[2]
    assert found[0][2] == ["__label__b", "__label__a"]


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def key(seed, purpose, epoch):
    value = mix((seed + 0x9E3779B97F4A7C15) & MASK)
    for part in (purpose, epoch, 0):
        value = mix(((value ^ part) + 0x9E3779B97F4A7C15) & MASK)
    return value


def order_of(documents, seed, epoch):
    """The shuffled documents, each with the place of the label that it trains."""
    sizes = np.diff(documents.label_offsets)
    order = np.flatnonzero((np.diff(documents.offsets) > 0) & (sizes > 0)).tolist()
    state = key(seed, 5, epoch)
    for i in range(len(order), 1, -1):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        j = (mix(state) * i) >> 64
        order[i - 1], order[j] = order[j], order[i - 1]
    labels = key(seed, 1, epoch)
    return [(d, (mix((labels + (d + 1) * 0x9E3779B97F4A7C15) & MASK) * int(sizes[d])) >> 64) for d in order]


@pytest.mark.parametrize("loss", [hogvec.Softmax(), hogvec.OneVsAll()], ids=["softmax", "one-vs-all"])
def test_an_epoch_takes_the_steps_of_the_reference(loss):
    """Softmax trains one label of a document, one-vs-all all of them; weights scale the loss."""
    texts, first = planted(60)
    labels = [[label, "class9"] if i % 3 else [label] for i, label in enumerate(first)]
    labels[5] = []
    column = LabelColumn(
        np.array([name for row in labels for name in row]), np.concatenate([[0], np.cumsum([len(r) for r in labels])])
    )
    settings = FeatureSettings(word_ngrams=2, min_n=2, max_n=3, buckets=500, label_prefix="__label__")
    model, tables, documents, _ = prepare(
        texts_of(texts), column, settings, loss=loss, dim=7, min_count=1, min_count_label=0, pretrained=None, seed=3,
        threads=1,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 2, len(texts)).astype(np.float32)
    label_weights = rng.uniform(0.5, 2, len(model.labels)).astype(np.float32)
    inputs, outputs = tables.input.astype(float), tables.output.astype(float)
    every = isinstance(loss, hogvec.OneVsAll)
    objective = _core.Objective.all_rows(len(model.labels), softmax=not every, every_target=every)
    words = model.words.words
    buckets = {int(b): len(words) + i for i, b in enumerate(model.kept)}
    for epoch in range(2):
        for d, place in order_of(documents, 3, epoch):
            rows = []
            for entry in documents.entries[documents.offsets[d] : documents.offsets[d + 1]].tolist():
                rows.append(entry)
                if entry < len(words):
                    parts = reference_subwords.subword_ids(words[entry], num_words=0, buckets=500, min_n=2, max_n=3)
                    rows += [buckets[b] for b in parts]
            own = documents.labels[documents.label_offsets[d] : documents.label_offsets[d + 1]]
            own = own if every else own[place : place + 1]
            hidden = inputs[rows].mean(axis=0)
            scores = outputs @ hidden
            chances = 1 / (1 + np.exp(-scores)) if every else np.exp(scores) / np.exp(scores).sum()
            rate = (0.3 * (1 - epoch / 2)) * weights[d] * label_weights[own].mean()
            step = -chances
            step[own] += 1
            gradient = outputs.T @ step
            outputs += rate * np.outer(step, hidden)
            np.add.at(inputs, rows, rate * gradient / len(rows))
        tables.train_documents(
            features=model.features, documents=documents, weights=weights, label_weights=label_weights,
            every_label=every, objective=objective, learning_rate=0.3,
            schedule=hogvec.SGD().schedule._settings(), run_epoch=epoch, run_epochs=2, epoch=epoch, seed=3, threads=1,
            observer=lambda state: True,
        )  # fmt: skip
    assert abs(outputs).max() > 0.01
    # 120 steps in float32 against the same in double precision.
    np.testing.assert_allclose(tables.output, outputs, atol=1e-5)
    np.testing.assert_allclose(tables.input, inputs, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_every_loss_learns_a_planted_structure(loss):
    texts, labels = planted(400)
    classifier = TextClassifier(loss=loss, learning_rate=0.3, epochs=15, threads=1).fit(texts, labels)
    others, truth = planted(100, seed=2)
    assert classifier.score(others, truth) == 1.0
    chances = classifier.predict_proba(others)
    assert ((chances >= 0) & (chances <= 1)).all()
    if not isinstance(loss, (hogvec.OneVsAll, hogvec.NegativeSampling)):
        np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-6)
    found = classifier.predict(others, k=4)
    np.testing.assert_allclose(np.sort(chances)[:, ::-1], found.probabilities, atol=1e-6)
    np.testing.assert_allclose(
        np.take_along_axis(chances, found.ids.astype(int), axis=1), found.probabilities, atol=1e-6
    )
    assert classifier.classes_[chances.argmax(axis=1)].tolist() == classifier.predict(others).tolist()


def test_a_class_tree_is_a_tree_too():
    texts, labels = planted(200)
    loss = hogvec.HierarchicalSoftmax(tree=hogvec.ClassTree(classes=[0, 1, 0, 1]))
    classifier = TextClassifier(loss=loss, learning_rate=0.5, epochs=10, threads=1).fit(texts, labels)
    assert classifier.score(texts, labels) == 1.0
    np.testing.assert_allclose(classifier.predict_proba(texts[:5]).sum(axis=1), 1, rtol=1e-6)


def test_one_thread_is_reproducible_to_the_bit_and_more_threads_learn_as_well():
    texts, labels = planted(300)
    first, again = (TextClassifier(threads=1, epochs=3).fit(texts, labels) for _ in range(2))
    np.testing.assert_array_equal(first._model.input_table, again._model.input_table)
    other = TextClassifier(threads=1, epochs=3, seed=2).fit(texts, labels)
    assert not np.array_equal(first._model.output_table, other._model.output_table)
    assert TextClassifier(threads=3, learning_rate=0.5, epochs=8).fit(texts, labels).score(texts, labels) > 0.97


def test_a_file_and_lists_train_the_same(tmp_path):
    texts, labels = planted(200)
    path = tmp_path / "train.txt"
    path.write_bytes("".join(f"__label__{b} {a}\r\n" for a, b in zip(texts, labels, strict=True)).encode() + b"\n")
    of_file = TextClassifier(threads=1).fit(path)
    of_lists = TextClassifier(threads=1).fit([*texts, ""], [[label] for label in labels] + [[]])
    np.testing.assert_array_equal(of_file._model.input_table, of_lists._model.input_table)
    assert of_file.classes_.tolist() == of_lists.classes_.tolist()
    assert of_file.score(texts, labels) == of_file.evaluate(path).precision
    assert of_file.predict_proba(texts[:9]).tolist() == of_lists.predict_proba(np.array(texts[:9])).tolist()


def test_labels_keep_their_kind():
    texts, labels = planted(80)
    numbers = [int(label[-1]) * 10 for label in labels]
    classifier = TextClassifier(threads=1, epochs=60).fit(texts, np.array(numbers, np.int16))
    assert classifier.classes_.tolist() == [0, 10, 20, 30]
    assert classifier.predict(texts).dtype == np.int64
    assert classifier.score(texts, numbers) > 0.9
    truth = [number > 10 for number in numbers]
    answers = TextClassifier(threads=1, epochs=60).fit(texts, truth)
    assert answers.predict(texts).dtype == np.bool_
    assert answers.score(texts, truth) > 0.9


def test_a_threshold_leaves_labels_out(fitted):
    texts, _ = planted(20)
    found = fitted.predict(texts, k=9, threshold=0.3)
    assert len(found) == 20
    assert found.ids.shape == (20, 4)
    for text, (names, pairs) in enumerate(zip(found.labels, found, strict=True)):
        assert [name for name, _ in pairs] == names
        assert all(chance >= 0.3 for _, chance in pairs)
        assert found[text] == pairs
    assert fitted.predict(texts, k=1, threshold=2.0).labels == [[]] * 20


def test_weights_of_0_leave_texts_out():
    texts, labels = planted(100)
    wrong = [*labels, *(["class0"] * 100)]
    weights = np.repeat([1.0, 0.0], 100)
    weighted = TextClassifier(threads=1, epochs=60).fit([*texts, *texts], wrong, sample_weight=weights)
    assert weighted.score(texts, labels) > 0.97
    assert weighted.score([*texts, *texts], wrong, sample_weight=weights) > 0.97


def test_class_weights_move_predictions():
    texts = ["same text"] * 100
    labels = ["rare"] * 10 + ["often"] * 90
    plain = TextClassifier(threads=1, epochs=20).fit(texts, labels)
    assert plain.predict_proba(texts[:1])[0, 1] < 0.2  # classes are sorted
    balanced = TextClassifier(threads=1, epochs=20).fit(texts, labels, class_weight="balanced")
    assert 0.35 < balanced.predict_proba(texts[:1])[0, 1] < 0.65
    turned = TextClassifier(threads=1, epochs=20).fit(texts, labels, class_weight={"often": 0.0})
    assert turned.predict(texts[:1]).tolist() == ["rare"]


def test_validation_keeps_the_best_epoch():
    texts, labels = planted(300)
    flipped = [f"class{3 - int(label[-1])}" for label in labels]
    # What is learned makes the validation set worse: the first epochs are the best.
    classifier = TextClassifier(threads=1, epochs=30, learning_rate=0.3)
    classifier.fit(texts, labels, validation=(texts, flipped), patience=3)
    scores = [epoch.validation_score for epoch in classifier.history_]
    assert len(scores) == scores.index(max(scores)) + 4 < 30
    assert classifier.score(texts, flipped) == max(scores)
    classifier.fit(texts, labels, validation=(texts, labels), patience=30)
    assert classifier.score(texts, labels) == max(epoch.validation_score for epoch in classifier.history_) > 0.97


def test_evaluation_counts_as_by_hand(fitted):
    texts, labels = planted(50, seed=5)
    truth = [[label, "nowhere"] if i % 2 else [label] for i, label in enumerate(labels)]
    truth[7] = []
    result = fitted.evaluate(texts, truth, k=2)
    said = fitted.predict(texts, k=2).labels
    pairs = [(set(row), set(names)) for row, names in zip(truth, said, strict=True) if row]
    hits = sum(len(a & b) for a, b in pairs)
    assert result.num_texts == 49
    assert result.precision == hits / sum(len(b) for _, b in pairs)
    assert result.recall == hits / sum(len(a) for a, _ in pairs)
    assert result.f1 == pytest.approx(2 / (1 / result.precision + 1 / result.recall))
    skipped = fitted.evaluate(texts, truth, k=2, skip_unknown=True)
    assert skipped.recall == hits / sum(len(a - {"nowhere"}) for a, _ in pairs)
    for row in result.per_label:
        assert row.support == sum(row.label in a for a, _ in pairs)
        assert row.predicted == sum(row.label in b for _, b in pairs)
        if row.support and row.predicted:
            right = sum(row.label in a and row.label in b for a, b in pairs)
            assert (row.precision, row.recall) == (right / row.predicted, right / row.support)
            assert row.f1 == pytest.approx(2 * right / (row.support + row.predicted))


def test_an_empty_text_is_predicted_from_the_end_of_line_alone(fitted):
    empty = fitted.predict_proba(["", "  \t\n ", "__label__x"])
    end = fitted._model.words["</s>"]
    share = fitted._model.input_table[end]  # no n-gram of words: one word alone
    scores = fitted._model.output_table @ share
    chances = (np.exp(scores) / np.exp(scores).sum())[fitted._model.label_of_class]
    np.testing.assert_allclose(empty, np.tile(chances, (3, 1)), rtol=1e-5)
    assert fitted.predict([]).shape == (0,)
    assert fitted.predict_proba([]).shape == (0, 4)


def test_pretrained_vectors_are_where_words_begin(tmp_path):
    texts, labels = planted(50)
    words = ["c00", "w1", "elsewhere"]
    vectors = hogvec.KeyedVectors(hogvec.Vocabulary.from_words(words), np.eye(3, 10, dtype=np.float32))
    vectors.save_word2vec_format(tmp_path / "v.vec")
    vectors.save(tmp_path / "v.safetensors")
    for given in (vectors, tmp_path / "v.vec", tmp_path / "v.safetensors"):
        model = TextClassifier(threads=1, epochs=1, learning_rate=1e-9, pretrained=given).fit(texts, labels)._model
        for i, word in enumerate(words):
            np.testing.assert_allclose(model.input_table[model.words[word]], vectors.vectors[i], atol=1e-6)
    write_fasttext(small_model(model="skipgram"), tmp_path / "v.bin")
    model = TextClassifier(dim=3, threads=1, epochs=1, learning_rate=1e-9, pretrained=tmp_path / "v.bin")
    model = model.fit(texts, labels)._model
    good = model.input_table[model.words["good"]]
    np.testing.assert_allclose(good, small_model(model="skipgram").input_table[1], atol=1e-6)
    with pytest.raises(ValueError, match="pretrained must have vectors of dim, 9, got 10"):
        TextClassifier(dim=9, pretrained=vectors).fit(texts, labels)


def test_bytes_that_are_no_text_are_words_all_the_same(tmp_path):
    path = tmp_path / "bytes.txt"
    path.write_bytes(
        b"__label__a caf\xe9 \x00\xff\xfe\n__label__\xff b\x00b \n" * 20 + b"__label__a " + b"long" * 50_000
    )
    classifier = TextClassifier(threads=2, learning_rate=1.0, epochs=10).fit(path)
    assert classifier.evaluate(path).precision > 0.9
    assert classifier.classes_.tolist() == ["a", "\udcff"]
    assert "caf\udce9" in classifier._model.words
    assert "b\x00b" not in classifier._model.words


def test_many_threads_predict_with_one_classifier(fitted):
    texts, _ = planted(200, seed=9)
    expected = fitted.predict(texts).tolist()
    results = []
    workers = [threading.Thread(target=lambda: results.append(fitted.predict(texts).tolist())) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [expected] * 4
