"""Tensor: an array, the device it lives on, and the node that made it.

The maths is installed from the ops.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from . import dtype as dtypes
from .arrays import address, as_array
from .border import explain
from .device import Device, cpu, get_device
from .errors import DTypeError, GraphError, ShapeError
from .graph import NOWHERE, Leaf, note_write, version_of
from .hooks import RemovableHandle
from .host import HostMethods
from .size import Size as Size

if TYPE_CHECKING:  # the methods that ops and composites install; written by tools/make_stub.py
    from .methods import OpMethods
else:
    OpMethods = object


class Tensor(HostMethods, OpMethods):
    """An n-dimensional array that can remember how it was computed.

    `array` is the raw array (NumPy on the CPU), `data` a Tensor on the same memory outside the
    graph, `grad` the gradient that `backward()` left, `node` the recorded op (`grad_fn` in PyTorch;
    a Leaf for a tensor of the user's). Make one with `tensor`, `zeros`, `randn` ...
    """

    __slots__ = ("array", "device", "node", "view_of", "__dict__", "__weakref__")
    device: Device
    view_of: tuple | None  # of a view: its base and the way from there, see views.py
    _grad: Tensor | None = None
    leaf: Leaf | None = None  # its node while it does not require gradients
    retains_grad = False
    views: list | None = None  # of a base: weak references to its views
    room = 0  # how many of those there may be before dead ones are looked for
    untracked = False  # made by `.data`: writes through it are not noticed, as in PyTorch
    __array_ufunc__ = None  # NumPy arrays leave mixed expressions to us

    def __init__(self, array: Any = (), device: Any = None, node: Any = None, *more: int):
        if device is None or type(device) is int:  # a user's: data, or sizes one after another
            given = (*array,) if type(array) is Size else (array, device, node, *more)
            sizes = [n for n in given if type(n) is int]
            try:
                array = cpu.xp.zeros(sizes) if sizes else as_array(array, None, cpu)
            except ValueError as error:
                raise explain("Tensor", {"sizes": sizes}, error) from error
            if sizes or array.dtype.kind != "f":
                array = array.astype(dtypes.get_default_dtype().numpy)
            device, node = cpu, None
        self.array = array
        self.device = device
        self.node = node
        self.view_of = None

    # ---- what it is ----

    @property
    def shape(self) -> Size:
        """Sizes."""
        return Size(self.array.shape)

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return self.array.ndim

    @property
    def dtype(self) -> dtypes.dtype:
        """Kind of the elements, for example float32."""
        return dtypes.of_numpy[self.array.dtype]

    @property
    def is_leaf(self) -> bool:
        """Whether the user made it, not an op."""
        return self.node is None or type(self.node) is Leaf

    grad_fn = property(
        lambda self: None if type(self.node) is Leaf else self.node,
        doc="The node that made this tensor; None for a leaf.",
    )
    is_cuda = property(lambda self: self.device.type == "cuda")
    nbytes = property(lambda self: self.array.nbytes)
    itemsize = property(lambda self: self.array.itemsize)
    _version = property(
        lambda self: version_of(self.device, self.array),
        doc="How often its memory was changed in place.",
    )

    @overload
    def size(self, dim: None = None) -> tuple[int, ...]: ...
    @overload
    def size(self, dim: int) -> int: ...
    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else entry("size", self.shape, dim)

    def dim(self) -> int:
        return self.ndim

    def numel(self) -> int:
        return self.array.size

    nelement = numel

    def element_size(self) -> int:
        return self.array.itemsize

    @overload
    def stride(self, dim: None = None) -> tuple[int, ...]: ...
    @overload
    def stride(self, dim: int) -> int: ...
    def stride(self, dim: int | None = None) -> Any:
        """Steps between neighbours along each dim, in elements."""
        strides = tuple(s // self.array.itemsize for s in self.array.strides)
        return strides if dim is None else entry("stride", strides, dim)

    def data_ptr(self) -> int:
        return address(self.array)

    def is_contiguous(self) -> bool:
        return bool(self.array.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        return self.array.dtype.kind == "f"

    def get_device(self) -> int:
        return -1 if self.device.type == "cpu" else self.device.index or 0

    # ---- gradients ----

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward()` left; None before."""
        if self._grad is None and not self.is_leaf and not self.retains_grad:
            warnings.warn(
                "grad: the tensor is not a leaf, so backward() does not fill its .grad. Call"
                " retain_grad() on it before backward(), or look at a leaf.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise DTypeError(
                    f"grad: must be a Tensor or None, got {type(value).__name__}. Make one with"
                    " tensor(...)."
                )
            if value.shape != self.shape:
                raise ShapeError(
                    f"grad: must have the tensor's shape {self.shape}, got {value.shape}. Reshape"
                    " it."
                )
            if value.dtype is not self.dtype or value.device is not self.device:
                raise DTypeError(
                    f"grad: must be {self.dtype.name} on {self.device} as the tensor, got"
                    f" {value.dtype.name} on {value.device}. Convert it with .to(x)."
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are wanted with respect to this tensor."""
        return self.node is not None or self.view_of is not None and self.view_of[0].requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for (or give up) gradients with respect to this leaf."""
        if not isinstance(requires_grad, int):
            raise DTypeError(
                f"requires_grad_: must be True or False, got {requires_grad!r:.80}. Choose one."
            )
        if not self.is_leaf:
            if requires_grad:
                return self
            raise GraphError(
                "requires_grad_: only a leaf can stop requiring gradients, got the result of an op."
                " Use detach()."
            )
        if requires_grad and self.array.dtype.kind != "f":
            raise DTypeError(
                f"requires_grad_: must be a floating-point tensor, got {self.dtype.name}. Convert"
                " it with x.float() first."
            )
        if not requires_grad and self.view_of is not None and self.view_of[0].requires_grad:
            return self  # a view requires gradients as long as its base does
        if not requires_grad:
            if self.node is not NOWHERE:
                self.leaf = self.node or self.leaf  # its hooks come back with it
            self.node = None
        elif self.node is None or self.node is NOWHERE:
            self.node = self.leaf or Leaf(self)
            for view in [ref() for ref in self.views or ()]:
                if view is not None and view.node is None:
                    view.node = NOWHERE
        return self

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """`autograd.backward` of this tensor; `gradient` is its cotangent, of its shape. Not needed
        for a single number.
        """
        from .backward import backward  # the walk makes Tensors, so it stands above this file

        backward((self,), (gradient,), retain_graph, create_graph, inputs)

    def _check_wanted(self, name: str) -> None:
        if not self.requires_grad:
            raise GraphError(
                f"{name}: needs a tensor that requires gradients, got one that does not. Call"
                " requires_grad_() first."
            )

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(g)` with this tensor's gradient during backward; a returned Tensor takes its
        place.
        """
        self._check_wanted("register_hook")
        if self.node is NOWHERE:  # nothing will arrive there
            return RemovableHandle({}, hook)
        self.node.hooks = self.node.hooks or {}
        return RemovableHandle(self.node.hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(tensor)` after backward has added to this leaf's `.grad`."""
        if type(self.node) is not Leaf or self.node is NOWHERE:
            raise GraphError(
                "register_post_accumulate_grad_hook: needs a leaf that requires gradients, got"
                " another tensor. Use register_hook for it."
            )
        self.node.after = self.node.after or {}
        return RemovableHandle(self.node.after, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf in `.grad` too, as it is after all hooks."""
        self._check_wanted("retain_grad")
        if type(self.node) is not Leaf:
            self.retains_grad = True
            self.node.retains = weakref.ref(self)

    def set_node(self, node: Any) -> None:
        """Give the tensor another history; a gradient that it retains follows its new value."""
        if self.retains_grad:
            if self.node is not None:
                self.node.retains = None
            if node is not None:
                node.retains = weakref.ref(self)
        self.node = node

    def detach(self) -> Tensor:
        """The same memory, outside the graph."""
        return Tensor(self.array, self.device)

    def detach_(self) -> Tensor:
        """Take this tensor itself out of the graph."""
        if self.view_of is not None:
            raise GraphError(
                f"detach_: must not be called on a view, got a view of shape {self.shape}. Use"
                " detach()."
            )
        self.node, self.views = None, None
        return self

    @property
    def data(self) -> Tensor:
        """The same memory, outside the graph; writes through it are not noticed by backward (prefer
        detach()).
        """
        t = Tensor(self.array, self.device)
        t.untracked = True
        return t

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array, self.device = value.array, value.device
        leaf = self.node or self.leaf
        if type(leaf) is Leaf and leaf is not NOWHERE:
            leaf.shape, leaf.device = self.shape, self.device

    def bump_version(self) -> None:
        """Note an in-place change of `array`, so that backward can tell that a kept value
        changed.
        """
        if not self.untracked:
            note_write(self.device, self.array)

    def wrap(self, array: Any) -> Tensor:
        """A plain Tensor around a raw array of this tensor's device."""
        return Tensor(array, self.device)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a Tensor, sharing memory where it can (NumPy arrays of the same dtype); a Tensor
    comes back as it is.
    """
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)
    where = get_device("cpu" if device is None else device)
    return Tensor(as_array(data, dtype, where), where)


def entry(name: str, values: tuple, dim: Any) -> int:
    """What stands for one dim."""
    try:
        return values[dim.__index__()]
    except (IndexError, TypeError, AttributeError) as error:
        raise explain(name, {"dim": dim, "ndim": len(values)}, error) from error
