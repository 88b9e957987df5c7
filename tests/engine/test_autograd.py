"""The engine's promises: graphs, modes, hooks, in-place changes, views, user ops, checks."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from support import fake_cupy

import tinygrad_edu as tg
from tinygrad_edu import GraphError, ShapeError
from tinygrad_edu.autograd import (
    Function,
    backward,
    detect_anomaly,
    enable_grad,
    grad,
    gradcheck,
    gradgradcheck,
    hessian,
    inference_mode,
    jacobian,
    no_grad,
    set_grad_enabled,
    vjp,
)


def leaf(*values, dtype=tg.float64):
    return tg.tensor(list(values), dtype=dtype, requires_grad=True)


def test_a_value_used_twice_gets_both_gradients():
    x = leaf(3.0)
    y = x * 2
    (y * y + y).sum().backward()
    assert x.grad.tolist() == [2 * (2 * 6.0 + 1)]


def test_a_chain_of_100000_ops_runs_backward_and_goes_away_without_recursion():
    code = (
        "import tinygrad_edu as t\nx = t.ones(1, requires_grad=True)\ny = x\nfor _ in"
        " range(100_000): y = y + x * 0\ny.sum().backward()\nassert x.grad.tolist() == [1.0]\nz ="
        " x\nfor _ in range(100_000): z = z * 1.0\ndel z\nprint('gone')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "gone", done.stderr


def test_a_training_step_leaves_no_reference_cycles():
    x, w = leaf(1.0, 2.0), leaf(0.5, -1.0)

    def step():
        out = ((x * w).exp().reshape(1, 2) @ tg.ones(2, 1, dtype=tg.float64)).max(0)[0].sum()
        out.backward()

    step()
    while gc.collect():  # what other tests left, some of it only once the first is gone
        pass
    gc.disable()
    try:
        for _ in range(5):
            step()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_third_order_of_a_cube():
    x = leaf(2.0)
    y = (x**3).sum()
    (g,) = grad(y, x, create_graph=True)
    (h,) = grad(g.sum(), x, create_graph=True)
    (k,) = grad(h.sum(), x)
    assert (g.item(), h.item(), k.item()) == (12.0, 12.0, 6.0)


def test_backward_twice_needs_retain_graph():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(GraphError, match="mul.*retain_graph=True|retain_graph=True"):
        y.backward()


def test_backward_from_many_numbers_needs_a_gradient_of_that_shape():
    x = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match=r"one number.*\(2,\)"):
        (x * 2).backward()
    with pytest.raises(ShapeError, match="gradient must have"):
        (x * 2).backward(tg.ones(3))
    (x * 2).backward(tg.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 20.0]


def test_backward_without_a_graph_says_so():
    with pytest.raises(GraphError, match="requires_grad=True"):
        tg.ones(1).backward()


def test_inputs_limits_what_backward_accumulates_into():
    x, w = leaf(1.0), leaf(2.0)
    y = x * w
    (y * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [8.0]
    assert w.grad is None


def test_grad_reaches_values_in_the_middle_and_leaves_grad_alone():
    x = leaf(3.0)
    y = x * 2
    gy, gx = grad((y * y).sum(), [y, x])
    assert (gy.item(), gx.item(), x.grad) == (12.0, 24.0, None)


def test_unused_inputs_are_an_error_unless_allowed():
    x, w = leaf(1.0), leaf(1.0)
    with pytest.raises(GraphError, match="allow_unused"):
        grad((x * 2).sum(), [x, w], retain_graph=True)
    assert grad((x * 2).sum(), [x, w], allow_unused=True)[1] is None
    assert grad((x * 2).sum(), [x, w], materialize_grads=True)[1].tolist() == [0.0]


def test_several_roots_are_pushed_back_together():
    x = leaf(2.0)
    backward([(x * 3).sum(), (x * x).sum()])
    assert x.grad.tolist() == [7.0]


def test_leaves_do_not_share_gradient_memory():
    a, b = leaf(1.0, 1.0), leaf(1.0, 1.0)
    (a + b).sum().backward()
    a.grad.zero_()
    assert b.grad.tolist() == [1.0, 1.0]


def test_gradients_accumulate_in_place():
    x = leaf(1.0)
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert x.grad is first
    assert first.tolist() == [5.0]


def test_grad_modes_nest_decorate_and_stay_in_their_thread():
    x = leaf(1.0)
    with no_grad():
        assert not (x * 2).requires_grad
        with enable_grad():
            assert (x * 2).requires_grad
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()
    assert not no_grad()(lambda: x * 2)().requires_grad
    assert not no_grad(lambda: x * 2)().requires_grad
    with inference_mode():
        assert not (x * 2).requires_grad
    with set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert tg.is_grad_enabled()
    seen = []
    with no_grad():
        t = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        t.start()
        t.join()
    assert seen == [True]


def test_hooks_see_and_change_the_gradient_and_can_be_removed():
    x = leaf(1.0, 2.0)
    y = x * 2
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    y.sum().backward(retain_graph=True)
    assert seen == [[1.0, 1.0]]
    assert x.grad.tolist() == [21.0, 21.0]
    handle.remove()
    y.sum().backward()
    assert len(seen) == 1


def test_retain_grad_keeps_the_gradient_of_a_value_in_the_middle():
    x = leaf(3.0)
    y = x * x
    y.retain_grad()
    (y * 2).sum().backward()
    assert y.grad.tolist() == [2.0]


def test_hook_after_accumulation_sees_the_gradient():
    x, seen = leaf(1.0), []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 4).sum().backward()
    assert seen == [4.0]


# ---- in place, views ----


def test_a_changed_kept_value_is_an_error_that_names_op_input_and_versions():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(GraphError, match=r"mul: (input|other) \(2,\).*version 1 instead of 0"):
        z.sum().backward()


def test_in_place_on_values_nobody_kept_is_fine():
    x = leaf(1.0, 2.0)
    y = x + 1
    y.mul_(x).add_(3)
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 5.0]


def test_in_place_on_a_leaf_is_refused_under_grad_mode_only():
    x = leaf(1.0)
    with pytest.raises(GraphError, match="add_: a leaf"):
        x.add_(1)
    with pytest.raises(GraphError, match="view of a leaf"):
        x[0:1].mul_(2)
    with no_grad():
        x.add_(1)
    assert x.tolist() == [2.0]
    assert x._version == 1


def test_nothing_arrives_at_a_view_made_under_no_grad_unless_it_becomes_a_leaf_itself():
    x, seen = leaf(1.0, 2.0, 3.0), []
    with no_grad():
        part, other = x[:2], x[1:]
    part.register_hook(seen.append)
    assert part.requires_grad and part.is_leaf
    (part * 2).sum().backward()
    assert x.grad is part.grad is None and not seen
    assert tg.autograd.grad((part * 2).sum(), part, allow_unused=True) == (None,)
    part.requires_grad_()
    (part * other.sum()).sum().backward()
    assert part.grad.tolist() == [5.0, 5.0] and x.grad is other.grad is None


def test_views_share_memory_and_gradients_follow_writes_through_them():
    x = leaf(1.0, 2.0, 3.0)
    base = x * 2
    part, other = base[:2], base[1:]
    part.mul_(10)
    assert base.tolist() == [20.0, 40.0, 6.0]
    assert other.tolist() == [40.0, 6.0]
    other.sum().backward()
    assert x.grad.tolist() == [0.0, 20.0, 2.0]


def test_item_assignment_routes_gradients():
    x, buffer = leaf(1.0, 2.0), tg.zeros(3, dtype=tg.float64)
    buffer[1:] = x * 3
    buffer[0] = 5
    (buffer * tg.tensor([1.0, 2.0, 4.0], dtype=tg.float64)).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_a_view_written_before_gradients_existed_carries_them_after():
    x, buffer = leaf(2.0, 3.0), tg.zeros(2, 2, dtype=tg.float64)
    buffer[0].copy_(x)
    row = buffer[:, 0]
    row += 1
    buffer.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    assert buffer.tolist() == [[3.0, 3.0], [1.0, 0.0]]


def test_detach_shares_memory_and_versions_but_data_hides_writes():
    x = leaf(1.0)
    y = x * 2
    y.detach().add_(1)
    assert y._version == 1
    y.data.add_(1)
    assert y._version == 1
    assert y.tolist() == [4.0]


def test_expanded_memory_refuses_writes():
    with pytest.raises(ShapeError, match="Clone it first"):
        tg.zeros(1).expand(3).add_(1)


# ---- user ops ----


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


class Exp(Function):
    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


class Both(Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.scale = scale
        return x * scale, x + 1

    @staticmethod
    def backward(ctx, g, h):
        return g * ctx.scale + h, None


def test_users_ops_pass_both_orders_of_the_numerical_check():
    x = tg.randn(3, dtype=tg.float64, requires_grad=True)
    assert gradcheck(Cube.apply, x)
    assert gradgradcheck(Cube.apply, x)
    assert gradcheck(Exp.apply, x)
    assert gradgradcheck(Exp.apply, x)
    assert gradcheck(lambda x: Both.apply(x, 3.0), x)
    assert gradcheck(lambda x: Both.apply(x, 3.0)[1], x)


def test_a_users_backward_with_the_wrong_number_of_gradients_is_named():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g, g

    with pytest.raises(GraphError, match="Wrong: backward must return one gradient per input"):
        Wrong.apply(leaf(1.0)).sum().backward()


# ---- numerical checks, Jacobians ----


def test_gradcheck_finds_a_wrong_formula_and_names_the_worst_entry():
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    with pytest.raises(GraphError, match=r"worst of 2.*every entry is 1\.5 times") as caught:
        gradcheck(Bad.apply, leaf(1.0, 2.0))
    assert "input 0[" in str(caught.value)
    assert not gradcheck(Bad.apply, leaf(1.0), raise_exception=False)


def test_gradcheck_says_kink_where_there_is_one():
    with pytest.raises(GraphError, match="kink"):
        gradcheck(lambda x: tg.functional.relu(x - 0.3e-6), leaf(0.0))


def test_jacobian_and_hessian_and_vjp():
    a = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    m = tg.tensor(a)
    x = tg.tensor([1.0, 2.0], dtype=tg.float64)
    np.testing.assert_allclose(jacobian(lambda x: m @ x, x).array, a)
    np.testing.assert_allclose(hessian(lambda x: ((m @ x) ** 2).sum(), x).array, 2 * a.T @ a)
    value, g = vjp(lambda x: m @ x, x, tg.ones(3, dtype=tg.float64))
    np.testing.assert_allclose(g.array, a.sum(0))
    np.testing.assert_allclose(value.array, a @ [1, 2])
    two = hessian(
        lambda x, y: (x * x * y).sum(),
        (tg.tensor([1.0, 2.0], dtype=tg.float64), tg.tensor([3.0, 4.0], dtype=tg.float64)),
    )
    np.testing.assert_allclose(two[0][0].array, np.diag([6.0, 8.0]))
    np.testing.assert_allclose(two[0][1].array, np.diag([2.0, 4.0]))


# ---- anomaly mode ----


def test_anomaly_mode_names_the_line_that_made_a_nan_forward():
    x = leaf(-1.0)
    with (
        detect_anomaly(),
        pytest.raises(GraphError, match=r"sqrt: .*test_autograd.py:\d+: .*x.sqrt\(\)"),
    ):
        x.sqrt()


def test_anomaly_mode_names_the_formula_and_line_that_made_a_nan_backward():
    x = leaf(0.0)
    with (
        detect_anomaly(),
        pytest.raises(GraphError, match=r"sqrt: the vjp formula of input.*test_autograd.py"),
    ):
        (x.sqrt() * 0).sum().backward()


def test_set_detect_anomaly_and_set_grad_enabled_end_with_their_block_or_never():
    with tg.autograd.set_detect_anomaly(True), pytest.raises(GraphError, match="sqrt"):
        leaf(-1.0).sqrt()
    leaf(-1.0).sqrt()
    with tg.set_grad_enabled(False):
        assert not (leaf(1.0) * 2).requires_grad
    assert (leaf(1.0) * 2).requires_grad
    tg.autograd.set_detect_anomaly(True)
    try:
        with pytest.raises(GraphError, match="sqrt"):
            leaf(-1.0).sqrt()
    finally:
        tg.autograd.set_detect_anomaly(False)
    leaf(-1.0).sqrt()


# ---- tensors as values ----


def test_deepcopy_and_pickle_keep_values_and_requires_grad():
    x = leaf(1.0, 2.0)
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y.tolist() == x.tolist()
        assert y.requires_grad
        y.detach().add_(1)
    assert x.tolist() == [1.0, 2.0]


def test_numpy_and_dlpack_share_memory():
    x = tg.zeros(3)
    shared = np.from_dlpack(x)  # read-only before NumPy 2.1
    x.numpy()[:2] = 5, 6
    assert shared.tolist() == x.tolist() == [5.0, 6.0, 0.0]
    with pytest.raises(GraphError, match=r"detach\(\)"):
        x.requires_grad_().numpy()


def test_a_new_device_needs_no_change_to_any_op():
    """A second device whose arrays are NumPy's under another name: values, gradients and transfers
    go through its own table.
    """
    from tinygrad_edu.engine.device import Device, devices

    calls = []
    other = devices["other"] = Device("other", None, np, np.ndarray)
    try:
        other.F.mul = lambda a, b: calls.append("mul") or np.multiply(a, b)
        x = leaf(1.0, 2.0)
        y = x.to("other")
        (y * y).sum().to("cpu").backward()
        assert x.grad.tolist() == [2.0, 4.0]
        assert calls
        with pytest.raises(tg.DeviceError, match="one device"):
            x * y
    finally:
        del devices["other"]


def test_asking_for_a_missing_gpu_says_what_to_do(monkeypatch):
    fake_cupy.install(monkeypatch, None)  # no CuPy, also where there is one
    with pytest.raises(tg.DeviceError, match="doctor"):
        tg.ones(1).to("cuda")
    with pytest.raises(tg.DeviceError, match="must be one of"):
        tg.ones(1, device="tpu")


def test_an_output_used_by_the_formula_and_by_the_user_gets_both_cotangents_in_the_second_order():
    x = tg.tensor([[2.0, 0.3], [0.1, -1.5]], dtype=tg.float64).requires_grad_()
    # sum of squares of the singular values has second derivative 2 I
    assert gradgradcheck(lambda x: tg.linalg.svdvals(x) ** 2, [x])
    s = tg.linalg.svdvals(x)
    (g,) = tg.autograd.grad((s * s).sum(), x, create_graph=True)
    (second,) = tg.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(second.array, 2.0)
