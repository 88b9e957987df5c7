"""Small promises of the engine that no other test kept, as mutants showed (docs/mutants.md)."""

from __future__ import annotations

import copy
import pickle
import shutil
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.border import explain, public, worded
from tinygrad_edu.engine.case import bools, ints, positive
from tinygrad_edu.engine.dtype import as_dtype
from tinygrad_edu.engine.errors import (
    LONGEST,
    DeviceError,
    DTypeError,
    GraphError,
    ShapeError,
    check_dim,
)
from tinygrad_edu.engine.op import op


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


def test_a_leaf_without_a_gradient_does_not_warn_and_a_result_does():
    x = tg.ones(2, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert x.grad is None
        x.sum().backward()
        assert x.grad.tolist() == [1.0, 1.0]
    with pytest.warns(UserWarning, match="not a leaf"):
        assert (x * 2).grad is None


def test_two_elements_in_one_place_are_not_written():
    with pytest.raises(ShapeError, match="each element must have memory of its own"):
        tg.ones(1).expand(2).add_(1)


def test_a_device_is_pickled_and_copied_by_its_name():
    cpu = tg.ones(1).device
    assert pickle.loads(pickle.dumps(cpu)) is cpu
    assert copy.copy(cpu) is cpu


def test_a_table_names_an_op_that_it_does_not_have():
    with pytest.raises(AttributeError, match=r"F\.no_such_op: no such op"):
        tg.ones(1).device.F.no_such_op  # noqa: B018  # the look is the test


def test_what_a_users_own_backward_raises_stays_as_it_is():
    class Broken(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="^mine$"):
        Broken.apply(tg.ones(1, requires_grad=True)).backward()


def test_what_a_users_function_raises_passes_the_border():
    @public
    def mine():
        raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        mine()
    assert type(caught.value) is KeyError


def test_an_error_of_the_border_names_the_arguments_by_position():
    said = str(worded("f", lambda a, b: 0, (1, 2), {}, TypeError("broadcast")))
    assert said.startswith("f: the shapes must broadcast, got a=1, b=2. ")


@pytest.mark.parametrize("dim", [True, "0", 0.0])
def test_a_dim_is_an_int_and_no_bool(dim):
    with pytest.raises(DTypeError, match="dim must be an int"):
        check_dim("op", dim, 2)


def test_numbers_are_printed_as_powers_of_ten_only_beyond_a_ratio_of_1000():
    assert "e+" not in str(tg.tensor([0.5, 500.0]))
    assert "5.0100e+02" in str(tg.tensor([0.5, 501.0]))


def test_out_takes_one_result_or_several_and_is_what_comes_back():
    x, out = tg.tensor([[1.0, 3.0]]), tg.zeros(1, 2)
    assert tg.add(x, x, out=out) is out
    assert out.tolist() == [[2.0, 6.0]]
    values, at = tg.zeros(1), tg.zeros(1, dtype=tg.int64)
    found = tg.max(x, 1, out=(values, at))
    assert (found[0] is values, found[1] is at) == (True, True)
    assert (values.tolist(), at.tolist()) == ([3.0], [1])
    with pytest.raises(GraphError, match="out= must go with tensors that require no gradients"):
        tg.add(x.requires_grad_(), x, out=out)


def test_seeds_of_the_system_and_keys_have_63_bits():
    source = tg.Generator()
    seeds = [source.seed() for _ in range(8)]
    keys = [source.next_key() for _ in range(64)]
    assert max(seeds) >= 2**32  # a chance of 2**-248 to fail
    assert 2**62 <= max(keys) < 2**63


def test_an_out_of_another_shape_is_resized_with_a_word():
    x, out = tg.ones(2, 3), tg.zeros(3)
    with pytest.warns(UserWarning, match=r"out of shape \(3,\) is resized to \(2, 3\)"):
        tg.add(x, x, out=out)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tg.mul(x, 3, out=out)
    assert out.tolist() == [[3.0] * 3] * 2


def test_a_generator_goes_on_from_a_state_that_it_gave():
    source, other = tg.Generator().manual_seed(5), tg.Generator().manual_seed(6)
    source.next_key()
    state, following = source.get_state(), [source.next_key() for _ in range(9)]
    assert [other.set_state(state).next_key() for _ in range(2)] == following[:1] * 2
    assert [other.next_key() for _ in range(8)] == following[1:]
    assert other.initial_seed() == 5


def test_an_integer_tensor_is_an_index_and_a_floating_point_one_is_not():
    assert "abc"[tg.tensor(1)] == "b"
    with pytest.raises(DTypeError, match="index: must be an integer tensor"):
        "abc"[tg.tensor(1.0)]


def test_the_old_constructor_takes_sizes_or_values():
    assert tg.Tensor(2, 3).tolist() == [[0.0] * 3] * 2
    values = tg.Tensor([1, 2])
    assert (values.dtype, values.tolist()) == (tg.float32, [1.0, 2.0])
    assert tg.Tensor(tg.ones(2, 3).shape).shape == (2, 3)


def test_pickling_keeps_what_a_user_put_on_a_tensor_and_nothing_of_the_engines():
    x = tg.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    x.note = "mine"
    read = pickle.loads(pickle.dumps(x))
    assert (read.note, read.requires_grad, read.grad) == ("mine", True, None)


def test_a_dtype_is_known_by_numpys_class():
    assert (as_dtype(np.int16), as_dtype(bool)) == (tg.int16, tg.bool)


def test_an_in_place_form_needs_a_tensor():
    with pytest.raises(DTypeError, match="add_: must be called on a tensor, got int"):
        tg.Tensor.add_(3, 1)


def test_a_parameter_without_dims_is_trained():
    x = tg.nn.Parameter(tg.tensor(2.0))
    steps = tg.optim.SGD([x], lr=0.5)
    x.grad = tg.tensor(1.0)
    steps.step()
    assert x.item() == 1.5


def test_a_gradient_that_another_graph_kept_must_not_grow_before_its_backward():
    x, w = tg.ones(2, requires_grad=True), tg.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    y = (w * x.grad).sum()
    (x * 2).sum().backward()  # adds to x.grad in place
    with pytest.raises(GraphError, match="mul: other .* must not change between forward and"):
        y.backward()


def test_only_a_leaf_can_stop_requiring_gradients():
    y = tg.ones(2, requires_grad=True) * 2
    assert y.requires_grad_(True) is y
    with pytest.raises(GraphError, match=r"only a leaf can stop .* Use detach\(\)"):
        y.requires_grad_(False)


def test_example_inputs_have_the_kind_and_the_range_that_they_say():
    masks = bools(100).make(0)
    assert masks.dtype == bool and 0 < masks.sum() < 100
    numbers = positive(50).make(0)
    assert numbers.dtype == np.float64 and np.unique(numbers).size == 50
    assert 0.2 <= numbers.min() < 0.3 and 1.9 < numbers.max() < 2
    assert np.unique(ints(100).make(0)).tolist() == [0, 1, 2]


def test_bools_are_printed_one_below_the_other_as_pytorch_does():
    assert repr(tg.tensor([True, False])) == "tensor([ True, False])"
    assert repr(tg.tensor(True)) == "tensor(True)"


def test_a_negative_number_beside_bytes_counts_from_256():
    byte = tg.tensor([3], dtype=tg.uint8)
    assert ((byte + -1).tolist(), (byte * -1).tolist()) == ([2], [253])


def test_a_leaf_refuses_each_write_in_place_even_of_data():
    x = tg.ones(2, requires_grad=True)
    for write in (x.zero_, lambda: x.fill_(0), lambda: x.copy_(tg.zeros(2)), x.uniform_):
        with pytest.raises(GraphError, match="a leaf that requires gradients must not be changed"):
            write()
    with pytest.raises(GraphError, match="a leaf that requires gradients must not be changed"):
        x[0] = 0.0
    assert x.tolist() == [1, 1]


def test_an_error_of_the_longest_length_is_left_whole():
    assert str(ShapeError("x" * LONGEST)) == "x" * LONGEST
    assert len(str(ShapeError("x" * (LONGEST + 1)))) <= LONGEST


def test_backward_takes_a_gradient_of_another_dtype_and_sends_that_of_the_output():
    x, seen = tg.ones(2, requires_grad=True), []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.dtype))
    y.backward(tg.ones(2, dtype=tg.float64))
    assert seen == [tg.float32] and x.grad.tolist() == [2, 2]


def test_a_tensor_of_the_cpu_is_on_device_minus_1():
    assert tg.ones(1).get_device() == -1


def test_windows_that_share_an_element_cannot_be_written():
    windows = tg.arange(8.0).as_strided((3, 3), (2, 1))  # each ends where the next begins
    with pytest.raises(ShapeError, match="each element must have memory of its own"):
        windows.add_(1)
    apart = tg.arange(9.0).as_strided((3, 3), (1, 3))
    assert apart.add_(1).tolist()[0] == [1, 4, 7]


def test_int_rounds_a_tensor_towards_zero():
    assert (int(tg.tensor(3.7)), int(tg.tensor(-3.7))) == (3, -3)


def test_a_copy_of_a_view_of_memory_in_fortrans_order_has_its_values():
    whole = tg.from_numpy(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert copy.deepcopy(whole[:, 1:]).tolist() == [[1, 2], [4, 5]]


def test_an_op_without_an_input_is_refused():
    with pytest.raises(TypeError, match=r"nothing: needs an input, got none\. Annotate one"):

        @op
        def nothing(xp, size: int):
            return xp.zeros(size)


def test_a_hook_ends_with_the_block_of_its_handle():
    x, seen = tg.ones(2, requires_grad=True), []
    with x.register_hook(lambda g: seen.append(g.tolist())):
        x.sum().backward()
    x.sum().backward()
    assert seen == [[1, 1]]


def test_a_size_tells_its_number_of_elements():
    assert (tg.ones(2, 3).shape.numel(), tg.ones(()).shape.numel()) == (6, 1)
