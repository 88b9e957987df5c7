"""Every op is found where PyTorch has it, and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import tinygrad_edu as torch
from tinygrad_edu.engine.device import registry
from tinygrad_edu.engine.op import Declared

LIST = Path(torch.__file__).parents[1] / "tools" / "torch_names.txt"
HOMES: dict[str, Any] = {
    "torch": torch,
    "torch.Tensor": torch.Tensor,
    "torch.nn.functional": torch.nn.functional,
    "torch.linalg": torch.linalg,
    "torch.special": torch.special,
}
PREFIXES = {"torch.linalg": "linalg_", "torch.special": "special_"}  # of the op's name
OPS = {n: o for n, o in registry.items() if isinstance(o, Declared) and not o.is_piece}

pytestmark = pytest.mark.skipif(not LIST.exists(), reason="tools/ is part of a checkout only")


def names() -> dict[str, set[str]]:
    """PyTorch's public names by namespace."""
    found = defaultdict(set)
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            home, name = line.split()
            found[home].add(name)
    return found


NAMES = names() if LIST.exists() else {}


def ops_of(home: Any) -> dict[str, Any]:
    """The declared ops among the public names of a namespace."""
    return {n: f.op for n, f in vars(home).items() if not n.startswith("_") and hasattr(f, "op")}


@pytest.mark.parametrize("home", HOMES)
def test_an_op_that_pytorch_has_in_a_namespace_is_there(home):
    prefix = PREFIXES.get(home, "")
    wanted = {n for n in NAMES[home] if prefix + n in OPS}
    assert len(wanted) > 10 or home == "torch.special"
    assert not {n for n in wanted if not callable(getattr(HOMES[home], n, None))}


@pytest.mark.parametrize("name", OPS)
def test_each_op_has_a_public_home(name):
    homes = [torch.functional, *HOMES.values()]
    assert any(op is OPS[name] for home in homes for op in ops_of(home).values())


@pytest.mark.parametrize(
    "home", ["torch.Tensor", "torch.nn.functional", "torch.linalg", "torch.special"]
)
def test_a_namespace_has_no_op_that_pytorch_does_not_have_there(home):
    known = {n.removesuffix("_") for n in NAMES[home]} | NAMES[home]
    assert not ops_of(HOMES[home]).keys() - known


def test_functional_has_no_op_that_pytorch_does_not_have_somewhere():
    assert not ops_of(torch.functional).keys() - set().union(*NAMES.values())
