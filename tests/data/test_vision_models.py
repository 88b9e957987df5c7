"""torchvision's models: the same names, shapes and values, and published files that are read."""

from __future__ import annotations

import hashlib
import inspect

import numpy as np
import pytest

import tinygrad_edu as torch
from tests.support.vision import torchvision_or_skip
from tinygrad_edu import nn
from tinygrad_edu.engine.errors import CheckpointError, ShapeError
from tinygrad_edu.storage import CheckpointNotFound
from tinygrad_edu.vision import models
from tinygrad_edu.vision.models import densenet, mobilenetv2, resnet, squeezenet, vgg
from tinygrad_edu.vision.models.weights import Weights, WeightsEnum, build

QUICK = ("resnet18", "resnet50", "vgg11_bn", "alexnet", "mobilenet_v2", "squeezenet1_0")


@pytest.fixture
def blank(monkeypatch):
    """Parameters keep whatever memory they get: only names and shapes count."""
    for name, function in vars(nn.init).items():
        if name.endswith("_") and inspect.isfunction(function):
            monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)


def published(name: str) -> WeightsEnum:
    """The weights of the model of that name."""
    every = {key.lower(): value for key, value in vars(models).items()}
    return every[f"{name}_weights"].DEFAULT


def shapes(state) -> list:
    return [(name, tuple(tensor.shape)) for name, tensor in state.items()]


@pytest.mark.parametrize("name", models.list_models())
def test_models_have_as_many_parameters_as_published(blank, name):
    model = models.get_model(name)
    found = sum(p.numel() for p in model.parameters())
    assert found == published(name).meta["num_params"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name in models.list_models()
    ],
)
def test_state_dict_has_torchvisions_names_shapes_and_order(blank, name):
    theirs, real = torchvision_or_skip(), pytest.importorskip("torch")
    with real.device("meta"):
        reference = getattr(theirs.models, name)(num_classes=10)
    ours = getattr(models, name)(num_classes=10)
    assert shapes(ours.state_dict()) == shapes(reference.state_dict())


def test_published_files_are_torchvisions():
    theirs = torchvision_or_skip()
    for name in models.list_models():
        ours, real = type(published(name)), theirs.models.get_model_weights(name)
        assert ours.__name__ == real.__name__
        assert ours.DEFAULT.name == real.DEFAULT.name
        for weights in ours:
            same = real[weights.name]
            assert weights.url == same.url
            assert weights.transforms().resize_size == same.transforms().resize_size


# (what builds a small model, given a module's files)
SMALL = {
    "basic": lambda m: m.resnet.ResNet(m.resnet.BasicBlock, [2, 1, 1, 1], num_classes=5),
    "dilated bottleneck": lambda m: m.resnet.ResNet(
        m.resnet.Bottleneck,
        [1, 1, 2, 1],
        num_classes=5,
        groups=2,
        width_per_group=16,
        zero_init_residual=True,
        replace_stride_with_dilation=[False, True, True],
    ),
    "vgg": lambda m: m.vgg.make_layers([8, "M", 16, 16, "M", 32], batch_norm=True),
    "mobilenet": lambda m: m.mobilenetv2.MobileNetV2(num_classes=5, width_mult=0.5),
    "squeezenet 1.0": lambda m: m.squeezenet.SqueezeNet("1_0", num_classes=5),
    "squeezenet 1.1": lambda m: m.squeezenet.SqueezeNet("1_1", num_classes=5),
    "densenet": lambda m: m.densenet.DenseNet(
        growth_rate=8, block_config=(2, 3), num_init_features=16, num_classes=5
    ),
}


class Ours:
    """The files of this package's models."""

    resnet, vgg, mobilenetv2, squeezenet, densenet = resnet, vgg, mobilenetv2, squeezenet, densenet


def copied(real, reference, model) -> None:
    """Give both models the same parameters, and running statistics that are not 0 and 1."""
    for name, buffer in reference.named_buffers():
        if name.endswith("running_mean"):
            buffer.data = real.randn_like(buffer) * 0.1
        elif name.endswith("running_var"):
            buffer.data = real.rand_like(buffer) + 0.5
    state = {name: torch.tensor(t.numpy()) for name, t in reference.state_dict().items()}
    model.load_state_dict(state)


def close(found, expected) -> None:
    """Check that values agree, but for rounding."""
    size = expected.abs().max().item()
    np.testing.assert_allclose(
        found.detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-5 * size
    )


@pytest.mark.parametrize("name", SMALL)
def test_forward_and_gradients_are_torchvisions(name):
    theirs, real = torchvision_or_skip(), pytest.importorskip("torch")
    real.manual_seed(0)
    torch.manual_seed(0)
    reference, model = SMALL[name](theirs.models), SMALL[name](Ours)
    copied(real, reference, model)
    image = np.random.default_rng(0).standard_normal((2, 3, 40, 40)).astype(np.float32)
    reference.eval(), model.eval()
    expected, found = reference(real.tensor(image)), model(torch.tensor(image))
    close(found, expected)
    expected.square().sum().backward()
    found.square().sum().backward()
    for (key, p), (_, q) in zip(
        reference.named_parameters(), model.named_parameters(), strict=True
    ):
        size = p.grad.abs().max().item() or 1.0
        np.testing.assert_allclose(
            q.grad.numpy(), p.grad.numpy(), rtol=1e-3, atol=1e-3 * size, err_msg=key
        )


def test_alexnet_forward_is_torchvisions(blank):
    theirs, real = torchvision_or_skip(), pytest.importorskip("torch")
    real.manual_seed(0)
    with real.device("meta"):
        reference = theirs.models.AlexNet()
    reference.classifier = real.nn.Identity()
    reference.to_empty(device="cpu")
    for p in reference.parameters():
        real.nn.init.normal_(p, std=0.05)
    model = models.AlexNet()
    model.classifier = nn.Identity()
    copied(real, reference, model)
    image = np.random.default_rng(0).standard_normal((1, 3, 96, 96)).astype(np.float32)
    expected, found = reference(real.tensor(image)), model(torch.tensor(image))
    close(found, expected)


def test_vgg_forward_goes_through_its_three_parts(blank):
    model = vgg.VGG(vgg.make_layers([4, "M"]), num_classes=3)
    model.classifier = nn.Linear(4 * 7 * 7, 3)
    assert model(torch.ones(2, 3, 16, 16)).shape == (2, 3)


def test_dense_layers_recomputed_give_the_same_gradients():
    torch.manual_seed(0)
    kept = densenet.DenseNet(4, (2, 2), 8, num_classes=3)
    again = densenet.DenseNet(4, (2, 2), 8, num_classes=3, memory_efficient=True)
    again.load_state_dict(kept.state_dict())
    image = torch.randn(1, 3, 32, 32)
    for model in (kept, again):
        model.eval()
        model(image).sum().backward()
    for p, q in zip(kept.parameters(), again.parameters(), strict=True):
        np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), rtol=1e-5, atol=1e-6)


# ---- published weights ---------------------------------------------------------------------------


def tiny(num_classes: int = 1000) -> nn.Module:
    return nn.Sequential(nn.Linear(2, num_classes))


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """The folder where PyTorch keeps its downloads."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.fixture
def tiny_weights(checkpoints):
    """(weights of `tiny`, their file)."""
    model, path = tiny(), checkpoints / "tiny.pth"
    torch.save(model.state_dict(), path)
    start = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    path = path.rename(checkpoints / f"tiny-{start}.pth")

    class Tiny_Weights(WeightsEnum):
        IMAGENET1K_V1 = Weights(f"https://example.org/models/{path.name}", dict)
        DEFAULT = IMAGENET1K_V1

    return Tiny_Weights, path, model


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return all(np.array_equal(p.detach().numpy(), q.detach().numpy()) for p, q in pairs)


@pytest.mark.parametrize(
    "given", ["DEFAULT", "Tiny_Weights.IMAGENET1K_V1", True], ids=["name", "full name", "true"]
)
def test_weights_are_read_from_the_folder_of_downloads(tiny_weights, given):
    choices, _, model = tiny_weights
    assert same(build(tiny, choices, given, {}), model)
    assert same(build(tiny, choices, choices.DEFAULT, {}), model)
    assert not same(build(tiny, choices, None, {}), model)
    with pytest.warns(UserWarning, match="weights=Tiny_Weights.IMAGENET1K_V1"):
        assert same(build(tiny, choices, None, {"pretrained": True}), model)


def test_weights_that_are_not_there_tell_where_to_get_them(checkpoints):
    with pytest.raises(CheckpointNotFound) as caught:
        models.resnet18(weights="DEFAULT")
    said = str(caught.value)
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in said
    assert str(checkpoints / "resnet18-f37072fd.pth") in said and "load_state_dict" in said
    with pytest.raises(CheckpointNotFound), pytest.warns(UserWarning, match="older name"):
        models.alexnet(pretrained=True)


def test_a_damaged_weights_file_is_refused(tiny_weights):
    choices, path, _ = tiny_weights
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="sha256"):
        build(tiny, choices, "DEFAULT", {})


def test_weights_for_another_number_of_classes_are_refused(tiny_weights):
    with pytest.raises(ShapeError, match="num_classes must be 1000"):
        build(tiny, tiny_weights[0], "DEFAULT", {"num_classes": 10})
    with pytest.raises(ShapeError, match="IMAGENET1K_V1"):
        build(tiny, tiny_weights[0], "IMAGENET21K", {})


def test_names_of_published_densenets_are_turned_into_ours():
    names = list(densenet.DenseNet(4, (2, 1), 8).state_dict())
    older = [name.replace("norm1", "norm.1").replace("conv2", "conv.2") for name in names]
    assert older != names and [densenet.renamed(name) for name in older] == names


def test_models_are_found_by_name():
    assert models.list_models(include="vgg1?")[:2] == ["vgg11", "vgg13"]
    assert models.list_models(module=resnet, exclude=["*2", "resnext*"])[0] == "resnet101"
    assert models.get_weight("ResNet50_Weights.DEFAULT") is models.ResNet50_Weights.IMAGENET1K_V2
    with pytest.raises(ShapeError, match="resnet18"):
        models.get_model("resnet19")
    with pytest.raises(ShapeError, match="DEFAULT"):
        models.get_weight("resnet18")


def test_preset_prepares_a_picture_as_torchvision():
    theirs, real = torchvision_or_skip(), pytest.importorskip("torch")
    image = np.random.default_rng(0).integers(0, 256, (3, 260, 300), np.uint8)
    expected = theirs.models.ResNet18_Weights.DEFAULT.transforms()(real.tensor(image))
    found = models.ResNet18_Weights.DEFAULT.transforms()(torch.tensor(image))
    assert found.shape == (3, 224, 224)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=0.02)


def test_a_whole_residual_network_is_saved_and_loaded(blank, tmp_path):
    model = models.resnet18(num_classes=2)
    torch.save(model, tmp_path / "whole.pt")
    again = torch.load(tmp_path / "whole.pt", weights_only=False)
    assert type(again) is type(model)
    assert again.state_dict().keys() == model.state_dict().keys()
