"""Losses beside PyTorch where a call once differed: broadcasting, numbers, old arguments."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygrad_edu as tg

F = tg.nn.functional


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_a_target_that_broadcasts_against_the_input_is_warned_about_at_the_users_line(name):
    with pytest.warns(UserWarning, match=rf"{name}.*\(64,\).*\(64, 1\)") as caught:
        getattr(F, name)(tg.ones(64, 1), tg.ones(64))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(F, name)(tg.ones(64), tg.ones(64))


LEGACY = [  # name, inputs, arguments by position
    ("mse_loss", 2, (False,)),
    ("l1_loss", 2, (None, False)),
    ("smooth_l1_loss", 2, (False, None, "mean", 0.5)),
    ("binary_cross_entropy", 2, (None, False)),
    ("binary_cross_entropy_with_logits", 2, (None, None, False)),
    ("kl_div", 2, (False,)),
    ("poisson_nll_loss", 2, (True, False, None, 1e-8, False)),
    ("hinge_embedding_loss", 2, (1.0, False)),
    ("margin_ranking_loss", 3, (0.1, None, False)),
    ("soft_margin_loss", 2, (False,)),
    ("multilabel_soft_margin_loss", 2, (None, False)),
    ("triplet_margin_loss", 3, (1.0, 2, 1e-6, False, None, False)),
]


@pytest.mark.parametrize(("name", "inputs", "more"), LEGACY)
def test_size_average_and_reduce_stand_where_pytorch_has_them(name, inputs, more):
    torch = pytest.importorskip("torch")
    arrays = np.random.default_rng(1).uniform(0.1, 0.9, (inputs, 3, 4))
    with pytest.warns(FutureWarning, match="reduction="):
        ours = getattr(F, name)(*map(tg.tensor, arrays), *more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(torch.nn.functional, name)(*map(torch.tensor, arrays), *more)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
@pytest.mark.parametrize(
    "more", [(None, False), (None, None, 2, False), (None, None, 2, None, "sum")]
)
def test_losses_of_class_numbers_take_pytorchs_arguments_by_position(name, more):
    torch = pytest.importorskip("torch")
    scores, labels = np.random.default_rng(4).normal(size=(4, 3)), [0, 2, 1, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = (
            getattr(lib.nn.functional, name)(lib.tensor(scores), lib.tensor(labels), *more)
            for lib in (tg, torch)
        )
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9)


@pytest.mark.parametrize("shape", [(4, 3), (4, 1), (4,), (1, 3)])
def test_the_variance_of_gaussian_nll_may_have_one_dim_of_size_one(shape):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    arrays = [rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.uniform(0.5, 2, shape)]
    grads = []
    for lib in (tg, torch):
        xs = [lib.tensor(a).requires_grad_() for a in arrays]
        loss = lib.nn.GaussianNLLLoss(full=True)(*xs)
        loss.backward()
        grads.append([loss.detach().numpy(), *(x.grad.numpy() for x in xs)])
    for ours, theirs in zip(*grads, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_a_variance_with_two_dims_of_size_one_is_refused():
    with pytest.raises(ValueError, match="gaussian_nll_loss: var must have"):
        F.gaussian_nll_loss(tg.ones(4, 3), tg.ones(4, 3), tg.ones(1, 1))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", ["multi_margin_loss", "multilabel_margin_loss"])
def test_margin_losses_take_a_number_as_one_class(name, reduction):
    x = tg.tensor(0.5, requires_grad=True)
    loss = getattr(F, name)(x, tg.tensor(0), reduction=reduction)
    loss.backward()
    assert loss.shape == () and loss.item() == 0 and x.grad.item() == 0


def test_a_multilabel_target_must_have_the_shape_of_the_input():
    with pytest.raises(ValueError, match="multilabel_margin_loss: input and target"):
        F.multilabel_margin_loss(tg.ones(2, 3), tg.zeros(3, dtype=tg.int64))


def test_a_triplet_loss_takes_any_distance_of_two_tensors():
    anchor, positive, negative = (tg.tensor([[v, 0.0]]) for v in (0.0, 1.0, 1.5))
    for distance in (tg.nn.PairwiseDistance(eps=0), lambda a, b: (a - b).abs().sum(-1)):
        loss = F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=distance
        )
        assert loss.item() == pytest.approx(0.5)
    with pytest.raises(ValueError, match="margin must be above 0"):
        F.triplet_margin_with_distance_loss(anchor, positive, negative, margin=0.0)


def test_ctc_has_pytorchs_gradient_through_log_softmax():
    torch = pytest.importorskip("torch")
    scores = np.random.default_rng(3).normal(size=(6, 2, 4))
    grads = []
    for lib in (tg, torch):
        x = lib.tensor(scores).requires_grad_()
        log_probs = lib.nn.functional.log_softmax(x, 2)
        targets = lib.tensor([[1, 2, 2], [3, 1, 0]])
        lib.nn.functional.ctc_loss(log_probs, targets, (6, 5), (3, 2)).backward()
        grads.append(x.grad.numpy())
    np.testing.assert_allclose(*grads, rtol=1e-9, atol=1e-12)


def test_linear_cross_entropy_takes_a_bias_class_weights_and_an_ignored_class():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    arrays = [rng.normal(size=s) for s in ((4, 3), (5, 2, 3), (5, 2))]
    grads = []
    for lib in (tg, torch):
        x, w, b = leaves = [lib.tensor(a).requires_grad_() for a in arrays]
        loss = lib.nn.functional.linear_cross_entropy(
            x,
            w,
            lib.tensor([[0, 1], [2, 3], [4, 4], [1, 0]]),
            linear_bias=b,
            weight=lib.tensor([1.0, 2.0, 0.5, 1.0, 3.0], dtype=lib.float64),
            ignore_index=1,
        )
        loss.backward()
        grads.append([loss.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)])
    for ours, theirs in zip(*grads, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_linear_cross_entropy_refuses_what_does_not_fit():
    x, w, labels = tg.ones(4, 3), tg.ones(5, 3), tg.zeros(4, dtype=tg.int64)
    with pytest.raises(ValueError, match="linear_bias must have the shape"):
        F.linear_cross_entropy(x, w, labels, linear_bias=tg.ones(4))
    with pytest.raises(ValueError, match="input must be"):
        F.linear_cross_entropy(tg.ones(3), tg.ones(5, 2, 3), labels)
    with pytest.raises(ValueError, match="ignore_index is for class numbers"):
        F.linear_cross_entropy(x, w, tg.ones(4, 5), ignore_index=1)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_class_weights_and_class_numbers_are_checked(name):
    loss, scores, labels = getattr(F, name), tg.ones(2, 3), tg.tensor([0, 1])
    for weight in (tg.ones(2), tg.ones(1, 3)):
        with pytest.raises(ValueError, match=rf"{name}: weight must have one value per class"):
            loss(scores, labels, weight)
    with pytest.raises(TypeError, match=rf"{name}: target must hold class numbers.*bool"):
        loss(scores, labels.bool())


def test_cross_entropy_refuses_integer_scores():
    with pytest.raises(TypeError, match="cross_entropy: input must be a floating-point"):
        F.cross_entropy(tg.ones(2, 3, dtype=tg.int64), tg.tensor([0, 1]))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("target", [2, [2]])
def test_one_item_may_have_its_class_as_a_number_or_a_list_of_one(name, target, reduction):
    torch = pytest.importorskip("torch")
    ours, theirs = (
        getattr(lib.nn.functional, name)(
            lib.tensor([0.5, 1.0, 2.0]), lib.tensor(target), reduction=reduction
        )
        for lib in (tg, torch)
    )
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)
