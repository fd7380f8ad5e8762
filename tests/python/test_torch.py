"""The losses as PyTorch modules: their gradients, how they learn, what they keep and what they refuse.

Long, since most tests run over the same modules, which are made at its head.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hogvec
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hogvec.torch as ht  # noqa: E402 (only where there is PyTorch)
from torch.nn import functional  # noqa: E402

CLASSES, DIM = 11, 5
COUNTS = np.arange(CLASSES, 0, -1) ** 2
UNIGRAM = hogvec.UnigramSampler(COUNTS)
CLASS_TREE = hogvec.ClassTree(COUNTS)

Make = Callable[..., ht.LossModule]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Let PyTorch's own threads rest: among so small tensors they only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def sampled_softmax(**options: Any) -> ht.LossModule:
    return ht.SampledSoftmaxLoss(DIM, CLASSES, 6, **{"sampler": UNIGRAM, "seed": 1} | options)


def nce(**options: Any) -> ht.LossModule:
    return ht.NCELoss(DIM, CLASSES, 12, **{"sampler": UNIGRAM, "seed": 1} | options)


def negative_sampling(**options: Any) -> ht.LossModule:
    return ht.NegativeSamplingLoss(DIM, CLASSES, 8, **{"sampler": UNIGRAM, "seed": 1} | options)


def hierarchical_softmax(**options: Any) -> ht.LossModule:
    return ht.HierarchicalSoftmaxLoss(DIM, CLASSES, **{"tree": hogvec.HuffmanTree(COUNTS)} | options)


def two_levels(**options: Any) -> ht.LossModule:
    return ht.HierarchicalSoftmaxLoss(DIM, CLASSES, tree=CLASS_TREE, **options)


MODULES = [sampled_softmax, nce, negative_sampling, hierarchical_softmax]
every_module = pytest.mark.parametrize("make", MODULES)


def batch(size: int = 4, num_true: int | None = None, dtype: Any = None, seed: int = 3) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(size, DIM, generator=generator, dtype=dtype).requires_grad_()
    shape = (size,) if num_true is None else (size, num_true)
    return hidden, torch.randint(CLASSES, shape, generator=generator)


def same_draws(head: Any) -> Any:
    """Set the head back, so that the next pass draws what the first one drew."""
    head.stream[1] = 0
    return head


def gradients(head: Any, loss: Any, hidden: Any) -> list[Any]:
    """Return the gradients of the loss by hidden vectors and parameters, dense."""
    found = torch.autograd.grad(loss, [hidden, *head.parameters()])
    return [gradient.to_dense() for gradient in found]


# Gradients


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("num_true", [None, 3])
@pytest.mark.parametrize("make", [*MODULES, two_levels])
def test_gradients_are_those_of_finite_differences(make: Make, num_true: int | None, reduction: str) -> None:
    head = make(reduction=reduction, dtype=torch.float64)
    hidden, targets = batch(3, num_true, dtype=torch.float64)
    weights = torch.tensor([1.0, 0.0, 2.5])

    def loss(hidden: Any, weight: Any, bias: Any) -> Any:
        return torch.func.functional_call(
            same_draws(head), {"weight": weight, "bias": bias}, (hidden, targets, weights)
        )

    assert torch.autograd.gradcheck(loss, (hidden, head.weight, head.bias))


@every_module
def test_gradients_of_the_exact_loss_are_those_of_finite_differences(make: Make) -> None:
    head = make(dtype=torch.float64, bias=False).eval()
    hidden, targets = batch(2, 2, dtype=torch.float64)

    def loss(hidden: Any, weight: Any) -> Any:
        return torch.func.functional_call(head, {"weight": weight}, (hidden, targets))

    assert torch.autograd.gradcheck(loss, (hidden, head.weight))


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_module
def test_sparse_gradients_are_the_rows_of_dense_ones(make: Make, dtype: Any, bias: bool, reduction: str) -> None:
    hidden, targets = batch(dtype=dtype)
    parts = torch.tensor([1.0, -2.0, 0.0, 3.0], dtype=dtype) if reduction == "none" else 1.0
    dense, sparse = (make(sparse=s, bias=bias, dtype=dtype, reduction=reduction) for s in (False, True))
    sparse.load_state_dict(dense.state_dict())
    found, expected = (
        torch.autograd.grad((head(hidden, targets) * parts).sum(), list(head.parameters())) for head in (sparse, dense)
    )
    for ours, wanted in zip(found, expected, strict=True):
        assert ours.layout == torch.sparse_coo
        assert ours.is_coalesced()
        assert 0 < len(ours.indices()[0]) <= CLASSES
        assert (ours.indices()[0].diff() > 0).all()
        torch.testing.assert_close(ours.to_dense(), wanted, rtol=0, atol=0)


@every_module
def test_float32_results_are_those_over_numpy_buffers(make: Make) -> None:
    head = make(reduction="sum", threads=1)
    hidden, targets = batch(32, 2)
    weights = torch.rand(32)
    loss = head(hidden, targets, weights)
    found = gradients(head, loss, hidden)
    expected = head.loss.gradients(
        hidden.detach().numpy(),
        targets.numpy(),
        head.weight.detach().numpy(),
        head.bias.detach().numpy(),
        seed=hogvec._core.derive_seed(int(head.stream[0]), 0),
        example_weights=weights.double().numpy(),
        threads=1,
    )
    assert loss.item() == pytest.approx(expected.loss.sum(), rel=1e-5)  # a sum of 32 numbers in float32
    np.testing.assert_array_equal(found[0], expected.hidden_gradient)
    np.testing.assert_array_equal(found[1][expected.rows], expected.row_gradient)
    np.testing.assert_array_equal(found[2][expected.rows], expected.bias_gradient)


@every_module
def test_float32_agrees_with_float64(make: Make) -> None:
    hidden, targets = batch(32)
    single, double = make(), make(dtype=torch.float64)
    double.load_state_dict(single.state_dict())
    losses = single(hidden, targets), double(hidden.double(), targets)
    torch.testing.assert_close(losses[0].double(), losses[1], rtol=1e-5, atol=0)
    for ours, exact in zip(gradients(single, losses[0], hidden), gradients(double, losses[1], hidden), strict=True):
        torch.testing.assert_close(ours.double(), exact.double(), rtol=1e-4, atol=1e-6)  # sums of some 30 terms


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"temperature": 0.5}])
def test_a_sample_of_all_classes_is_cross_entropy(options: dict[str, Any], reduction: str) -> None:
    head = ht.SampledSoftmaxLoss(DIM, CLASSES, CLASSES, reduction=reduction, **options)
    hidden, targets = batch(16)
    scores = functional.linear(hidden, head.weight, head.bias) / options.get("temperature", 1.0)
    expected = functional.cross_entropy(scores, targets, reduction=reduction)
    loss = head(hidden, targets)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    parts = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    found, wanted = (gradients(head, (x * parts).sum(), hidden) for x in (loss, expected))
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)  # float32 sums of 16 terms of either sign


def test_draws_that_are_targets_have_no_gradient_of_their_own() -> None:
    head = ht.SampledSoftmaxLoss(DIM, 2, 2)  # both classes are drawn, one of them is the target
    hidden, _ = batch(1)
    head(hidden, torch.tensor([0])).backward()
    probability = head.log_prob(hidden).exp()[0]
    torch.testing.assert_close(head.bias.grad, probability - torch.tensor([1.0, 0.0]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("signs", [[1, 1, 1, 1], [-1, -2, -1, -1], [1, -2, 0, 3], [0, 0, 0, 0]])
@every_module
def test_each_loss_may_be_weighted_afterwards(make: Make, signs: list[int]) -> None:
    hidden, targets = batch()
    parts = torch.tensor(signs, dtype=torch.float32)
    head = make(reduction="none")
    found = gradients(head, (head(hidden, targets) * parts).sum(), hidden)
    expected = [torch.zeros_like(x) for x in found]
    for part, at in zip(parts, torch.eye(4), strict=True):
        one = gradients(head, same_draws(head)(hidden, targets, at).sum(), hidden)
        expected = [x + part * gradient for x, gradient in zip(expected, one, strict=True)]
    for ours, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("learner", [hogvec.LearnedUnigramSampler, hogvec.InBatchSampler])
def test_a_sampler_that_learns_sees_a_batch_once(learner: Any) -> None:
    hidden, targets = batch(8)
    parts = torch.arange(8.0)
    once, again = learner(CLASSES), learner(CLASSES)
    weighted = sampled_softmax(sampler=once, unique=False, reduction="sum")
    afterwards = sampled_softmax(sampler=again, unique=False, reduction="none")
    afterwards.load_state_dict(weighted.state_dict())
    for _ in range(3):
        expected = gradients(weighted, weighted(hidden, targets, parts), hidden)
        found = gradients(afterwards, (afterwards(hidden, targets) * parts).sum(), hidden)
        for ours, wanted in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(once.probability(), again.probability())


@every_module
def test_parameters_that_are_frozen_have_no_gradient(make: Make) -> None:
    head = make().requires_grad_(False)
    hidden, targets = batch()
    head(hidden, targets).backward()
    assert hidden.grad is not None
    assert head.weight.grad is None
    assert not make().requires_grad_(False)(hidden.detach(), targets).requires_grad


@every_module
def test_no_gradient_is_kept_where_none_is_wanted(make: Make) -> None:
    head = make()
    hidden, targets = batch()
    expected = head(hidden, targets).item()
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            loss = same_draws(head)(hidden, targets)
        assert not loss.requires_grad
        assert loss.item() == expected


def test_memory_is_shared_and_strided_rows_are_not_copied() -> None:
    from hogvec._torch_losses import layer_of

    wide, table = torch.randn(4, 2 * DIM), torch.randn(CLASSES, 2 * DIM)
    layer = layer_of(wide[:, DIM:], table[:, :DIM], None)
    assert np.shares_memory(layer.hidden, wide.numpy())
    assert np.shares_memory(layer.weight, table.numpy())
    head = sampled_softmax(reduction="sum")
    _, targets = batch()
    losses = [same_draws(head)(x, targets).item() for x in (wide[:, DIM:], wide[:, DIM:].clone())]
    losses.append(same_draws(head)(wide[:, DIM:].t().contiguous().t(), targets).item())
    expanded = same_draws(head)(wide[:1, :DIM].expand(4, DIM), targets)
    assert losses == [losses[0]] * 3
    assert expanded.item() == same_draws(head)(wide[:1, :DIM].repeat(4, 1), targets).item()


def test_a_loss_is_differentiated_once() -> None:
    head = sampled_softmax()
    hidden, targets = batch()
    with pytest.raises(RuntimeError, match=r"^create_graph must be False: a loss of hogvec cannot be"):
        torch.autograd.grad(head(hidden, targets), hidden, create_graph=True)


def test_a_graph_that_is_kept_gives_the_same_gradients_again() -> None:
    head = nce()
    hidden, targets = batch()
    loss = head(hidden, targets)
    first, second = (torch.autograd.grad(loss, head.weight, retain_graph=True)[0] for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_weights_that_change_before_the_backward_pass_are_noticed() -> None:
    head = sampled_softmax(reduction="none")
    hidden, targets = batch()
    losses = head(hidden, targets)
    with torch.no_grad():
        head.weight.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        losses.pow(2).sum().backward()


# Reduction and weights


@every_module
def test_means_and_sums_are_those_of_the_examples(make: Make) -> None:
    hidden, targets = batch(6)
    weights = torch.tensor([1.0, 0.0, 0.5, 2.0, 1.0, 1.0])
    each, mean, total = (make(reduction=reduction) for reduction in ("none", "mean", "sum"))
    for head in (mean, total):
        head.load_state_dict(each.state_dict())
    losses = each(hidden, targets)
    assert losses.shape == (6,)
    torch.testing.assert_close(mean(hidden, targets), losses.mean())
    torch.testing.assert_close(total(hidden, targets), losses.sum())
    for head in (each, mean, total):
        same_draws(head)
    torch.testing.assert_close(each(hidden, targets, weights), losses * weights)
    torch.testing.assert_close(mean(hidden, targets, weights), (losses * weights).sum() / weights.sum())
    torch.testing.assert_close(total(hidden, targets, weights), (losses * weights).sum())


def test_a_mask_leaves_examples_out() -> None:
    head = hierarchical_softmax()
    hidden, targets = batch(6)
    mask = torch.tensor([True, False, True, True, False, True])
    torch.testing.assert_close(head(hidden, targets, mask), head(hidden[mask], targets[mask]))


def test_a_mean_of_nothing_is_refused() -> None:
    head = sampled_softmax()
    hidden, targets = batch()
    with pytest.raises(ValueError, match="needs an example of positive weight, got none"):
        head(hidden, targets, torch.zeros(4))
    with pytest.raises(ValueError, match="needs an example of positive weight, got none"):
        head(hidden[:0], targets[:0])
    assert sampled_softmax(reduction="sum")(hidden, targets, torch.zeros(4)).item() == 0
    assert sampled_softmax(reduction="none")(hidden, targets, torch.zeros(4)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("training", [True, False])
@every_module
def test_a_batch_may_be_empty(make: Make, training: bool) -> None:
    hidden, targets = batch()
    head = make(reduction="sum").train(training)
    loss = head(hidden[:0], targets[:0])
    assert loss.item() == 0
    loss.backward()
    assert hidden.grad.abs().sum() == 0
    assert head.weight.grad.abs().sum() == 0
    assert head.top_k(hidden[:0], 2).ids.shape == (0, 2)


# Draws


@pytest.mark.parametrize("make", [sampled_softmax, nce, negative_sampling])
def test_every_pass_draws_anew_and_a_seed_says_what(make: Make) -> None:
    hidden, targets = batch()
    state = make().state_dict()
    heads = [make(seed=5), make(seed=5), make(seed=6)]
    for head in heads:
        head.load_state_dict({name: state[name] for name in ("weight", "bias")}, strict=False)
    first, same, other = ([head(hidden, targets).item() for _ in range(4)] for head in heads)
    assert first == same
    assert len({*first, *other}) == 8


def test_the_seed_comes_from_that_of_pytorch() -> None:
    streams = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        streams.append(sampled_softmax(seed=None).stream[0].item())
    assert streams[0] == streams[1] != streams[2]


@every_module
def test_a_run_that_is_resumed_goes_on_as_if_it_had_not_stopped(make: Make) -> None:
    def step(head: Any, optimizer: Any) -> float:
        optimizer.zero_grad()
        hidden, targets = batch()
        loss = head(hidden, targets)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    head = make()
    optimizer = torch.optim.Adam(head.parameters())
    for _ in range(3):
        step(head, optimizer)
    file = io.BytesIO()
    torch.save({"head": head.state_dict(), "optimizer": optimizer.state_dict()}, file)
    expected = [step(head, optimizer) for _ in range(3)]

    file.seek(0)
    saved = torch.load(file, weights_only=True)
    head = make(seed=99) if make is not hierarchical_softmax else make()
    optimizer = torch.optim.Adam(head.parameters())
    head.load_state_dict(saved["head"])
    optimizer.load_state_dict(saved["optimizer"])
    assert [step(head, optimizer) for _ in range(3)] == expected


@every_module
def test_modules_can_be_copied_and_pickled(make: Make) -> None:
    head = make()
    hidden, targets = batch()
    copies = [copy.deepcopy(head), pickle.loads(pickle.dumps(head))]
    expected = head(hidden, targets).item()
    assert [other(hidden, targets).item() for other in copies] == [expected, expected]


# Evaluation


@pytest.mark.parametrize("make", [sampled_softmax, nce])
def test_a_module_in_evaluation_mode_is_cross_entropy(make: Make) -> None:
    head = make().eval()
    hidden, targets = batch(6)
    expected = functional.cross_entropy(functional.linear(hidden, head.weight, head.bias), targets)
    loss = head(hidden, targets)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(gradients(head, loss, hidden), gradients(head, expected, hidden), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)  # float32 sums of either sign
    assert head.stream[1] == 0


def test_scores_of_negative_sampling_imply_probabilities_times_the_noise() -> None:
    counts = np.array([3, 2, 1, 0])
    head = ht.NegativeSamplingLoss(DIM, 4, sampler=hogvec.UnigramSampler(counts, 1.0)).eval()
    hidden, _ = batch(3)
    targets = torch.tensor([0, 1, 2])
    scores = functional.linear(hidden, head.weight, head.bias) + torch.tensor([3.0, 2.0, 1.0, 0.0]).log()
    torch.testing.assert_close(head.log_prob(hidden), scores.log_softmax(1).detach(), rtol=1e-5, atol=1e-6)
    loss, expected = head(hidden, targets), functional.cross_entropy(scores, targets)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(gradients(head, loss, hidden), gradients(head, expected, hidden), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)  # float32 sums of either sign


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("make", [*MODULES, two_levels])
def test_log_probabilities_are_normalised_and_everything_agrees_with_them(make: Make, dtype: Any) -> None:
    head = make(dtype=dtype)
    hidden, targets = batch(6, dtype=dtype)
    log_prob = head.log_prob(hidden)
    assert log_prob.dtype == dtype
    assert not log_prob.requires_grad
    torch.testing.assert_close(log_prob.exp().sum(dim=1), torch.ones(6, dtype=dtype), rtol=1e-5, atol=0)
    likelihood = head.log_likelihood(hidden, targets)
    torch.testing.assert_close(likelihood, log_prob.gather(1, targets[:, None])[:, 0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(head.eval()(hidden, targets).detach(), -likelihood.mean(), rtol=1e-5, atol=1e-6)
    values, ids = head.top_k(hidden, 3)
    expected = log_prob.topk(3)
    torch.testing.assert_close(values, expected.values, rtol=1e-5, atol=1e-6)
    assert torch.equal(ids, expected.indices)
    assert torch.equal(head.predict(hidden), ids[:, 0])


def test_several_targets_share_the_likelihood() -> None:
    head = sampled_softmax()
    hidden, targets = batch(6, 2)
    expected = head.log_prob(hidden).gather(1, targets).mean(dim=1)
    torch.testing.assert_close(head.log_likelihood(hidden, targets), expected, rtol=1e-5, atol=1e-6)


# Learning


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("make", [*MODULES, two_levels])
def test_a_small_model_learns_a_planted_distribution(make: Make, sparse: bool) -> None:
    contexts = 6
    torch.manual_seed(4)
    truth = torch.softmax(1.5 * torch.randn(contexts, DIM) @ torch.randn(DIM, CLASSES), dim=1)
    context, target = (x.ravel() for x in torch.meshgrid(torch.arange(contexts), torch.arange(CLASSES), indexing="ij"))
    model = torch.nn.Embedding(contexts, DIM, sparse=sparse)
    head = make(sparse=sparse, threads=1)
    parameters = [*model.parameters(), *head.parameters()]
    optimizer = (torch.optim.SparseAdam if sparse else torch.optim.Adam)(parameters, lr=0.05)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, 400)
    for _ in range(400):
        optimizer.zero_grad()
        head(model(context), target, truth.ravel()).backward()
        optimizer.step()
        schedule.step()
    if make is negative_sampling:  # as draws of the target are left out, sigmoid(s + ln(k q)) becomes the truth
        truth = truth / (1 - truth) / (truth / (1 - truth)).sum(dim=1, keepdim=True)
    learned = head.log_prob(model(torch.arange(contexts)))
    divergence = (truth * (truth.log() - learned)).sum(dim=1).mean()
    assert divergence < 0.03  # of a uniform guess: 1.0; what is left is the noise of few negatives


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda parameters, sparse: torch.optim.SGD(parameters, lr=0.1),
        lambda parameters, sparse: torch.optim.Adagrad(parameters, lr=0.1),
        # Without eps, which the two add at different places.
        lambda parameters, sparse: (torch.optim.SparseAdam if sparse else torch.optim.Adam)(
            parameters, lr=0.1, eps=1e-30
        ),
    ],
    ids=["SGD", "Adagrad", "SparseAdam"],
)
@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # of Adagrad's own sparse tensors
@every_module
def test_optimizers_take_sparse_gradients_as_dense_ones(make: Make, optimizer: Any) -> None:
    hidden, targets = batch()
    heads = [make(sparse=sparse) for sparse in (False, True)]
    heads[1].load_state_dict(heads[0].state_dict())
    for head, sparse in zip(heads, (False, True), strict=True):
        stepping = optimizer(head.parameters(), sparse)
        head(hidden, targets).backward()
        stepping.step()
    for dense, sparse in zip(heads[0].parameters(), heads[1].parameters(), strict=True):
        torch.testing.assert_close(sparse, dense, rtol=1e-6, atol=1e-7)  # one step; rounding of another order


def test_the_bias_of_nce_begins_about_normalised() -> None:
    head = ht.NCELoss(DIM, 1000, log_z=2.0)
    scores = functional.linear(torch.zeros(1, DIM), head.weight, head.bias) - 2.0
    torch.testing.assert_close(scores.exp().sum(), torch.tensor(1.0), rtol=1e-4, atol=0)  # 1000 terms in float32
    with torch.no_grad():
        head.bias.zero_()
    head.reset_parameters()
    assert head.bias[0].item() == pytest.approx(2.0 - np.log(1000))


# Around the modules


def test_the_functional_form_takes_any_loss() -> None:
    hidden, targets = batch()
    weight = torch.randn(CLASSES, DIM, requires_grad=True)
    loss = ht.output_loss(hidden, targets, weight, loss=hogvec.Softmax())
    expected = functional.cross_entropy(hidden @ weight.t(), targets)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    ours, theirs = (torch.autograd.grad(x, [hidden, weight]) for x in (loss, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)  # float32 sums of either sign
    every = ht.output_loss(hidden, targets, weight, loss=hogvec.OneVsAll(), reduction="sum", sparse=True)
    labels = functional.one_hot(targets, CLASSES).float()
    expected = functional.binary_cross_entropy_with_logits(hidden @ weight.t(), labels, reduction="sum")
    torch.testing.assert_close(every, expected, rtol=1e-5, atol=1e-6)


def test_threads_are_those_of_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def gradients(*arguments: Any, **options: Any) -> Any:
        asked.append(options["threads"])
        return real(*arguments, **options)

    real = hogvec.Softmax.gradients
    monkeypatch.setattr(hogvec.Softmax, "gradients", gradients)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    hidden, targets = batch()
    for threads in (None, 2):
        ht.output_loss(hidden, targets, torch.zeros(CLASSES, DIM), loss=hogvec.Softmax(), threads=threads)
    assert asked == [3, 2]


@every_module
def test_modules_may_be_used_from_several_threads(make: Make) -> None:
    head = make(threads=2)
    hidden, targets = batch(64)

    def work(seed: int) -> Any:
        loss = ht.output_loss(hidden, targets, head.weight, head.bias, loss=head.loss, seed=seed, threads=2)
        return torch.autograd.grad(loss, head.weight)[0]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(work, range(16)))
    for seed, gradient in enumerate(together):
        torch.testing.assert_close(gradient, work(seed), rtol=1e-5, atol=1e-6)


class Ranked(torch.utils.data.Dataset):  # type: ignore[misc]
    """Examples whose data loader asks a head for its best classes: in a process of its own, which is a fork."""

    def __init__(self, head: Any, hidden: Any) -> None:
        self.head, self.hidden = head, hidden

    def __len__(self) -> int:
        return len(self.hidden)

    def __getitem__(self, index: int) -> Any:
        return self.head.predict(self.hidden[index : index + 1])[0]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12: there are threads already
def test_modules_may_be_used_in_the_workers_of_a_data_loader() -> None:
    head = sampled_softmax(threads=2)
    hidden = batch(8)[0].detach()
    expected = head.predict(hidden)  # threads have run before the fork
    loader = torch.utils.data.DataLoader(Ranked(head, hidden), batch_size=4, num_workers=1)
    assert torch.equal(torch.cat(list(loader)), expected)


@pytest.mark.filterwarnings("ignore")  # what the compiler says about itself
def test_a_compiled_model_calls_the_modules_as_they_are() -> None:
    head = sampled_softmax()
    hidden, targets = batch()
    expected = gradients(head, head(2 * hidden, targets), hidden)

    @torch.compile(backend="aot_eager")
    def loss(hidden: Any, targets: Any) -> Any:
        return head(2 * hidden, targets) * 1.0

    same_draws(head)
    for ours, wanted in zip(gradients(head, loss(hidden, targets), hidden), expected, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=0, atol=0)


def test_a_module_says_what_it_is() -> None:
    head = ht.NCELoss(16, 100, negatives=10, bias=False, sparse=True)
    assert repr(head) == (
        "NCELoss(16, 100, loss=NCE(negatives=10, sampler=UniformSampler(100), log_z=0.0, "
        "remove_accidental_hits=False, multi_label='split'), bias=False, sparse=True)"
    )
    assert [name for name, _ in head.named_parameters()] == ["weight"]
    assert list(head.state_dict()) == ["weight", "stream"]


# What is refused


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"hidden": np.zeros((4, DIM), np.float32)}, TypeError, "hidden must be a tensor, got ndarray"),
        ({"hidden": torch.zeros(4, DIM, device="meta")}, ValueError, "hidden must be on the CPU, got a tensor on meta"),
        ({"hidden": torch.zeros(4, DIM, dtype=torch.bfloat16)}, TypeError, "hidden must be of float32, .*bfloat16"),
        (
            {"hidden": torch.zeros(4, DIM, dtype=torch.float64)},
            TypeError,
            "weight must be of the type of hidden, torch.float64, got torch.float32",
        ),
        ({"hidden": torch.zeros(4, DIM).to_sparse()}, TypeError, "hidden must be a dense tensor, got .*sparse_coo"),
        ({"hidden": torch.zeros(DIM)}, ValueError, r"hidden must have 2 axes, got shape \(5,\)"),
        ({"hidden": torch.zeros(4, 3)}, ValueError, "hidden must have 5 columns, as the weights have, got 3"),
        ({"targets": [1, 2, 3, 4]}, TypeError, "targets must be a tensor, got list"),
        ({"targets": torch.zeros(4)}, TypeError, "targets must be integers, got torch.float32"),
        ({"targets": torch.zeros(4, requires_grad=True)}, TypeError, "targets must be integers, got torch.float32"),
        ({"targets": torch.ones(4, dtype=torch.bool)}, TypeError, "targets must be integers, got torch.bool"),
        (
            {"targets": torch.tensor([1, 2])},
            ValueError,
            r"targets must have shape \(4,\) or \(4, num_true\), got \(2,\)",
        ),
        ({"targets": torch.tensor([1, 2, 11, 0])}, IndexError, "targets must be at least 0 and below 11, got 11"),
        ({"targets": torch.tensor([1, 2, -1, 0])}, IndexError, "targets must be at least 0 and below 11, got -1"),
        ({"example_weights": torch.ones(3)}, ValueError, r"example_weights must have shape \(4,\), got \(3,\)"),
        (
            {"example_weights": torch.tensor([1.0, -2.0, 0.0, 1.0])},
            ValueError,
            "example_weights must be finite and not negative, got -2.0 at index 1",
        ),
        (
            {"example_weights": torch.tensor([1.0, 2.0, 0.0, torch.nan])},
            ValueError,
            "example_weights must be finite and not negative, got nan at index 3",
        ),
        ({"example_weights": torch.ones(4, requires_grad=True)}, ValueError, "example_weights must not require a grad"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_arguments_that_do_not_fit_are_refused(
    change: dict[str, Any], error: type[Exception], message: str, training: bool
) -> None:
    hidden, targets = batch()
    arguments = {"hidden": hidden, "targets": targets} | change
    with pytest.raises(error, match=f"^{message}"):
        sampled_softmax().train(training)(**arguments)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"weight": torch.zeros(DIM, CLASSES).t()},
            ValueError,
            r"weight must have contiguous rows, got strides \(1, 11\)",
        ),
        ({"bias": torch.zeros(3)}, ValueError, "bias must have 11 entries, one per row of the weights, got 3"),
        ({"bias": torch.zeros(2 * CLASSES)[::2]}, ValueError, "bias must be contiguous, got stride 2"),
        ({"bias": torch.zeros(CLASSES, dtype=torch.float64)}, TypeError, "bias must be of the type of hidden"),
        ({"loss": torch.nn.CrossEntropyLoss()}, TypeError, "loss must be a loss of hogvec, got CrossEntropyLoss"),
        ({"reduction": "max"}, ValueError, "reduction must be one of 'mean', 'sum', 'none', got 'max'"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
    ],
)
def test_layers_and_options_that_do_not_fit_are_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    hidden, targets = batch()
    arguments = {"weight": torch.zeros(CLASSES, DIM), "loss": hogvec.Softmax()} | change
    with pytest.raises(error, match=f"^{message}"):
        ht.output_loss(hidden, targets, **arguments)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"in_features": 0}, ValueError, "in_features must be at least 1, got 0"),
        ({"num_classes": 0}, ValueError, "num_classes must be at least 1, got 0"),
        ({"sampler": hogvec.UniformSampler(5)}, ValueError, "sampler must draw from 11 classes, got one for 5"),
        ({"sampler": "uniform"}, TypeError, "sampler must be a Sampler, got 'uniform'"),
        ({"num_sampled": 12}, ValueError, "num_sampled must be at most the sampler's 11 ids"),
        ({"sparse": 1}, TypeError, "sparse must be True or False, got 1"),
        ({"bias": None}, TypeError, "bias must be True or False, got None"),
        ({"reduction": "max"}, ValueError, "reduction must be one of 'mean', 'sum', 'none', got 'max'"),
        ({"seed": 2**63}, ValueError, "seed must be at most 9223372036854775807"),
        ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
    ],
)
def test_parameters_are_checked(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        ht.SampledSoftmaxLoss(**{"in_features": DIM, "num_classes": CLASSES, "num_sampled": 3} | options)


def test_a_tree_must_have_a_leaf_for_each_class() -> None:
    with pytest.raises(ValueError, match=r"^tree must have 11 leaves, one per class, got 5"):
        ht.HierarchicalSoftmaxLoss(DIM, CLASSES, tree=hogvec.BalancedTree(5))


def test_k_is_checked() -> None:
    with pytest.raises(ValueError, match=r"^k must be at most 11, got 12"):
        sampled_softmax().top_k(torch.zeros(1, DIM), 12)
