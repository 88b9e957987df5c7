"""Every layer and loss of nn beside PyTorch's: repr, state-dict names and shapes, values,
gradients.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

A = 5, 3  # a batch of vectors
L1, L2, L3 = (2, 4, 9), (2, 4, 9, 8), (2, 4, 6, 7, 5)  # (N, C, *sizes)

LAYERS = [  # (layer, positional settings, named settings, input shapes)
    ("Identity", (), {}, [A]),
    ("Linear", (3, 4), {}, [A]),
    ("Linear", (3, 4), {"bias": False}, [(2, 5, 3)]),
    ("Linear", (3, 4), {}, [(3,)]),
    ("Bilinear", (3, 4, 2), {}, [(5, 3), (5, 4)]),
    ("Bilinear", (3, 4, 2), {"bias": False}, [(2, 5, 3), (2, 5, 4)]),
    ("Flatten", (), {}, [L2]),
    ("Flatten", (0, 1), {}, [L2]),
    ("Unflatten", (1, (2, 2)), {}, [L2]),
    ("Unflatten", (-1, (2, -1)), {}, [L2]),
    ("Conv1d", (4, 6, 3), {}, [L1]),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, [L1]),
    ("Conv1d", (4, 6, 4), {"padding": "same", "dilation": 2}, [L1]),
    ("Conv1d", (4, 6, 3), {"padding": 2, "padding_mode": "circular"}, [L1]),
    ("Conv2d", (4, 6, 3), {}, [L2]),
    ("Conv2d", (4, 6, (3, 2)), {"stride": (2, 1), "padding": (1, 0), "bias": False}, [L2]),
    ("Conv2d", (4, 8, 3), {"groups": 4, "dilation": 2}, [L2]),
    ("Conv2d", (4, 6, 3), {"padding": "same"}, [L2]),
    ("Conv2d", (4, 6, 3), {"padding": "valid"}, [(4, 9, 8)]),
    ("Conv2d", (4, 6, 3), {"padding": 1, "padding_mode": "reflect"}, [L2]),
    ("Conv2d", (4, 6, 3), {"padding": (1, 2), "padding_mode": "replicate"}, [L2]),
    ("Conv2d", (4, 6, (4, 3)), {"padding": "same", "padding_mode": "circular"}, [L2]),
    ("Conv3d", (4, 6, 3), {"stride": 2, "padding": 1}, [L3]),
    ("Conv3d", (4, 6, (1, 2, 3)), {"groups": 2}, [L3]),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2}, [L1]),
    ("ConvTranspose2d", (4, 6, 3), {}, [L2]),
    (
        "ConvTranspose2d",
        (4, 6, 3),
        {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
        [L2],
    ),
    ("MaxPool1d", (3,), {}, [L1]),
    ("MaxPool1d", (3, 2, 1), {"ceil_mode": True}, [L1]),
    ("MaxPool2d", (2,), {}, [L2]),
    ("MaxPool2d", ((3, 2), 2, 1), {"ceil_mode": True}, [L2]),
    ("MaxPool2d", (3,), {"dilation": 2, "stride": 1}, [L2]),
    ("MaxPool3d", (2,), {}, [L3]),
    ("AvgPool1d", (3,), {}, [L1]),
    ("AvgPool1d", (3, 2, 1), {"count_include_pad": False}, [L1]),
    ("AvgPool2d", (2,), {}, [L2]),
    ("AvgPool2d", ((3, 2), 2, 1), {"ceil_mode": True, "count_include_pad": False}, [L2]),
    ("AvgPool2d", (2,), {"divisor_override": 3}, [L2]),
    ("AvgPool3d", (2,), {}, [L3]),
    ("AdaptiveAvgPool1d", (4,), {}, [L1]),
    ("AdaptiveAvgPool2d", ((4, 3),), {}, [L2]),
    ("AdaptiveAvgPool2d", (1,), {}, [L2]),
    ("AdaptiveAvgPool2d", ((None, 3),), {}, [L2]),
    ("AdaptiveAvgPool3d", (2,), {}, [L3]),
    ("AdaptiveMaxPool1d", (4,), {}, [L1]),
    ("AdaptiveMaxPool2d", ((4, 3),), {}, [L2]),
    ("AdaptiveMaxPool3d", (2,), {}, [L3]),
    ("BatchNorm1d", (4,), {}, [L1]),
    ("BatchNorm1d", (3,), {"momentum": None}, [A]),
    ("BatchNorm1d", (3,), {"affine": False}, [A]),
    ("BatchNorm2d", (4,), {"eps": 1e-3, "momentum": 0.3}, [L2]),
    ("BatchNorm2d", (4,), {"track_running_stats": False}, [L2]),
    ("BatchNorm3d", (4,), {}, [L3]),
    ("LayerNorm", (3,), {}, [A]),
    ("LayerNorm", ((9, 8),), {"bias": False}, [L2]),
    ("LayerNorm", (8,), {"elementwise_affine": False, "eps": 1e-3}, [L2]),
    ("RMSNorm", (3,), {}, [A]),
    ("RMSNorm", ((9, 8),), {"eps": 1e-3}, [L2]),
    ("RMSNorm", (8,), {"elementwise_affine": False}, [L2]),
    ("GroupNorm", (2, 4), {}, [L2]),
    ("GroupNorm", (4, 4), {"affine": False}, [L1]),
    ("InstanceNorm1d", (4,), {}, [L1]),
    ("InstanceNorm2d", (4,), {"affine": True, "track_running_stats": True}, [L2]),
    ("InstanceNorm2d", (4,), {}, [(4, 9, 8)]),
    ("InstanceNorm3d", (4,), {"affine": True}, [L3]),
    ("Threshold", (0.1, 20.0), {}, [A]),
    ("ReLU", (), {}, [A]),
    ("ReLU6", (), {}, [A]),
    ("LeakyReLU", (), {}, [A]),
    ("LeakyReLU", (0.2,), {}, [A]),
    ("PReLU", (), {}, [A]),
    ("PReLU", (4, 0.1), {}, [L2]),
    ("ELU", (), {}, [A]),
    ("ELU", (0.5,), {}, [A]),
    ("SELU", (), {}, [A]),
    ("CELU", (0.7,), {}, [A]),
    ("GELU", (), {}, [A]),
    ("GELU", ("tanh",), {}, [A]),
    ("SiLU", (), {}, [A]),
    ("Mish", (), {}, [A]),
    ("Sigmoid", (), {}, [A]),
    ("LogSigmoid", (), {}, [A]),
    ("Hardsigmoid", (), {}, [A]),
    ("Hardswish", (), {}, [A]),
    ("Hardtanh", (), {}, [A]),
    ("Hardtanh", (-0.5, 0.25), {}, [A]),
    ("Hardshrink", (), {}, [A]),
    ("Hardshrink", (0.3,), {}, [A]),
    ("Softshrink", (), {}, [A]),
    ("Softshrink", (0.3,), {}, [A]),
    ("Tanhshrink", (), {}, [A]),
    ("Softplus", (), {}, [A]),
    ("Softplus", (2.0, 1.0), {}, [A]),
    ("Softsign", (), {}, [A]),
    ("Tanh", (), {}, [A]),
    ("GLU", (), {}, [L2]),
    ("GLU", (1,), {}, [L2]),
    ("Softmax", (1,), {}, [A]),
    ("Softmax", (), {"dim": 0}, [A]),
    ("LogSoftmax", (1,), {}, [A]),
    ("Softmin", (1,), {}, [A]),
    ("Softmax2d", (), {}, [L2]),
    ("CosineSimilarity", (), {}, [A, A]),
    ("CosineSimilarity", (), {"dim": -1}, [L1, L1]),
    ("PairwiseDistance", (), {}, [A, A]),
    ("PairwiseDistance", (1.0,), {"keepdim": True}, [A, A]),
]

NO_VALUES = [  # random in training: values are compared in evaluation only
    ("Dropout", (), {}, [A]),
    ("Dropout1d", (0.3,), {}, [L1]),
    ("Dropout2d", (), {}, [L2]),
    ("Dropout3d", (), {}, [L3]),
    ("AlphaDropout", (0.2,), {}, [A]),
    ("RReLU", (), {}, [A]),
    ("RReLU", (0.1, 0.2), {}, [A]),
]


def values(shape: tuple, seed: int) -> np.ndarray:
    """Distinct numbers in (−2, 2), none closer than a thousandth to another, so that no maximum is
    a tie.
    """
    rng = np.random.default_rng(seed)
    n = int(np.prod(shape))
    return (rng.permutation(n) + 0.5).reshape(shape) / n * 4 - 2 + 1e-4


def ident(case: tuple) -> str:
    settings = [f"{name}={value}" for name, value in case[2].items()]
    return "-".join([case[0], *map(str, case[1]), *settings])


def make_both(case: tuple) -> tuple:
    """Our layer and PyTorch's, both in float64 with the same weights."""
    name, args, kwargs, _ = case
    ours, theirs = (
        getattr(nn, name)(*args, **kwargs).double(),
        getattr(torch.nn, name)(*args, **kwargs).double(),
    )
    theirs.load_state_dict(
        {key: torch.from_numpy(np.array(value.numpy())) for key, value in ours.state_dict().items()}
    )
    return ours, theirs


def check_same(ours, theirs, shapes: list, targets: tuple = (), rtol: float = 1e-7) -> None:
    """Values, input gradients, parameter gradients and buffers agree."""
    x = [te.tensor(values(s, i), requires_grad=True) for i, s in enumerate(shapes)]
    y = [torch.tensor(values(s, i), requires_grad=True) for i, s in enumerate(shapes)]
    out = ours(*x, *(te.tensor(t) for t in targets))
    expected = theirs(*y, *(torch.tensor(t) for t in targets))
    np.testing.assert_allclose(
        out.detach().numpy(), expected.detach().numpy(), rtol=rtol, atol=1e-9
    )
    g = np.random.default_rng(9).normal(size=tuple(out.shape))
    out.backward(te.tensor(g))
    expected.backward(torch.tensor(g))
    for a, b in zip(x, y):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=rtol, atol=1e-8)
    for (name, a), (other, b) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == other
        np.testing.assert_allclose(
            a.grad.numpy(), b.grad.numpy(), rtol=rtol, atol=1e-8, err_msg=name
        )
    for (name, a), (other, b) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        assert name == other
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=rtol, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("case", LAYERS, ids=ident)
def test_layer_computes_what_pytorch_computes_in_training_and_evaluation(case):
    ours, theirs = make_both(case)
    check_same(ours, theirs, case[3])
    ours.zero_grad(), theirs.zero_grad()
    check_same(ours.eval(), theirs.eval(), case[3])


@pytest.mark.parametrize("case", NO_VALUES, ids=ident)
def test_random_layer_computes_what_pytorch_computes_in_evaluation(case):
    ours, theirs = make_both(case)
    check_same(ours.eval(), theirs.eval(), case[3])


@pytest.mark.parametrize(
    "case",
    LAYERS
    + NO_VALUES
    + [
        ("Embedding", (5, 3), {}, []),
        ("Embedding", (5, 3, -1), {"max_norm": 2.0}, []),
        ("ReLU", (True,), {}, []),
        ("LeakyReLU", (0.2, True), {}, []),
        ("Dropout", (0.1, True), {}, []),
        ("Hardtanh", (-2, 2, True), {}, []),
    ],
    ids=ident,
)
def test_layer_prints_and_names_its_state_as_pytorch_does(case):
    name, args, kwargs, _ = case
    ours, theirs = getattr(nn, name)(*args, **kwargs), getattr(torch.nn, name)(*args, **kwargs)
    assert repr(ours) == repr(theirs)
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [str(v.dtype).split(".")[1] for v in ours.state_dict().values()] == [
        str(v.dtype).split(".")[1] for v in theirs.state_dict().values()
    ]


@pytest.mark.parametrize("name", sorted({case[0] for case in LAYERS + NO_VALUES}))
def test_layer_takes_settings_in_pytorchs_order_with_its_defaults(name):
    def settings(cls):
        return [
            (p.name, p.default)
            for p in inspect.signature(cls).parameters.values()
            if p.kind is p.POSITIONAL_OR_KEYWORD
        ]

    assert settings(getattr(nn, name)) == [
        s for s in settings(getattr(torch.nn, name)) if s[0] not in ("min_value", "max_value")
    ]


# ---- losses ----

N, C = 4, 3
POS = np.random.default_rng(1).uniform(0.1, 0.9, (N, C))
CLASSES = np.array([0, 2, 1, 2])
SIGN = np.array([1.0, -1.0, -1.0, 1.0])
LABELS = np.array([[2, 0, -1], [1, -1, 0], [-1, 1, 2], [0, 1, 2]])
W = np.array([0.5, 2.0, 1.5])
F2 = [(N, C)]

LOSSES = [  # (loss, named settings, input shapes, targets)
    ("L1Loss", {}, F2, [POS]),
    ("MSELoss", {}, F2, [POS]),
    ("SmoothL1Loss", {}, F2, [POS]),
    ("SmoothL1Loss", {"beta": 0.3}, F2, [POS]),
    ("HuberLoss", {}, F2, [POS]),
    ("HuberLoss", {"delta": 0.3}, F2, [POS]),
    ("CrossEntropyLoss", {}, F2, [CLASSES]),
    ("CrossEntropyLoss", {"weight": W, "label_smoothing": 0.1}, F2, [CLASSES]),
    ("CrossEntropyLoss", {"ignore_index": 2}, F2, [CLASSES]),
    ("CrossEntropyLoss", {"weight": W}, F2, [POS]),
    ("CrossEntropyLoss", {}, [(2, 3, 4)], [np.arange(8).reshape(2, 4) % 3]),
    ("CrossEntropyLoss", {}, [(3,)], [np.array(1)]),
    ("NLLLoss", {}, F2, [CLASSES]),
    ("NLLLoss", {"weight": W, "ignore_index": 0}, F2, [CLASSES]),
    ("NLLLoss", {}, [(2, 3, 2, 2)], [np.arange(8).reshape(2, 2, 2) % 3]),
    ("BCEWithLogitsLoss", {}, F2, [POS]),
    ("BCEWithLogitsLoss", {"weight": W, "pos_weight": W}, F2, [POS]),
    ("KLDivLoss", {}, F2, [POS]),
    ("KLDivLoss", {"log_target": True}, F2, [POS]),
    ("PoissonNLLLoss", {}, F2, [POS]),
    ("PoissonNLLLoss", {"full": True}, F2, [POS * 4]),
    ("GaussianNLLLoss", {}, F2, [POS, POS]),
    ("GaussianNLLLoss", {"full": True}, F2, [POS, POS[:, :1]]),
    ("GaussianNLLLoss", {}, F2, [POS, POS[:, 0]]),
    ("HingeEmbeddingLoss", {}, [(N,)], [SIGN]),
    ("HingeEmbeddingLoss", {"margin": 0.3}, [(N,)], [SIGN]),
    ("MarginRankingLoss", {}, [(N,), (N,)], [SIGN]),
    ("MarginRankingLoss", {"margin": 0.5}, [(N,), (N,)], [SIGN]),
    ("CosineEmbeddingLoss", {}, F2 * 2, [SIGN]),
    ("CosineEmbeddingLoss", {"margin": 0.2}, F2 * 2, [SIGN]),
    ("SoftMarginLoss", {}, [(N,)], [SIGN]),
    ("MultiMarginLoss", {}, F2, [CLASSES]),
    ("MultiMarginLoss", {"p": 2, "margin": 0.5, "weight": W}, F2, [CLASSES]),
    ("MultiLabelMarginLoss", {}, F2, [LABELS]),
    ("MultiLabelMarginLoss", {}, [(C,)], [LABELS[0]]),
    ("MultiLabelSoftMarginLoss", {}, F2, [POS]),
    ("MultiLabelSoftMarginLoss", {"weight": W}, F2, [POS]),
    ("TripletMarginLoss", {}, F2 * 3, []),
    ("TripletMarginLoss", {"margin": 2.0, "p": 1.0, "swap": True}, F2 * 3, []),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", LOSSES, ids=lambda c: f"{c[0]}-{'-'.join(c[1])}-{len(c[2])}")
def test_loss_computes_what_pytorch_computes(case, reduction):
    name, settings, shapes, targets = case
    ours = getattr(nn, name)(
        reduction=reduction,
        **{k: te.tensor(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()},
    )
    theirs = getattr(torch.nn, name)(
        reduction=reduction,
        **{k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()},
    )
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    check_same(ours, theirs, shapes, targets)


@pytest.mark.parametrize("p", [POS, np.array([0.0, 1.0, 0.5, 1e-30])], ids=["inside", "ends"])
@pytest.mark.parametrize("weighted", [False, True])
def test_bce_loss_and_its_gradient_stay_finite_as_pytorchs_do(p, weighted):
    target = np.linspace(0, 1, p.size).reshape(p.shape)
    x, y = te.tensor(p, requires_grad=True), torch.tensor(p, requires_grad=True)
    w = np.linspace(0.5, 2, p.size).reshape(p.shape) if weighted else None
    ours, theirs = (
        nn.BCELoss(None if w is None else te.tensor(w)),
        torch.nn.BCELoss(None if w is None else torch.tensor(w)),
    )
    a, b = ours(x, te.tensor(target)), theirs(y, torch.tensor(target))
    a.backward(), b.backward()
    np.testing.assert_allclose(a.item(), b.item(), rtol=1e-8)
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-8)


def test_kl_div_batchmean_divides_by_the_batch_size_only():
    x = values((N, C), 0)
    ours = nn.KLDivLoss(reduction="batchmean")(te.tensor(x), te.tensor(POS))
    assert ours.item() == pytest.approx(
        torch.nn.KLDivLoss(reduction="batchmean")(torch.tensor(x), torch.tensor(POS)).item(),
        rel=1e-12,
    )


@pytest.mark.parametrize(
    "settings",
    [{}, {"padding_idx": 2}, {"padding_idx": -1}, {"max_norm": 1.0}, {"scale_grad_by_freq": True}],
    ids=str,
)
def test_embedding_computes_what_pytorch_computes(settings):
    idx = np.array([[0, 2, 4], [2, 2, 1]])
    ours, theirs = (
        nn.Embedding(5, 3, **settings).double(),
        torch.nn.Embedding(5, 3, **settings).double(),
    )
    theirs.load_state_dict(
        {"weight": torch.from_numpy(np.array(ours.state_dict()["weight"].numpy()))}
    )
    g = np.random.default_rng(0).normal(size=(2, 3, 3))
    a, b = ours(te.tensor(idx)), theirs(torch.tensor(idx))
    a.backward(te.tensor(g)), b.backward(torch.tensor(g))
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), rtol=1e-9)
    np.testing.assert_allclose(
        ours.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=1e-6
    )


def networks(nn) -> list:
    """The same modules from either package."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.blocks = nn.ModuleList(
                [nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(3)] + [nn.Linear(2, 3)]
            )
            self.heads = nn.ModuleDict({"a": nn.Linear(3, 1), "b": nn.Identity()})
            self.empty = nn.Sequential()

        def extra_repr(self):
            return "size=3\ndepth=4"

    return [
        Net(),
        nn.Sequential(),
        nn.ModuleList(),
        nn.ModuleDict(),
        nn.Sequential(nn.Sequential(nn.Tanh()), nn.Flatten()),
        nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()]),
    ]


def test_trees_of_modules_print_as_pytorchs_do():
    assert [repr(m) for m in networks(nn)] == [repr(m) for m in networks(torch.nn)]


def test_trees_of_modules_name_their_parts_as_pytorchs_do():
    ours, theirs = networks(nn)[0], networks(torch.nn)[0]
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert [n for n, _ in ours.named_parameters(prefix="p")] == [
        n for n, _ in theirs.named_parameters(prefix="p")
    ]
    assert [n for n, _ in ours.named_children()] == [n for n, _ in theirs.named_children()]
    assert list(ours.state_dict(prefix="x.")) == list(theirs.state_dict(prefix="x."))


def test_backward_hooks_see_what_pytorchs_see_and_can_replace_it():
    def run(te, nn):
        lin = nn.Linear(2, 3).double()
        with te.no_grad():
            lin.weight.copy_(te.arange(6).reshape(3, 2) / 6), lin.bias.zero_()
        seen = []
        lin.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
        lin.register_full_backward_hook(
            lambda m, gi, go: seen.append((gi[0].tolist(), go[0].tolist()))
        )
        lin.register_full_backward_hook(lambda m, gi, go: (gi[0] * 10,))
        x = te.tensor([[1.0, 2.0]], dtype=te.float64, requires_grad=True)
        (lin(x) ** 2).sum().backward()
        return [*seen[0], x.grad.tolist(), lin.weight.grad.tolist()]

    for a, b in zip(run(te, nn), run(torch, torch.nn), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.TripletMarginWithDistanceLoss(margin=2.0, swap=True),
        lambda nn: nn.MultiheadAttention(4, 2, bias=False),
        lambda nn: nn.TransformerDecoderLayer(4, 2),
    ],
)
def test_modules_print_as_pytorchs_do(make):
    assert repr(make(nn)) == repr(make(torch.nn))
