"""PyTorch's namespaces under this engine's own name: what scripts touch exists and is honest."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.engine.errors import DeviceError, DTypeError, GraphError


def test_a_device_that_is_absent_can_be_named_and_fails_where_it_is_used():
    device = tg.device("mps")
    assert str(device) == "mps" and device.type == "mps" and device.index is None
    assert isinstance(device, tg.device) and isinstance(tg.device("cpu"), tg.device)
    assert device == tg.device("mps") and device != tg.device("cpu")
    with pytest.raises(DeviceError, match="mps"):
        tg.zeros(2, device=device)
    with pytest.raises(DeviceError, match="mps"):
        nn.Linear(2, 2).to(device)
    with pytest.raises(DeviceError, match="nowhere"):
        tg.device("nowhere")


@pytest.mark.skipif(tg.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_cuda_answers_as_a_machine_without_one():
    assert tg.cuda.device_count() == 0
    assert tg.accelerator.current_accelerator() is None
    assert str(tg.device("cuda", 1)) == str(tg.device("cuda:1")) == str(tg.device(1)) == "cuda:1"
    tg.manual_seed(5)
    first = tg.rand(3)
    tg.manual_seed(5)
    tg.cuda.manual_seed_all(6)  # leaves the CPU's numbers alone, as in PyTorch
    assert tg.rand(3).tolist() == first.tolist()
    assert tg.cuda.memory_allocated() == 0
    tg.cuda.empty_cache()
    with pytest.raises(DeviceError):
        tg.cuda.synchronize()


def test_the_default_device_is_that_of_new_tensors():
    assert tg.get_default_device() == tg.device("cpu")
    with tg.device("emu"):
        assert tg.get_default_device().type == "emu"
        assert tg.zeros(2).device.type == tg.tensor([1.0]).device.type == "emu"
        assert nn.Linear(2, 3).weight.device.type == "emu"
        assert tg.tensor(tg.zeros(1, device="cpu")).device.type == "cpu"
    assert tg.zeros(2).device.type == "cpu"
    tg.set_default_device("emu")
    try:
        assert tg.rand(2).device.type == "emu"
    finally:
        tg.set_default_device(None)
    assert tg.rand(2).device.type == "cpu"


def test_typed_tensors_make_and_recognise_tensors():
    assert tg.FloatTensor(2, 3).shape == (2, 3) and tg.FloatTensor().shape == (0,)
    assert tg.LongTensor([1, 2]).dtype is tg.int64
    assert tg.ByteTensor(np.array([1, 2])).tolist() == [1, 2]
    assert isinstance(tg.zeros(2), tg.FloatTensor) and not isinstance(tg.zeros(2), tg.LongTensor)
    assert not isinstance(tg.zeros(2), tg.cuda.FloatTensor)
    assert tg.zeros(2).type() == "torch.FloatTensor"
    assert tg.zeros(2).type(tg.LongTensor).dtype is tg.int64
    assert tg.zeros(2).type("torch.DoubleTensor").dtype is tg.float64
    assert nn.BatchNorm1d(2).type(tg.DoubleTensor).num_batches_tracked.dtype is tg.int64
    tg.set_default_tensor_type("torch.DoubleTensor")
    try:
        assert tg.zeros(1).dtype is tg.float64
    finally:
        tg.set_default_tensor_type(tg.FloatTensor)


def test_a_variable_is_a_tensor_on_the_same_memory():
    x = tg.zeros(2)
    v = tg.autograd.Variable(x, requires_grad=True)
    assert isinstance(x, tg.autograd.Variable) and v.requires_grad and not x.requires_grad
    x[0] = 3
    assert v.tolist() == [3, 0]


def test_bfloat16_can_be_named_and_not_stored():
    assert tg.bfloat16.is_floating_point and tg.bfloat16.itemsize == 2
    with pytest.raises(DTypeError, match="bfloat16.*float32"):
        tg.zeros(2, dtype=tg.bfloat16)
    with pytest.raises(DTypeError, match="complex64.*imaginary"):
        tg.zeros(2).to(tg.complex64)


@pytest.mark.parametrize(
    ("get", "words"),
    [
        (lambda: tg.sparse_csr_tensor, ["sparse_csr_tensor", "left out on purpose", "sparse"]),
        (lambda: tg.fft, ["'fft'", "left out on purpose", "numpy.fft"]),
        (lambda: tg.zeross, ["zeross", "Did you mean 'zeros'?"]),
        (lambda: nn.CrossMapLRN2d, ["tinygrad_edu.nn", "CrossMapLRN2d", "left out on purpose"]),
        (lambda: tg.utils.nothing, ["tinygrad_edu.utils", "nothing", "Check the spelling"]),
        (lambda: nn.functional.rellu, ["tinygrad_edu.nn.functional", "Did you mean 'relu'?"]),
        (lambda: tg.optim.Adan, ["tinygrad_edu.optim", "Did you mean 'Adam'?"]),
        (lambda: tg.optim.lr_scheduler.StepLr, ["Did you mean 'StepLR'?"]),
        (lambda: tg.distributions.Normall, ["Did you mean 'Normal'?"]),
        (lambda: tg.vision.transforms.Resizee, ["Did you mean 'Resize'?"]),
        (lambda: tg.linalg.lu_factor, ["'lu_factor'", "left out on purpose", "use linalg.solve"]),
        (lambda: nn.quantized, ["tinygrad_edu.nn", "left out on purpose", "quantised"]),
    ],
)
def test_a_missing_name_says_whether_it_is_left_out_and_what_to_use(get, words):
    with pytest.raises(AttributeError) as error:
        get()
    assert all(word in str(error.value) for word in words), error.value


def test_compile_and_script_give_back_what_they_got_and_say_so_once():
    from tinygrad_edu.notes import said

    said.clear()
    layer = nn.Linear(2, 2)
    with pytest.warns(UserWarning, match="compile: nothing is compiled"):
        assert tg.compile(layer, mode="max-autotune") is layer
    assert tg.compile(fullgraph=True)(layer) is layer  # says nothing: an error under -W error
    with pytest.warns(UserWarning, match="jit.script"):
        assert tg.jit.script(layer) is layer


def test_set_printoptions_sets_digits_and_powers_of_ten():
    x = tg.tensor([1.23456, 2.5])
    try:
        tg.set_printoptions(precision=2)
        assert repr(x) == "tensor([1.23, 2.50])"
        tg.set_printoptions(profile="full", sci_mode=True)
        assert repr(x) == "tensor([1.2346e+00, 2.5000e+00])"
        tg.set_printoptions(profile="default", threshold=4, edgeitems=1)
        assert repr(tg.arange(9)) == "tensor([0, ..., 8])"
    finally:
        tg.set_printoptions(profile="default")
    assert repr(x) == "tensor([1.2346, 2.5000])"


# ---- mixed precision -----------------------------------------------------------------------------


def test_autocast_says_once_that_it_changes_no_dtype():
    from tinygrad_edu.notes import said

    said.clear()
    x = tg.ones(2, 2)
    with pytest.warns(UserWarning, match="bfloat16"):
        with tg.autocast("cpu", dtype=tg.bfloat16):
            assert (x @ x).dtype is tg.float32 and tg.is_autocast_enabled("cpu")
            with tg.amp.autocast("cpu", enabled=False):
                assert not tg.is_autocast_enabled("cpu")
    assert not tg.is_autocast_enabled("cpu")

    @tg.autocast("cpu")
    def inside():
        return tg.is_autocast_enabled("cpu")

    assert inside()


def test_grad_scaler_skips_a_step_with_inf_and_scales_less_then():
    w = nn.Parameter(tg.ones(2))
    optimizer = tg.optim.SGD([w], lr=1.0)
    scaler = tg.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    scaler.scale((w * 2).sum()).backward()
    assert w.grad.tolist() == [8, 8]
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [-1, -1] and scaler.get_scale() == 4
    w.grad = tg.tensor([float("inf"), 1.0])
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [-1, -1] and scaler.get_scale() == 2
    for _ in range(2):
        w.grad = tg.zeros(2)
        scaler.step(optimizer)
        scaler.update()
    assert scaler.get_scale() == 4
    other = tg.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == 4
    w.grad = tg.zeros(2)
    scaler.unscale_(optimizer)
    with pytest.raises(GraphError, match="once"):
        scaler.unscale_(optimizer)


def test_grad_scaler_follows_pytorch():
    torch = pytest.importorskip("torch")

    def run(module):
        w = module.nn.Parameter(module.tensor([1.0, -2.0]))
        optimizer = module.optim.Adam([w], lr=0.1)
        scaler = module.amp.GradScaler("cpu", init_scale=8.0, growth_interval=3)
        found = []
        for step in range(8):
            optimizer.zero_grad()
            loss = (w * w).sum() * (float("inf") if step == 4 else 1.0)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            module.nn.utils.clip_grad_norm_([w], 1.0)
            scaler.step(optimizer)
            scaler.update()
            found.append((scaler.get_scale(), *w.tolist()))
        return found

    np.testing.assert_allclose(run(tg), run(torch), rtol=1e-5)


# ---- recomputed layers ---------------------------------------------------------------------------


def test_checkpoint_gives_the_gradients_of_the_plain_call_with_the_same_dropout():
    tg.manual_seed(0)
    layers = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 2))
    x = tg.randn(3, 4, requires_grad=True)

    def gradients(call):
        layers.zero_grad()
        x.grad = None
        tg.manual_seed(1)
        call(x).pow(2).sum().backward()
        after = tg.rand(1).item()
        return [x.grad.clone(), *(p.grad.clone() for p in layers.parameters())], after

    plain, drawn = gradients(layers)
    again, drawn_too = gradients(
        lambda v: tg.utils.checkpoint.checkpoint(layers, v, use_reentrant=False)
    )
    in_two, _ = gradients(lambda v: tg.utils.checkpoint.checkpoint_sequential(layers, 2, v))
    assert drawn == drawn_too
    for a, b, c in zip(plain, again, in_two):
        tg.testing.assert_close(a, b)
        tg.testing.assert_close(a, c)


def test_checkpoint_needs_no_input_that_requires_gradients_and_keeps_nothing_under_no_grad():
    layer = nn.Linear(2, 2)
    tg.utils.checkpoint.checkpoint(layer, tg.ones(1, 2)).sum().backward()
    assert layer.weight.grad.tolist() == [[1, 1], [1, 1]]
    with tg.no_grad():
        assert not tg.utils.checkpoint.checkpoint(layer, tg.ones(1, 2)).requires_grad


# ---- one process -----------------------------------------------------------------------------


def test_data_parallel_passes_through_with_pytorchs_names():
    layer = nn.Linear(2, 1)
    wrapped = nn.DataParallel(layer)
    assert [*wrapped.state_dict()] == ["module.weight", "module.bias"]
    x = tg.ones(1, 2)
    assert wrapped(x).tolist() == layer(x).tolist()
    assert nn.parallel.data_parallel(layer, x).tolist() == layer(x).tolist()


def test_a_group_of_one_process_works_and_more_are_refused():
    dist = tg.distributed
    with pytest.raises(dist.DistributedError, match="world_size must be 1, got 2"):
        dist.init_process_group("gloo", world_size=2, rank=0)
    with pytest.raises(dist.DistributedError, match="init_process_group"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    dist.init_process_group("gloo", world_size=1, rank=0)
    try:
        x = tg.ones(2)
        dist.all_reduce(x, op=dist.ReduceOp.SUM)
        assert (dist.get_rank(), dist.get_world_size(), x.tolist()) == (0, 1, [1, 1])
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))(tg.ones(1, 1))
    finally:
        dist.destroy_process_group()
    assert not dist.is_initialized()


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [10, 3, 1])
def test_distributed_sampler_gives_each_process_its_part(n, drop_last):
    pytest.importorskip("torch")
    from torch.utils.data.distributed import DistributedSampler

    for rank in range(4):
        given = dict(num_replicas=4, rank=rank, shuffle=False, drop_last=drop_last)
        ours = tg.utils.data.DistributedSampler(range(n), **given)
        theirs = DistributedSampler(range(n), **given)
        assert (list(ours), len(ours)) == (list(theirs), len(theirs))
    shuffled = [
        list(tg.utils.data.DistributedSampler(range(8), num_replicas=2, rank=r)) for r in (0, 1)
    ]
    assert sorted(sum(shuffled, [])) == list(range(8))


# ---- the profiler ----------------------------------------------------------------------------


def test_the_profiler_counts_calls_by_op_and_by_line():
    from tinygrad_edu.profiler import Times

    x = tg.ones(3, requires_grad=True)
    before = x.device.F
    with Times() as times:
        for _ in range(4):
            y = x.exp()
        y.sum().backward()
    calls = {name: n for name, n, _ in times.sums(0)}
    assert calls["exp"] == 4 and calls["sum"] == 1
    assert any(name.startswith("tests") and n >= 4 for name, n, _ in times.sums(1))
    assert x.device.F is before
    assert "exp" in times.report() and "us/call" in times.report()


def test_profile_follows_its_schedule():
    from tinygrad_edu.profiler import ProfilerActivity, profile, record_function, schedule

    seen = []
    with profile(
        activities=[ProfilerActivity.CPU],
        schedule=schedule(wait=1, warmup=1, active=2, repeat=1),
        on_trace_ready=lambda p: seen.append({a.key: a.count for a in p.key_averages()}),
    ) as prof:
        for _ in range(6):
            with record_function("mine"):
                tg.ones(2).exp()
            prof.step()
    assert seen == [{"exp": 2, "mine": 2}]
    with profile() as prof:
        tg.ones(2).exp()
    assert "exp" in prof.key_averages().table(sort_by="cpu_time_total", row_limit=5)


def test_a_timer_measures_and_compares():
    from tinygrad_edu.utils import benchmark

    timer = benchmark.Timer("x + 1", globals={"x": tg.ones(2)}, label="sum", description="ours")
    found = timer.timeit(20)
    assert 0 < found.mean < 1 and found.number_per_run == 20 and "sum" in repr(found)
    assert "ours" in str(benchmark.Compare([found]))


def test_assert_close_compares_as_pytorch_does():
    tg.testing.assert_close({"a": [tg.ones(2)]}, {"a": [tg.ones(2) + 1e-7]})
    with pytest.raises(AssertionError, match="1 of 2 elements"):
        tg.testing.assert_close(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 2.1]))
    with pytest.raises(AssertionError, match="dtypes"):
        tg.testing.assert_close(tg.ones(1), tg.ones(1).double())
    with pytest.raises(AssertionError, match="shapes"):
        tg.testing.assert_close(tg.ones(1), tg.ones(2))


def test_fork_rng_leaves_the_generator_where_it_was():
    tg.manual_seed(3)
    with tg.random.fork_rng():
        tg.rand(5)
    first = tg.rand(1).item()
    tg.manual_seed(3)
    assert tg.rand(1).item() == first


def test_lazy_layers_learn_their_inputs_from_the_first_batch():
    net = nn.Sequential(
        nn.LazyConv2d(4, kernel_size=3, groups=2),
        nn.LazyBatchNorm2d(),
        nn.Flatten(),
        nn.LazyLinear(3),
    )
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    kept = [*net.parameters()]
    x = tg.randn(2, 6, 5, 5)
    net(x).sum().backward()
    assert [type(m) for m in net] == [nn.Conv2d, nn.BatchNorm2d, nn.Flatten, nn.Linear]
    assert [tuple(p.shape) for p in kept] == [(4, 3, 3, 3), (4,), (4,), (4,), (3, 36), (3,)]
    assert all(a is b for a, b in zip(kept, net.parameters()))
    before = net[3].bias.detach().clone()
    optimizer.step()
    assert net[3].bias.tolist() != before.tolist()
    assert net[3].in_features == 36 and net[0].in_channels == 6


@pytest.mark.filterwarnings("ignore::UserWarning")  # both engines say something once
def test_sparse_tensors_are_dense_with_the_same_values():
    torch = pytest.importorskip("torch")
    at, values = [[0, 1, 1], [2, 0, 0]], [3.0, 4.0, 5.0]
    ours = tg.sparse_coo_tensor(at, values, (2, 3))
    theirs = torch.sparse_coo_tensor(at, values, (2, 3)).to_dense()
    assert ours.tolist() == theirs.tolist() == ours.to_sparse().to_dense().tolist()
    assert tg.spmm(ours, tg.ones(3, 2)).tolist() == torch.spmm(theirs, torch.ones(3, 2)).tolist()
    assert tg.sparse_coo_tensor(at, values).shape == (2, 3)


def test_a_shape_is_a_size_which_knows_how_many_elements_there_are():
    x = tg.zeros(2, 3)
    assert isinstance(x.shape, tg.Size) and x.size() == (2, 3) and x.shape.numel() == 6
    assert tg.Size([4, 5]).numel() == 20 and tg.Size() == ()
    assert tg.FloatTensor(x.size()).shape == tg.Tensor(x.shape).shape == (2, 3)
    assert tg.FloatTensor((2, 3)).tolist() == [2, 3]


def test_the_constructor_of_tensor_takes_sizes_or_data():
    assert tg.Tensor(2, 3, 4, 5).shape == (2, 3, 4, 5) and tg.Tensor(3).shape == (3,)
    assert tg.Tensor().shape == (0,)
    assert tg.Tensor([1, 2]).dtype is tg.float32 and tg.Tensor([[1.5]]).tolist() == [[1.5]]


def test_functional_call_takes_several_dicts_and_modules_stack_to_an_ensemble():
    models = [nn.Linear(3, 2) for _ in range(4)]
    parameters, buffers = tg.func.stack_module_state(models)
    x = tg.randn(5, 3)
    out = tg.func.vmap(
        lambda p, b, x: tg.func.functional_call(models[0], (p, b), (x,)), in_dims=(0, 0, None)
    )(parameters, buffers, x)
    for y, model in zip(out, models):
        tg.testing.assert_close(y, model(x))


# ---- pruning ---------------------------------------------------------------------------------


def test_pruning_follows_pytorch_through_masks_steps_and_removal():
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch.nn.utils.prune")

    start = np.random.default_rng(0).standard_normal((2, 4, 6)).astype(np.float32)

    def run(module):
        prune = module.nn.utils.prune
        net = module.nn.Sequential(module.nn.Linear(6, 4), module.nn.Linear(6, 4))
        for layer, values in zip(net, start):
            layer.weight.data.copy_(module.from_numpy(values))
            layer.bias.data.fill_(0.1)
        prune.l1_unstructured(net[0], "weight", amount=0.3)
        prune.ln_structured(net[0], name="weight", amount=0.5, n=2, dim=0)
        prune.global_unstructured(
            [(net[1], "weight"), (net[1], "bias")], prune.L1Unstructured, amount=0.4
        )
        mask = module.tensor([[1, 0, 1, 1, 1, 1]] * 4)
        prune.custom_from_mask(net[1], "weight", mask=mask)
        assert prune.is_pruned(net) and "weight_orig" in dict(net[0].named_parameters())
        optimizer = module.optim.SGD(net.parameters(), lr=0.1)
        x = module.ones(2, 6)
        (net[0](x) * net[1](x)).sum().backward()
        optimizer.step()
        found = [net[0](x), net[1](x), net[0].weight_mask, net[1].bias_mask]
        prune.remove(net[0], "weight")
        assert isinstance(net[0].weight, module.nn.Parameter)
        found += [net[0](x), net[0].weight]
        return [*net.state_dict()], [t.detach().numpy() for t in found]

    (names, ours), (their_names, theirs) = run(tg), run(torch)
    assert sorted(names) == sorted(their_names)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_pruning_at_random_takes_the_asked_number_of_weights():
    prune = nn.utils.prune
    layer = nn.Linear(10, 5)
    prune.random_unstructured(layer, "weight", amount=7)
    assert int((layer.weight_mask == 0).sum()) == 7
    prune.random_unstructured(layer, "weight", amount=0.5)  # of the 43 that are left
    assert int((layer.weight_mask == 0).sum()) == 7 + round(0.5 * 43)
    prune.random_structured(layer, "bias", amount=2, dim=0)
    assert int((layer.bias == 0).sum()) == 2
    for wrong in (-1, 51, 1.5):
        with pytest.raises(Exception, match="amount must be"):
            prune.l1_unstructured(nn.Linear(10, 5), "weight", wrong)


@pytest.mark.filterwarnings("ignore::UserWarning")  # they say what to use instead
def test_older_names_of_initialisers_fill_in_place():
    w = tg.empty(3, 3)
    assert nn.init.constant(w, 2.0) is w and w.sum().item() == 18
    assert nn.init.xavier_uniform(w) is w and w.std().item() > 0


def test_the_factor_may_come_first_as_in_older_scripts():
    torch = pytest.importorskip("torch")

    def run(module):
        x, y = module.tensor([1.0, 2.0]), module.tensor([3.0, 5.0])
        x.add_(2, y).sub_(0.5, y).addcmul_(0.1, y, y).addcdiv_(-1, x.clone(), y)
        return x.tolist()

    np.testing.assert_allclose(run(tg), run(torch), rtol=1e-6)
    assert tg.ones(1).add_(2).item() == 3


def test_jacrev_takes_nested_arguments():
    torch = pytest.importorskip("torch")

    def run(module):
        p = {"w": module.tensor([[1.0, 2.0], [3.0, 4.0]]), "b": module.tensor([0.5, 1.0])}
        x = module.tensor([1.0, -1.0])
        found = module.func.jacrev(lambda p, x: (p["w"] @ x + p["b"]).tanh())(p, x)
        return [found["w"].numpy(), found["b"].numpy()]

    for a, b in zip(run(tg), run(torch)):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_parts_and_sums_of_a_size_are_sizes():
    size = tg.zeros(2, 3, 4).shape
    for part in (size[:-1], size[::-1], size + (5,), (5,) + size, size * 2, 2 * size):
        assert type(part) is tg.Size
    assert size[:-1].numel() == 6 and size[-1] == 4 and str(size[:-1]) == "(2, 3)"
    assert (5,) + size == (5, 2, 3, 4) and size + (5,) == (2, 3, 4, 5)
    with pytest.raises(TypeError):
        size + [5]
