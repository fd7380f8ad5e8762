"""gensim's `FastText` and its vectors, which have one for any word, and the files of fastText's program."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hogvec
from hogvec._cosine import UnitRows, unit
from hogvec._validate import check_int
from hogvec.compat.gensim.callbacks import CallbackAny2Vec
from hogvec.compat.gensim.keyed_array import Key
from hogvec.compat.gensim.keyed_vectors import KeyedVectors
from hogvec.compat.gensim.vocab import TrimRule
from hogvec.compat.gensim.word2vec import Sentences, Word2Vec
from hogvec.fasttext_format import read_fasttext
from hogvec.fasttext_model import FastTextArguments, fasttext_nodes
from hogvec.fasttext_vectors import has_ngrams, words_and_rows
from hogvec.models import Architecture
from hogvec.product_quantizer import QuantizedMatrix
from hogvec.subword_vectors import SubwordVectors
from hogvec.trainer import Trainer
from hogvec.vocabulary import Vocabulary

__all__ = [
    "FastText",
    "FastTextKeyedVectors",
    "load_facebook_model",
    "load_facebook_vectors",
    "save_facebook_model",
]


class FastTextKeyedVectors(KeyedVectors):
    """Words, and n-grams of letters that make vectors of any others, with the interface of gensim 4.

    The vectors of words are means of rows, and so are computed, not written to.

    Parameters
    ----------
    vector_size, min_n, max_n, bucket : int
        With a `bucket` of 0, or a `max_n` below `min_n`, words have no n-grams, and unknown ones no vectors.
    count, dtype
        As in `KeyedVectors`.
    """

    def __init__(
        self, vector_size: int, min_n: int, max_n: int, bucket: int, count: int = 0, dtype: Any = np.float32
    ) -> None:
        super().__init__(vector_size, count, dtype)
        self.min_n = min_n
        self.max_n = max_n
        self.bucket = bucket if max_n >= max(1, min_n) else 0
        self._native: SubwordVectors | None = None

    def _set_native(self, native: SubwordVectors) -> None:
        self._native = native
        self._set_keys(native.vocabulary)

    @property
    def vectors(self) -> NDArray[Any]:
        """The vectors of words, shape (n, vector_size), read-only."""
        return super().vectors if self._native is None else self._native.vectors

    @vectors.setter
    def vectors(self, vectors: NDArray[Any]) -> None:
        if self._native is not None:
            raise AttributeError("vectors of words with n-grams are means of their rows and cannot be set")
        self._vectors = vectors
        self._forget_norms()

    @property
    def vectors_vocab(self) -> NDArray[Any]:
        """The rows of the words themselves, shape (n, vector_size)."""
        return super().vectors if self._native is None else self._native.rows[: len(self)]

    @property
    def vectors_ngrams(self) -> NDArray[np.float32]:
        """The rows of all buckets, shape (bucket, vector_size): zeros where there is none; a new array."""
        rows = np.zeros((self.bucket, self.vector_size), np.float32)  # memory that is not written to costs none
        if self._native is not None:
            rows[self._native.bucket_ids] = self._native.rows[len(self) :]
        return rows

    vectors_vocab_lockf = KeyedVectors.vectors_lockf
    vectors_ngrams_lockf = KeyedVectors.vectors_lockf
    compatible_hash = True

    def _unit(self) -> UnitRows:
        return super()._unit() if self._native is None else self._native._unit()

    @property
    def norms(self) -> NDArray[np.float64] | None:
        """Lengths of the vectors of words, shape (n,)."""
        return super().norms if self._native is None else self._native.norms

    def _forget_norms(self) -> None:
        super()._forget_norms()
        if self._native is not None:
            self._native._forget_norms()

    def __contains__(self, key: object) -> bool:
        return self.has_index_for(key) or (self.bucket > 0 and isinstance(key, str))

    def get_vector(self, key: Key, norm: bool = False) -> NDArray[Any]:
        """Return the vector of a word, known or not, shape (vector_size,); with length 1 if `norm`."""
        if self.has_index_for(key) or self._native is None or not isinstance(key, str):
            return super().get_vector(key, norm)
        vector = self._native[key]
        return unit(vector).astype(np.float32) if norm else vector

    def get_sentence_vector(self, sentence: Sequence[Key]) -> NDArray[Any]:
        """Return the mean of the vectors of words, each with length 1."""
        return self.get_mean_vector(sentence)

    def add_vectors(self, *args: Any, **options: Any) -> None:
        """Add words and vectors, where there are no n-grams."""
        if self._native is not None:
            raise NotImplementedError("vectors with n-grams take no others: use vectors_for_all for new KeyedVectors")
        super().add_vectors(*args, **options)

    def unit_normalize_all(self) -> None:
        """Divide every vector by its length, where there are no n-grams."""
        if self._native is not None:
            raise NotImplementedError("vectors with n-grams are not divided: get_normed_vectors has them so")
        super().unit_normalize_all()

    def save(self, fname: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Write the safetensors file of `hogvec.SubwordVectors.save`, whatever else is given."""
        if self._native is None:
            super().save(fname)
        else:
            self._native.save(fname)

    @classmethod
    def load(cls, fname: str | os.PathLike[str], mmap: str | None = None) -> FastTextKeyedVectors:
        """Read a file of `save` or of `hogvec.SubwordVectors.save`; the rows stay in the file."""
        return _of_native(SubwordVectors.load(fname))

    @classmethod
    def load_word2vec_format(cls, *args: Any, **options: Any) -> KeyedVectors:
        """Raise NotImplementedError: these files hold no n-grams."""
        raise NotImplementedError("word2vec files hold no n-grams: read them with KeyedVectors.load_word2vec_format")


class FastText(Word2Vec):
    """Vectors of words and their n-grams of letters, with the interface of gensim 4.

    Parameters
    ----------
    min_n, max_n : int, default 3 and 6
        Lengths of n-grams in characters; a `max_n` below `min_n`: none.
    bucket : int, default 2,000,000
        N-grams whose hashes are equal modulo this number share a row; 0: no n-grams.
    word_ngrams : 1
    every_bucket : bool, default False
        Give every bucket a row from the beginning, as gensim does. Otherwise those have one that a word reaches, others
        count as zeros, and a small vocabulary needs little memory.
    sentences, corpus_file, sg, hs, vector_size, ...
        As in `Word2Vec`.
    """

    _file_arguments = ("min_n", "max_n", "bucket", "every_bucket")

    def __init__(
        self,
        sentences: Sentences | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        sg: int = 0,
        hs: int = 0,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        word_ngrams: int = 1,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        min_alpha: float = 0.0001,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Any = hash,
        epochs: int = 5,
        null_word: int = 0,
        min_n: int = 3,
        max_n: int = 6,
        sorted_vocab: int = 1,
        bucket: int = 2_000_000,
        trim_rule: TrimRule | None = None,
        batch_words: int = 10_000,
        callbacks: Sequence[CallbackAny2Vec] = (),
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        every_bucket: bool = False,
    ) -> None:
        if word_ngrams != 1:
            raise NotImplementedError(f"word_ngrams must be 1, got {word_ngrams}")
        self.min_n = check_int("min_n", min_n, minimum=0)
        self.max_n = check_int("max_n", max_n, minimum=0)
        self.bucket = check_int("bucket", bucket, minimum=0)
        self.every_bucket = every_bucket
        super().__init__(
            sentences,
            corpus_file,
            vector_size=vector_size,
            alpha=alpha,
            window=window,
            min_count=min_count,
            max_vocab_size=max_vocab_size,
            sample=sample,
            seed=seed,
            workers=workers,
            min_alpha=min_alpha,
            sg=sg,
            hs=hs,
            negative=negative,
            ns_exponent=ns_exponent,
            cbow_mean=cbow_mean,
            epochs=epochs,
            trim_rule=trim_rule,
            sorted_vocab=sorted_vocab,
            callbacks=callbacks,
            max_final_vocab=max_final_vocab,
            shrink_windows=shrink_windows,
        )

    def _empty_vectors(self) -> FastTextKeyedVectors:
        return FastTextKeyedVectors(self.vector_size, self.min_n, self.max_n, self.bucket)

    @property
    def _has_ngrams(self) -> bool:
        return self.bucket > 0 and self.max_n >= max(1, self.min_n)

    def _architecture(self, words: int | None = None) -> Architecture:
        if not self._has_ngrams:
            return super()._architecture(words)
        if not self.sg and not self.cbow_mean:
            raise NotImplementedError("cbow_mean must be 1 for words with n-grams, got 0")
        return hogvec.FastText(
            dim=self.vector_size,
            window=self.window,
            min_n=max(1, self.min_n),
            max_n=self.max_n,
            buckets=self.bucket,
            every_bucket=self.every_bucket,
            model="skipgram" if self.sg else "cbow",
            subsample=self._subsample(words),
            shrink_windows=self.shrink_windows,
        )

    def _show(self, trainer: Trainer, vocabulary: Vocabulary) -> None:
        if not self._has_ngrams:
            super()._show(trainer, vocabulary)
            return
        native = trainer._subword_vectors(vocabulary)
        trainer._results.add(native)
        self.wv._set_native(native)

    def _copy_rows(self, old: Trainer, new: Trainer, n: int) -> None:
        new.input_table[:n] = old.input_table[:n]
        before = self.wv._native
        if before is None or new._vocabulary is None:
            return
        after = new._subword_vectors(new._vocabulary)
        places = np.searchsorted(after.bucket_ids, before.bucket_ids)  # all there: the words are
        new.input_table[len(after) + places] = before.rows[n:]


def _of_native(native: hogvec.KeyedVectors) -> FastTextKeyedVectors:
    if isinstance(native, SubwordVectors):
        made = FastTextKeyedVectors(native.dim, native.min_n, native.max_n, native.buckets)
        made._set_native(native)
    else:
        made = FastTextKeyedVectors(native.dim, 0, 0, 0)
        made._set_words(native.vocabulary, native.vectors.copy())
    return made


def load_facebook_vectors(path: str | os.PathLike[str], encoding: str = "utf-8") -> FastTextKeyedVectors:
    """Read the vectors of a fastText model, ``.bin`` or ``.ftz``, of any kind; words need no encoding here.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is no whole fastText model.
    """
    model = read_fasttext(path)
    reader = SubwordVectors if has_ngrams(model) else hogvec.KeyedVectors
    return _of_native(reader._from_fasttext(model, path))


def load_facebook_model(path: str | os.PathLike[str], encoding: str = "utf-8") -> FastText:
    """Read an unsupervised fastText model, with all its buckets, to train on.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is no whole fastText model.
    NotImplementedError
        It is supervised or pruned: `load_facebook_vectors` reads those.
    """
    file = read_fasttext(path)
    arguments = file.arguments
    if arguments.model == "supervised" or file.kept_buckets is not None:
        raise NotImplementedError("a model to train on must be unsupervised and not pruned: use load_facebook_vectors")
    model = FastText(
        vector_size=arguments.dim,
        window=max(1, arguments.window),
        epochs=arguments.epochs,
        negative=arguments.negatives or (0 if arguments.loss == "hs" else 5),
        hs=int(arguments.loss == "hs"),
        sg=int(arguments.model == "skipgram"),
        bucket=arguments.buckets,
        min_count=arguments.min_count,
        sample=arguments.subsample,
        min_n=arguments.min_n,
        max_n=arguments.max_n,
        every_bucket=True,
    )
    words, rows = words_and_rows(file)
    model.corpus_total_words = file.num_tokens
    model._make_trainer(words)
    trainer = model._trainer
    assert trainer is not None
    trainer.input_table[:] = rows[: len(trainer.input_table)]
    outputs = file.output_table.decode() if isinstance(file.output_table, QuantizedMatrix) else file.output_table
    # A turn that has the probability sigmoid(s) here has sigmoid(-s) there; the last row is of no node.
    trainer.output_table[:] = -outputs[:-1] if model.hs else outputs
    model.wv._forget_norms()
    return model


def save_facebook_model(
    model: FastText,
    path: str | os.PathLike[str],
    encoding: str = "utf-8",
    lr_update_rate: int = 100,
    word_ngrams: int = 1,
) -> None:
    """Write a model that fastText's program reads: see `hogvec.SubwordVectors.save_fasttext`.

    Raises
    ------
    OSError
        The file cannot be written.
    ValueError
        The words have no n-grams.
    RuntimeError
        There is no vocabulary.
    """
    native, trainer = model.wv._native, model._trainer
    if trainer is None:
        raise RuntimeError("the vocabulary must be built before a model is written: call build_vocab")
    if native is None:
        raise ValueError("words must have n-grams to be written to a fastText model, got bucket=0 or a low max_n")
    arguments = FastTextArguments(
        model="skipgram" if model.sg else "cbow",
        loss="hs" if model.hs else "ns",
        window=model.window,
        epochs=model.epochs,
        min_count=model.min_count,
        negatives=model.negative,
        word_ngrams=word_ngrams,
        lr_update_rate=lr_update_rate,
        subsample=float(model.sample or 0),
    )
    output_table = fasttext_nodes(trainer.output_table) if model.hs else trainer.output_table
    native.save_fasttext(path, arguments=arguments, output_table=output_table)
