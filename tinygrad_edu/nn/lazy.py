"""Layers that learn how many inputs they have from the first batch."""

from __future__ import annotations

from typing import Any

from ..engine.tensor import Tensor
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .module import Module
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d


class Lazy(Module):
    """What lazy layers share. The first call makes the layer a `full` one; its parameters stay the
    same objects, so an optimiser that has them already keeps them.
    """

    full: type[Any]  # the layer that it becomes
    counted: str  # the attribute that holds the number of inputs
    dim = 1  # of the input that is counted

    def __init__(self, *args: Any, **kwargs: Any):
        least = kwargs.get("groups", 1)  # what groups divide
        super().__init__(least, *args, **kwargs)  # type: ignore[call-arg]  # the full layer's
        setattr(self, self.counted, 0)
        self.given = (args, kwargs)

    def forward(self, input: Tensor) -> Any:
        self.initialize_parameters(input)
        return self.forward(input)  # of the full layer; hooks run once, around this

    def initialize_parameters(self, input: Tensor) -> None:
        """Become the full layer for inputs such as this one."""
        args, kwargs = self.given
        made = self.full(input.shape[self.dim], *args, **kwargs)
        made.train(self.training).to(next(self.parameters(), input).device)
        for name, p in made._parameters.items():
            if p is not None:
                self._parameters[name].data = p.data
        self._buffers.update(made._buffers)
        setattr(self, self.counted, input.shape[self.dim])
        del self.given
        self.__class__ = self.full

    def has_uninitialized_params(self) -> bool:
        """Whether no batch has come yet."""
        return "given" in self.__dict__


def lazy(full: type[Module], counted: str, dim: int = 1) -> type:
    """The lazy form of a layer."""
    name = f"Lazy{full.__name__}"
    about = (
        f"{full.__name__} that takes {counted} from its first batch.\n\n"
        f"    Args: those of {full.__name__}, without {counted}.\n    "
    )
    body = {"full": full, "counted": counted, "dim": dim, "__doc__": about, "__module__": __name__}
    return type(name, (Lazy, full), body)


LazyLinear = lazy(Linear, "in_features", -1)
LazyConv1d, LazyConv2d = lazy(Conv1d, "in_channels"), lazy(Conv2d, "in_channels")
LazyConv3d = lazy(Conv3d, "in_channels")
LazyConvTranspose1d = lazy(ConvTranspose1d, "in_channels")
LazyConvTranspose2d = lazy(ConvTranspose2d, "in_channels")
LazyConvTranspose3d = lazy(ConvTranspose3d, "in_channels")
LazyBatchNorm1d = lazy(BatchNorm1d, "num_features")
LazyBatchNorm2d = lazy(BatchNorm2d, "num_features")
LazyBatchNorm3d = lazy(BatchNorm3d, "num_features")
