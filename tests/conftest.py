"""Shared by all tests: one thread an op, hypothesis without deadlines, a fixed seed for each test,
the choice of the quick ones, and a skip for what needs a GPU.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

# Arrays are small here, and other tests run beside this one: more threads would only wait for a
# core. It must be set before NumPy is imported, and holds in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

import tinygrad_edu
from tinygrad_edu.engine.errors import DeviceError
from tinygrad_edu.engine.graph import mode

try:
    from hypothesis import settings
except ModuleNotFoundError:
    settings = None
# a shared machine is slow now and then; the same examples each time make a failure repeatable
if settings is not None:
    settings.register_profile("steady", deadline=None, derandomize=True, max_examples=50)
    settings.load_profile("steady")

# What `pytest -m quick` runs: whole files, or functions of a file, of every folder, that take
# seconds together. Of test_ops.py it runs the first case of each op.
QUICK = {
    "compat/test_compat_names.py",
    "scripts/test_scripts.py::test_check_finds_every_name_that_a_script_uses",
    "data/test_text.py",
    "data/test_torch_files.py",
    "data/test_transforms.py",
    "data/test_vision_datasets.py",
    "devices/test_bench.py::test_quantiles_are_the_middle_and_the_fifths",
    "devices/test_bench.py::test_every_op_with_kernels_can_be_measured",
    "devices/test_kernels.py::test_collapse_merges_dims_that_no_array_tells_apart",
    "devices/test_kernels.py::test_source_shows_the_generated_text",
    "engine/test_autograd.py",
    "engine/test_errors.py",
    "engine/test_func.py",
    "house/test_architecture.py",
    "house/test_cli.py::test_version_and_help",
    "house/test_mutate.py",
    "layers/test_flat_parameter.py",
    "layers/test_nn.py",
    "layers/test_optim.py",
    "layers/test_weight_norm.py",
    "learn/test_browser.py::test_which_addresses_are_on_this_machine",
    "ops/test_linalg.py",
    "ops/test_numerics.py",
    "ops/test_ops_details.py",
    "recipes/test_recipes.py::test_recipe_tells_its_data_time_and_score",
    "recipes/test_recipes.py::test_the_translators_loss_counts_no_padding",
    "recipes/test_recipes.py::test_no_model_of_names_sees_the_letter_it_has_to_guess",
    "reliability/test_attacks.py",
}
FIRST_CASES = "ops/test_ops.py::test_first_order_gradients_agree_with_finite_differences"


@pytest.fixture(autouse=True)
def the_same_random_numbers_in_every_test():
    tinygrad_edu.manual_seed(0)


@pytest.fixture(autouse=True)
def settings_left_as_found():
    """A test that changes a setting of the process, and leaves it so, fails, not those after it."""
    before = settings_of_the_process()
    yield
    after = settings_of_the_process()
    tinygrad_edu.set_default_dtype(before["dtype"])
    tinygrad_edu.set_default_device(before["device"])
    tinygrad_edu.set_grad_enabled(before["grad"])
    tinygrad_edu.autograd.set_detect_anomaly(before["anomaly"])
    assert after == before


def settings_of_the_process():
    return {
        "dtype": tinygrad_edu.get_default_dtype(),
        "device": tinygrad_edu.get_default_device(),
        "grad": tinygrad_edu.is_grad_enabled(),
        "anomaly": mode.anomaly,
    }


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    mark_quick(items)
    skip_without_gpu([item for item in items if "cuda" in item.keywords])


def pytest_collection_finish():
    """What was collected stays until the end: no collection of garbage needs to look at it."""
    gc.freeze()


def mark_quick(items):
    seen = set()
    for item in items:
        file = item.path.relative_to(Path(__file__).parent).as_posix()
        function = f"{file}::{item.originalname}"
        first = function == FIRST_CASES and item.callspec.params["name"] not in seen
        if first:
            seen.add(item.callspec.params["name"])
        chosen = first or file in QUICK or function in QUICK
        if chosen and not {"slow", "long"} & set(item.keywords):
            item.add_marker(pytest.mark.quick)


def skip_without_gpu(items):
    if not items:
        return
    try:
        tinygrad_edu.zeros(1, device="cuda")
    except (DeviceError, ImportError, RuntimeError) as error:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=f"no CUDA device: {error}"))
