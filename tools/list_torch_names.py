"""Write tools/torch_names.txt: the public names of PyTorch that docs/coverage.md compares with.
Needs torch; run it for a new version.

python tools/list_torch_names.py
"""

from __future__ import annotations

import inspect
from pathlib import Path

import torch

SPACES = {
    "torch": torch,
    "torch.Tensor": torch.Tensor,
    "torch.nn.functional": torch.nn.functional,
    "torch.linalg": torch.linalg,
    "torch.special": torch.special,
    "torch.nn": torch.nn,
    "torch.nn.init": torch.nn.init,
    "torch.nn.utils": torch.nn.utils,
    "torch.nn.utils.rnn": torch.nn.utils.rnn,
    "torch.optim": torch.optim,
    "torch.optim.lr_scheduler": torch.optim.lr_scheduler,
    "torch.autograd": torch.autograd,
    "torch.autograd.functional": torch.autograd.functional,
    "torch.func": torch.func,
    "torch.utils.data": torch.utils.data,
}


def public(space: object) -> list[str]:
    """Functions and classes for users: no modules, no private names, nothing that only passed by on
    import.
    """
    found = []
    for name in dir(space):
        thing = getattr(space, name, None)
        if name.startswith("_") or inspect.ismodule(thing):
            continue
        if space is torch.Tensor:
            found.append(name)
        elif callable(thing) and (getattr(thing, "__module__", None) or "torch").split(".")[0] in (
            "torch",
            "builtins",
        ):
            found.append(name)
    return sorted(found)


lines = [f"# PyTorch {torch.__version__.split('+')[0]}"] + [
    f"{space} {name}" for space, thing in SPACES.items() for name in public(thing)
]
(Path(__file__).parent / "torch_names.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
print(len(lines) - 1, "names")
