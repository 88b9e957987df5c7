"""Small promises of the engine that no other test kept, as mutants showed (docs/mutants.md)."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.border import explain
from tinygrad_edu.engine.errors import DeviceError, DTypeError


def test_an_optional_input_stays_left_out_when_another_is_converted():
    x, weight = np.ones((1, 3), np.float32), tg.ones(2, 3)
    assert tg.nn.functional.linear(x, weight).tolist() == [[3.0, 3.0]]
    assert tg.nn.functional.linear(x, weight, None).tolist() == [[3.0, 3.0]]
    with pytest.raises(DTypeError, match=r"linear: needs the argument 'weight', got None\."):
        tg.nn.functional.linear(x, None)


def test_limits_are_those_of_the_dtype_and_of_no_other_kind():
    assert (tg.iinfo(tg.int16).max, tg.iinfo(tg.uint8).min) == (32767, 0)
    assert tg.finfo(tg.float32).eps == 2.0**-23
    with pytest.raises(DTypeError, match="iinfo: must be an integer dtype"):
        tg.iinfo(tg.float32)
    with pytest.raises(DTypeError, match="finfo: must be a floating-point dtype"):
        tg.finfo(tg.int64)


def test_backward_of_a_number_says_what_it_needs():
    with pytest.raises(DTypeError, match=r"backward: needs a tensor or several, got "):
        tg.autograd.backward(3.0)


def test_sizes_that_are_left_out_are_an_error_that_names_them():
    with pytest.raises(DTypeError, match="reshape: needs the argument 'shape', got nothing"):
        tg.ones(2).reshape()


def test_next_functions_tell_which_output_of_a_node_was_used():
    values, at = (tg.ones(2, 3, requires_grad=True) * 2).max(1)
    assert (values * 3).grad_fn.next_functions[0][1] == 0
    x = tg.ones(2, requires_grad=True)
    assert [which for _, which in (x * tg.ones(2)).grad_fn.next_functions] == [0, 0]


def test_an_error_does_not_name_the_inner_function_in_which_it_came_up():
    error = TypeError("op.<locals>.forward() got an unexpected keyword argument 'x'")
    said = str(explain("add", {"input": tg.ones(2)}, error))
    assert said.startswith("add: got an unexpected keyword argument 'x', got input: float32 (2,)")


def test_a_list_of_different_dtypes_is_joined_and_no_list_is_an_error():
    both = tg.cat([tg.ones(1), tg.tensor([2])])
    assert (both.dtype, both.tolist()) == (tg.float32, [1.0, 2.0])
    with pytest.raises(DTypeError, match="cat: needs a non-empty list or tuple of tensors"):
        tg.cat([])


def test_size_and_stride_answer_for_one_dim():
    x = tg.ones(2, 3)
    assert (x.size(1), x.size(-2), x.stride(0)) == (3, 2, 3)


@pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
def test_numpy_of_a_tensor_on_another_device_says_what_to_call():
    with pytest.raises(DeviceError, match=r"numpy: must be called on a CPU tensor.*x\.cpu\(\)"):
        tg.ones(2).to("emu").numpy()


def test_in_looks_for_a_value_among_the_elements():
    assert 2 in tg.tensor([1, 2])
    assert 3 not in tg.tensor([1, 2])
