"""Tensor: an array, the device it lives on, and the node that made it.

The maths is installed from the ops.
"""

from __future__ import annotations

import warnings
import weakref
from typing import TYPE_CHECKING, Any

from . import dtype as dtypes
from .arrays import as_array
from .device import Device, cpu, get_device
from .errors import DTypeError, GraphError
from .facts import Facts, read
from .graph import NOWHERE, Leaf, note_write
from .hooks import Hooked, check_grad, check_wanted
from .host import HostMethods
from .size import Size as Size

if TYPE_CHECKING:  # the methods that ops and composites install; written by tools/make_stub.py
    from .methods import OpMethods
else:
    OpMethods = object


class Tensor(Facts, Hooked, HostMethods, OpMethods):
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
            array = read((*array,) if type(array) is Size else (array, device, node, *more))
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
            check_grad(self, value)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def requires_grad(self) -> bool:
        """Whether its gradients are wanted."""
        if self.node is None and self.view_of and self.array.dtype.kind == "f":
            return self.view_of[0].requires_grad
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients of this leaf, or give them up."""
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
        if not requires_grad and self.view_of and self.view_of[0].requires_grad:
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

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf in `.grad` too, as it is after all hooks."""
        check_wanted("retain_grad", self)
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
