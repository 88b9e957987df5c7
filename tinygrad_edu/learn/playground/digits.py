"""A digit that was drawn: what the network saw, what it answers, and which pixels mattered."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

import tinygrad_edu as torch
from tinygrad_edu import Tensor, TinygradEduError, storage
from tinygrad_edu.models import DigitNet
from tinygrad_edu.nn import functional as F
from tinygrad_edu.recipes.mnist_cnn import normalize
from tinygrad_edu.vision.read_digit import fit

from ..saliency import answering, grad_cam, saliency

SIDE = 280  # pixels of the drawing, each way
WEIGHTS = Path(__file__).parent / "digits.safetensors"  # written by tools/make_digit_weights.py
LAYERS = ("conv1", "norm1", "conv2", "norm2", "fc1", "fc2")  # shown, in the order of the network
LAST_CONVOLUTION = "conv2"


class DigitError(TinygradEduError, ValueError):
    """A drawing or a file of weights that cannot be used."""


class DigitReader:
    """The network of the recipe mnist-cnn, and what it thinks of a drawing.

    Args:
        checkpoint: best.safetensors of a run of mnist-cnn, or its folder; by default the weights
            that come with the package.
    """

    def __init__(self, checkpoint: str | os.PathLike[str] | None = None) -> None:
        self.model = DigitNet()
        self.model.load_state_dict(read_weights(checkpoint))
        self.model.eval()
        self.lock = Lock()  # the model is asked by several threads

    def read(self, ink: bytes, target: int | None = None) -> tuple[dict[str, Any], np.ndarray]:
        """Numbers and pictures for the page.

        Args:
            ink: 280 x 280 bytes, row after row; 0 is paper, 255 ink.
            target: the digit whose evidence is shown, by default the likeliest.

        The pictures, bytes one after the other, are: what the network saw, (28, 28); saliency and
        Grad-CAM, each (28, 28) and divided by its largest value; then for each entry of `layers` in
        the head its maps, `shape` (K, h, w), where 128 is 0.
        """
        seen = prepare(ink)
        x = normalize(seen.unsqueeze(0))  # (1, 1, 28, 28)
        with self.lock:
            logits, outputs = self.activations(x)
            probabilities = F.softmax(logits[0], 0).tolist()
            if target is None:
                target = int(np.argmax(probabilities))
            heats = [
                saliency(self.model, x, target),
                grad_cam(self.model, getattr(self.model, LAST_CONVOLUTION), x, target),
            ]
        layers = [{"name": n, "shape": maps.shape} for n, maps in outputs.items()]
        head = {"probabilities": probabilities, "target": target, "layers": layers}
        pictures = [seen.numpy(), *(heat(h[0].numpy()) for h in heats)]
        pictures += [signed(maps) for maps in outputs.values()]
        return head, np.concatenate([picture.reshape(-1) for picture in pictures])

    @torch.no_grad()
    def activations(self, x: Tensor) -> tuple[Tensor, dict[str, np.ndarray]]:
        """The logits, and what each shown layer gave, as (K, h, w)."""
        outputs: dict[str, np.ndarray] = {}

        def keep(name: str) -> Any:
            def hook(module: Any, inputs: Any, output: Tensor) -> None:
                values = output[0].numpy()
                outputs[name] = values if values.ndim == 3 else values[:, None, None]

            return hook

        handles = [getattr(self.model, n).register_forward_hook(keep(n)) for n in LAYERS]
        try:
            with answering(self.model):
                return self.model(x), outputs
        finally:
            for handle in handles:
                handle.remove()


def read_weights(checkpoint: str | os.PathLike[str] | None) -> dict[str, Any]:
    """The weights in the checkpoint of a run of mnist-cnn.

    Raises:
        DigitError: the file holds something else.
    """
    path = Path(checkpoint or WEIGHTS)
    if path.is_dir():
        path = path / "best.safetensors"
    saved = storage.load(path)
    if not isinstance(saved, dict) or saved.get("recipe") != "mnist-cnn" or "model" not in saved:
        raise DigitError(
            f"playground: --run must be a run of the recipe mnist-cnn, got {str(path)!r}. Train one"
            " with `tinygrad-edu train mnist-cnn`."
        )
    return saved["model"]


def prepare(ink: bytes) -> Tensor:
    """The drawing as MNIST would show it: cropped, scaled and centred.

    Shape: 280 * 280 bytes to (28, 28), uint8

    Raises:
        DigitError: the drawing has another size, or nothing on it.
    """
    if len(ink) != SIDE * SIDE:
        raise DigitError(
            f"playground: a drawing must have {SIDE} x {SIDE} bytes, got {len(ink)}. Send one byte"
            " for each pixel."
        )
    grey = np.frombuffer(ink, np.uint8).reshape(SIDE, SIDE)
    if not (grey > 64).any():
        raise DigitError("playground: a drawing must have ink, got none. Draw a digit first.")
    return torch.from_numpy(np.clip(fit(grey).round(), 0, 255).astype(np.uint8))


def heat(values: np.ndarray) -> np.ndarray:
    """Values of at least 0 as bytes, the largest as 255."""
    return (values * (255 / max(float(values.max()), 1e-30))).astype(np.uint8)


def signed(values: np.ndarray) -> np.ndarray:
    """Values of either sign as bytes: 0 as 128, the largest magnitude as 1 or 255."""
    largest = max(float(np.abs(values).max()), 1e-30)
    return (values * (127 / largest) + 128).round().astype(np.uint8)
