"""Optimizer: parameter groups, their settings, and the state kept for each parameter."""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from ..autograd import enable_grad, no_grad
from ..engine.errors import DTypeError, GraphError, ShapeError
from ..engine.hooks import RemovableHandle
from ..engine.tensor import Tensor
from ..nn.names import check_names

required: Any = object()  # what older scripts give as the default of an argument without one


class Optimizer:
    """Base of all optimisers. A subclass passes its settings to `super().__init__(params,
    defaults)` and defines `update`.

    Args: params: tensors, (name, tensor) pairs, or dicts {"params": [...], setting: value, ...},
          one for each group of parameters with settings of its own; defaults: settings of groups
          that do not have them.
    """

    _opt_called = False  # whether step() was called: a schedule warns if it is stepped first

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_names(cls)
        if "step" in vars(cls):
            cls.step = noted(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Iterable, defaults: dict[str, Any]):
        self.defaults = defaults
        self.state: defaultdict[Tensor, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._pre_hooks: OrderedDict = OrderedDict()
        self._post_hooks: OrderedDict = OrderedDict()
        if callable(getattr(params, "parameters", None)):
            raise DTypeError(
                f"{self._name()}: params must be an iterable of tensors or of dicts, got the module"
                f" {type(params).__name__}. Pass model.parameters()."
            )
        if isinstance(params, (Tensor, Mapping)):
            raise DTypeError(
                f"{self._name()}: params must be an iterable of tensors or of dicts, got a single"
                f" {type(params).__name__}. Put it into a list."
            )
        entries = list(params)
        if not entries:
            raise ShapeError(
                f"{self._name()}: needs at least one parameter, got an empty list. Pass"
                " model.parameters(); a generator can be used only once."
            )
        for group in entries if isinstance(entries[0], dict) else [{"params": entries}]:
            self.add_param_group(group)

    def _name(self) -> str:
        return type(self).__name__

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own, for example layers that thaw later."""
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise DTypeError(
                f"{self._name()}: a group must be a dict with the key 'params', got"
                f" {type(param_group).__name__}. Write {{'params': [...]}}."
            )
        params = param_group["params"]
        if isinstance(params, set):
            raise DTypeError(
                f"{self._name()}: parameters must have an order, got a set. Pass a list."
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        group = {**self.defaults, **param_group}
        names = [p[0] for p in params if isinstance(p, tuple)]
        if names:
            self._check_all_named(names, params)
            group["param_names"] = names
            params = [p for _, p in params]
        self._check_named_alike(group)
        self._check_parameters(params)
        group["params"] = params
        self.check(group)
        self.param_groups.append(group)

    def _check_all_named(self, names: list[str], params: list[Any]) -> None:
        if len(names) < len(params):
            raise ShapeError(
                f"{self._name()}: all parameters of a group must have names, or none, got names for"
                f" {len(names)} of {len(params)}. Pass model.named_parameters()."
            )

    def _check_named_alike(self, group: dict[str, Any]) -> None:
        for other in self.param_groups:
            if ("param_names" in other) != ("param_names" in group):
                raise ShapeError(
                    f"{self._name()}: all groups must have names, or none, got a group"
                    f" {'with' if 'param_names' in group else 'without'} names after groups"
                    f" {'with' if 'param_names' in other else 'without'}. Use named_parameters() or"
                    " parameters() for all."
                )

    def _check_parameters(self, params: list[Any]) -> None:
        """Raise unless all are leaves that no group holds yet."""
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for i, p in enumerate(params):
            if not isinstance(p, Tensor):
                raise DTypeError(
                    f"{self._name()}: each parameter must be a Tensor, got {type(p).__name__} at"
                    f" position {i}. Pass model.parameters()."
                )
            if not p.is_leaf:
                raise GraphError(
                    f"{self._name()}: each parameter must be a leaf, got the result of an op at"
                    f" position {i}, shape {p.shape}. Detach it and call requires_grad_(), or"
                    " optimise the tensors it was computed from."
                )
            if id(p) in known:
                raise ShapeError(
                    f"{self._name()}: each parameter must appear once, got the one at position {i},"
                    f" shape {p.shape}, again. Remove one of them."
                )
            known.add(id(p))

    def check(self, group: dict[str, Any]) -> None:
        """Raise if a setting of `group` is out of range."""
        if isinstance(group.get("lr"), Tensor) and group["lr"].numel() != 1:
            raise ShapeError(
                f"{self._name()}: lr must be a number or a tensor of 1 element, got shape"
                f" {tuple(group['lr'].shape)}. Use one group for each rate."
            )
        if group.get("foreach") and group.get("fused"):
            raise ShapeError(
                f"{self._name()}: at most one of foreach and fused may be True, got both. Omit"
                " them: they change nothing."
            )
        for name in (
            "lr",
            "eps",
            "weight_decay",
            "momentum",
            "lr_decay",
            "initial_accumulator_value",
            "momentum_decay",
        ):
            if name in group and not group[name] >= 0:
                raise ShapeError(
                    f"{self._name()}: {name} must be 0 or more, got {group[name]}. Correct it."
                )
        for i, beta in enumerate(group.get("betas", ())):
            if not 0 <= beta < 1:
                raise ShapeError(
                    f"{self._name()}: betas[{i}] must be from 0 up to but not including 1, got"
                    f" {beta}. Correct it."
                )
        if group.get("differentiable"):
            raise ShapeError(
                f"{self._name()}: steps are not recorded, got differentiable=True. Leave it out,"
                " and write the step with ops to differentiate through it."
            )

    # ---- stepping ----

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        """Change `param.array` in place by one step along `param.grad`; `state` is this parameter's
        dict.
        """
        raise NotImplementedError(
            f"{self._name()}: must define update(param, group, state), or step()."
        )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step on every parameter that has a gradient.

        Args: closure: clears the gradients, computes the loss, calls backward and returns the loss.
        Returns: the closure's loss, or None.
        """
        self._opt_called = True
        for hook in tuple(self._pre_hooks.values()):
            hook(self, (closure,), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self.update(p, group, self.state[p])
                        p.bump_version()
        for hook in tuple(self._post_hooks.values()):
            hook(self, (closure,), {})
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (or fill them with zeros)."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.detach_().zero_()

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step."""
        return RemovableHandle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return RemovableHandle(self._post_hooks, hook)

    # ---- state ----

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number: ...}, "param_groups": [...]}, with parameters replaced by their
        numbers in order.
        """
        numbers = {
            id(p): i
            for i, p in enumerate(p for group in self.param_groups for p in group["params"])
        }
        groups = [
            {
                **{k: v for k, v in group.items() if k != "params"},
                "params": [numbers[id(p)] for p in group["params"]],
            }
            for group in self.param_groups
        ]
        return {
            "state": {numbers[id(p)]: value for p, value in self.state.items() if value},
            "param_groups": groups,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned: settings of every group, and a copy of the
        state of every parameter.
        """
        groups, saved = self.param_groups, state_dict["param_groups"]
        sizes, saved_sizes = ([len(g["params"]) for g in each] for each in (groups, saved))
        if sizes != saved_sizes:
            raise ShapeError(
                f"{self._name()}.load_state_dict: groups must have as many parameters as the saved"
                f" ones, got {saved_sizes} saved for {sizes}. Make the optimiser in the same way as"
                " the saved one."
            )
        params = {
            i: p for old, new in zip(saved, groups) for i, p in zip(old["params"], new["params"])
        }
        state: defaultdict[Tensor, Any] = defaultdict(dict)
        for i, entry in state_dict["state"].items():
            p = params.get(i)
            if p is None:
                raise ShapeError(
                    f"{self._name()}.load_state_dict: state must belong to parameters"
                    f" {list(params)}, got number {i}. Load a whole state dict."
                )
            state[p] = {name: self._adopted(name, value, p) for name, value in entry.items()}
        self.param_groups = [merged_group(old, new) for old, new in zip(saved, groups)]
        self.state = state

    def _state_shape(self, name: str, p: Tensor) -> tuple[int, ...]:
        """The shape that the entry `name` of p's state has, if it is no single number."""
        return p.shape

    def _adopted(self, name: str, value: Any, p: Tensor) -> Any:
        """A saved value as a copy on the parameter's device; all but "step" in its dtype."""
        if not isinstance(value, Tensor):
            return copy.deepcopy(value)
        shape = self._state_shape(name, p)
        if value.ndim and value.shape != shape:
            raise ShapeError(
                f"{self._name()}.load_state_dict: {name} must have shape {tuple(shape)} for the"
                f" parameter {tuple(p.shape)}, got {tuple(value.shape)}. Load the state of the same"
                " model."
            )
        dtype = p.dtype if name != "step" and value.is_floating_point() else None
        return value.detach().clone().to(dtype=dtype, device=p.device)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._pre_hooks, self._post_hooks = OrderedDict(), OrderedDict()

    def _repr_html_(self) -> str:
        """A table of the parameter groups for a notebook."""
        from ..engine.html import table

        names = sorted({name for group in self.param_groups for name in group} - {"params"})
        rows = [
            (i, sum(p.numel() for p in group["params"]), *(group.get(name, "") for name in names))
            for i, group in enumerate(self.param_groups)
        ]
        return table(self._name(), ("group", "parameters", *names), rows)

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            lines += [
                f"Parameter Group {i}",
                *(f"    {name}: {group[name]}" for name in sorted(group) if name != "params"),
            ]
        return f"{self._name()} (\n" + "\n".join(lines) + "\n)"


check_names(Optimizer)


def merged_group(saved: dict[str, Any], present: dict[str, Any]) -> dict[str, Any]:
    """The saved settings with the present parameters and their names."""
    group = {name: copy.deepcopy(value) for name, value in saved.items() if name != "params"}
    group["params"] = present["params"]
    if "param_names" in present:
        group["param_names"] = present["param_names"]
    return group


def noted(step: Callable) -> Callable:
    """`step` of a subclass, which also notes that it was called."""

    @wraps(step)
    def run(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True
        return step(self, *args, **kwargs)

    return run


def grad_of(param: Tensor) -> Any:
    """The raw gradient of a parameter that has one."""
    grad: Any = param.grad
    return grad.array


def step_of(state: dict[str, Any]) -> int:
    """Count one more step in `state`, and return the count. A 0-d tensor, as PyTorch has it."""
    step = state["step"]
    step.array[...] += 1
    return int(step.array)


def rate_there(lr: Any, param: Tensor) -> Any:
    """A rate on the parameter's device, in its dtype, as its array, so that a captured graph reads
    it at every step; any other rate as a number.
    """
    return (
        lr.array
        if isinstance(lr, Tensor) and lr.device is param.device and lr.dtype == param.dtype
        else float(lr)
    )
