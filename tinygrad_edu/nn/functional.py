"""The functions behind the layers, under the names they have in `torch.nn.functional`.

The ops themselves stand in `tinygrad_edu.functional`. What is added here is what only layers and
losses take: `inplace=` for activations, and the old `size_average=` and `reduce=` for losses.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from .. import functional as ops
from ..engine.device import registry
from ..engine.tensor import Tensor
from ..engine.views import make_inplace

PLAIN = """
    linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d fold
    max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d max_unpool1d max_unpool2d max_unpool3d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
    batch_norm layer_norm group_norm instance_norm rms_norm local_response_norm normalize
    embedding embedding_bag one_hot pad interpolate upsample grid_sample affine_grid pixel_shuffle pixel_unshuffle channel_shuffle
    sigmoid tanh logsigmoid softsign tanhshrink hardshrink softshrink softplus glu gelu prelu softmin softmax log_softmax gumbel_softmax
    cosine_similarity pairwise_distance cdist pdist scaled_dot_product_attention ctc_loss
""".split()
ACTIVATIONS = "relu relu6 leaky_relu rrelu elu selu celu silu mish hardtanh hardsigmoid hardswish threshold".split()
DROPOUTS = "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout".split()
LOSSES = """
    cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div
    poisson_nll_loss gaussian_nll_loss hinge_embedding_loss margin_ranking_loss cosine_embedding_loss soft_margin_loss multi_margin_loss
    multilabel_margin_loss multilabel_soft_margin_loss triplet_margin_loss triplet_margin_with_distance_loss
""".split()

# those that had `size_average` and `reduce`
OLD = set(LOSSES) - {"huber_loss", "gaussian_nll_loss", "triplet_margin_with_distance_loss"}


def with_inplace(name: str) -> Callable:
    """An activation that also takes `inplace=True`: the result then replaces the input's values."""
    plain, inplace_form = getattr(ops, name), make_inplace(registry[name])

    @wraps(plain)
    def call(input: Tensor, *args: Any, inplace: bool = False, **kwargs: Any) -> Tensor:
        return (inplace_form if inplace else plain)(input, *args, **kwargs)

    return call


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """What the arguments that came before `reduction` mean."""
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce are out of date: use reduction={reduction!r}.",
        FutureWarning,
        stacklevel=3,
    )
    return reduction


def with_legacy(name: str) -> Callable:
    """A loss that also takes the old `size_average` and `reduce`, by position too."""
    plain = getattr(ops, name)
    order = list(registry[name].order)
    if name in OLD:
        order.insert(order.index("reduction"), "reduce")
        order.insert(
            next(
                order.index(n)
                for n in ("ignore_index", "eps", "reduce")
                if n in order and (n != "eps" or name == "poisson_nll_loss")
            ),
            "size_average",
        )

    @wraps(plain)
    def call(
        *args: Any, size_average: bool | None = None, reduce: bool | None = None, **kwargs: Any
    ) -> Tensor:
        kwargs = {**dict(zip(order[2:], args[2:])), **kwargs}
        size_average, reduce = (
            kwargs.pop("size_average", size_average),
            kwargs.pop("reduce", reduce),
        )
        if size_average is not None or reduce is not None:
            kwargs["reduction"] = legacy_reduction(size_average, reduce)
        return plain(*args[:2], **kwargs)

    return call


def _fill(table: dict[str, Any]) -> None:
    for names, make in (
        (PLAIN, lambda name: getattr(ops, name)),
        (ACTIVATIONS, with_inplace),
        (DROPOUTS, lambda name: getattr(ops, name)),
        (LOSSES, with_legacy),
    ):
        for name in names:
            if name in registry or hasattr(ops, name):
                table[name] = make(name)


_fill(globals())
# PyTorch's in-place forms
for _name in "relu leaky_relu rrelu elu selu celu hardtanh threshold".split():
    globals()[_name + "_"] = make_inplace(registry[_name])
for _kind in ("max_pool", "adaptive_max_pool"):
    for _n in (1, 2, 3):
        globals()[f"{_kind}{_n}d_with_indices"] = partial(
            getattr(ops, f"{_kind}{_n}d"), return_indices=True
        )
unfold = ops.im2col  # the Tensor method of that name is another function
