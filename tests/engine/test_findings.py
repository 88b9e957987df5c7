"""What whole programs once got wrong without a word: each promise beside PyTorch, where it is
installed, and by numbers otherwise.
"""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.errors import DTypeError, GraphError, ShapeError


def leaf(*values):
    return tg.tensor([float(v) for v in values], requires_grad=True)


def apart(*tensors):
    arrays = [t.array for t in tensors]
    return not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


# ---- one owner for each array --------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
def test_leaves_of_a_sum_have_gradients_of_their_own(create_graph):
    x, z, v = leaf(1, 2), leaf(3, 4), leaf(5, 6)
    for _ in range(2):
        ((x + z + v) * 3).sum().backward(create_graph=create_graph)
    assert [t.grad.tolist() for t in (x, z, v)] == [[6, 6]] * 3
    assert apart(x.grad, z.grad, v.grad)
    tg.nn.utils.clip_grad_norm_([x, z, v], 1.0)
    assert x.grad.tolist() == pytest.approx([1 / 6**0.5] * 2, rel=1e-4)
    x.grad.detach().zero_()
    assert z.grad.tolist() == pytest.approx([1 / 6**0.5] * 2, rel=1e-4)


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_users_cotangent_is_never_a_leafs_gradient(create_graph):
    x, z, g = leaf(1, 2), leaf(3, 4), tg.ones(2)
    for _ in range(2):
        (x + z).backward(g, create_graph=create_graph)
    x.grad.detach().mul_(9)
    assert g.tolist() == [1, 1]
    assert z.grad.tolist() == [2, 2]


def test_a_view_of_the_cotangent_and_the_cotangent_itself_stay_apart():
    t, u = tg.ones(2, 2, requires_grad=True), tg.ones(2, 2, requires_grad=True)
    for _ in range(2):
        (t.transpose(0, 1) + u).backward(tg.eye(2))
    assert apart(t.grad, u.grad)
    assert t.grad.tolist() == u.grad.tolist() == [[2, 0], [0, 2]]


def test_what_a_hook_saw_and_what_retain_grad_kept_are_copies():
    x, z = leaf(1, 2), leaf(3, 4)
    y, seen = x + z, []
    y.retain_grad()
    x.register_hook(seen.append)
    for _ in range(2):
        (y * 1).sum().backward(retain_graph=True)
    assert apart(x.grad, z.grad, y.grad, *seen)
    assert seen[0].tolist() == [1, 1]
    assert y.grad.tolist() == x.grad.tolist() == [2, 2]


def test_what_a_function_returned_stays_its_own():
    kept = tg.ones(2)

    class Both(tg.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return kept, kept

    x, z = leaf(1, 2), leaf(3, 4)
    for _ in range(2):
        Both.apply(x, z).sum().backward()
    assert x.grad.tolist() == z.grad.tolist() == [2, 2]
    assert kept.tolist() == [1, 1]


@pytest.mark.parametrize("kind", ["LSTM", "RNN", "GRU"])
def test_both_biases_of_a_recurrent_layer_are_clipped_once(kind):
    layer = getattr(tg.nn, kind)(3, 4)
    for _ in range(2):
        layer(tg.randn(5, 2, 3))[0].sum().backward()
    grads = [p.grad for p in layer.parameters()]
    assert apart(*grads)
    before = [g.clone() for g in grads]
    norm = tg.nn.utils.clip_grad_norm_(layer.parameters(), 0.1)
    for g, b in zip(grads, before):
        np.testing.assert_allclose(g.array, b.array * (0.1 / (norm.item() + 1e-6)), rtol=1e-5)


def test_threads_that_share_a_leaf_lose_no_gradient():
    w = tg.zeros(100_000, requires_grad=True)

    def work():
        for _ in range(40):
            w.sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert (w.grad.array == 160).all()


def test_results_of_grad_may_be_written():
    x = leaf(1, 2)
    (g,) = tg.autograd.grad(x.mean(), [x])
    assert g.clamp_(-0.1, 0.1).tolist() == pytest.approx([0.1, 0.1])


# ---- what retain_grad, hooks and several roots mean ----------------------------------------------


def test_retain_grad_keeps_the_gradient_of_the_value_as_it_is_now():
    for write in (lambda y: y.mul_(3), lambda y: y[:].mul_(3)):
        x = leaf(1, 1)
        y = x * 2
        y.retain_grad()
        write(y)
        (y * y).sum().backward()
        assert y.grad.tolist() == [12, 12]


def test_retain_grad_keeps_what_is_left_after_all_hooks():
    y = leaf(1, 1) * 1
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    y.sum().backward()
    assert y.grad.tolist() == [2, 2]


def test_backward_of_several_tensors_is_one_pass():
    x = leaf(1, 1)
    y, runs = x * 2, []
    y.register_hook(lambda g: g * g)
    x.register_post_accumulate_grad_hook(runs.append)
    tg.autograd.backward([y.sum(), (y * 2).sum()])
    assert x.grad.tolist() == [18, 18]
    assert len(runs) == 1


def test_jacobians_at_a_tensor_with_gradients_do_not_count_the_closure():
    v = leaf(1, 2)
    assert tg.func.jacrev(lambda x: x * v)(v).tolist() == [[1, 0], [0, 2]]
    assert tg.func.jacfwd(lambda x: x * v)(v).tolist() == [[1, 0], [0, 2]]
    assert tg.func.hessian(lambda x: (x * v * x).sum())(v).tolist() == [[2, 0], [0, 4]]


def test_a_dirty_input_gets_the_functions_history():
    class Doubled(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(1, 2)
    y = x * 1
    z = Doubled.apply(y)
    assert z is y
    (y * z).sum().backward()
    assert x.grad.tolist() == [8, 16]


def test_a_comparison_in_place_leaves_gradient_zero():
    x = leaf(1, 2, 3)
    y = x * 1
    v = y[:2]
    y.eq_(2.0)
    (v * v + v).sum().backward()
    assert y.requires_grad
    assert x.grad.tolist() == [0, 0, 0]


def test_hooks_survive_requires_grad_switched_off_and_on():
    x = leaf(1)
    x.register_hook(lambda g: g * 5)
    loss = (x * 2).sum()
    x.requires_grad_(False)
    loss.backward()
    assert x.grad is None
    x.requires_grad_()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [10]


def test_backward_with_inputs_keeps_the_gradient_of_a_non_leaf():
    x = leaf(1, 2)
    y = x * 2
    for _ in range(2):
        (y * 3).sum().backward(inputs=[y], retain_graph=True)
    assert y.grad.tolist() == [6, 6]
    assert x.grad is None


def test_a_derivative_by_a_value_leaves_the_op_that_made_it_alone():
    x = leaf(1, 2)
    h = x * x
    loss = (h * 3).sum()
    (g,) = tg.autograd.grad(loss, [h])
    h.backward(g)
    assert x.grad.tolist() == [6, 12]


def test_a_graph_that_kept_nothing_may_be_walked_again():
    class Same(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return g

    x = leaf(1, 2)
    y = Same.apply(x) + x
    for _ in range(2):
        y.sum().backward()
    assert x.grad.tolist() == [4, 4]


# ---- views and writes ----------------------------------------------------------------------------


def test_elements_are_views_for_reading_writing_and_gradients():
    x = tg.zeros(3)
    x[0].fill_(7)
    for v in x:
        v += 1
    assert x.tolist() == [8, 1, 1]
    y = leaf(1, 1, 1) * 1
    y[0].mul_(5)
    assert y.tolist() == [5, 1, 1]


def test_writes_that_the_graph_could_not_follow_are_refused():
    y = leaf(1, 2) * 2
    with tg.no_grad():
        v = y[:1]
    with pytest.raises(GraphError, match="no_grad"):
        v.mul_(5)
    b = tg.zeros(4)
    v = b[:2]
    b.requires_grad_()
    with pytest.raises(GraphError, match="view of a leaf"):
        v.mul_(2)
    with pytest.raises(ShapeError, match="overlapping"):
        tg.arange(4.0).unfold(0, 2, 1).mul_(2)


def test_tensors_without_elements_may_be_written():
    x = tg.zeros(0, 3)
    x += 1
    x[...] = 0
    assert x.clamp_(0, 1).shape == (0, 3)


def test_one_value_may_be_written_to_a_stretched_tensor_of_the_diagonal():
    x = tg.zeros(3, 3)
    x.diagonal().fill_(3)
    assert x.tolist() == (3 * tg.eye(3)).tolist()


@pytest.mark.parametrize(
    "value", [tg.ones(3), tg.ones(2, dtype=tg.float64), np.ones(2)], ids=["shape", "dtype", "type"]
)
def test_a_gradient_of_another_kind_is_refused(value):
    with pytest.raises((ShapeError, DTypeError)):
        leaf(1, 2).grad = value


def test_the_gradient_of_a_non_leaf_warns():
    with pytest.warns(UserWarning, match="not a leaf"):
        assert (leaf(1) * 2).grad is None


# ---- around the graph ----------------------------------------------------------------------------


def test_no_grad_reaches_into_a_generator():
    @tg.no_grad()
    def items(x):
        got = yield x * 2
        assert got == "sent"
        yield x * 3

    steps = items(leaf(1))
    first = next(steps)
    assert tg.is_grad_enabled()
    assert not first.requires_grad and not steps.send("sent").requires_grad


def test_functions_and_what_holds_them_can_be_pickled():
    for function in (tg.relu, tg.add, tg.nn.functional.gelu, tg.cat):
        assert pickle.loads(pickle.dumps(function)) is function


def test_a_deep_copy_of_a_tensor_and_its_view_share_memory_again():
    x = tg.zeros(4)
    a, b = copy.deepcopy([x, x[1:]])
    a[1] = 5
    assert b.tolist() == [5, 0, 0]
    assert x.tolist() == [0, 0, 0, 0]


def test_a_function_may_return_more_than_tensors():
    class Pair(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, 7

        @staticmethod
        def backward(ctx, g, *_):
            return g * 2

    x = leaf(1, 2)
    y, seven = Pair.apply(x)
    y.sum().backward()
    assert seven == 7
    assert x.grad.tolist() == [2, 2]


def test_a_backward_that_is_once_differentiable_refuses_a_second_derivative():
    class Square(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @tg.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = leaf(3)
    (g,) = tg.autograd.grad((Square.apply(x) * x).sum(), x, create_graph=True)
    assert g.tolist() == [27]
    with pytest.raises(GraphError, match="once_differentiable"):
        g.sum().backward()


def test_keywords_are_pytorchs_and_a_misspelt_one_is_answered():
    x = leaf(1, 2)
    assert tg.where(condition=x > 1, input=x, other=0.0).tolist() == [0, 2]
    assert tg.pow(x, exponent=2).tolist() == [1, 4]
    assert tg.sum(x, axis=0, keepdims=True).tolist() == [3]
    with pytest.raises(DTypeError, match=r"Did you mean 'dim'\?"):
        x.softmax(dmi=0)
    with pytest.raises(DTypeError, match="needs the argument 'dim'"):
        x.softmax()


def test_a_second_derivative_without_create_graph_says_what_to_do():
    x = leaf(1, 2)
    (g,) = tg.autograd.grad((x * x * x).sum(), x)
    with pytest.raises(GraphError, match="create_graph=True"):
        g.sum().backward()


@pytest.mark.parametrize("device", ["cpu", "emu"])
def test_a_number_of_numpys_times_a_tensor_does_not_promote(device):
    x = tg.ones(2).to(device)
    assert (np.float32(2) * x).dtype is tg.float32
    assert (np.float64(2) * x).cpu().tolist() == [2, 2]


KEPT = """
F.rms_norm(x, (3,), w) | F.rms_norm(x, (3,)) | L.einsum("ij,jk->ik", x, m) | L.einsum("ij->ji", x)
L.einsum("ij->i", x) | L.einsum("ij,j->i", x, w) | L.einsum("ij,j->ij", x, w)
L.einsum("ij,jk,k->i", x, m, m[0]) | x.amin(1) | x.amax(1) | x.max(1)[0] | x / w | L.logsumexp(x, 1)
"""


def kept_bytes(node, seen):
    """The bytes of the distinct memories that a graph keeps alive."""
    if node is None or id(node) in seen:
        return
    seen[id(node)] = 0
    waiting = [getattr(node, "kept", None)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (tuple, list)):
            waiting += value
        elif isinstance(value, np.ndarray):
            whole = tg.engine.device.cpu.storage(value)
            seen[id(whole)] = whole.nbytes
    for edge in getattr(node, "edges", ()):
        kept_bytes(getattr(edge, "node", edge), seen)


@pytest.mark.parametrize(
    "expression", [e for e in KEPT.replace("\n", " | ").split(" | ") if e.strip()]
)
def test_a_graph_keeps_no_more_than_pytorchs(expression):
    torch = pytest.importorskip("torch")
    theirs, alive = {}, []

    def pack(t):
        alive.append(t)
        theirs[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    def result(L):
        x = L.arange(1.0, 7.0).reshape(2, 3).detach().requires_grad_()
        w, m = L.ones(3, requires_grad=True), L.ones(3, 2, requires_grad=True)
        return eval(expression, {"L": L, "F": L.nn.functional, "x": x, "w": w, "m": m})  # noqa: S307  # its own texts

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        result(torch)
    ours: dict = {}
    kept_bytes(result(tg).node, ours)
    assert sum(ours.values()) <= sum(theirs.values())
