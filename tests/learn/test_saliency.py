"""Saliency and Grad-CAM: right where the answer is known, of the model's weights, and harmless."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.learn.saliency import grad_cam, saliency
from tinygrad_edu.nn import functional as F


class Pooled(nn.Module):
    """A convolution, the mean of each map, a linear layer: the network of class activation maps."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 5, 3, padding=1)
        self.norm = nn.BatchNorm2d(5)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(5, 4)

    def forward(self, x):
        self.maps = F.relu(self.norm(self.conv(x)))
        return self.head(self.drop(self.maps.mean((2, 3))))


def rank_correlation(a, b):
    order = [np.argsort(np.argsort(one.numpy().reshape(-1))) for one in (a, b)]
    return np.corrcoef(*order)[0, 1]


def test_the_saliency_of_a_linear_model_is_its_weights():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 5, 7))
    x = tg.randn(2, 3, 4, 5)
    weights = model[1].weight.detach().reshape(7, 3, 4, 5).abs().amax(1)
    assert tg.equal(saliency(model, x, 6), tg.stack([weights[6], weights[6]]))
    assert tg.equal(saliency(model, x, tg.tensor([1, 3])), weights[[1, 3]])


def test_grad_cam_of_a_pooled_network_is_its_class_activation_map():
    """Selvaraju et al., section 3.1: then the weights a_k are those of the linear layer, but for
    the number of pixels.
    """
    model, relu = Pooled(), nn.ReLU()
    model.forward = lambda x: model.head(relu(model.conv(x)).mean((2, 3)))
    x = tg.randn(3, 2, 6, 6)
    maps = F.relu(model.conv(x)).detach()
    expected = F.relu((model.head.weight[2].reshape(1, 5, 1, 1) * maps).sum(1)) / 36
    assert tg.allclose(grad_cam(model, relu, x, 2), expected.detach(), atol=1e-6)


def test_the_map_of_a_smaller_layer_is_enlarged_to_the_image():
    model = nn.Sequential(nn.Conv2d(1, 3, 5, stride=3), nn.Flatten(), nn.Linear(3 * 4 * 4, 2))
    heat = grad_cam(model, model[0], tg.randn(2, 1, 14, 14), 1)
    assert heat.shape == (2, 14, 14) and heat.min() >= 0 and heat.max() > 0


@pytest.mark.parametrize("kind", ["saliency", "grad_cam"])
def test_other_weights_give_another_map(kind):
    """The check of Adebayo et al., 2018, "Sanity checks for saliency maps"."""
    x = tg.randn(1, 2, 12, 12)

    def heat(model):
        return saliency(model, x, 0) if kind == "saliency" else grad_cam(model, model.conv, x, 0)

    model = Pooled().eval()
    before = heat(model)
    assert rank_correlation(before, heat(model)) == pytest.approx(1)
    others = []
    for seed in range(5):
        tg.manual_seed(seed + 10)
        others.append(abs(rank_correlation(before, heat(Pooled()))))
    assert np.mean(others) < 0.5


def test_the_model_is_left_as_it_was():
    model = Pooled()
    model.drop.eval()
    model(tg.randn(4, 2, 6, 6)).sum().backward()
    before = {name: p.grad.clone() for name, p in model.named_parameters()}
    running = model.norm.running_mean.clone()
    x = tg.randn(1, 2, 6, 6)
    with tg.no_grad():  # asked for within no_grad, too
        assert saliency(model, x, 1).max() > 0
        assert grad_cam(model, model.conv, x, 1).shape == (1, 6, 6)
    assert all(tg.equal(p.grad, before[name]) for name, p in model.named_parameters())
    assert tg.equal(model.norm.running_mean, running)
    assert model.training and model.norm.training and not model.drop.training
    assert not model.conv._forward_hooks and x.grad is None and not x.requires_grad


def test_it_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    tF = torch.nn.functional
    weights = [
        np.random.default_rng(i).normal(size=s) for i, s in enumerate([(3, 2, 3, 3), (4, 3)])
    ]
    x = np.random.default_rng(2).normal(size=(2, 2, 8, 8))

    conv, w = torch.tensor(weights[0]), torch.tensor(weights[1])
    pixels = torch.tensor(x, requires_grad=True)
    maps = tF.conv2d(pixels, conv)
    maps.retain_grad()
    scores = torch.tanh(maps).mean((2, 3)) @ w.T
    scores[:, 3].sum().backward()
    expected = pixels.grad.abs().amax(1)
    heat = torch.relu((maps.grad.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True))
    cam = tF.interpolate(heat, (8, 8), mode="bilinear", align_corners=False)[:, 0].detach()

    layer, head = nn.Conv2d(2, 3, 3, bias=False).double(), tg.tensor(weights[1])
    layer.load_state_dict({"weight": tg.tensor(weights[0])})
    model = nn.Sequential(layer, nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model.append(nn.Linear(3, 4, bias=False).double())
    model[-1].load_state_dict({"weight": head})
    np.testing.assert_allclose(saliency(model, tg.tensor(x), 3).numpy(), expected, rtol=1e-10)
    np.testing.assert_allclose(
        grad_cam(model, layer, tg.tensor(x), 3).numpy(), cam, rtol=1e-9, atol=1e-12
    )


def test_what_has_no_height_and_width_is_refused():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    with pytest.raises(tg.ShapeError, match=r"saliency: x must be \(N, C, H, W\), got \(4, 4\)"):
        saliency(model, tg.randn(4, 4), 0)
    with pytest.raises(tg.ShapeError, match=r"grad_cam: layer must be called once"):
        grad_cam(model, model[1], tg.randn(1, 1, 4, 4), 0)
    with pytest.raises(tg.ShapeError, match=r"outputs of shapes \[\] from ReLU"):
        grad_cam(model, nn.ReLU(), tg.randn(1, 1, 4, 4), 0)
