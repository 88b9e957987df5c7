"""Further transforms and drawing: torchvision's values on tensors."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as torch
from tests.support.vision import torchvision_or_skip
from tinygrad_edu.engine.errors import TinygradEduError
from tinygrad_edu.vision import transforms as T
from tinygrad_edu.vision.transforms import functional as F
from tinygrad_edu.vision.transforms import v2
from tinygrad_edu.vision.utils import draw_bounding_boxes

BYTES = np.random.default_rng(0).integers(20, 200, (3, 12, 17), np.uint8)
FLOATS = np.random.default_rng(1).random((3, 12, 17), np.float32)
CALLS = {  # name: (arguments, how far bytes may differ where rounding falls the other way)
    "invert": ((), 0),
    "solarize": ((0.5,), 0),
    "autocontrast": ((), 1),
    "adjust_gamma": ((0.7, 1.1), 1),
    "gaussian_blur": (([5, 3], [1.5, 0.4]), 1),
    "five_crop": ((6,), 0),
    "ten_crop": (([5, 8], True), 0),
    "to_grayscale": ((3,), 1),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("image", [BYTES, FLOATS], ids=["bytes", "floats"])
def test_values_are_torchvisions(name, image):
    theirs, real = torchvision_or_skip(), pytest.importorskip("torch")
    args, slack = CALLS[name]
    if name == "to_grayscale":
        expected = theirs.transforms.functional.rgb_to_grayscale(real.tensor(image), *args)
    else:
        expected = getattr(theirs.transforms.functional, name)(real.tensor(image), *args)
    found = getattr(F, name)(torch.tensor(image), *args)
    pairs = zip(found, expected, strict=True) if "crop" in name else [(found, expected)]
    for ours, other in pairs:
        assert ours.dtype.name == str(other.dtype).removeprefix("torch.")
        tolerance = slack if image.dtype == np.uint8 else 1e-5
        np.testing.assert_allclose(
            ours.numpy().astype(float), other.numpy().astype(float), atol=tolerance
        )


def test_posterize_is_torchvisions():
    theirs, real = torchvision_or_skip(), pytest.importorskip("torch")
    for bits in range(9):
        expected = theirs.transforms.functional.posterize(real.tensor(BYTES), bits)
        assert F.posterize(torch.tensor(BYTES), bits).tolist() == expected.tolist()


def test_a_flat_channel_keeps_its_value_under_autocontrast():
    assert F.autocontrast(torch.full((1, 2, 2), 7, dtype=torch.uint8)).tolist() == [[[7] * 2] * 2]


@pytest.mark.parametrize(
    "transform, function",
    [
        (T.RandomInvert, F.invert),
        (T.RandomAutocontrast, F.autocontrast),
        (lambda p: T.RandomSolarize(99, p), lambda x: F.solarize(x, 99)),
        (lambda p: T.RandomPosterize(3, p), lambda x: F.posterize(x, 3)),
    ],
)
def test_random_ones_happen_always_or_never(transform, function):
    image = torch.tensor(BYTES)
    assert transform(p=1)(image).tolist() == function(image).tolist() != image.tolist()
    assert transform(p=0)(image) is image


def test_blur_draws_its_width_within_the_range():
    image = torch.tensor(FLOATS)
    fixed = T.GaussianBlur(3, 0.8)(image)
    np.testing.assert_allclose(fixed.numpy(), F.gaussian_blur(image, 3, 0.8).numpy())
    torch.manual_seed(0)
    drawn = [T.GaussianBlur.get_params(0.5, 0.9) for _ in range(20)]
    assert all(0.5 <= d <= 0.9 for d in drawn) and len(set(drawn)) == 20


def test_v2_has_the_usual_chain():
    picture = np.moveaxis(BYTES, 0, -1)
    chain = v2.Compose(
        [
            v2.ToImage(),
            v2.CenterCrop(8),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.25] * 3),
            v2.ToPureTensor(),
        ]
    )
    older = T.Compose([T.ToTensor(), T.CenterCrop(8), T.Normalize([0.5] * 3, [0.25] * 3)])
    np.testing.assert_allclose(chain(picture).numpy(), older(picture).numpy(), rtol=1e-6)
    assert v2.ToDtype(torch.float32)(torch.tensor(BYTES)).max().item() == BYTES.max()
    assert T.v2 is v2 and v2.Identity()(picture) is picture


@pytest.mark.parametrize(
    "call",
    [
        lambda x: F.five_crop(x, 13),
        lambda x: F.gaussian_blur(x, 4),
        lambda x: F.gaussian_blur(x, 3, -1.0),
        lambda x: F.gaussian_blur(x, 25),
        lambda x: F.posterize(x.float(), 2),
        lambda x: F.posterize(x, 9),
        lambda x: F.solarize(x, 256),
        lambda x: F.adjust_gamma(x, -1),
        lambda x: T.RandomPosterize(9),
        lambda x: draw_bounding_boxes(x, torch.tensor([1, 2, 3])),
        lambda x: draw_bounding_boxes(x, torch.tensor([[5, 2, 3, 4]])),
        lambda x: draw_bounding_boxes(x, torch.tensor([[1, 2, 3, 4]]), labels=[]),
    ],
)
def test_wrong_arguments_are_named(call):
    with pytest.raises(TinygradEduError, match="must"):
        call(torch.tensor(BYTES))


@pytest.mark.parametrize("image", [BYTES, BYTES[:1], FLOATS], ids=["bytes", "grey", "floats"])
@pytest.mark.parametrize(
    "options", [{}, {"colors": "red", "width": 2}, {"fill": True, "colors": [(9, 8, 7), "#123456"]}]
)
def test_boxes_are_drawn_as_torchvision_draws_them(image, options):
    pytest.importorskip("PIL")
    theirs, real = torchvision_or_skip(), pytest.importorskip("torch")
    boxes = [[1, 2, 6, 9], [4, 1, 15, 10]]
    expected = theirs.utils.draw_bounding_boxes(real.tensor(image), real.tensor(boxes), **options)
    found = draw_bounding_boxes(torch.tensor(image), torch.tensor(boxes), **options)
    tolerance = 1 if image.dtype == np.uint8 else 1.01 / 255
    np.testing.assert_allclose(
        found.numpy().astype(float), expected.numpy().astype(float), atol=tolerance
    )


def test_labels_are_written():
    pytest.importorskip("PIL")
    image, boxes = torch.zeros(3, 40, 60, dtype=torch.uint8), torch.tensor([[2, 2, 50, 30]])
    plain = draw_bounding_boxes(image, boxes, colors="white")
    marked = draw_bounding_boxes(image, boxes, ["dog"], colors="white")
    assert (marked.numpy() > plain.numpy()).sum() > 20 and image.max().item() == 0
