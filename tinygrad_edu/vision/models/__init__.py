"""Networks for pictures, with the names of torchvision.models: also their parameters have the same
names, so published `.pth` files fit.

    resnet18 … resnet152, resnext50_32x4d, wide_resnet50_2
    vgg11 … vgg19, vgg11_bn … vgg19_bn
    alexnet, mobilenet_v2, squeezenet1_0, squeezenet1_1, densenet121 … densenet201

    model = resnet18(num_classes=10)
    model = resnet18()
    model.load_state_dict(load("resnet18-f37072fd.pth"))
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from ...engine.errors import ShapeError
from ...left_out import explain_missing as _explain_missing
from ...nn.module import Module
from .alexnet import AlexNet, AlexNet_Weights, alexnet
from .densenet import (
    DenseNet,
    DenseNet121_Weights,
    DenseNet169_Weights,
    DenseNet201_Weights,
    densenet121,
    densenet169,
    densenet201,
)
from .mobilenetv2 import MobileNet_V2_Weights, MobileNetV2, mobilenet_v2
from .resnet import (
    ResNet,
    ResNet18_Weights,
    ResNet34_Weights,
    ResNet50_Weights,
    ResNet101_Weights,
    ResNet152_Weights,
    ResNeXt50_32X4D_Weights,
    Wide_ResNet50_2_Weights,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    wide_resnet50_2,
)
from .squeezenet import (
    SqueezeNet,
    SqueezeNet1_0_Weights,
    SqueezeNet1_1_Weights,
    squeezenet1_0,
    squeezenet1_1,
)
from .vgg import (
    VGG,
    VGG11_BN_Weights,
    VGG11_Weights,
    VGG13_BN_Weights,
    VGG13_Weights,
    VGG16_BN_Weights,
    VGG16_Weights,
    VGG19_BN_Weights,
    VGG19_Weights,
    vgg11,
    vgg11_bn,
    vgg13,
    vgg13_bn,
    vgg16,
    vgg16_bn,
    vgg19,
    vgg19_bn,
)
from .weights import Weights, WeightsEnum

# every function that builds a model
BUILDERS: dict[str, Callable[..., Module]] = {
    builder.__name__: builder
    for builder in (
        alexnet,
        densenet121,
        densenet169,
        densenet201,
        mobilenet_v2,
        resnet18,
        resnet34,
        resnet50,
        resnet101,
        resnet152,
        resnext50_32x4d,
        wide_resnet50_2,
        squeezenet1_0,
        squeezenet1_1,
        vgg11,
        vgg13,
        vgg16,
        vgg19,
        vgg11_bn,
        vgg13_bn,
        vgg16_bn,
        vgg19_bn,
    )
}


def list_models(module: Any = None, include: Any = None, exclude: Any = None) -> list[str]:
    """The names of the models, in alphabetical order.

    Args:
        module: only those of this module, such as `models.resnet`.
        include, exclude: patterns such as "resnet*", or lists of them.
    """

    def fits(name: str, patterns: Any) -> bool:
        given = [patterns] if isinstance(patterns, str) else patterns
        return any(fnmatchcase(name, pattern) for pattern in given)

    return sorted(
        name
        for name, builder in BUILDERS.items()
        if (module is None or builder.__module__ == module.__name__)
        and (include is None or fits(name, include))
        and not (exclude and fits(name, exclude))
    )


def get_model_builder(name: str) -> Callable[..., Module]:
    """The function that builds the model of that name, in any case."""
    if (found := BUILDERS.get(str(name).lower())) is None:
        near = get_close_matches(str(name).lower(), BUILDERS, 3, 0.4) or list(BUILDERS)[:3]
        raise ShapeError(
            f"get_model: name must be one of list_models(), got {name!r:.100}. Similar:"
            f" {', '.join(near)}."
        )
    return found


def get_model(name: str, **config: Any) -> Module:
    """The model of that name: `get_model("resnet18", num_classes=10)`."""
    return get_model_builder(name)(**config)


def get_weight(name: str) -> WeightsEnum:
    """Weights by their full name: `get_weight("ResNet50_Weights.IMAGENET1K_V2")`."""
    choices = globals().get(name.partition(".")[0])
    if not (isinstance(choices, type) and issubclass(choices, WeightsEnum)):
        raise ShapeError(
            f"get_weight: name must be like 'ResNet50_Weights.DEFAULT', got {name!r:.100}. Correct"
            " it."
        )
    return choices.verify(name)


__all__ = [
    "AlexNet",
    "AlexNet_Weights",
    "DenseNet",
    "DenseNet121_Weights",
    "DenseNet169_Weights",
    "DenseNet201_Weights",
    "MobileNetV2",
    "MobileNet_V2_Weights",
    "ResNeXt50_32X4D_Weights",
    "ResNet",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "SqueezeNet",
    "SqueezeNet1_0_Weights",
    "SqueezeNet1_1_Weights",
    "VGG",
    "VGG11_BN_Weights",
    "VGG11_Weights",
    "VGG13_BN_Weights",
    "VGG13_Weights",
    "VGG16_BN_Weights",
    "VGG16_Weights",
    "VGG19_BN_Weights",
    "VGG19_Weights",
    "Weights",
    "WeightsEnum",
    "Wide_ResNet50_2_Weights",
    "alexnet",
    "densenet121",
    "densenet169",
    "densenet201",
    "get_model",
    "get_model_builder",
    "get_weight",
    "list_models",
    "mobilenet_v2",
    "resnet101",
    "resnet152",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnext50_32x4d",
    "squeezenet1_0",
    "squeezenet1_1",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
    "wide_resnet50_2",
]

_explain_missing(__name__)
