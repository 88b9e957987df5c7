"""Which pixels mattered for an answer: saliency and Grad-CAM.

Both read the gradients of one score: saliency at the input, Grad-CAM at the activations of a layer.
Parameters, their gradients and the model's mode stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..autograd import enable_grad, grad
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor, as_tensor
from ..functional import arange
from ..nn import Module
from ..nn import functional as F


def saliency(model: Module, x: Tensor, target: int | Tensor) -> Tensor:
    """How much each pixel would move the score of a class.

    Math:   out[n, h, w] = max_c |d score_n / d x[n, c, h, w]|,   score_n = model(x)[n, target_n]
    Shape:  x (N, C, H, W) to (N, H, W)

    Args:
        model: gives scores (N, classes); best the logits, since a probability near 1 has a gradient
            near 0.
        target: the class: one for all, or (N,), one for each input.
    Reference: K. Simonyan, A. Vedaldi and A. Zisserman, 2014, "Deep inside convolutional networks",
        section 3.1.
    """
    check_images(x, "saliency")
    with answering(model), enable_grad():
        pixels = x.detach().clone().requires_grad_()
        (slope,) = grad(score_of(model(pixels), target).sum(), pixels)
    return slope.abs().amax(1)  # (N, H, W)


def grad_cam(model: Module, layer: Module, x: Tensor, target: int | Tensor) -> Tensor:
    """Where a layer saw what speaks for a class.

    Math:   a_k = mean over i, j of d score / d A_k[i, j];   out = relu(sum_k a_k A_k), enlarged to
            the size of x; A_k is channel k of the layer's output
    Shape:  x (N, C, H, W) to (N, H, W)

    Args:
        model: gives scores (N, classes).
        layer: a module of the model whose output is (N, K, h, w); usually the last convolution.
        target: the class: one for all, or (N,), one for each input.
    Raises:
        ShapeError: the layer was not called, or its output has no height and width.
    Reference: R. R. Selvaraju et al., 2017, "Grad-CAM: visual explanations from deep networks via
        gradient-based localization", equations 1 and 2.
    """
    check_images(x, "grad_cam")
    seen: list[Tensor] = []
    with answering(model), enable_grad():
        handle = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
        try:
            scores = model(x.detach().clone().requires_grad_())
        finally:
            handle.remove()
        if len(seen) != 1 or seen[0].ndim != 4:
            got = [tuple(one.shape) for one in seen]
            raise ShapeError(
                "grad_cam: layer must be called once and give (N, K, h, w), got outputs of shapes"
                f" {got} from {type(layer).__name__}. Choose a convolution of the model."
            )
        maps = seen[0]
        (slope,) = grad(score_of(scores, target).sum(), maps)
    share = slope.mean((2, 3), keepdim=True)  # (N, K, 1, 1)
    heat = F.relu((share * maps.detach()).sum(1, keepdim=True))  # (N, 1, h, w)
    size = (x.shape[2], x.shape[3])
    return F.interpolate(heat, size, mode="bilinear", align_corners=False).squeeze(1)


def score_of(scores: Tensor, target: int | Tensor) -> Tensor:
    """The score of the target class of each input. (N, classes) to (N,)"""
    N = len(scores)
    return scores[arange(N), as_tensor(target).expand(N)]


def check_images(x: Tensor, name: str) -> None:
    if x.ndim != 4:
        raise ShapeError(
            f"{name}: x must be (N, C, H, W), got {tuple(x.shape)}. Add the missing dims with"
            " unsqueeze(0)."
        )


@contextmanager
def answering(model: Module) -> Iterator[None]:
    """The model as it is in use: dropout off, batch normalisation on its averages; then as
    before.
    """
    modes: list[tuple[Any, bool]] = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
