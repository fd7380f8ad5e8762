"""``hogvec items``: train a recommender on what users took, evaluate it, and recommend, from the command line."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hogvec._cli_tools import (
    ArgumentError,
    add_command,
    check_at_least_one,
    check_outputs,
    given,
    print_pairs,
    print_table,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hogvec.interactions import Interactions
    from hogvec.recommender import Recommender

__all__ = ["add_items"]

_LOSSES = ("softmax", "sampled", "ns", "bpr")
_INPUT = "'user item item ...' on each line, or columns user,item[,weight[,time]] in a .csv; .gz and .zst too"
_USERS = 4096  # that are recommended to at once
_METRICS = "recall@20,ndcg@20"


def add_items(commands: Any) -> None:
    """Declare the command and its three."""
    parser = commands.add_parser(
        "items",
        help="train a recommender on what users took, evaluate it, and recommend",
        description="Train a recommender on what users took, evaluate it, and recommend.",
        epilog="example:  hogvec items train train.txt model.safetensors && "
        "hogvec items evaluate model.safetensors test.txt",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(parts)
    _add_evaluate(parts)
    _add_recommend(parts)


def _add_train(commands: Any) -> None:
    parser = add_command(
        commands,
        "train",
        _train,
        help="train vectors of users and items",
        example="hogvec items train train.txt model.safetensors --dim 64 --epochs 40 --validation valid.txt",
        saves=True,
    )
    parser.add_argument("input", metavar="INPUT", help=_INPUT)
    parser.add_argument("output", metavar="OUTPUT", help="where the model goes, a safetensors file")
    parser.add_argument("--header", action="store_true", help="the first line of columns has their names")
    # What is not given is left to the library, whose defaults the texts repeat.
    model = parser.add_argument_group("model")
    model.add_argument("--dim", type=int, metavar="N", help="length of a vector (default: 64)")
    model.add_argument("--user", choices=("id", "history", "both"), help="what a user is (default: id)")
    model.add_argument("--history-length", type=int, metavar="N", help="the most items of a history (default: 50)")
    model.add_argument("--pooling", choices=("mean", "last", "exp"), help="of a history (default: mean)")
    model.add_argument("--targets", choices=("next", "all"), help="what a history must find (default: next)")
    model.add_argument("--temperature", type=float, metavar="X", help="scores are divided by it (default: 0.1)")
    model.add_argument("--loss", choices=_LOSSES, default="softmax", help="default: softmax, over all items")
    model.add_argument("--negatives", type=int, metavar="N", help="draws of 'sampled' and 'ns' (default: 64 and 5)")
    run = parser.add_argument_group("run")
    run.add_argument("--epochs", type=int, metavar="N", default=40, help="default: 40")
    run.add_argument("--learning-rate", type=float, metavar="X", default=0.01, help="of Adam (default: 0.01)")
    run.add_argument("--batch-size", type=int, metavar="N", help="users of a mini-batch (default: 256)")
    run.add_argument("--validation", metavar="FILE", help="keep the epoch that ranks its items best")
    run.add_argument("--patience", type=int, metavar="N", default=5, help="epochs without a better one (default: 5)")
    run.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    run.add_argument("--seed", type=int, metavar="N", help="default: 1")
    run.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _add_evaluate(commands: Any) -> None:
    parser = add_command(
        commands,
        "evaluate",
        _evaluate,
        help="rank all items for the users of a test, without what they took in training",
        example="hogvec items evaluate model.safetensors test.txt --metrics recall@20,mrr --baselines",
    )
    parser.add_argument("model", metavar="MODEL", help="a file of 'hogvec items train'")
    parser.add_argument("test", metavar="TEST", help=_INPUT)
    parser.add_argument("--header", action="store_true", help="the first line of columns has their names")
    parser.add_argument("--metrics", default=_METRICS, metavar="LIST", help=f"default: {_METRICS}; hit@k, mrr@k, mrr")
    parser.add_argument("--baselines", action="store_true", help="show popularity and item neighbours, too")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_recommend(commands: Any) -> None:
    parser = add_command(
        commands,
        "recommend",
        _recommend,
        help="print the best items of users",
        example="hogvec items recommend model.safetensors 17 4711 -k 10",
    )
    parser.add_argument("model", metavar="MODEL", help="a file of 'hogvec items train'")
    parser.add_argument("users", metavar="USER", nargs="*", help="ids of the training file (default: all)")
    parser.add_argument("-k", type=int, default=10, metavar="N", help="items for each (default: 10)")
    parser.add_argument("--histories", action="store_true", help="read lines of items from stdin, instead of users")
    parser.add_argument("--seen", action="store_true", help="recommend what was taken, too")
    parser.add_argument("--scores", action="store_true", help="print each item's score behind it")
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")


def _train(options: argparse.Namespace) -> int:
    check_at_least_one("--epochs", options.epochs)
    check_outputs([options.output])
    from hogvec.interactions import Interactions
    from hogvec.optimizers import Adam
    from hogvec.retriever import Retriever
    from hogvec.trainer import Trainer

    retriever = Retriever(
        **given(
            dim=options.dim,
            user=options.user,
            history_length=options.history_length,
            pooling=options.pooling,
            targets=options.targets,
            temperature=options.temperature,
        ),
        batch_size=256 if options.batch_size is None else options.batch_size,
    )
    trainer = Trainer(
        retriever,
        _loss(options.loss, options.negatives),
        Adam(learning_rate=options.learning_rate),
        **given(threads=options.threads, seed=options.seed),
    )
    data = Interactions.from_file(options.input, header=options.header)
    validation = None
    if options.validation is not None:
        validation = Interactions.from_file(options.validation, like=data, header=options.header)
    began = time.perf_counter()
    model = trainer.fit(
        data,
        epochs=options.epochs,
        progress=False if options.quiet else None,
        validation=validation,
        patience=options.patience,
    )
    seconds = time.perf_counter() - began
    model.save(options.output)
    if not options.quiet:
        history = trainer.history
        rows = [
            ("users", f"{data.num_users:,}"),
            ("items", f"{data.num_items:,}"),
            ("interactions", f"{len(data):,}"),
            ("trained", f"{len(history)} epochs in {seconds:.1f} s"),
            ("loss", f"{history[0].loss:.4f} -> {history[-1].loss:.4f}"),
        ]
        if validation is not None:
            best = max(history, key=lambda report: report.validation or 0.0)
            rows.append(("validation", f"recall@20 {best.validation:.4f} after epoch {best.epoch}, which is kept"))
        print_pairs([*rows, ("model", options.output)])
    return 0


def _loss(name: str, negatives: int | None) -> Any:
    from hogvec.losses import NegativeSampling, SampledSoftmax, Softmax

    if negatives is not None and name not in ("sampled", "ns"):
        raise ArgumentError(f"--negatives goes with --loss sampled or ns, got {name}")
    if name == "bpr":
        return SampledSoftmax(1, shared=False, correction=0.0)
    if name == "sampled":
        return SampledSoftmax(**given(num_sampled=negatives))
    if name == "ns":
        return NegativeSampling(**given(negatives=negatives))
    return Softmax(multi_label="independent")


def _load(path: str) -> Recommender:
    from hogvec.recommender import Recommender

    return Recommender.load(path)


def _evaluate(options: argparse.Namespace) -> int:
    from hogvec._ranking import ranking
    from hogvec.baselines import ItemKNN, Popularity
    from hogvec.interactions import Interactions

    model = _load(options.model)
    test = Interactions.from_file(options.test, like=model.seen, header=options.header)
    metrics = [name.strip() for name in options.metrics.split(",")]
    models: dict[str, Any] = {"model": model}
    if options.baselines:
        models |= {"popularity": Popularity(model.seen), "item neighbours": ItemKNN(model.seen)}
    reports = {name: ranking(one, model.seen, test, metrics=metrics) for name, one in models.items()}
    if options.json:
        shown = {name: {"users": report.num_users, **report.metrics} for name, report in reports.items()}
        print(json.dumps(shown if options.baselines else shown["model"], indent=2))
        return 0
    rows = [(name, *(f"{report[metric]:.4f}" for metric in metrics)) for name, report in reports.items()]
    print_table((f"{reports['model'].num_users:,} users", *metrics), rows)
    return 0


def _recommend(options: argparse.Namespace) -> int:
    check_at_least_one("-k", options.k)
    if options.histories and options.users:
        raise ArgumentError("users and --histories do not go together")
    model = _load(options.model)
    arguments: dict[str, Any] = {"k": options.k, "exclude_seen": not options.seen, "threads": options.threads}
    if options.histories:
        histories = list(_histories(model.seen))
        names = [str(line) for line in range(1, len(histories) + 1)]
        found = model.recommend(histories=histories, **arguments)
        _print_items(model.seen, names, found.items, found.scores, options.scores)
        return 0
    users = _rows(model.seen.user_ids, options.users, model.seen.num_users, "user")
    for begin in range(0, len(users), _USERS):
        part = users[begin : begin + _USERS]
        found = model.recommend(part, **arguments)
        names = [_name(model.seen.user_ids, user) for user in part]
        _print_items(model.seen, names, found.items, found.scores, options.scores)
    return 0


def _rows(ids: NDArray[Any] | None, words: list[str], count: int, kind: str) -> list[int]:
    """Return the rows of users or items by what they are called; of all for none."""
    if not words:
        return list(range(count))
    known = {str(name): row for row, name in enumerate(range(count) if ids is None else ids.tolist())}
    unknown = [word for word in words if word not in known]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no {kind} of the training")
    return [known[word] for word in words]


def _histories(seen: Interactions) -> Iterator[list[int]]:
    for line in sys.stdin:
        yield _rows(seen.item_ids, line.split(), seen.num_items, "item") if line.split() else []


def _name(ids: NDArray[Any] | None, row: int) -> str:
    return str(row if ids is None else ids[row])


def _print_items(
    seen: Interactions, names: list[str], items: NDArray[np.int32], scores: NDArray[np.float32], with_scores: bool
) -> None:
    for name, row, values in zip(names, items.tolist(), scores.tolist(), strict=True):
        words = [name]
        for item, score in zip(row, values, strict=True):
            if item >= 0:
                words.append(_name(seen.item_ids, item) + (f":{score:.4f}" if with_scores else ""))
        print(*words)
