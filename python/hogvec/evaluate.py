"""Quality: analogy questions and similarity judgements of word vectors, rankings of items. No training here.

The first two with their reports, which are most of the file, and so a little longer than others; rankings are in
`_ranking.py`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec._cosine import UnitRows
from hogvec._judgement_files import read_pairs, read_questions
from hogvec._node_classification import NodeClassificationReport, node_classification
from hogvec._ranking import RankingReport, ranking
from hogvec._validate import check_int
from hogvec.vocabulary import Vocabulary

__all__ = [
    "AnalogyReport",
    "AnalogyScore",
    "NodeClassificationReport",
    "RankingReport",
    "SimilarityReport",
    "evaluate_analogies",
    "evaluate_similarity",
    "node_classification",
    "ranking",
]

_SCORES = 1 << 24  # float32 cosines held at once: 64 MB
_QUESTIONS = 1 << 14  # questions answered at once: at most four times as many words
_WORDS = 1 << 16  # words of the vocabulary looked at at once
_BLOCK = 1 << 18  # sums of three cosines held at once: they should stay in the cache


@dataclass(frozen=True)
class AnalogyScore:
    """How many questions of a section, or of several, were right.

    Attributes
    ----------
    name : str
        The section, or "total", "semantic", "syntactic".
    questions : int
        All questions of the file.
    answered : int
        Those whose four words are all in the vocabulary.
    correct : int
        Those whose nearest candidate is the expected word.
    """

    name: str
    questions: int
    answered: int
    correct: int

    @property
    def accuracy(self) -> float:
        """Right answers over answered questions, as the field reports it; NaN if none was answered."""
        return self.correct / self.answered if self.answered else math.nan

    @property
    def accuracy_of_all(self) -> float:
        """Right answers over all questions: a question with an unknown word counts as wrong; NaN if there are none."""
        return self.correct / self.questions if self.questions else math.nan

    @property
    def coverage(self) -> float:
        """Answered questions over all questions; NaN if there are none."""
        return self.answered / self.questions if self.questions else math.nan


@dataclass(frozen=True)
class AnalogyReport:
    """Scores per section of an analogy file and their sums. ``print(report)`` shows a table.

    Attributes
    ----------
    sections : tuple of AnalogyScore
        In the order of the file.
    semantic, syntactic : AnalogyScore
        Sums of the sections whose name does not, and does, start with "gram".
    total : AnalogyScore
        The sum of all.
    """

    sections: tuple[AnalogyScore, ...]
    semantic: AnalogyScore
    syntactic: AnalogyScore
    total: AnalogyScore

    def __str__(self) -> str:
        lines = [f"{'section':30}{'right':>8}{'answered':>10}{'questions':>11}{'accuracy':>10}{'of all':>8}"]
        for score in (*self.sections, self.semantic, self.syntactic, self.total):
            counts = f"{score.name:30}{score.correct:8}{score.answered:10}{score.questions:11}"
            lines.append(f"{counts}{_percent(score.accuracy):>10}{_percent(score.accuracy_of_all):>8}")
        return "\n".join(lines)


def _percent(part: float) -> str:
    return "-" if math.isnan(part) else f"{part:.1%}"


@dataclass(frozen=True)
class SimilarityReport:
    """Agreement of cosines with judgements.

    Attributes
    ----------
    pairs : int
        All pairs of the file.
    answered : int
        Pairs with both words in the vocabulary; the correlations are over these alone.
    spearman, pearson : float
        Correlations in [-1, 1]; NaN where undefined: fewer than two pairs, or one side constant.
    """

    pairs: int
    answered: int
    spearman: float
    pearson: float

    @property
    def coverage(self) -> float:
        """Answered pairs over all pairs."""
        return self.answered / self.pairs


def evaluate_analogies(
    vocabulary: Vocabulary,
    rows: UnitRows,
    path: str | os.PathLike[str],
    *,
    restrict_vocab: int | None = None,
    case_insensitive: bool = True,
    unseen: Callable[[list[str]], NDArray[np.float64]] | None = None,
) -> AnalogyReport:
    """Answer the questions of a file: which word d is to c as b is to a?

    The answer is the word nearest to b - a + c (unit vectors) other than a, b and c. A question with a word that is
    not in the vocabulary is counted and not answered, unless `unseen` knows the vectors of a, b and c.

    Parameters
    ----------
    vocabulary, rows
        The words and their vectors; `KeyedVectors.evaluate_analogies` fills these in.
    path : str or PathLike
        Google's format: ``: section`` lines, and lines of four words a b c d. UTF-8.
    restrict_vocab : int, optional
        Use only the first so many words of the vocabulary, for questions and candidates. Default: all.
    case_insensitive : bool, default True
        Compare words in upper case; of words that then are equal, the first in the vocabulary is used.

    unseen : callable, optional
        Gives unit vectors (k, dim) of k words outside the vocabulary; `SubwordVectors.evaluate_analogies` fills it in.

    Returns
    -------
    AnalogyReport
        Right, answered and all questions: per section and in total.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        A line is neither a section nor four words, or there is no question; `restrict_vocab` is below 1.

    References
    ----------
    T. Mikolov et al. Efficient Estimation of Word Representations in Vector Space. 2013. (the questions)
    O. Levy, Y. Goldberg. Linguistic Regularities in Sparse and Explicit Word Representations. CoNLL 2014. (3CosAdd)
    """
    names, section_of, questions = read_questions(path)
    answered, correct = answer_questions(
        vocabulary,
        rows,
        questions,
        restrict_vocab=restrict_vocab,
        case_insensitive=case_insensitive,
        unseen=unseen,
    )

    def score(name: str, chosen: NDArray[Any]) -> AnalogyScore:
        return AnalogyScore(name, int(chosen.sum()), int(answered[chosen].sum()), int(correct[chosen].sum()))

    syntactic = np.array([name.startswith("gram") for name in names])[section_of]
    return AnalogyReport(
        sections=tuple(score(name, section_of == number) for number, name in enumerate(names)),
        semantic=score("semantic", ~syntactic),
        syntactic=score("syntactic", syntactic),
        total=score("total", np.ones(len(questions), dtype=bool)),
    )


def answer_questions(
    vocabulary: Vocabulary,
    rows: UnitRows,
    questions: list[list[str]],
    *,
    restrict_vocab: int | None,
    case_insensitive: bool,
    unseen: Callable[[list[str]], NDArray[np.float64]] | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which of the questions, four words each, are answered and which of these rightly; both (n_questions,)."""
    words = [word for question in questions for word in question]
    lookup = _Lookup(vocabulary, words, restrict_vocab, case_insensitive)
    ids = lookup.ids(words).reshape(-1, 4)
    composed = np.empty((0, 0))
    if unseen is not None:
        ids[:, :3], composed = _with_unseen(ids[:, :3], [q[:3] for q in questions], unseen, len(rows))
    answered = np.all(ids >= 0, axis=1)
    correct = np.zeros(len(ids), dtype=bool)
    correct[answered] = _answers_are_right(rows, composed, lookup, ids[answered])
    return answered, correct


def evaluate_similarity(
    vocabulary: Vocabulary,
    rows: UnitRows,
    path: str | os.PathLike[str],
    *,
    restrict_vocab: int | None = None,
    case_insensitive: bool = True,
    unseen: Callable[[list[str]], NDArray[np.float64]] | None = None,
) -> SimilarityReport:
    """Correlate the cosines of word pairs with the scores of a file.

    Parameters
    ----------
    vocabulary, rows
        The words and their vectors; `KeyedVectors.evaluate_similarity` fills these in.
    path : str or PathLike
        A line per pair: word, word, score, and fields that are ignored. Fields are separated by tabs if the line has
        one, else by commas if it has one, else by spaces. Blank lines and lines that start with ``#`` are passed over,
        and so is the first other line if its score is not a number: a header. UTF-8.
    restrict_vocab : int, optional
        Use only the first so many words of the vocabulary. Default: all.
    case_insensitive : bool, default True
        Compare words in upper case; of words that then are equal, the first in the vocabulary is used.

    unseen : callable, optional
        Gives unit vectors (k, dim) of k words outside the vocabulary, so that every pair is answered;
        `SubwordVectors.evaluate_similarity` fills it in.

    Returns
    -------
    SimilarityReport
        Spearman's and Pearson's correlation over the pairs whose words are both known, and how many these are.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        A line is not two words and a finite score, or there is no pair; `restrict_vocab` is below 1.
    """
    pairs, scores = read_pairs(path)
    words = [word for pair in pairs for word in pair]
    ids = _Lookup(vocabulary, words, restrict_vocab, case_insensitive).ids(words).reshape(-1, 2)
    composed = np.empty((0, 0))
    if unseen is not None:
        ids, composed = _with_unseen(ids, pairs, unseen, len(rows))
    answered = np.all(ids >= 0, axis=1)
    left, right = (_units(rows, composed, ids[answered, side]) for side in (0, 1))
    cosines = np.einsum("ij,ij->i", left, right)
    return SimilarityReport(
        pairs=len(pairs),
        answered=int(answered.sum()),
        spearman=_pearson(_average_ranks(scores[answered]), _average_ranks(cosines)),
        pearson=_pearson(scores[answered], cosines),
    )


def _with_unseen(
    ids: NDArray[np.int32],
    words: Sequence[Sequence[str]],
    unseen: Callable[[list[str]], NDArray[np.float64]],
    first: int,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return `ids` with numbers from `first` on in the place of -1, and the unit vectors that these stand for."""
    flat = [word for row in words for word in row]
    unknown = np.flatnonzero(ids.reshape(-1) < 0)
    numbers: dict[str, int] = {}
    new = [numbers.setdefault(flat[place], first + len(numbers)) for place in unknown.tolist()]
    filled = ids.reshape(-1).copy()
    filled[unknown] = new
    return filled.reshape(ids.shape), unseen(list(numbers))


def _units(rows: UnitRows, composed: NDArray[np.float64], ids: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Unit vectors (len(ids), dim) of words of the vocabulary and, from the number of these on, of composed ones."""
    known = ids < len(rows)
    if known.all():
        return rows.rows(ids)
    units = np.empty((len(ids), composed.shape[1]))
    units[known] = rows.rows(ids[known])
    units[~known] = composed[ids[~known] - len(rows)]
    return units


class _Lookup:
    """Ids of `asked` words among the first `restrict_vocab`, and which words count as the same as one of them."""

    def __init__(
        self, vocabulary: Vocabulary, asked: list[str], restrict_vocab: int | None, case_insensitive: bool
    ) -> None:
        self.size = len(vocabulary)
        if restrict_vocab is not None:
            self.size = min(self.size, check_int("restrict_vocab", restrict_vocab, minimum=1, maximum=2**63 - 1))
        self._vocabulary = vocabulary
        self._upper: dict[str, int] | None = None
        self.first = np.arange(self.size, dtype=np.int32)  # (size,) the first word that is the same as word i
        if case_insensitive:
            self._upper = dict.fromkeys(map(str.upper, asked), -1)
            self._find_upper(self._upper)
        self._by_first = np.argsort(self.first, kind="stable")
        self._sorted = self.first[self._by_first]

    def _find_upper(self, upper: dict[str, int]) -> None:
        """Go through the vocabulary once; only words that were asked for leave a trace."""
        words = iter(self._vocabulary)
        for start in range(0, self.size, _WORDS):
            folded = list(map(str.upper, islice(words, min(_WORDS, self.size - start))))
            for place in np.flatnonzero(np.fromiter(map(upper.__contains__, folded), bool, len(folded))).tolist():
                if upper[folded[place]] < 0:
                    upper[folded[place]] = start + place
                self.first[start + place] = upper[folded[place]]

    def ids(self, words: list[str]) -> NDArray[np.int32]:
        """(len(words),) with -1 for words that are not there; `words` are of those asked for."""
        if self._upper is not None:
            return np.array([self._upper[word.upper()] for word in words], dtype=np.int32)
        ids = self._vocabulary.ids(words)
        return np.where(ids < self.size, ids, np.int32(-1))

    def same(self, ids: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """All words that are the same as ids[i], as pairs (i, word)."""
        begin = np.searchsorted(self._sorted, ids, "left")
        count = np.searchsorted(self._sorted, ids, "right") - begin
        owner = np.repeat(np.arange(len(ids)), count)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        return owner, self._by_first[begin[owner] + within]


def _answers_are_right(
    rows: UnitRows, composed: NDArray[np.float64], lookup: _Lookup, ids: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """For questions ids (n, 4): is the best candidate the expected word?

    cos(d, b - a + c) is a sum of three cosines, up to a factor that is the same for all d. Questions share their words:
    so the cosines of all words asked for with a tile of candidates come first, and each question adds three rows.
    """
    right = np.empty(len(ids), dtype=bool)
    for begin in range(0, len(ids), _QUESTIONS):
        part = ids[begin : begin + _QUESTIONS]
        words, places = np.unique(part[:, :3], return_inverse=True)
        places = places.reshape(-1, 3)
        units = _units(rows, composed, words).astype(np.float32)
        best = np.full(len(part), -np.inf, np.float32)
        answer = np.full(len(part), -1, np.int32)
        excluded = lookup.same(part[:, :3].reshape(-1))
        step = max(64, min(4096, _SCORES // len(words)))
        for start in range(0, lookup.size, step):
            stop = min(start + step, lookup.size)
            cosines = rows.scores(units, start, stop)
            inside = (excluded[1] >= start) & (excluded[1] < stop)
            _take_better(cosines, places, (excluded[0][inside] // 3, excluded[1][inside] - start), start, best, answer)
        right[begin : begin + _QUESTIONS] = (answer >= 0) & (lookup.first[answer] == part[:, 3])
    return right


def _take_better(
    cosines: NDArray[np.float32],
    places: NDArray[np.intp],
    excluded: tuple[NDArray[np.intp], NDArray[np.intp]],
    first_candidate: int,
    best: NDArray[np.float32],
    answer: NDArray[np.int32],
) -> None:
    """Compare all questions with one tile of candidates; `excluded` are pairs (question, column), by question."""
    step = max(1, _BLOCK // cosines.shape[1])
    for begin in range(0, len(places), step):
        end = min(begin + step, len(places))
        a, b, c = places[begin:end].T
        sums = cosines[b]
        sums -= cosines[a]
        sums += cosines[c]
        first, last = np.searchsorted(excluded[0], [begin, end])
        sums[excluded[0][first:last] - begin, excluded[1][first:last]] = -np.inf
        column = sums.argmax(axis=1)
        value = sums[np.arange(end - begin), column]
        better = value > best[begin:end]
        best[begin:end][better] = value[better]
        answer[begin:end][better] = column[better] + first_candidate


def _average_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places], dtype=np.float64)


def _pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    spread = math.sqrt(float(x @ x)) * math.sqrt(float(y @ y))
    return max(-1.0, min(1.0, float(x @ y) / spread))
