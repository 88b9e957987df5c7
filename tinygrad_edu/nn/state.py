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


def collect(module: Any, destination: OrderedDict, prefix: str, keep_vars: bool) -> OrderedDict:
    """Add the values of `module` and everything below it to `destination`."""
    for hook in module._state_dict_pre_hooks.values():
        hook(module, prefix, keep_vars)
    for name, value in own_state(module):
        destination[prefix + name] = value if keep_vars else value.detach()
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(
                destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
            )
    for hook in module._state_dict_hooks.values():
        result = hook(module, destination, prefix, {})
        destination = destination if result is None else result
    return destination


def load(module: Any, state_dict: Mapping, strict: bool, assign: bool) -> IncompatibleKeys:
    """Check every entry first, then copy all of them: a dict that does not fit changes nothing."""
    if not isinstance(state_dict, Mapping):
        raise DTypeError(
            f"{module._get_name()}.load_state_dict: state_dict must be a mapping from names to"
            f" tensors, got {type(state_dict).__name__}. Pass what state_dict() returned."
        )
    given = OrderedDict(state_dict)
    tree = list(walk(module, ""))
    missing: list[str] = []
    problems: list[str] = []
    for prefix, m in tree:
        for hook in m._load_state_dict_pre_hooks.values():
            hook(m, given, prefix, {}, strict, missing, [], problems)
    plan: list[tuple[Any, str, Tensor, Tensor]] = []
    expected = set()
    for prefix, m in tree:
        for name, mine in own_state(m):
            key = prefix + name
            expected.add(key)
            if key not in given:
                missing.append(key)
                continue
            value = given[key]
            if not isinstance(value, Tensor):
                problems.append(f'"{key}" must be a Tensor, got {type(value).__name__}')
            elif tuple(value.shape) != tuple(mine.shape):
                problems.append(
                    f"size mismatch for {key}: the dict holds {tuple(value.shape)}, the module"
                    f" needs {tuple(mine.shape)}"
                )
            else:
                plan.append((m, name, mine, value))
    unexpected = [key for key in given if key not in expected]
    if strict:
        if unexpected:
            problems.insert(
                0, "Unexpected key(s) in state_dict: " + ", ".join(f'"{k}"' for k in unexpected)
            )
        if missing:
            problems.insert(
                0, "Missing key(s) in state_dict: " + ", ".join(f'"{k}"' for k in missing)
            )
    if problems:
        raise StateDictError(
            f"{module._get_name()}.load_state_dict: every entry must fit the module, got"
            f" {len(problems)} problem(s) (nothing was changed):\n\t"
            + "\n\t".join(problems)
            + "\nLoad a dict saved from the same architecture"
            + (
                ", or pass strict=False to skip missing and unexpected names."
                if strict and (missing or unexpected)
                else "."
            )
        )
    with no_grad():
        for m, name, mine, value in plan:
            if not assign:
                mine.copy_(value)
            elif name in m._parameters:
                m._parameters[name] = (
                    value if isinstance(value, Parameter) else Parameter(value, mine.requires_grad)
                )
            else:
                m._buffers[name] = value
    result = IncompatibleKeys(missing, unexpected)
    for _, m in tree:
        for hook in m._load_state_dict_post_hooks.values():
            hook(m, result)
    return result


def walk(module: Any, prefix: str) -> Any:
    """(prefix, module) for the whole tree; a module that is used twice comes twice, as in a state
    dict.
    """
    yield prefix, module
    for name, child in module._modules.items():
        if child is not None:
            yield from walk(child, f"{prefix}{name}.")
