"""Reading and writing the named values of a module tree: `state_dict` and `load_state_dict`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..autograd import no_grad
from ..engine.errors import DTypeError, TinygradEduError
from ..engine.tensor import Tensor
from .parameter import Parameter


class StateDictError(TinygradEduError, RuntimeError):
    """Entries that do not fit the module they are loaded into. The module is left as it was."""


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: names the module has and the dict lacks, and the other way
    round.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"IncompatibleKeys(missing_keys={self.missing_keys},"
            f" unexpected_keys={self.unexpected_keys})"
        )


def own_state(module: Any) -> list[tuple[str, Tensor]]:
    """The parameters and persistent buffers that `module` holds itself, by name."""
    skip = module._non_persistent_buffers_set
    entries = [
        *module._parameters.items(),
        *((name, b) for name, b in module._buffers.items() if name not in skip),
    ]
    return [(name, value) for name, value in entries if value is not None]


EXTRA = "_extra_state"  # the key of what get_extra_state() returns


def overrides(module: Any, method: str) -> bool:
    """Whether the class of `module` defines `method` itself, not only Module."""
    from .module import Module  # module.py imports this file

    return getattr(type(module), method) is not getattr(Module, method)


def collect(module: Any, destination: OrderedDict, prefix: str, keep_vars: bool) -> OrderedDict:
    """Add the values of `module` and everything below it to `destination`."""
    for hook in module._state_dict_pre_hooks.values():
        hook(module, prefix, keep_vars)
    for name, value in own_state(module):
        destination[prefix + name] = value if keep_vars else value.detach()
    if overrides(module, "get_extra_state"):
        destination[prefix + EXTRA] = module.get_extra_state()
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(
                destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
            )
    for hook in module._state_dict_hooks.values():
        result = hook(module, destination, prefix, {})
        destination = destination if result is None else result
    return destination


class Plan:
    """What loading a dict would do to a tree of modules, and what is wrong with the dict."""

    def __init__(self) -> None:
        self.copies: list[tuple[Any, str, Tensor, Tensor]] = []  # (module, name, old, new)
        self.extras: list[tuple[Any, Any]] = []  # (module, its extra state)
        self.expected: set[str] = set()
        self.missing: list[str] = []
        self.problems: list[str] = []

    def add(self, module: Any, prefix: str, given: Mapping) -> None:
        """Compare the own entries of one module with the dict."""
        for name, mine in own_state(module):
            if self.has(prefix + name, given):
                self.compare(prefix + name, module, name, mine, given[prefix + name])
        if overrides(module, "set_extra_state") and self.has(prefix + EXTRA, given):
            self.extras.append((module, given[prefix + EXTRA]))

    def has(self, key: str, given: Mapping) -> bool:
        self.expected.add(key)
        if key not in given:
            self.missing.append(key)
        return key in given

    def compare(self, key: str, module: Any, name: str, mine: Tensor, value: Any) -> None:
        if not isinstance(value, Tensor):
            self.problems.append(f'"{key}" must be a Tensor, got {type(value).__name__}')
        elif tuple(value.shape) != tuple(mine.shape):
            self.problems.append(
                f"size mismatch for {key}: the dict holds {tuple(value.shape)}, the module needs"
                f" {tuple(mine.shape)}"
            )
        else:
            self.copies.append((module, name, mine, value))

    def carry_out(self, assign: bool) -> None:
        with no_grad():
            for module, name, mine, value in self.copies:
                if not assign:
                    mine.copy_(value)
                elif name in module._parameters:
                    if not isinstance(value, Parameter):
                        value = Parameter(value, mine.requires_grad)
                    module._parameters[name] = value
                else:
                    module._buffers[name] = value
        for module, extra in self.extras:
            module.set_extra_state(extra)


def load(module: Any, state_dict: Mapping, strict: bool, assign: bool) -> IncompatibleKeys:
    """Check every entry first, then copy all of them: a dict that does not fit changes nothing."""
    if not isinstance(state_dict, Mapping):
        raise DTypeError(
            f"{module._get_name()}.load_state_dict: state_dict must be a mapping from names to"
            f" tensors, got {type(state_dict).__name__}. Pass what state_dict() returned."
        )
    given = OrderedDict(state_dict)
    tree = list(walk(module, ""))
    plan = Plan()
    for prefix, m in tree:
        for hook in m._load_state_dict_pre_hooks.values():
            hook(m, given, prefix, {}, strict, plan.missing, [], plan.problems)
    for prefix, m in tree:
        plan.add(m, prefix, given)
    unexpected = [key for key in given if key not in plan.expected]
    check(module, plan, unexpected, strict)
    plan.carry_out(assign)
    result = IncompatibleKeys(plan.missing, unexpected)
    for _, m in tree:
        for hook in m._load_state_dict_post_hooks.values():
            hook(m, result)
    return result


def check(module: Any, plan: Plan, unexpected: list[str], strict: bool) -> None:
    """Raise StateDictError with everything that does not fit."""
    problems, names = list(plan.problems), []
    if strict and plan.missing:
        names.append("Missing key(s) in state_dict: " + quoted(plan.missing))
    if strict and unexpected:
        names.append("Unexpected key(s) in state_dict: " + quoted(unexpected))
    problems = names + problems
    if not problems:
        return
    advice = ", or pass strict=False to skip missing and unexpected names." if names else "."
    raise StateDictError(
        f"{module._get_name()}.load_state_dict: every entry must fit the module, got"
        f" {len(problems)} problem(s) (nothing was changed):\n\t"
        + "\n\t".join(problems)
        + f"\nLoad a dict saved from the same architecture{advice}"
    )


def quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def walk(module: Any, prefix: str) -> Any:
    """(prefix, module) for the whole tree; a module that is used twice comes twice, as in a state
    dict.
    """
    yield prefix, module
    for name, child in module._modules.items():
        if child is not None:
            yield from walk(child, f"{prefix}{name}.")
