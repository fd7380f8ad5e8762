"""Types of the compiled module. It checks what is memory-safe; what arguments mean is checked in the Python modules.

One file, as there is one module; and so longer than others.
"""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

class Vocabulary:
    def __init__(
        self, letters: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
    ) -> None: ...
    @staticmethod
    def from_words(words: Iterable[str], counts: npt.NDArray[np.int64] | None = None) -> Vocabulary: ...
    @staticmethod
    def from_text(text: bytes) -> Vocabulary: ...
    def select(self, min_count: int, max_size: int, keep: Iterable[str]) -> Vocabulary: ...
    def __len__(self) -> int: ...
    def find(self, word: object) -> int: ...
    def find_all(self, words: Iterable[str]) -> npt.NDArray[np.int32]: ...
    def word(self, id: int) -> str: ...
    def words(self, begin: int, end: int) -> list[str]: ...
    def to_text(self, begin: int, end: int) -> bytes: ...
    @property
    def counts(self) -> npt.NDArray[np.int64]: ...
    @property
    def letters(self) -> npt.NDArray[np.uint8]: ...
    @property
    def offsets(self) -> npt.NDArray[np.int64]: ...

def subword_hash(text: str) -> int: ...
def subword_ids(
    words: Iterable[str], *, min_n: int, max_n: int, buckets: int, first: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
def mean_rows(
    table: npt.NDArray[np.float32], offsets: npt.NDArray[np.int64], rows: npt.NDArray[np.uint32]
) -> npt.NDArray[np.float32]: ...
def subword_ngrams(word: str, *, min_n: int, max_n: int) -> list[str]: ...

class Subwords:
    def __init__(
        self, vocabulary: Vocabulary, *, min_n: int, max_n: int, buckets: int, every_bucket: bool = False
    ) -> None: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def offsets(self) -> npt.NDArray[np.int64]: ...
    @property
    def rows(self) -> npt.NDArray[np.uint32]: ...
    @property
    def buckets(self) -> npt.NDArray[np.uint32]: ...

class Texts:
    @staticmethod
    def pack(texts: Iterable[str]) -> Texts: ...
    @staticmethod
    def lines(buffer: npt.NDArray[np.uint8]) -> Texts: ...
    @staticmethod
    def slices(buffer: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> Texts: ...
    def __len__(self) -> int: ...
    def count(
        self,
        *,
        label_prefix: str,
        min_count: int,
        min_count_label: int,
        keep: Vocabulary | None = None,
        threads: int,
    ) -> tuple[Vocabulary, Vocabulary, int]: ...

class Documents:
    def __len__(self) -> int: ...
    @property
    def offsets(self) -> npt.NDArray[np.int64]: ...
    @property
    def entries(self) -> npt.NDArray[np.uint32]: ...
    @property
    def label_offsets(self) -> npt.NDArray[np.int64]: ...
    @property
    def labels(self) -> npt.NDArray[np.int32]: ...
    def set_labels(self, offsets: npt.NDArray[np.int64], labels: npt.NDArray[np.int32]) -> None: ...

class TextFeatures:
    def __init__(
        self,
        words: Vocabulary,
        labels: Vocabulary,
        *,
        word_ngrams: int,
        min_n: int,
        max_n: int,
        buckets: int,
        label_prefix: str,
        kept: npt.NDArray[np.uint32] | None = None,
        missing_count: bool = False,
    ) -> None: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def num_labels(self) -> int: ...
    def encode(self, texts: Texts, *, unknown_labels: bool = False, threads: int) -> Documents: ...
    def reached(self, documents: Documents) -> npt.NDArray[np.uint32]: ...
    def renumber(self, documents: Documents) -> None: ...
    def means(self, texts: Texts, table: npt.NDArray[np.float32], threads: int) -> npt.NDArray[np.float32]: ...

class AliasTable:
    def __init__(self, weights: npt.NDArray[np.float64]) -> None: ...
    def __len__(self) -> int: ...
    def draw(self, n: int, seed: int) -> npt.NDArray[np.int32]: ...
    def probabilities(self) -> npt.NDArray[np.float64]: ...

class WeightTree:
    def __init__(self, weights: npt.NDArray[np.int64]) -> None: ...
    def add(self, ids: npt.NDArray[np.int32]) -> None: ...
    def draw(self, n: int, seed: int) -> npt.NDArray[np.int32]: ...
    @property
    def weights(self) -> npt.NDArray[np.int64]: ...
    @property
    def total(self) -> int: ...

class DistinctIds:
    def __init__(self, num_wanted: int) -> None: ...
    def add(self, draws: npt.NDArray[np.int32]) -> bool: ...
    def complete(self, probability: npt.NDArray[np.float64], seed: int) -> None: ...
    def take_ids(self) -> npt.NDArray[np.int32]: ...
    @property
    def num_tries(self) -> float: ...

def draw_uniform(num_classes: int, n: int, seed: int) -> npt.NDArray[np.int32]: ...
def draw_log_uniform(num_classes: int, n: int, seed: int) -> npt.NDArray[np.int32]: ...
def unigram_weights(counts: npt.NDArray[np.int64], power: float) -> npt.NDArray[np.float64]: ...
def word2vec_table_slots(counts: npt.NDArray[np.int64], power: float, table_size: int) -> npt.NDArray[np.int64]: ...
def update_mean_gaps(
    *,
    mean: npt.NDArray[np.float64],
    last_seen: npt.NDArray[np.int64],
    num_seen: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int64],
    num_hashes: int,
    time: int,
    rate: float,
) -> None: ...
def derive_seed(seed: int, index: int) -> int: ...

class Tree:
    def __init__(
        self, offsets: npt.NDArray[np.int64], points: npt.NDArray[np.int32], codes: npt.NDArray[np.uint8]
    ) -> None: ...
    @staticmethod
    def huffman(counts: npt.NDArray[np.int64]) -> Tree: ...
    @staticmethod
    def balanced(num_leaves: int) -> Tree: ...
    @property
    def num_leaves(self) -> int: ...
    @property
    def num_inner(self) -> int: ...
    @property
    def offsets(self) -> npt.NDArray[np.int64]: ...
    @property
    def points(self) -> npt.NDArray[np.int32]: ...
    @property
    def codes(self) -> npt.NDArray[np.uint8]: ...
    def log_likelihood(
        self,
        hidden: npt.NDArray[np.float32],
        targets: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32] | None,
        threads: int,
    ) -> npt.NDArray[np.float64]: ...
    def top_k(
        self,
        hidden: npt.NDArray[np.float32],
        weights: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32] | None,
        k: int,
        threads: int,
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]: ...

class Encoder:
    def __init__(
        self,
        vocabulary: Vocabulary | None = None,
        *,
        threads: int = 1,
        keep_tokens: bool = True,
        check_utf8: bool = True,
        piece_bytes: int = 65536,
    ) -> None: ...
    def feed(self, block: bytes | bytearray | memoryview) -> None: ...
    def end_file(self) -> None: ...
    def add_sequences(self, sequences: Iterable[Iterable[str]]) -> None: ...
    def take(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]: ...
    def finish(
        self, min_count: int = 1, max_size: int = 2147483647, keep: Iterable[str] = ()
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64], Vocabulary | None, int]: ...

def count_ids(ids: npt.NDArray[np.int32] | npt.NDArray[np.int64], num_ids: int = -1) -> npt.NDArray[np.int64]: ...
def check_offsets(offsets: npt.NDArray[np.int64], n_tokens: int) -> None: ...

__version__: str

def compiler() -> str: ...
def instruction_set() -> str: ...
def available_instruction_sets() -> list[str]: ...
def sigmoid(x: npt.NDArray[np.float32], instruction_set: str = "") -> npt.NDArray[np.float32]: ...
def softplus(x: npt.NDArray[np.float32], instruction_set: str = "") -> npt.NDArray[np.float32]: ...

class WindowSettings:
    def __init__(
        self,
        *,
        cbow: bool,
        window: int | None,
        shrink: bool,
        forward_mean: bool,
        backward_mean: bool,
        predicts_context: bool = False,
        side: str = "both",
    ) -> None: ...

class ArrowReader:
    def __init__(self, schema_or_stream: object, array: object | None = None, column: str | None = None) -> None: ...
    @property
    def is_text(self) -> bool: ...
    def next(self) -> int | None: ...
    def add_words(self, encoder: Encoder) -> None: ...

class ArrowIds:
    def __init__(self, sparse: bool) -> None: ...
    def add(self, reader: ArrowReader) -> None: ...
    @property
    def table_bytes(self) -> int: ...
    def finish(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]: ...
    def finish_sparse(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], Vocabulary]: ...

class Graph:
    def __init__(
        self,
        indptr: npt.NDArray[np.int64],
        indices: npt.NDArray[np.int32],
        weights: npt.NDArray[np.float64] | None = None,
    ) -> None: ...
    @property
    def num_nodes(self) -> int: ...
    @property
    def num_edges(self) -> int: ...
    @property
    def is_weighted(self) -> bool: ...
    @property
    def indptr(self) -> npt.NDArray[np.int64]: ...
    @property
    def indices(self) -> npt.NDArray[np.int32]: ...

class Walker:
    def __init__(self, graph: Graph, *, num_walks: int, length: int, p: float, q: float, seed: int) -> None: ...
    def __len__(self) -> int: ...
    def tokens(
        self, epoch: int, first: int, count: int, *, threads: int
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]: ...
    def count_nodes(self, epoch: int, *, threads: int) -> npt.NDArray[np.int64]: ...

class Objective:
    @staticmethod
    def negative_sampling(weights: npt.NDArray[np.float64], negatives: int) -> Objective: ...
    @staticmethod
    def noise_contrastive(
        weights: npt.NDArray[np.float64], log_q: npt.NDArray[np.float32], negatives: int, remove_hits: bool
    ) -> Objective: ...
    @staticmethod
    def sampled_softmax(
        weights: npt.NDArray[np.float64],
        num_sampled: int,
        *,
        unique: bool,
        keep_hits: bool,
        temperature: float,
        label_smoothing: float,
    ) -> Objective: ...
    @staticmethod
    def all_rows(
        num_rows: int,
        *,
        softmax: bool,
        temperature: float = 1.0,
        label_smoothing: float = 0.0,
        every_target: bool = False,
    ) -> Objective: ...
    @staticmethod
    def two_level_softmax(class_of: npt.NDArray[np.int32]) -> Objective: ...
    @staticmethod
    def hierarchical_softmax(tree: Tree) -> Objective: ...

class EpochProgress:
    @property
    def words(self) -> int: ...
    @property
    def trained_words(self) -> int: ...
    @property
    def groups(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def stopped(self) -> bool: ...

class Optimizer:
    def __init__(self, name: str, beta1: float = 0.0, beta2: float = 0.0, epsilon: float = 0.0) -> None: ...
    def state_bytes(self, rows: int, dim: int) -> int: ...

class Schedule:
    def __init__(self, shape: str, floor: float, warm_up: float) -> None: ...
    def factor(self, progress: float) -> float: ...

class Tables:
    def __init__(
        self, input_rows: int, output_rows: int, dim: int, seed: int, optimizer: Optimizer, initial_range: float
    ) -> None: ...
    @property
    def input(self) -> npt.NDArray[np.float32]: ...
    @property
    def output(self) -> npt.NDArray[np.float32]: ...
    @property
    def input_state(self) -> dict[str, npt.NDArray[np.generic]]: ...
    @property
    def output_state(self) -> dict[str, npt.NDArray[np.generic]]: ...
    def train_epoch(
        self,
        *,
        ids: npt.NDArray[np.int32],
        offsets: npt.NDArray[np.int64],
        counts: npt.NDArray[np.int64],
        objective: Objective,
        architecture: WindowSettings,
        subwords: Subwords | None = None,
        subsample: float,
        learning_rate: float,
        schedule: Schedule,
        run_epoch: int,
        run_epochs: int,
        epoch: int,
        seed: int,
        threads: int,
        observer: Callable[[EpochProgress], bool],
    ) -> EpochProgress: ...
    def train_walks(
        self,
        *,
        walks: Walker,
        walk_epoch: int,
        counts: npt.NDArray[np.int64],
        objective: Objective,
        architecture: WindowSettings,
        subsample: float,
        learning_rate: float,
        schedule: Schedule,
        run_epoch: int,
        run_epochs: int,
        epoch: int,
        seed: int,
        threads: int,
        observer: Callable[[EpochProgress], bool],
    ) -> EpochProgress: ...
    def train_documents(
        self,
        *,
        features: TextFeatures,
        documents: Documents,
        weights: npt.NDArray[np.float32] | None = None,
        label_weights: npt.NDArray[np.float32] | None = None,
        every_label: bool,
        objective: Objective,
        learning_rate: float,
        schedule: Schedule,
        run_epoch: int,
        run_epochs: int,
        epoch: int,
        seed: int,
        threads: int,
        observer: Callable[[EpochProgress], bool],
    ) -> EpochProgress: ...
    def train_batch(
        self,
        *,
        bag_rows: npt.NDArray[np.uint32],
        bag_offsets: npt.NDArray[np.int64] | None = None,
        bag_weights: npt.NDArray[np.float32] | None = None,
        forward_scale: npt.NDArray[np.float32] | None = None,
        backward_scale: npt.NDArray[np.float32] | None = None,
        weight: npt.NDArray[np.float32] | None = None,
        group_offsets: npt.NDArray[np.int64],
        group_hidden: npt.NDArray[np.uint32] | None = None,
        shared_offsets: npt.NDArray[np.int64],
        shared_rows: npt.NDArray[np.uint32],
        shared_labels: npt.NDArray[np.float32],
        shared_weights: npt.NDArray[np.float32] | None = None,
        shared_log_q: npt.NDArray[np.float32] | None = None,
        own_offsets: npt.NDArray[np.int64] | None = None,
        own_rows: npt.NDArray[np.uint32] | None = None,
        own_labels: npt.NDArray[np.float32] | None = None,
        own_log_q: npt.NDArray[np.float32] | None = None,
        hit_offsets: npt.NDArray[np.int64] | None = None,
        hit_candidates: npt.NDArray[np.int64] | None = None,
        link: str = "logistic",
        score_scale: float = 1.0,
        learning_rate: float,
        instruction_set: str = "",
    ) -> float: ...

def parse_word2vec_rows(
    buffer: bytes | memoryview, *, binary: bool, out: npt.NDArray[np.float32], last: bool, first_row: int
) -> tuple[int, int, bytes, npt.NDArray[np.int64], npt.NDArray[np.int64], int]: ...
def format_word2vec_rows(
    letters: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    vectors: npt.NDArray[np.float32],
    *,
    binary: bool,
) -> bytes: ...

class LayerModel:
    def __init__(
        self,
        weights: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32] | None,
        temperature: float = ...,
        normalize: bool = ...,
    ) -> None: ...

class LayerCandidates:
    def __init__(
        self,
        *,
        softmax: bool,
        positive: str = ...,
        independent: bool = ...,
        label_smoothing: float = ...,
        num_draws: float = ...,
        shared_rows: npt.NDArray[np.int32] | None = ...,
        shared_weights: npt.NDArray[np.float32] | None = ...,
        shared_log_q: npt.NDArray[np.float64] | None = ...,
        targets: npt.NDArray[np.int64] | None = ...,
        target_offsets: npt.NDArray[np.int64] | None = ...,
        target_weights: npt.NDArray[np.float32] | None = ...,
        target_log_q: npt.NDArray[np.float64] | None = ...,
        mask_hits: bool = ...,
        hard_of: int = ...,
        own_offsets: npt.NDArray[np.int64] | None = ...,
        own_rows: npt.NDArray[np.int64] | None = ...,
        own_labels: npt.NDArray[np.float32] | None = ...,
        own_log_q: npt.NDArray[np.float64] | None = ...,
    ) -> None: ...

def check_hidden(model: LayerModel, hidden: npt.NDArray[np.float32]) -> None: ...
def output_gradients(
    model: LayerModel,
    hidden: npt.NDArray[np.float32],
    candidates: LayerCandidates,
    example_weights: npt.NDArray[np.float32] | None,
    threads: int,
    instruction_set: str = ...,
) -> tuple[
    npt.NDArray[np.float64],
    npt.NDArray[np.float32],
    npt.NDArray[np.int64],
    npt.NDArray[np.float32],
    npt.NDArray[np.float32] | None,
]: ...
def apply_gradients(
    values: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int64],
    row_gradients: npt.NDArray[np.float32],
    optimizer: Optimizer,
    first: npt.NDArray[np.float32] | None,
    second: npt.NDArray[np.float32] | None,
    steps: npt.NDArray[np.uint32] | None,
    learning_rate: float,
    step: int,
    threads: int,
) -> None: ...
def output_log_likelihood(
    model: LayerModel,
    hidden: npt.NDArray[np.float32],
    targets: npt.NDArray[np.int64],
    per_example: int,
    log_offsets: npt.NDArray[np.float64] | None,
    sigmoid: bool,
    threads: int,
) -> npt.NDArray[np.float64]: ...
def output_top_k(
    model: LayerModel,
    hidden: npt.NDArray[np.float32],
    k: int,
    log_offsets: npt.NDArray[np.float64] | None,
    normalizer: str,
    threads: int,
    excluded_offsets: npt.NDArray[np.int64] | None = ...,
    excluded_ids: npt.NDArray[np.int32] | None = ...,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]: ...
def count_ngrams(
    ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], num_words: int, order: int, threads: int
) -> tuple[list[npt.NDArray[np.int32]], list[npt.NDArray[np.int64]], list[npt.NDArray[np.int64]]]: ...
def kneser_ney(
    num_words: int,
    words: list[npt.NDArray[np.int32]],
    first_child: list[npt.NDArray[np.int64]],
    counts: list[npt.NDArray[np.int64]],
) -> tuple[list[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]], list[list[float]]]: ...

class NGramModel:
    @staticmethod
    def backing_off(
        num_words: int,
        words: list[npt.NDArray[np.int32]],
        first_child: list[npt.NDArray[np.int64]],
        log_probability: list[npt.NDArray[np.float32]],
        log_backoff: list[npt.NDArray[np.float32]],
    ) -> NGramModel: ...
    @staticmethod
    def adding(
        num_words: int,
        words: list[npt.NDArray[np.int32]],
        first_child: list[npt.NDArray[np.int64]],
        counts: list[npt.NDArray[np.int64]],
        added: float,
    ) -> NGramModel: ...
    def log_probabilities(
        self, ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64], threads: int
    ) -> npt.NDArray[np.float64]: ...
    def next_probabilities(self, context: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]: ...

def sum_bags(
    table: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float32] | None = ...,
    threads: int = ...,
) -> npt.NDArray[np.float32]: ...
def item_neighbors(
    user_offsets: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    item_offsets: npt.NDArray[np.int64],
    users: npt.NDArray[np.int32],
    k: int,
    shrink: float,
    threads: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]: ...
def neighbor_scores(
    offsets: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    ids: npt.NDArray[np.int32],
    similarities: npt.NDArray[np.float32],
    threads: int,
) -> npt.NDArray[np.float32]: ...
