"""Tensor: an array, the device it lives on, and the node that made it.

The maths is installed from the ops.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from . import dtype as dtypes
from .arrays import address, as_array, printed
from .border import explain
from .device import Device, cpu, get_device, quiet
from .errors import DeviceError, DTypeError, GraphError, ShapeError
from .graph import NOWHERE, Leaf, note_write, version_of
from .hooks import RemovableHandle

if TYPE_CHECKING:  # the methods that ops and composites install; written by tools/make_stub.py
    from .methods import OpMethods
else:
    OpMethods = object


class Tensor(OpMethods):
    """An n-dimensional array that can remember how it was computed.

    `array` is the raw array (NumPy on the CPU), `data` a Tensor on the same memory outside the
    graph, `grad` the gradient that `backward()` left, `node` the recorded op (`grad_fn` in PyTorch;
    a Leaf for a tensor of the user's). Make one with `tensor`, `zeros`, `randn` ...
    """

    __slots__ = ("array", "device", "node", "view_of", "__dict__", "__weakref__")
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
            sizes = [n for n in (array, device, node, *more) if type(n) is int]
            array = np.zeros(sizes) if sizes else as_array(array, None, cpu)
            if sizes or array.dtype.kind != "f":
                array = array.astype(dtypes.get_default_dtype().numpy)
            device, node = cpu, None
        self.array = array
        self.device = device
        self.node = node
        self.view_of = None

    # ---- what it is ----

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes."""
        return self.array.shape

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
        """Add d(self)/d(leaf) to `.grad` of every leaf that led here (or of `inputs` only).

        Args:   gradient: cotangent, same shape as self; not needed for a single number.
                retain_graph: keep what the formulas need, so that backward can run again.
                create_graph: record the backward pass, for higher orders.
        Raises: GraphError if nothing was recorded, the graph was freed, or a kept value was changed
                in place.
        """
        from .backward import backward  # the walk makes Tensors, so it stands above this file

        backward((self,), (gradient,), retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(g)` with this tensor's gradient during backward; a returned Tensor takes its
        place.
        """
        if not self.requires_grad:
            raise GraphError(
                "register_hook: needs a tensor that requires gradients, got one that does not. Call"
                " requires_grad_() first."
            )
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
        if self.node is None:
            raise GraphError(
                "retain_grad: needs a tensor that requires gradients, got one that does not. Call"
                " requires_grad_() first."
            )
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

    # ---- out of the engine and back ----

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values as a NumPy array that shares memory on the CPU."""
        if self.node is not None and not force:
            raise GraphError(
                "numpy: must be called on a tensor outside the graph, got one that requires"
                " gradients. Use x.detach().numpy()."
            )
        if self.device.type != "cpu" and not force:
            raise DeviceError(
                f"numpy: must be called on a CPU tensor, got one on {self.device}. Use"
                " x.cpu().numpy()."
            )
        return self.device.to_host(self.array)

    def item(self) -> Any:
        """The one value as a Python number."""
        if self.array.size != 1:
            raise ShapeError(
                f"item: needs exactly one element, got shape {self.shape}. Index or reduce the"
                " tensor first, or use tolist()."
            )
        return self.device.to_host(self.array).item()

    def tolist(self) -> Any:
        return self.device.to_host(self.array).tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        return array if dtype is None and not copy else np.array(array, dtype=dtype)

    def __dlpack__(self, **kwargs: Any) -> Any:
        if self.node is not None:
            raise GraphError(
                "__dlpack__: must be called on a tensor outside the graph, got one that requires"
                " gradients. Use x.detach()."
            )
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    def __len__(self) -> int:
        if not self.ndim:
            raise DTypeError(
                "len: needs at least one dim, got a 0-d tensor. Use item() for its value."
            )
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise DTypeError(
                "iter: needs at least one dim, got a 0-d tensor. Use item() for its value."
            )
        return iter([self[i] for i in range(len(self))])

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ShapeError(
                f"bool: needs exactly one element, got shape {self.shape}. Use .any() or .all()."
            )
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub":
            raise DTypeError(
                f"index: must be an integer tensor with one element, got {self.dtype.name}. Convert"
                " it with x.long()."
            )
        return int(self.item())

    def __contains__(self, value: Any) -> bool:
        if not isinstance(value, (Tensor, int, float)):
            raise DTypeError(
                f"in: a tensor contains numbers, got {type(value).__name__}. Look for a number or a"
                " tensor."
            )
        return bool((self == value).any())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)

    __hash__ = object.__hash__

    def __deepcopy__(self, memo: dict) -> Tensor:
        if not self.is_leaf:
            raise GraphError(
                "deepcopy: must be a leaf, got the result of an op. Use x.detach().clone()."
            )
        new = object.__new__(type(self))
        memo[id(self)] = new
        new.__dict__.update({k: v for k, v in self.__dict__.items() if k not in OWN})
        new.array, new.device = copied(self.array, self.device, memo), self.device
        new.view_of = None
        new.node = Leaf(new) if self.node is not None else None
        new._grad = None if self._grad is None else self._grad.detach().clone()
        return new

    def __reduce_ex__(self, protocol: Any) -> tuple:
        if not self.is_leaf:
            raise GraphError("pickle: must be a leaf, got the result of an op. Use x.detach().")
        extra = {k: v for k, v in self.__dict__.items() if k not in OWN}
        return rebuild, (
            type(self),
            self.device.to_host(self.array),
            str(self.device),
            self.requires_grad,
            extra,
        )

    def __repr__(self) -> str:
        array = self.device.to_host(self.array)
        notes = [quiet().run(printed, array)]
        if (
            self.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_)
            or not self.array.size
        ):
            notes.append(f"dtype={self.dtype}")
        if self.device.type != "cpu":
            notes.append(f"device='{self.device}'")
        if type(self.node) is Leaf:
            notes.append("requires_grad=True")
        elif self.node is not None:
            notes.append(f"grad_fn=<{self.node.name()}>")
        return f"tensor({', '.join(notes)})"


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a Tensor, sharing memory where it can (NumPy arrays of the same dtype); a Tensor
    comes back as it is.
    """
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)
    where = get_device(device or "cpu")
    return Tensor(as_array(data, dtype, where), where)


def entry(name: str, values: tuple, dim: Any) -> int:
    """What stands for one dim."""
    try:
        return values[dim.__index__()]
    except (IndexError, TypeError, AttributeError) as error:
        raise explain(name, {"dim": dim, "ndim": len(values)}, error) from error


def rebuild(cls: type, array: np.ndarray, device: str, requires_grad: bool, extra: dict) -> Tensor:
    where = get_device(device)
    new: Tensor = object.__new__(cls)
    new.array, new.device, new.view_of = where.asarray(array), where, None
    new.node = Leaf(new) if requires_grad else None
    new.__dict__.update(extra)
    return new


OWN = ("view_of", "views", "leaf", "_grad", "retains_grad")  # not copied, not pickled


def copied(array: Any, device: Device, memo: dict) -> Any:
    """A copy for deepcopy: tensors that share memory still share it among their copies."""
    owner = device.storage(array)
    if device.type != "cpu" or not (array.flags.c_contiguous or owner.flags.c_contiguous):
        return device.xp.array(array)
    if owner is array:
        memo[id(owner)] = memo.get(id(owner), array.copy())
        return memo[id(owner)]
    whole = memo.setdefault(id(owner), owner.copy())
    memo.setdefault(("owner", id(owner)), owner)  # keeps the id its own
    start = address(array) - address(owner)
    return np.ndarray(array.shape, array.dtype, whole, start, array.strides)
