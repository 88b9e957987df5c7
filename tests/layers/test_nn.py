"""Module, containers, hooks, initial values and helpers, without PyTorch at hand."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import weakref
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.nn import init


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.scale = nn.Parameter(te.ones(2))
        self.register_buffer("seen", te.zeros(1))
        self.register_buffer("scratch", te.zeros(1), persistent=False)
        self.inner = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))

    def forward(self, x, *, shift=0.0):
        return self.inner(self.fc(x) * self.scale) + shift


class Doubler(nn.Module):  # at module level, so that it can be pickled
    def forward(self, x):
        return 2 * x


# ---- Parameter ----


def test_parameter_is_a_tensor_that_shares_memory_and_requires_grad():
    data = te.zeros(3)
    p = nn.Parameter(data)
    data[0] = 5
    assert isinstance(p, te.Tensor) and p.requires_grad and p.is_leaf and p[0].item() == 5
    assert not nn.Parameter(te.zeros(2), requires_grad=False).requires_grad
    assert nn.Parameter(te.zeros(2)).data.tolist() == [0, 0] and nn.Parameter().shape == (0,)
    assert (
        repr(nn.Parameter(te.tensor([1.5])))
        == "Parameter containing:\ntensor([1.5000], requires_grad=True)"
    )


def test_parameter_of_a_recorded_tensor_is_a_new_leaf():
    x = te.ones(2, requires_grad=True)
    p = nn.Parameter(x * 2)
    (p * 3).sum().backward()
    assert p.grad.tolist() == [3, 3] and x.grad is None and type(p.grad) is te.Tensor


def test_results_computed_from_parameters_are_plain_tensors():
    p = nn.Parameter(te.ones(2, 2))
    assert (
        type(p * 2) is te.Tensor
        and type(p @ p) is te.Tensor
        and type(p.detach()) is te.Tensor
        and type(p[0]) is te.Tensor
    )


@pytest.mark.parametrize("data", [[1.0], 3, np.ones(2)])
def test_parameter_refuses_what_is_no_tensor(data):
    with pytest.raises(TypeError, match="Parameter: data must be a Tensor"):
        nn.Parameter(data)


def test_parameter_refuses_integers_that_should_have_gradients():
    with pytest.raises(TypeError, match="floating-point"):
        nn.Parameter(te.tensor([1, 2]))
    assert nn.Parameter(te.tensor([1, 2]), requires_grad=False).dtype is te.int64


# ---- registration ----


def test_parts_are_registered_by_assignment_in_order():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == [
        "scale",
        "fc.weight",
        "fc.bias",
        "inner.0.weight",
        "inner.0.bias",
    ]
    assert [n for n, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert [n for n, _ in net.named_buffers()] == ["seen", "scratch"]
    assert [n for n, _ in net.named_modules()] == ["", "fc", "inner", "inner.0", "inner.1"]
    assert [n for n, _ in net.named_children()] == ["fc", "inner"]
    assert list(net.children()) == [net.fc, net.inner] and list(net.modules())[0] is net
    assert list(net.state_dict()) == [
        "scale",
        "seen",
        "fc.weight",
        "fc.bias",
        "inner.0.weight",
        "inner.0.bias",
    ]


def test_shared_parts_come_once_unless_asked():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert (
        len(list(net.parameters())) == 3
        and len(list(net.named_parameters(remove_duplicate=False))) == 4
    )
    twice = nn.Sequential(net[0], net[0])
    assert (
        len(list(twice.modules())) == 2
        and len(list(twice.children())) == 1
        and len(list(twice.named_modules(remove_duplicate=False))) == 3
    )
    assert len(twice.state_dict()) == 4


def test_an_attribute_that_becomes_a_parameter_is_no_plain_attribute_any_more():
    m = nn.Module()
    m.x = 3
    m.x = nn.Parameter(te.ones(1))
    assert [n for n, _ in m.named_parameters()] == ["x"]
    m.x = nn.Linear(1, 1)
    assert [n for n, _ in m.named_modules()] == ["", "x"] and not dict(
        m.named_parameters(recurse=False)
    )
    m.x = None
    assert m.x is None and not list(m.parameters())
    del m.x
    assert not hasattr(m, "x")


def test_buffers_are_registered_replaced_and_deleted():
    net = Net()
    net.seen = te.ones(4)
    assert dict(net.named_buffers())["seen"].tolist() == [1, 1, 1, 1]
    net.kept, net.gone = nn.Buffer(te.zeros(2)), nn.Buffer(te.zeros(2), persistent=False)
    assert (
        "kept" in net.state_dict()
        and "gone" not in net.state_dict()
        and "gone" in dict(net.named_buffers())
    )
    del net.seen
    assert "seen" not in net.state_dict() and not hasattr(net, "seen")


@pytest.mark.parametrize(
    "value",
    [nn.Parameter(te.ones(1)), nn.Linear(1, 1), nn.Buffer(te.ones(1))],
    ids=["parameter", "module", "buffer"],
)
def test_parts_before_super_init_are_refused_with_the_remedy(value):
    class Early(nn.Module):
        def __init__(self):
            self.part = value

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Early()


@pytest.mark.parametrize(
    "change, kind, text",
    [
        (lambda m: setattr(m, "scale", te.ones(2)), TypeError, "nn.Parameter"),
        (lambda m: setattr(m, "fc", 3), TypeError, "must stay a Module"),
        (lambda m: setattr(m, "seen", 3), TypeError, "must stay a Tensor"),
        (lambda m: m.register_buffer("fc", te.ones(1)), KeyError, "already exists"),
        (lambda m: m.register_buffer("a.b", te.ones(1)), KeyError, "dot"),
        (lambda m: m.register_buffer("", te.ones(1)), KeyError, "empty"),
        (lambda m: m.register_buffer(3, te.ones(1)), TypeError, "string"),
        (lambda m: m.register_buffer("b", [1]), TypeError, "buffer must be a Tensor"),
        (lambda m: m.register_parameter("p", te.ones(1)), TypeError, "nn.Parameter"),
        (lambda m: m.add_module("m", te.relu), TypeError, "Module"),
        (lambda m: m.train("yes"), ValueError, "True or False"),
        (lambda m: m.to(te.int64), TypeError, "floating-point"),
        (lambda m: m.to({}), TypeError, "device, a dtype or a tensor"),
        (lambda m: m.get_submodule("inner.7"), AttributeError, "'7'"),
        (lambda m: m.get_parameter("fc.wieght"), AttributeError, "weight, bias"),
        (lambda m: m.get_buffer("fc.weight"), AttributeError, "buffers"),
        (lambda m: m.missing, AttributeError, "'Net' object has no attribute 'missing'"),
        (lambda m: m(te.ones(1, 4)), ValueError, "linear"),
        (lambda m: nn.Module()(1), NotImplementedError, "forward"),
    ],
)
def test_wrong_use_is_refused_with_what_was_given(change, kind, text):
    with pytest.raises(kind, match=text):
        change(Net())


def test_parts_are_found_by_dotted_path():
    net = Net()
    assert net.get_submodule("") is net and net.get_submodule("inner.1") is net.inner[1]
    assert (
        net.get_parameter("inner.0.weight") is net.inner[0].weight
        and net.get_buffer("seen") is net.seen
    )


def test_dir_lists_parts_but_not_numbers():
    names = dir(Net())
    assert {"fc", "scale", "seen", "forward"} <= set(names) and "0" not in dir(Net().inner)


# ---- state ----


def test_state_dict_is_detached_and_shares_memory_unless_variables_are_kept():
    net = Net()
    state = net.state_dict()
    assert (
        isinstance(state, OrderedDict)
        and not state["fc.weight"].requires_grad
        and net.state_dict(keep_vars=True)["fc.weight"] is net.fc.weight
    )
    with te.no_grad():
        net.fc.weight.fill_(7)
    assert state["fc.weight"][0, 0].item() == 7
    assert list(net.state_dict(prefix="net."))[0] == "net.scale"


def test_loading_copies_values_into_the_same_parameters():
    a, b = Net(), Net()
    weight = b.fc.weight
    result = b.load_state_dict(a.state_dict())
    assert (
        b.fc.weight is weight
        and (weight == a.fc.weight).all()
        and weight.array is not a.fc.weight.array
    )
    assert result == ([], []) and repr(result) == "<All keys matched successfully>"


def test_loading_reports_every_problem_at_once_and_changes_nothing():
    net = Net()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    state = {k: te.full(v.shape, 9.0) for k, v in before.items()}
    del state["scale"]
    state["extra"] = te.ones(1)
    state["fc.weight"] = te.ones(2, 4)
    state["fc.bias"] = [1, 2]
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(state)
    text = str(error.value)
    assert (
        'Missing key(s) in state_dict: "scale"' in text
        and 'Unexpected key(s) in state_dict: "extra"' in text
    )
    assert (
        "size mismatch for fc.weight" in text
        and "(2, 4)" in text
        and "(2, 3)" in text
        and '"fc.bias" must be a Tensor, got list' in text
    )
    assert all((v == before[k]).all() for k, v in net.state_dict().items())


def test_loading_without_strict_skips_names_but_never_shapes():
    net = Net()
    result = net.load_state_dict({"scale": te.full((2,), 3.0), "other": te.ones(1)}, strict=False)
    assert (
        net.scale.tolist() == [3, 3]
        and result.unexpected_keys == ["other"]
        and "fc.weight" in result.missing_keys
    )
    with pytest.raises(RuntimeError, match="size mismatch"):
        net.load_state_dict({"scale": te.ones(5)}, strict=False)
    with pytest.raises(TypeError, match="mapping"):
        net.load_state_dict([1])


def test_loading_with_assign_takes_the_tensors_themselves():
    net = Net()
    state = {k: v.double() for k, v in net.state_dict().items()}
    net.load_state_dict(state, assign=True)
    assert (
        net.fc.weight.dtype is te.float64
        and isinstance(net.fc.weight, nn.Parameter)
        and net.fc.weight.requires_grad
    )
    state["scale"].fill_(4)
    assert net.scale.tolist() == [4, 4] and net.seen is state["seen"]


def test_loading_converts_to_the_parameters_dtype():
    net = Net()
    net.load_state_dict({k: v.double() for k, v in net.state_dict().items()})
    assert net.fc.weight.dtype is te.float32


def test_state_hooks_run_around_saving_and_loading():
    net, seen = Net(), []
    net.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append("saving"))
    net.register_state_dict_post_hook(lambda m, state, prefix, meta: state.__delitem__("seen"))
    net.register_load_state_dict_pre_hook(
        lambda m, state, prefix, *rest: state.update(seen=te.full((1,), 2.0))
    )
    handle = net.register_load_state_dict_post_hook(lambda m, keys: seen.append(keys))
    state = net.state_dict()
    assert "seen" not in state
    net.load_state_dict(state)
    assert net.seen.item() == 2 and seen == ["saving", ([], [])] and "seen" not in state
    handle.remove()
    net.load_state_dict(net.state_dict())
    assert len(seen) == 3


# ---- whole-tree changes ----


def test_train_and_eval_reach_every_module_through_their_own_train():
    class Frozen(nn.BatchNorm1d):
        def train(self, mode=True):
            return super().train(False)

    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.ReLU(), Frozen(2)))
    assert net.eval() is net and not any(m.training for m in net.modules())
    net.train()
    assert [m.training for m in net.modules()] == [True, True, True, True, False]


def test_requires_grad_and_zero_grad_reach_every_parameter():
    net = Net()
    net(te.ones(1, 3)).sum().backward()
    grad = net.fc.weight.grad
    net.zero_grad(set_to_none=False)
    assert net.fc.weight.grad is grad and not grad.any()
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(te.ones(1, 3)).requires_grad
    assert net.requires_grad_().fc.weight.requires_grad


def test_apply_calls_children_first():
    seen = []
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "ReLU", "Sequential", "Sequential"]


@pytest.mark.parametrize(
    "convert",
    [
        lambda m: m.double(),
        lambda m: m.to(te.float64),
        lambda m: m.to("cpu", te.float64),
        lambda m: m.to(dtype=te.float64),
        lambda m: m.to(te.zeros(1, dtype=te.float64)),
        lambda m: m.type(te.float64),
    ],
)
def test_conversion_keeps_the_parameter_objects_and_their_gradients(convert):
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    net(te.ones(1, 2)).sum().backward()
    weight = net[0].weight
    optimiser = te.optim.SGD(net.parameters(), lr=0.1)
    assert (
        convert(net) is net
        and net[0].weight is weight
        and weight.dtype is te.float64
        and weight.grad.dtype is te.float64
    )
    optimiser.step()
    net.zero_grad()
    net(te.ones(1, 2, dtype=te.float64)).sum().backward()
    assert weight.grad.dtype is te.float64


def test_conversion_leaves_integer_buffers_alone():
    norm = nn.BatchNorm1d(2).double()
    assert norm.running_mean.dtype is te.float64 and norm.num_batches_tracked.dtype is te.int64
    assert norm.half().weight.dtype is te.float16 and norm.float().weight.dtype is te.float32


def test_deepcopy_is_independent_and_trains():
    net = Net()
    net.fc.weight.grad = te.ones(2, 3)
    net.register_forward_hook(lambda m, args, out: out + 1)
    twin = copy.deepcopy(net)
    assert (
        (twin.fc.weight == net.fc.weight).all()
        and twin.fc.weight.array is not net.fc.weight.array
        and twin.fc.weight.grad.tolist() == [[1, 1, 1], [1, 1, 1]]
    )
    twin.zero_grad()
    twin.eval()(te.ones(1, 3)).sum().backward()
    assert (
        twin.fc.weight.grad is not None
        and isinstance(twin.fc.weight, nn.Parameter)
        and net.fc.weight.grad.tolist() == [[1, 1, 1], [1, 1, 1]]
    )
    shared = nn.Sequential(net.fc, net.fc)
    again = copy.deepcopy(shared)
    assert again[0] is again[1]


def test_pickle_gives_the_same_network():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), Doubler(), nn.LeakyReLU(0.3)).eval()
    again = pickle.loads(pickle.dumps(net))
    x = te.randn(4, 2)
    assert (
        (again(x) == net(x)).all()
        and repr(again) == repr(net)
        and again[0].weight.requires_grad
        and not again.training
    )


def test_modules_go_away_without_the_collector():
    net = Net()
    gone = weakref.ref(net.fc.weight)
    net(te.ones(1, 3)).sum().backward()
    del net
    assert gone() is None


# ---- hooks ----


def test_forward_hooks_replace_arguments_and_results_in_order():
    net, seen = Doubler(), []
    net.register_forward_pre_hook(lambda m, args: seen.append("second") or args[0] + 1)
    net.register_forward_pre_hook(lambda m, args: seen.append("first"), prepend=True)
    last = net.register_forward_hook(
        lambda m, args, out: seen.append((args[0].item(), out.item())) or out * 10
    )
    assert net(te.tensor(1.0)).item() == 40 and seen == ["first", "second", (2.0, 4.0)]
    last.remove()
    assert net(te.tensor(1.0)).item() == 4
    with net.register_forward_hook(lambda m, args, out: None):
        assert net(te.tensor(1.0)).item() == 4 and len(net._forward_hooks) == 1
    assert not net._forward_hooks


def test_forward_hooks_see_keyword_arguments_when_asked():
    net, seen = Net().eval(), []
    net.register_forward_pre_hook(lambda m, args, kwargs: (args, {"shift": 5.0}), with_kwargs=True)
    net.register_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True)
    x = te.ones(1, 3)
    np.testing.assert_allclose(
        net(x, shift=1.0).tolist(), (net.inner(net.fc(x) * net.scale) + 5).tolist(), rtol=1e-6
    )
    assert seen == [{"shift": 5.0}]


def test_backward_hooks_see_all_inputs_and_outputs_together():
    class Two(nn.Module):
        def forward(self, x, n, y):
            return x * y, x + y

    net, seen = Two(), []
    net.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    x, y = te.tensor([2.0], requires_grad=True), te.tensor([3.0], requires_grad=True)
    a, b = net(x, 4, y)
    (a + 10 * b).sum().backward()
    ((gi, go),) = seen
    assert [g if g is None else g.item() for g in gi] == [13, None, 12] and [
        g.item() for g in go
    ] == [1, 10]
    assert x.grad.item() == 13 and y.grad.item() == 12


def test_backward_hooks_run_when_no_input_needs_gradients():
    net, seen = nn.Linear(2, 1), []
    net.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    net(te.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])] and net.weight.grad is not None


def test_a_backward_hook_that_returns_too_few_gradients_is_refused():
    net = nn.Linear(2, 1)
    net.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    with pytest.raises(RuntimeError, match="must return 1 gradients"):
        net(te.ones(1, 2, requires_grad=True)).sum().backward()


# ---- containers ----


def test_sequential_behaves_as_a_list():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert (
        len(net) == 3
        and net[-1] is net[2]
        and isinstance(net[1:], nn.Sequential)
        and net[1:][1] is net[2]
    )
    net.append(nn.Tanh()).insert(1, nn.Sigmoid())
    assert [type(m).__name__ for m in net] == ["Linear", "Sigmoid", "ReLU", "Linear", "Tanh"] and [
        n for n, _ in net.named_children()
    ] == list("01234")
    assert isinstance(net.pop(1), nn.Sigmoid) and len(net) == 4
    del net[1:3]
    assert [type(m).__name__ for m in net] == ["Linear", "Tanh"] and list(net.state_dict()) == [
        "0.weight",
        "0.bias",
    ]
    net[1] = nn.ReLU()
    net.extend([nn.Identity()])
    assert (
        repr(net)
        == "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n  (1): ReLU()\n "
        " (2): Identity()\n)"
    )
    assert len(net + net) == 6 and len(net * 2) == 6
    with pytest.raises(IndexError, match="from -3 to 2, got 3"):
        net[3]
    with pytest.raises(TypeError, match="Module"):
        net.append(len)
    assert nn.Sequential()(3) == 3


def test_sequential_takes_names():
    net = nn.Sequential(OrderedDict(first=nn.Linear(2, 2), act=nn.ReLU()))
    assert (
        net.first is net[0]
        and list(net.state_dict()) == ["first.weight", "first.bias"]
        and list(net[:1]._modules) == ["first"]
    )
    del net[0]
    assert list(net._modules) == ["act"]


def test_module_list_behaves_as_a_list():
    blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert (
        len(list(blocks.parameters())) == 6
        and blocks[1:][0] is blocks[1]
        and isinstance(blocks[:2], nn.ModuleList)
    )
    blocks += [nn.ReLU()]
    blocks.insert(0, nn.Tanh())
    assert (
        isinstance(blocks.pop(0), nn.Tanh)
        and isinstance(blocks.pop(), nn.ReLU)
        and len(blocks + [nn.ReLU()]) == 4
    )
    assert (
        repr(blocks)
        == "ModuleList(\n  (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)\n)"
    )
    with pytest.raises(NotImplementedError, match="forward"):
        blocks(1)
    with pytest.raises(TypeError, match="several"):
        blocks.extend(3)


def test_module_dict_behaves_as_a_dict():
    heads = nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.ReLU()})
    heads["c"] = nn.Tanh()
    heads.update([("d", nn.Identity())])
    assert (
        list(heads) == list("abcd")
        and "a" in heads
        and len(heads) == 4
        and heads.pop("d")
        and dict(heads.items()).keys() == heads.keys()
    )
    del heads["c"]
    assert [n for n, _ in heads.named_parameters()] == ["a.weight", "a.bias"] and [
        type(v).__name__ for v in heads.values()
    ] == ["Linear", "ReLU"]
    heads.clear()
    assert not len(heads)
    with pytest.raises(KeyError):
        heads["a"]


def test_parameter_containers_register_their_parameters():
    several = nn.ParameterList([nn.Parameter(te.zeros(2)), te.ones(1)])
    several.append(te.zeros(3))
    assert (
        [n for n, _ in several.named_parameters()] == list("012")
        and isinstance(several[1], nn.Parameter)
        and len(several[1:]) == 2
    )
    named = nn.ParameterDict({"w": te.zeros(2, 3)})
    named["b"] = nn.Parameter(te.zeros(1))
    assert list(named.state_dict()) == ["w", "b"] and "w" in named and named["w"].requires_grad
    assert (
        repr(named)
        == "ParameterDict(\n  (w): Parameter containing: [tinygrad_edu.float32 of size 2x3]\n  (b):"
        " Parameter containing: [tinygrad_edu.float32 of size 1]\n)"
    )
    with pytest.raises(TypeError, match="Parameter or a Tensor"):
        several.append(3)


# ---- layers ----


def test_dropout_zeroes_the_given_share_and_keeps_the_mean_only_in_training():
    te.manual_seed(0)
    x = te.ones(100_000)
    y = nn.Dropout(0.3)(x)
    assert (
        abs((y == 0).float().mean().item() - 0.3) < 0.01
        and abs(y.mean().item() - 1) < 0.02
        and set(np.unique(y.numpy())) == {np.float32(0), np.float32(1 / 0.7)}
    )
    assert (nn.Dropout(0.3).eval()(x) == x).all()
    with pytest.raises(ValueError, match="probability"):
        nn.Dropout(1.5)


def test_channel_dropout_zeroes_whole_channels():
    te.manual_seed(0)
    y = nn.Dropout2d(0.5)(te.ones(40, 50, 3, 3)).numpy().reshape(2000, 9)
    assert (y.min(1) == y.max(1)).all() and 0.45 < (y[:, 0] == 0).mean() < 0.55


def test_alpha_dropout_keeps_mean_and_variance():
    te.manual_seed(0)
    y = nn.AlphaDropout(0.2)(te.randn(200_000))
    assert abs(y.mean().item()) < 0.02 and abs(y.std().item() - 1) < 0.02


def test_rrelu_draws_slopes_in_its_range_only_in_training():
    te.manual_seed(0)
    x = -te.ones(10_000)
    y = -nn.RReLU(0.1, 0.3)(x).numpy()
    assert (
        y.min() >= 0.1 and y.max() < 0.3 and abs(y.mean() - 0.2) < 0.01 and np.unique(y).size > 1000
    )
    np.testing.assert_allclose(nn.RReLU(0.1, 0.3).eval()(x).numpy(), -0.2, rtol=1e-6)


def test_inplace_activations_write_to_their_input():
    for layer in (
        nn.ReLU(inplace=True),
        nn.LeakyReLU(0.1, True),
        nn.ELU(inplace=True),
        nn.Hardtanh(inplace=True),
        nn.SiLU(inplace=True),
    ):
        x = te.tensor([-1.5, 2.0])
        expected = (
            type(layer)()(x.clone())
            if not isinstance(layer, nn.LeakyReLU)
            else nn.LeakyReLU(0.1)(x.clone())
        )
        assert layer(x) is x and (x == expected).all()
    w = te.tensor([-1.0, 2.0], requires_grad=True)
    nn.ReLU(inplace=True)(w * 3).sum().backward()
    assert w.grad.tolist() == [0, 3]


def test_max_pool_returns_indices_when_asked():
    values, where = nn.MaxPool2d(2, return_indices=True)(te.arange(16).float().reshape(1, 1, 4, 4))
    assert values.flatten().tolist() == [5, 7, 13, 15] and where.flatten().tolist() == [
        5,
        7,
        13,
        15,
    ]


def test_batch_norm_averages_all_batches_without_momentum():
    norm = nn.BatchNorm1d(1, momentum=None)
    for value in (1.0, 2.0, 6.0):
        norm(te.tensor([[value - 1], [value + 1]]))
    assert (
        norm.running_mean.item() == pytest.approx(3)
        and norm.running_var.item() == pytest.approx(2)
        and norm.num_batches_tracked.item() == 3
    )


def test_embedding_keeps_its_padding_row_zero_and_freezes_given_tables():
    emb = nn.Embedding(4, 2, padding_idx=1)
    assert emb.weight[1].tolist() == [0, 0] and emb.weight[0].tolist() != [0, 0]
    emb(te.tensor([0, 1, 1])).sum().backward()
    assert emb.weight.grad.tolist() == [[1, 1], [0, 0], [0, 0], [0, 0]]
    table = te.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert (
        nn.Embedding.from_pretrained(table)(te.tensor([1])).tolist() == [[3, 4]]
        and not nn.Embedding.from_pretrained(table).weight.requires_grad
    )
    with pytest.raises(ValueError, match="padding_idx"):
        nn.Embedding(4, 2, padding_idx=4)


@pytest.mark.parametrize(
    "make, kind, text",
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "divisible by groups"),
        (lambda: nn.Conv2d(3, 4, 3, padding="half"), ValueError, "same, valid"),
        (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same"), ValueError, "stride 1"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), ValueError, "padding_mode"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ValueError, "kernel_size must be an int or 2 ints"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), ValueError, "padding_mode"),
        (lambda: nn.BatchNorm2d(3)(te.ones(2, 3)), ValueError, "4 dims"),
        (lambda: nn.GroupNorm(3, 4), ValueError, "divisible by num_groups"),
        (lambda: nn.Hardtanh(1, -1), ValueError, "min_val"),
        (lambda: nn.LeakyReLU(slope=1), TypeError, "negative_slope"),
        (lambda: nn.Threshold(1), TypeError, "value"),
        (lambda: nn.Softmax2d()(te.ones(2, 2)), ValueError, "Softmax2d"),
        (
            lambda: nn.MSELoss(reduction="avg")(te.ones(1), te.ones(1)),
            ValueError,
            "'mean', 'sum' or 'none', got 'avg'",
        ),
        (lambda: nn.BCELoss()(te.tensor([1.5]), te.tensor([1.0])), ValueError, "probabilities"),
        (lambda: nn.BCELoss()(te.tensor([0.5]), te.tensor([[1.0]])), ValueError, "one shape"),
        (lambda: nn.GaussianNLLLoss()(te.ones(2), te.ones(2), -te.ones(2)), ValueError, "var"),
        (lambda: nn.SmoothL1Loss(beta=-1)(te.ones(1), te.ones(1)), ValueError, "beta"),
        (lambda: nn.HuberLoss(delta=0)(te.ones(1), te.ones(1)), ValueError, "delta"),
        (lambda: nn.MultiMarginLoss(p=3), ValueError, "p must be 1 or 2"),
        (lambda: nn.PReLU(3)(te.ones(2, 2)), ValueError, "per channel"),
        (lambda: nn.GLU()(te.ones(3)), ValueError, "even"),
        (lambda: nn.Bilinear(0, 2, 2), ValueError, "in1_features"),
        (lambda: nn.CrossEntropyLoss()(te.ones(2, 3), te.tensor([0, 3])), ValueError, "3"),
    ],
)
def test_wrong_settings_and_inputs_are_refused_with_what_was_given(make, kind, text):
    with pytest.raises(kind, match=text):
        make()


def test_old_loss_arguments_are_understood_with_a_warning():
    x, y = te.tensor([1.0, 2.0]), te.tensor([0.0, 0.0])
    with pytest.warns(FutureWarning, match="reduction='sum'"):
        assert F.mse_loss(x, y, size_average=False).item() == 5
    with pytest.warns(FutureWarning, match="reduction='none'"):
        assert nn.MSELoss(reduce=False)(x, y).tolist() == [1, 4]


def test_users_can_subclass_declared_layers():
    class Leaky(nn.LeakyReLU):
        def __init__(self, factor):
            super().__init__(negative_slope=factor / 10)

        def forward(self, x):
            return super().forward(x) + 1

    assert Leaky(5)(te.tensor([-2.0])).tolist() == [0.0]


# ---- initial values ----


def spread(tensor) -> tuple[float, float, float]:
    array = tensor.detach().numpy()
    return float(array.min()), float(array.max()), float(array.std())


@pytest.mark.parametrize(
    "layer, fan_in",
    [
        (lambda: nn.Linear(400, 300), 400),
        (lambda: nn.Conv2d(40, 60, 5), 1000),
        (lambda: nn.Conv1d(40, 60, 5, groups=2), 100),
        (lambda: nn.Conv3d(8, 16, 3), 216),
    ],
)
def test_default_initial_values_are_uniform_within_one_over_root_fan_in(layer, fan_in):
    layer, bound = layer(), 1.000001 / math.sqrt(fan_in)  # float32 rounds the bound itself
    low, high, std = spread(layer.weight)
    assert (
        -bound <= low < -0.99 * bound
        and 0.99 * bound < high <= bound
        and std == pytest.approx(bound / math.sqrt(3), rel=0.03)
    )
    low, high, _ = spread(layer.bias)
    assert -bound <= low < 0 < high <= bound


@pytest.mark.parametrize(
    "fill, bound, std",
    [
        (lambda w, g: init.uniform_(w, -2, 3, generator=g), (-2, 3), 5 / math.sqrt(12)),
        (lambda w, g: init.normal_(w, 1, 2, generator=g), None, 2),
        (
            lambda w, g: init.xavier_uniform_(w, 2, generator=g),
            2 * math.sqrt(6 / 500),
            2 * math.sqrt(2 / 500),
        ),
        (lambda w, g: init.xavier_normal_(w, generator=g), None, math.sqrt(2 / 500)),
        (
            lambda w, g: init.kaiming_uniform_(w, nonlinearity="relu", generator=g),
            math.sqrt(6 / 300),
            math.sqrt(2 / 300),
        ),
        (
            lambda w, g: init.kaiming_uniform_(w, a=math.sqrt(5), generator=g),
            math.sqrt(1 / 300),
            math.sqrt(1 / 900),
        ),
        (
            lambda w, g: init.kaiming_normal_(w, mode="fan_out", nonlinearity="tanh", generator=g),
            None,
            5 / 3 / math.sqrt(200),
        ),
        (lambda w, g: init.trunc_normal_(w, generator=g), 2, 0.8796),
        (lambda w, g: init.trunc_normal_(w, 0, 0.5, -1, 1, generator=g), 1, 0.8796 / 2),
    ],
    ids=[
        "uniform",
        "normal",
        "xavier_uniform",
        "xavier_normal",
        "kaiming_uniform",
        "kaiming_sqrt5",
        "kaiming_normal",
        "trunc_normal",
        "trunc_normal-half",
    ],
)
def test_initial_distribution_has_its_bounds_and_spread_and_repeats_with_a_generator(
    fill, bound, std
):
    g = te.Generator().manual_seed(5)
    w = nn.Parameter(te.empty(200, 300))
    assert fill(w, g) is w and w.requires_grad and w.is_leaf
    low, high, found = spread(w)
    assert found == pytest.approx(std, rel=0.02)
    if bound is not None:
        least, most = bound if isinstance(bound, tuple) else (-bound, bound)
        width = most - least
        assert least <= low < least + 0.01 * width and most - 0.01 * width < high <= most
    again = te.empty(200, 300)
    fill(again, te.Generator().manual_seed(5))
    assert (again == w).all()


@pytest.mark.parametrize("a, b", [(-2, 2), (0.5, 0.6), (3, 100), (-8, -5), (-100, 100), (2, 3)])
def test_truncated_normal_has_the_mean_of_its_interval(a, b):
    te.manual_seed(0)
    x = init.trunc_normal_(te.empty(40_000, dtype=te.float64), 0, 1, a, b).numpy()
    grid = np.linspace(max(a, -12), min(b, 12), 200_001)
    weight = np.exp(-(grid**2 - min(grid**2)) / 2)
    mean = (grid * weight).sum() / weight.sum()
    spread_ = math.sqrt(((grid - mean) ** 2 * weight).sum() / weight.sum())
    assert (
        x.min() >= a
        and x.max() <= b
        and abs(x.mean() - mean) < 5 * spread_ / 200
        and x.std() == pytest.approx(spread_, rel=0.03)
    )


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3), (1, 6), (6, 1)])
def test_orthogonal_values_are_orthonormal(shape):
    w = init.orthogonal_(te.empty(*shape, dtype=te.float64), gain=2).numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_special_matrices():
    assert init.eye_(te.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert (
        init.constant_(te.empty(2), 3.5).tolist() == [3.5, 3.5]
        and init.ones_(te.empty(1)).item() == 1
        and init.zeros_(te.ones(1)).item() == 0
    )
    x = te.randn(2, 4, 5, 5)
    conv = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
    init.dirac_(conv.weight, groups=2)
    np.testing.assert_allclose(conv(x).detach().numpy(), x.numpy(), rtol=1e-6)
    w = init.sparse_(te.empty(10, 20), 0.35).numpy()
    assert ((w == 0).sum(0) == 4).all() and w.std() > 0


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: init.calculate_gain("swish"), "nonlinearity"),
        (lambda: init.xavier_uniform_(te.empty(3)), "2 dims"),
        (lambda: init.eye_(te.empty(3)), "2 dims"),
        (lambda: init.kaiming_normal_(te.empty(2, 2), mode="fan"), "fan_in"),
        (lambda: init.dirac_(te.empty(2, 2)), "dims"),
        (lambda: init.orthogonal_(te.empty(2)), "2 dims"),
        (lambda: init.trunc_normal_(te.empty(2), a=1, b=0), "a < b"),
        (lambda: init.sparse_(te.empty(2), 0.1), "2 dims"),
        (lambda: init.dirac_(te.empty(3, 1, 1), groups=2), "groups"),
    ],
)
def test_initialisers_refuse_what_they_cannot_fill(call, text):
    with pytest.raises(ValueError, match=text):
        call()


# ---- utils ----


def some_grads():
    ps = [nn.Parameter(te.zeros(2)), nn.Parameter(te.zeros(1)), nn.Parameter(te.zeros(3))]
    ps[0].grad, ps[1].grad = te.tensor([3.0, 0.0]), te.tensor([-4.0])
    return ps


@pytest.mark.parametrize("order, norm", [(2, 5), (1, 7), (math.inf, 4), (3, (27 + 64) ** (1 / 3))])
def test_clip_grad_norm_scales_all_gradients_by_one_factor(order, norm):
    ps = some_grads()
    assert nn.utils.clip_grad_norm_(ps, 1.0, order).item() == pytest.approx(norm)
    np.testing.assert_allclose(
        ps[0].grad.tolist() + ps[1].grad.tolist(), np.array([3, 0, -4]) / norm, rtol=1e-5
    )
    again = some_grads()
    nn.utils.clip_grad_norm_(again, 100.0, order)
    assert again[0].grad.tolist() == [3, 0] and again[2].grad is None


def test_clip_grad_norm_shows_or_refuses_what_is_not_finite():
    ps = some_grads()
    ps[1].grad.fill_(math.nan)
    with pytest.raises(RuntimeError, match="finite"):
        nn.utils.clip_grad_norm_(ps, 1.0, error_if_nonfinite=True)
    assert ps[0].grad.tolist() == [3, 0]
    assert math.isnan(nn.utils.clip_grad_norm_(ps, 1.0).item()) and math.isnan(ps[0].grad[0].item())
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0


def test_clip_grad_value_holds_every_element():
    ps = some_grads()
    nn.utils.clip_grad_value_(ps, 3.5)
    assert ps[0].grad.tolist() == [3, 0] and ps[1].grad.tolist() == [-3.5]


def test_parameters_go_to_a_vector_and_back():
    net = nn.Linear(3, 2)
    vec = nn.utils.parameters_to_vector(net.parameters())
    assert vec.shape == (8,) and vec.requires_grad
    nn.utils.vector_to_parameters(te.arange(8).float(), net.parameters())
    assert (
        net.weight.tolist() == [[0, 1, 2], [3, 4, 5]]
        and net.bias.tolist() == [6, 7]
        and net.weight.is_leaf
    )
    with pytest.raises(ValueError, match="as many elements"):
        nn.utils.vector_to_parameters(te.zeros(7), net.parameters())


@pytest.mark.parametrize(
    "make, meant",
    [
        (lambda: nn.Linear(2, 3, biass=False), "bias"),
        (lambda: nn.Conv2d(1, 1, 3, padd=1), "padding"),
        (lambda: nn.LSTM(2, 3, numlayers=2), "num_layers"),
        (lambda: nn.LeakyReLU(slope=0.1), "negative_slope"),
        (lambda: nn.CrossEntropyLoss(label_smooth=0.1), "label_smoothing"),
        (lambda: nn.TransformerEncoderLayer(4, 2, batchfirst=True), "batch_first"),
    ],
)
def test_a_misspelt_argument_is_answered_with_the_one_that_was_meant(make, meant):
    with pytest.raises(TypeError, match=f"takes .*Did you mean '{meant}'"):
        make()


def test_checking_names_leaves_signatures_and_users_classes_alone():
    assert list(inspect.signature(nn.Linear).parameters)[:3] == [
        "in_features",
        "out_features",
        "bias",
    ]

    class Mine(nn.Module):
        def __init__(self, **kwargs):
            super().__init__()
            self.kwargs = kwargs

    assert Mine(anything=1).kwargs == {"anything": 1}
    assert not hasattr(Mine.__init__, "__wrapped__")


class Counting(nn.Module):
    """Holds a number beside its parameter."""

    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(te.ones(1))
        self.inner = nn.Linear(1, 1)
        self.n = n

    def get_extra_state(self):
        return {"n": self.n}

    def set_extra_state(self, state):
        self.n = state["n"]


def test_extra_state_is_saved_and_loaded():
    state = nn.Sequential(Counting(3)).state_dict()
    assert list(state) == ["0.weight", "0._extra_state", "0.inner.weight", "0.inner.bias"]
    assert state["0._extra_state"] == {"n": 3}
    other = nn.Sequential(Counting(0))
    assert not other.load_state_dict(state).missing_keys
    assert other[0].n == 3


def test_extra_state_that_is_missing_unexpected_or_beside_an_error_changes_nothing():
    state = nn.Sequential(Counting(3)).state_dict()
    wrong = {**state, "0.weight": te.ones(2)}
    lacking = {k: v for k, v in state.items() if k != "0._extra_state"}
    other = nn.Sequential(Counting(0))
    for given, text in ((wrong, "size mismatch"), (lacking, 'Missing .*"0._extra_state"')):
        with pytest.raises(RuntimeError, match=text):
            other.load_state_dict(given)
        assert other[0].n == 0
    assert other.load_state_dict(lacking, strict=False).missing_keys == ["0._extra_state"]
    plain = nn.Linear(1, 1)
    with pytest.raises(RuntimeError, match='Unexpected .*"_extra_state"'):
        plain.load_state_dict({**plain.state_dict(), "_extra_state": 1})
    with pytest.raises(NotImplementedError, match="get_extra_state"):
        plain.get_extra_state()


def test_a_distance_module_is_part_of_the_triplet_loss():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(te.tensor(2.0))

        def forward(self, x, y):
            return self.scale * (x - y).abs().sum(-1)

    loss = nn.TripletMarginWithDistanceLoss(distance_function=Scaled(), margin=0.5)
    assert [name for name, _ in loss.named_parameters()] == ["distance_function.scale"]
    a, p, n = te.zeros(1, 2), te.ones(1, 2), te.ones(1, 2) * 0.5
    assert loss(a, p, n).item() == 4 - 2 + 0.5
    with pytest.raises(te.ShapeError, match="margin must be above 0"):
        nn.TripletMarginWithDistanceLoss(margin=0)
