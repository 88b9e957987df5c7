"""Shared by all tests: hypothesis without deadlines, a fixed seed for each test, and a skip for
what needs a GPU.
"""

from __future__ import annotations

import pytest

import tinygrad_edu
from tinygrad_edu.engine.errors import DeviceError

try:
    from hypothesis import settings
except ModuleNotFoundError:
    settings = None
# a shared machine is slow now and then; the same examples each time make a failure repeatable
if settings is not None:
    settings.register_profile("steady", deadline=None, derandomize=True, max_examples=50)
    settings.load_profile("steady")


@pytest.fixture(autouse=True)
def the_same_random_numbers_in_every_test():
    tinygrad_edu.manual_seed(0)


def pytest_collection_modifyitems(items):
    wanted = [item for item in items if "cuda" in item.keywords]
    if not wanted:
        return
    try:
        tinygrad_edu.zeros(1, device="cuda")
    except (DeviceError, ImportError, RuntimeError) as error:
        for item in wanted:
            item.add_marker(pytest.mark.skip(reason=f"no CUDA device: {error}"))
