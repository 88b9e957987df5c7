"""Module: named parameters, buffers and submodules around a `forward`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from ..autograd import no_grad
from ..engine.border import UNPLANNED, planned, worded
from ..engine.device import Device, get_device
from ..engine.dtype import as_dtype
from ..engine.dtype import dtype as DType
from ..engine.errors import DTypeError
from ..engine.tensor import Tensor
from . import state
from .hooks import BackwardHooks, RemovableHandle
from .names import check_names
from .parameter import Buffer, Parameter

TABLES = ("_parameters", "_buffers", "_modules")
HOOKS = (
    "_forward_pre_hooks",
    "_forward_hooks",
    "_backward_pre_hooks",
    "_backward_hooks",
    "_state_dict_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class Module:
    """Base of every layer and model: subclass it, call `super().__init__()`, assign parts, define
    `forward`.

    Parameters, buffers and modules that are assigned as attributes are registered under the
    attribute's name, and found again by `parameters()`, `state_dict()`, `to()`, `train()` and the
    rest.
    """

    training: bool

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_names(cls)

    def __init__(self) -> None:
        # written directly: __setattr__ needs the tables that are being made here
        parts = self.__dict__
        for name in TABLES:
            parts[name] = {}
        for name in HOOKS:
            parts[name] = OrderedDict()
        parts["_non_persistent_buffers_set"] = set()
        parts["training"] = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f'{self._get_name()}: must define "forward", got a call without one. Write def'
            " forward(self, x): ..."
        )

    # ---- calling ----

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not (
            self._forward_pre_hooks
            or self._forward_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
        ):
            try:
                return self.forward(*args, **kwargs)
            except UNPLANNED as error:
                if planned(error):
                    raise
                raise worded(self._get_name(), self.forward, args, kwargs, error) from error
        args, kwargs = self._after_pre_hooks(args, kwargs)
        backward = BackwardHooks(self) if self._backward_hooks or self._backward_pre_hooks else None
        if backward:
            args = backward.wrap_inputs(args)
        out = self.forward(*args, **kwargs)
        for hook, with_kwargs in tuple(self._forward_hooks.values()):
            result = hook(self, args, kwargs, out) if with_kwargs else hook(self, args, out)
            if result is not None:
                out = result
        return backward.wrap_outputs(out) if backward else out

    def _after_pre_hooks(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        for hook, with_kwargs in tuple(self._forward_pre_hooks.values()):
            if with_kwargs:
                result = hook(self, args, kwargs)
                if result is not None:
                    args, kwargs = result
            else:
                result = hook(self, args)
                if result is not None:
                    args = result if isinstance(result, tuple) else (result,)
        return args, kwargs

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns, if anything, replaces args."""
        return RemovableHandle(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; what it returns, if anything, replaces
        output.
        """
        return RemovableHandle(self._forward_hooks, (hook, with_kwargs), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` when gradients reach the outputs; a returned tuple
        replaces them.
        """
        return RemovableHandle(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when gradients reach the inputs; a returned
        tuple replaces grad_input.
        """
        return RemovableHandle(self._backward_hooks, hook, prepend)

    register_backward_hook = register_full_backward_hook  # PyTorch's older name

    # ---- registration ----

    def _check_new(self, kind: str, name: Any) -> None:
        if kind not in self.__dict__:
            raise AttributeError(
                f"{self._get_name()}: super().__init__() must run before anything is registered,"
                f" got {name!r} before it. Call super().__init__() first in __init__."
            )
        if not isinstance(name, str):
            raise DTypeError(
                f"{self._get_name()}: the name must be a string, got {type(name).__name__}. Convert"
                " it with str()."
            )
        if "." in name or not name:
            raise KeyError(
                f"{self._get_name()}: the name must not be empty or have a dot, got {name!r}. Dots"
                " separate levels of the tree."
            )
        if hasattr(self, name) and name not in self.__dict__[kind]:
            raise KeyError(
                f"{self._get_name()}: attribute {name!r} already exists. Choose another name."
            )

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None keeps the place of one that is switched off."""
        self._check_new("_parameters", name)
        if param is not None and not isinstance(param, Parameter):
            raise DTypeError(
                f"{self._get_name()}.{name}: must be a Parameter or None, got"
                f" {type(param).__name__}. Wrap it: nn.Parameter(x)."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that moves with the module but is not learnt; `state_dict` holds it if
        `persistent`.
        """
        self._check_new("_buffers", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise DTypeError(
                f"{self._get_name()}.{name}: a buffer must be a Tensor or None, got"
                f" {type(tensor).__name__}. Make one with tensor(...)."
            )
        self._buffers[name] = tensor
        (
            self._non_persistent_buffers_set.discard
            if persistent
            else self._non_persistent_buffers_set.add
        )(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under `name`."""
        self._check_new("_modules", name)
        if module is not None and not isinstance(module, Module):
            raise DTypeError(
                f"{self._get_name()}.{name}: must be a Module or None, got {type(module).__name__}."
                " Subclass nn.Module."
            )
        self._modules[name] = module

    register_module = add_module

    def __setattr__(self, name: str, value: Any) -> None:
        parts = self.__dict__
        for kind, cls in (("_parameters", Parameter), ("_modules", Module), ("_buffers", Buffer)):
            if isinstance(value, cls):
                if kind not in parts:
                    self._check_new(kind, name)
                parts.pop(name, None)
                for other in TABLES:
                    if other != kind:
                        parts[other].pop(name, None)
                parts["_non_persistent_buffers_set"].discard(name)
                if isinstance(value, Buffer):
                    self.register_buffer(name, value, value.persistent)
                else:
                    parts[kind][name] = value
                return
        for kind in TABLES:
            table = parts.get(kind)
            if table and name in table:
                if value is not None and not (kind == "_buffers" and isinstance(value, Tensor)):
                    wanted = {
                        "_parameters": "Parameter",
                        "_buffers": "Tensor",
                        "_modules": "Module",
                    }[kind]
                    raise DTypeError(
                        f"{self._get_name()}.{name}: must stay a {wanted} or None, got"
                        f" {type(value).__name__}. Delete the attribute first to use the name for"
                        " something"
                        f" else{', or wrap it: nn.Parameter(x)' if kind == '_parameters' else ''}."
                    )
                table[name] = value
                return
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:  # called only when the ordinary look-up found nothing
        parts = self.__dict__
        for kind in TABLES:
            table = parts.get(kind)
            if table is not None and name in table:
                return table[name]
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
        )

    def __delattr__(self, name: str) -> None:
        for kind in TABLES:
            if name in self.__dict__.get(kind, ()):
                del self.__dict__[kind][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {
            *dir(type(self)),
            *self.__dict__,
            *self._parameters,
            *self._modules,
            *self._buffers,
        }
        # "0" of a Sequential is no attribute one can type
        return sorted(name for name in names if not name[0].isdigit())

    # ---- the tree ----

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(name, module) for this module ("") and everything below it, each once unless
        `remove_duplicate` is False.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(
                    memo, f"{prefix}.{name}" if prefix else name, remove_duplicate
                )

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        seen: set = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        return (child for _, child in self.named_children())

    def _named(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        tree = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in tree:
            for name, value in module.__dict__[kind].items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter) of this module and, if `recurse`, of everything below it."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(name, buffer) of this module and, if `recurse`, of everything below it."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at the dotted path `target`; "" is this one."""
        module: Any = self
        for name in target.split(".") if target else ():
            child = getattr(module, name, None)
            if not isinstance(child, Module):
                raise AttributeError(
                    f"{self._get_name()}.get_submodule: every step of {target!r} must be a module,"
                    f" got {name!r}, which is not one in {module._get_name()}. Its modules:"
                    f" {', '.join(module._modules) or 'none'}."
                )
            module = child
        return module

    def _get_value(self, target: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if module.__dict__[kind].get(name) is None:
            raise AttributeError(
                f"{self._get_name()}: {target!r} must name one of {kind[1:]}, got no such name. "
                f"{module._get_name()} has: {', '.join(module.__dict__[kind]) or 'none'}."
            )
        return module.__dict__[kind][name]

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the dotted path `target`."""
        return self._get_value(target, "_parameters")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at the dotted path `target`."""
        return self._get_value(target, "_buffers")

    # ---- state ----

    def state_dict(
        self, *, destination: OrderedDict | None = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict:
        """Name → tensor for every parameter and persistent buffer, on the module's own memory,
        detached unless `keep_vars`.
        """
        return state.collect(
            self, OrderedDict() if destination is None else destination, prefix, keep_vars
        )

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Copy the values of `state_dict` into this module (or, with `assign`, take its tensors
        themselves).

        Returns: (missing_keys, unexpected_keys). Raises: StateDictError listing everything that
                 does not fit; the module is then unchanged. `strict=False` allows missing and
                 unexpected names, never other shapes.
        """
        return state.load(self, state_dict, strict, assign)

    def get_extra_state(self) -> Any:
        """Define it, with `set_extra_state`, for what a state dict shall hold beside tensors."""
        raise NotImplementedError(
            f"{self._get_name()}: must define get_extra_state() to be asked for extra state, got a"
            " class without. Define it together with set_extra_state(state)."
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned when the state dict was made."""
        raise NotImplementedError(
            f"{self._get_name()}: must define set_extra_state(state) to load extra state, got a"
            " class without. Define it together with get_extra_state()."
        )

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` reads this module."""
        return RemovableHandle(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict` has read this
        module.
        """
        return RemovableHandle(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` before loading.
        """
        return RemovableHandle(self._load_state_dict_pre_hooks, hook)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook)

    # ---- changing the whole tree ----

    def train(self, mode: bool = True) -> Self:
        """Set training mode (dropout drops, batch norm uses the batch) here and below."""
        if not isinstance(mode, bool):
            raise ValueError(
                f"{self._get_name()}.train: mode must be True or False, got {mode!r}. Pass a bool."
            )
        self.training = mode
        for child in self.children():
            child.train(mode)  # not self.modules(): a submodule may override train, to stay frozen
        return self

    def eval(self) -> Self:
        """Set evaluation mode here and below: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Learn, or stop learning, all parameters."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters (or fill them with zeros)."""
        for p in self.parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                p.grad.detach_().zero_()

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every submodule, children first, then on this module (often to initialise
        weights).
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """Replace the values of every parameter, its gradient and every buffer by `fn` of them; the
        objects stay.
        """
        with no_grad():
            for p in self.parameters():
                p.data = fn(p.detach())
                if p.grad is not None:
                    p.grad = fn(p.grad)
            done: dict[int, Tensor] = {}  # a shared buffer stays shared
            for module in self.modules():
                for name, b in module._buffers.items():
                    if b is not None:
                        if id(b) not in done:
                            done[id(b)] = fn(b)
                        module._buffers[name] = done[id(b)]
        return self

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        memory_format: Any = None,
    ) -> Self:
        """Move to a device and/or convert floating-point parameters and buffers to a dtype, in
        place.

        Forms: `to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)`.
        """
        for arg in args:
            if isinstance(arg, Tensor):
                dtype, device = arg.dtype, arg.device
            elif isinstance(arg, (str, Device, int)) and not isinstance(arg, bool):
                device = f"cuda:{arg}" if isinstance(arg, int) else arg
            elif isinstance(arg, DType) or isinstance(arg, type):
                dtype = as_dtype(arg)
            elif arg is not None and not isinstance(arg, bool):
                raise DTypeError(
                    f"{self._get_name()}.to: takes a device, a dtype or a tensor, got"
                    f" {type(arg).__name__}. Write to('cpu') or to(float64)."
                )
        if dtype is not None and not as_dtype(dtype).is_floating_point:
            raise DTypeError(
                f"{self._get_name()}.to: dtype must be floating-point, got {as_dtype(dtype).name}."
                " Convert single buffers instead."
            )
        if device is not None:
            device = get_device(device)
        return self._apply(
            lambda t: t.to(dtype=dtype if t.is_floating_point() else None, device=device)
        )

    def float(self) -> Self:
        """Convert floating-point values to float32."""
        return self.to(dtype="float32")

    def double(self) -> Self:
        """Convert floating-point values to float64."""
        return self.to(dtype="float64")

    def half(self) -> Self:
        """Convert floating-point values to float16."""
        return self.to(dtype="float16")

    def type(self, dst_type: Any) -> Self:
        """Convert every parameter and buffer to `dst_type`."""
        return self._apply(lambda t: t.type(dst_type) if t.is_floating_point() else t)

    def cpu(self) -> Self:
        return self.to(device="cpu")

    def cuda(self, device: Any = None) -> Self:
        return self.to("cuda" if device is None else device)

    def share_memory(self) -> Self:
        """Move parameters and buffers to memory that processes started from now on see too."""
        from ..data.sharing import share  # few programs need it

        for t in (*self.parameters(), *self.buffers()):
            share(t)
        return self

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: nothing is compiled here; the Python code itself runs."""

    # ---- showing ----

    def _get_name(self) -> str:
        return self.__class__.__name__

    def extra_repr(self) -> str:
        """The text between the brackets of the repr of a layer without submodules."""
        return ""

    def _repr_html_(self) -> str:
        """A table of the layers for a notebook."""
        from ..engine.html import table

        rows = [
            (
                name or "(the whole)",
                f"{type(layer).__name__}({layer.extra_repr()})",
                f"{sum(p.numel() for p in layer.parameters()):,}",
            )
            for name, layer in self.named_modules()
        ]
        return table(self._get_name(), ("name", "layer", "parameters"), rows)

    def __repr__(self) -> str:
        lines = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [
            f"({name}): " + repr(child).replace("\n", "\n  ")
            for name, child in self._modules.items()
        ]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        body = "".join(f"\n  {line}" for line in lines + children)
        return f"{self._get_name()}({body}\n)" if body else f"{self._get_name()}()"
