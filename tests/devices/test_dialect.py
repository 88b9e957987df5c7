"""The names of CUDA C that kernels of others use have the values that CUDA's documentation says."""

from __future__ import annotations

import math
import shutil
import struct
from fractions import Fraction

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import RawKernel
from tinygrad_edu.engine.errors import KernelError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")


def values(*expressions, kind="double", before="", body="", threads=1, shared=0):
    """The expressions' values in each thread, from one kernel; `i` is the thread's number."""
    n = len(expressions)
    lines = "\n".join(f"y[i * {n} + {k}] = ({kind})({e});" for k, e in enumerate(expressions))
    kernel = RawKernel(
        f"{before}\n__global__ void f({kind}* y) {{\nint i = threadIdx.x;\n{body}\n{lines}\n}}", "f"
    )
    dtype = {"double": tg.float64, "long long": tg.int64}[kind]
    y = tg.zeros(n * threads, dtype=dtype).to("emu")
    kernel((1,), (threads,), (y,), shared_mem=shared)
    found = y.cpu().numpy().reshape(threads, n)
    return found[0] if threads == 1 else found


# ---- numbers -------------------------------------------------------------------------------------


def test_max_and_min_take_numbers_of_mixed_types():
    found = values(
        "max(3, 2.5f)", "min(3u, 7)", "max(1ll << 40, 5)", "min(2.5, 3.5f)", "max(-1, 1u)"
    )
    assert found.tolist() == [3, 3, 2**40, 2.5, 2**32 - 1]


def exact(name, a, b=0.0):
    a, b = Fraction(a), Fraction(b)
    return {"add": a + b, "sub": a - b, "mul": a * b, "div": a / b if b else Fraction(0)}[name]


def rounded(value, direction, dtype):
    """A fraction as a floating number, rounded that way."""
    near = dtype(float(value)) if dtype is np.float64 else nearest32(value)
    down = near if Fraction(float(near)) <= value else np.nextafter(near, dtype(-np.inf))
    up = near if Fraction(float(near)) >= value else np.nextafter(near, dtype(np.inf))
    down = down if Fraction(float(down)) <= value else np.nextafter(down, dtype(-np.inf))
    up = up if Fraction(float(up)) >= value else np.nextafter(up, dtype(np.inf))
    toward = down if value > 0 else up
    return {"rn": near, "rz": toward, "ru": up, "rd": down}[direction]


def nearest32(value):
    guess = np.float32(float(value))
    around = [np.nextafter(guess, np.float32(s * np.inf)) for s in (-1, 1)]
    return min((guess, *around), key=lambda x: abs(Fraction(float(x)) - value))


@pytest.mark.parametrize("letter, dtype", [("f", np.float32), ("d", np.float64)])
def test_arithmetic_rounds_in_the_direction_of_its_name(letter, dtype):
    rng = np.random.default_rng(3)
    numbers = rng.standard_normal(4).astype(dtype) * np.array([1, 1e-3, 1e5, -3], dtype)
    expressions, wanted = [], []
    for name in ("add", "sub", "mul", "div"):
        for direction in ("rn", "rz", "ru", "rd"):
            for a, b in ((0, 1), (2, 3), (3, 0)):
                x, y = numbers[a], numbers[b]
                text = f"{float(x).hex()}{'f' if letter == 'f' else ''}"
                other = f"{float(y).hex()}{'f' if letter == 'f' else ''}"
                expressions.append(f"__{letter}{name}_{direction}({text}, {other})")
                wanted.append(float(rounded(exact(name, float(x), float(y)), direction, dtype)))
    assert values(*expressions).tolist() == wanted


@pytest.mark.parametrize("value", [2.5, -2.5, 3.0, 1e30, -1e30, 0.49, -0.51])
def test_conversions_to_integers_round_and_stop_at_the_limits(value):
    whole = {"rn": round(value), "rz": math.trunc(value), "ru": math.ceil(value)}
    whole["rd"] = math.floor(value)
    limits = {"int": (-(2**31), 2**31 - 1), "uint": (0, 2**32 - 1), "ll": (-(2**63), 2**63 - 1)}
    expressions = [f"__double2{k}_{d}({value!r})" for k in limits for d in whole]
    wanted = [min(max(w, low), high) for low, high in limits.values() for w in whole.values()]
    assert values(*expressions, kind="long long").tolist() == wanted
    assert values(f"__float2int_rz({value}f)").tolist() == [wanted[1]]


def test_special_functions():
    scipy = pytest.importorskip("scipy.special")
    x = [-0.9, -0.3, 0.0, 0.2, 0.75, 0.999]
    found = values(*(f"erfinv({v})" for v in x), *(f"erfcinv(1 - {v})" for v in x))
    assert np.allclose(found, [*scipy.erfinv(x), *scipy.erfcinv(1 - np.array(x))], rtol=1e-12)
    p = [1e-9, 0.01, 0.3, 0.5, 0.9, 0.999]
    assert np.allclose(values(*(f"normcdfinv({v})" for v in p)), scipy.ndtri(p), rtol=1e-12)
    found = values("normcdff(0.5f)", "exp10f(2.f)", "rcbrtf(8.f)", "norm3df(2.f, 3.f, 6.f)")
    assert np.allclose(found, [scipy.ndtr(0.5), 100, 0.5, 7], rtol=1e-6)
    found = values("sinpif(0.5f)", "cospi(1.5)", "sinpi(3.0)", "rhypotf(3.f, 4.f)", "erfcx(3.0)")
    assert np.allclose(found, [1, 0, 0, 0.2, scipy.erfcx(3)], rtol=1e-6)
    found = values("__saturatef(-1.f)", '__saturatef(nanf(""))', "__saturatef(.5f)", "__sinf(1.f)")
    assert np.allclose(found, [0, 0, 0.5, math.sin(1)], rtol=1e-6)


def test_integer_intrinsics():
    found = values(
        "__brev(1)",
        "__byte_perm(0x11223344, 0x55667788, 0x7041)",
        "__byte_perm(0x80, 0, 0x8888)",
        "__funnelshift_l(0x80000000u, 1, 1)",
        "__funnelshift_r(0, 1, 1)",
        "__funnelshift_lc(5, 6, 32)",
        "__mul24(0x01ffffff, 3)",
        "__umul24(0x01ffffff, 3)",
        "__mulhi(-1, 2)",
        "__sad(-5, 7, 1u)",
        "__popcll(~0ull)",
        "__clzll(1)",
        "__ffsll(1ll << 40)",
        "__hadd(7, 8)",
        "__dp4a(0x01020304, 0x01010101, 5)",
        "__dp4a((int)0xff000000, 0x02000000, 0)",
        kind="long long",
    )
    wanted = [2**31, 0x55448833, 0xFFFFFFFF, 3, 2**31, 5, -3, 0xFFFFFF * 3, -1, 13, 64, 63, 41, 7]
    assert found.tolist() == [*wanted, 15, -2]


def test_vectors_have_all_kinds_and_dim3_ones():
    found = values(
        "make_uchar4(1, 2, 3, 4).w",
        "make_short2(-1, 5).x",
        "make_longlong2(1, 1ll << 40).y",
        "make_ushort3(1, 2, 65535).z",
        "sizeof(char4) + 10 * sizeof(short4) + 100 * sizeof(ulonglong2)",
        "dim3(3).y + dim3(3, 2).z",
        "warpSize",
        kind="long long",
    )
    assert found.tolist() == [4, -1, 2**40, 65535, 4 + 80 + 1600, 2, 32]


def test_atomics_of_all_kinds():
    before = "__device__ unsigned u[4]; __device__ double d;"
    body = """
    u[0] = 5; u[1] = 0; u[2] = 12; u[3] = 7; d = 1;
    unsigned a = atomicInc(&u[0], 5), b = atomicDec(&u[1], 9), c = atomicXor(&u[2], 10);
    unsigned e = atomicCAS_block(&u[3], 7u, 8u); double g = atomicAdd_system(&d, 2.5);
    """
    found = values(
        "a", "u[0]", "b", "u[1]", "c", "u[2]", "e", "u[3]", "g", "d", before=before, body=body
    )
    assert found.tolist() == [5, 0, 0, 9, 12, 6, 7, 8, 1, 3.5]


def test_cache_hints_load_and_store():
    body = "float s = 3; __stcs(&s, 4.0f); __stcg(&s, __ldcg(&s) + __ldcs(&s));"
    assert values("s", "__ldca(&s)", body=body).tolist() == [8, 8]


# ---- half and bfloat16 ---------------------------------------------------------------------------

NARROW = "#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n"


def bfloat16(x):
    word = struct.unpack("I", struct.pack("f", x))[0]
    word += 0x7FFF + (word >> 16 & 1)
    return struct.unpack("f", struct.pack("I", word & 0xFFFF0000))[0]


@pytest.mark.parametrize("kind", ["half", "bfloat16"])
def test_pairs_of_narrow_numbers_compute_as_their_elements(kind):
    T, T2, pair = (
        ("__half", "__half2", "half2")
        if kind == "half"
        else ("__nv_bfloat16", "__nv_bfloat162", "bfloat162")
    )
    to = (lambda v: float(np.float16(v))) if kind == "half" else bfloat16
    body = (
        f"{T2} a = __floats2{pair}_rn(1.1f, -2.3f), b = __floats2{pair}_rn(0.7f, 4.9f);"
        f" {T2} c = a; c += b;"
    )
    a, b = [to(1.1), to(-2.3)], [to(0.7), to(4.9)]
    names = {
        "a + b": [to(x + y) for x, y in zip(a, b)],
        "c": [to(x + y) for x, y in zip(a, b)],
        "a * b": [to(x * y) for x, y in zip(a, b)],
        "a / b": [to(x / y) for x, y in zip(a, b)],
        "-a": [-x for x in a],
        "__hmax2(a, b)": [max(x, y) for x, y in zip(a, b)],
        "__hmin2(a, b)": [min(x, y) for x, y in zip(a, b)],
        "__habs2(a)": [abs(x) for x in a],
        "__hgt2(a, b)": [float(x > y) for x, y in zip(a, b)],
        "__hfma2(a, b, a)": [to(x * y + x) for x, y in zip(a, b)],
        "__hfma2_relu(a, b, a)": [max(to(x * y + x), 0) for x, y in zip(a, b)],
        "h2exp(a)": [to(float(np.exp(np.float32(x)))) for x in a],
        "h2rcp(b)": [to(1 / y) for y in b],
    }
    found = values(*(f"(float)({e}).{k}" for e in names for k in "xy"), before=NARROW, body=body)
    assert found.tolist() == [v for pair in names.values() for v in pair]
    scalars = values(
        "__hgt(a.x, b.x)", "__hisnan(a.x / __float2" + kind + "(0.f))", "__hisinf(a.y / __float2"
        + kind + "(0.f))", f"__{kind}2int_rz(a.y)", f"(float)__int2{kind}_rn(7)", f"sizeof({T})",
        "__hbge2(a, b)", before=NARROW, body=body)  # fmt: skip
    assert scalars.tolist() == [1, 0, -1, -2, 7, 2, 0]


def test_conversions_to_half_round_in_the_direction_of_their_name():
    expressions = [
        f"(float)__float2half_{d}({v}f)" for v in ("0.1", "-0.1") for d in ("rn", "rz", "ru", "rd")
    ]
    near = float(np.float16(0.1))
    low, high = (
        (near, float(np.nextafter(np.float16(0.1), np.float16(1))))
        if near < 0.1
        else (float(np.nextafter(np.float16(0.1), np.float16(0))), near)
    )
    assert values(*expressions, before=NARROW).tolist() == [
        near,
        low,
        high,
        low,
        -near,
        -low,
        -low,
        -high,
    ]


# ---- forms ---------------------------------------------------------------------------------------


def test_shared_memory_may_be_declared_in_any_order_and_outside_of_the_kernel():
    before = "extern __shared__ __align__(16) float outer[];"
    body = """
    static __shared__ float a[4]; float __shared__ b[4]; __shared__ static volatile float c[4];
    extern volatile float __shared__ inner[];
    a[1] = 2; b[1] = 3; c[1] = 4; outer[5] = 6;
    """
    found = values("a[1]", "b[1]", "c[1]", "inner[5]", before=before, body=body, shared=64)
    assert found.tolist() == [2, 3, 4, 6]


def test_assert_exit_and_abort_end_a_launch_and_not_the_process():
    for call, words in (
        ("assert(i < 1)", r"line 5.*got false for `i < 1`|f\.cu:5.*`i < 1`"),
        ("exit(3)", r"f\.cu:5: a kernel must not end the program, got exit\(\)"),
        ("abort()", r"got abort\(\)"),
        ("__trap()", r"line 5: a kernel must not call __trap\(\)"),
    ):
        with pytest.raises(KernelError, match=words):
            values("1", body=f"if (i == 1)\n{call};\n", threads=2, before="")


def test_threads_may_end_before_a_barrier_and_the_profile_notes_it():
    kernel = RawKernel(
        "__global__ void f(float* y) {\n    if (threadIdx.x >= 48) return;\n    __syncthreads();\n"
        "    y[threadIdx.x] = 1;\n}",
        "f",
    )
    y = tg.zeros(64).to("emu")
    kernel((1,), (64,), (y,))
    assert y.cpu().sum().item() == 48
    with tg.profile(flops=False) as p:
        kernel((1,), (64,), (y,))
    p.check()
    assert p.launches[0].notes[0].startswith("line 3: 16 threads of a block had exited")
    assert "NOTE: line 3" in str(p)


def test_lanes_that_come_to_a_line_together_are_active_together():
    body = "unsigned m = 0; if (i % 2) { m = __activemask(); }\n else { m = __activemask() << 0; }"
    found = values("m", "__popc(__activemask())", kind="long long", body=body, threads=32)
    assert set(found[::2, 0]) == {0x55555555} and set(found[1::2, 0]) == {0xAAAAAAAA}
    assert set(found[:, 1]) == {32}


def test_match_and_reduce_over_a_warp():
    found = values(
        "__match_any_sync(~0u, i / 8)",
        "__reduce_add_sync(~0u, (unsigned)i)",
        "__reduce_min_sync(~0u, 5 - i)",
        "__reduce_xor_sync(~0u, 1u << i)",
        "(long long)__match_all_sync(~0u, 7, &all) + all",
        kind="long long",
        body="int all;",
        threads=32,
    )
    assert [found[i, 0] for i in (0, 8, 31)] == [0xFF, 0xFF00, 0xFF000000]
    assert found[3, 1:4].tolist() == [sum(range(32)), -26, 2**32 - 1]
    assert found[3, 4] == 2**32


HARRIS = """
__device__ void warp_reduce(volatile float* s, int t) {
    s[t] += s[t + 32];
    s[t] += s[t + 16];
    s[t] += s[t + 8];
    s[t] += s[t + 4];
    s[t] += s[t + 2];
    s[t] += s[t + 1];
}
__global__ void f(float* y, const float* x) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    if (t < 32) warp_reduce(s, t);
    if (t == 0) y[0] = s[0];
}
"""


def test_code_that_counts_on_lanes_in_step_is_told_and_runs_in_step_if_asked(monkeypatch):
    y, x = tg.zeros(1).to("emu"), tg.arange(64.0).to("emu")
    with pytest.warns(UserWarning, match=r"lines 3 to 4 pass values .*__syncwarp\(\)"):
        RawKernel(HARRIS, "f")((1,), (64,), (y, x))
    monkeypatch.setenv("TINYGRAD_EDU_EMU_LOCKSTEP", "1")
    RawKernel(HARRIS, "f")((1,), (64,), (y, x))
    assert y.cpu().item() == 2016
    with tg.profile(flops=False) as p:
        RawKernel(HARRIS, "f")((1,), (64,), (y, x))
    p.check()
    assert y.cpu().item() == 2016


def parts(word, bits, signed):
    """The halfwords or bytes of a word."""
    found = [word >> at & (1 << bits) - 1 for at in range(0, 32, bits)]
    return [v - (1 << bits) if signed and v >> bits - 1 else v for v in found]


def word_of(found, bits):
    return sum((v & (1 << bits) - 1) << k * bits for k, v in enumerate(found))


@pytest.mark.parametrize("count", [2, 4])
def test_simd_functions_on_parts_of_words(count):
    bits, a, b = 32 // count, 0x80FF7F01, 0x7F01FF80
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    rules = {
        "add": (False, lambda x, y: x + y),
        "sub": (False, lambda x, y: x - y),
        "addss": (True, lambda x, y: min(max(x + y, low), high)),
        "subus": (False, lambda x, y: max(x - y, 0)),
        "avgu": (False, lambda x, y: (x + y + 1) // 2),
        "maxs": (True, max),
        "minu": (False, min),
        "absdiffu": (False, lambda x, y: abs(x - y)),
        "cmpgts": (True, lambda x, y: -int(x > y)),
        "setltu": (False, lambda x, y: int(x < y)),
    }
    found = values(*(f"__v{name}{count}({a}u, {b}u)" for name in rules))
    for (name, (signed, rule)), got in zip(rules.items(), found):
        pairs = zip(parts(a, bits, signed), parts(b, bits, signed))
        assert got == word_of([rule(x, y) for x, y in pairs], bits), name
    sums = values(f"__vsadu{count}({a}u, {b}u)", f"__vnegss{count}({a}u)")
    assert sums[0] == sum(abs(x - y) for x, y in zip(parts(a, bits, False), parts(b, bits, False)))
    assert sums[1] == word_of([min(-x, high) for x in parts(a, bits, True)], bits)


def test_pairs_of_halves_compare_saturate_and_step():
    found = values(
        "p == p",
        "p < q",
        "p >= q",
        "__low2float(__hadd2_sat(q, q))",
        "__high2float(__hmax2_nan(p, n))",
        "__high2float(__hisnan2(n))",
        "h++",
        "--h",
        "__half2ll_rz(h)",
        "__ll2half_rn(2049)",
        "isfinite(x)",
        "signbit(-2.0f)",
        "clock() >= 0",
        before="#include <cuda_fp16.h>",
        body="""half2 p = __floats2half2_rn(1.0f, 2.0f), q = __floats2half2_rn(3.0f, 4.0f);
        half2 n = __floats2half2_rn(0.0f, NAN); half h = 2.5f; float x = INFINITY;""",
    )
    expected = [1, 1, 0, 1, math.nan, 1, 2.5, 2.5, 2, 2048, 0, 1, 1]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind, largest", [("e4m3", 448.0), ("e5m2", 57344.0)])
def test_numbers_of_8_bits_round_to_the_nearest_and_stop_at_the_largest(kind, largest):
    """Every pattern of 8 bits goes to float and back; halfway cases go to the even pattern."""
    before = "#include <cuda_fp8.h>"
    body = f"__nv_fp8_{kind} b; b.__x = i;"
    wide, back = values(
        "(float)b", f"__nv_fp8_{kind}((float)b).__x", before=before, body=body, threads=256
    ).T
    finite = np.isfinite(wide)
    assert np.array_equal(back[finite], np.arange(256)[finite])
    positive = np.sort(wide[:128][finite[:128]])
    assert positive[-1] == largest and positive[0] == 0
    middle = (positive[:-1] + positive[1:]) / 2  # exact in float64
    texts = [f"(float)__nv_fp8_{kind}({m!r})" for m in middle[1::9].tolist()]
    found = values(*texts, before=before)
    pairs = zip(positive[1:-1:9], positive[2::9], range(1, 127, 9))
    assert found.tolist() == [low if k % 2 == 0 else high for low, high, k in pairs]
    limits = values(f"(float)__nv_fp8_{kind}(1e30f)", f"(float)__nv_fp8_{kind}(-1e30)",
                    f"(double)__nv_fp8_{kind}(nanf(\"\"))", before=before)  # fmt: skip
    assert limits[:2].tolist() == [largest, -largest] and np.isnan(limits[2])


def test_half_kernels_count_their_operations():
    text = (
        "#include <cuda_fp16.h>\n__global__ void f(float* y, const float* x) {\n"
        "  half h = __float2half(x[threadIdx.x]); y[threadIdx.x] = __half2float(h * h + h);\n}"
    )
    x, y = tg.ones(32).to("emu"), tg.zeros(32).to("emu")
    with tg.profile() as p:
        RawKernel(text, "f")((1,), (32,), (y, x))
    assert p.launches[0].flops["multiplies"] == p.launches[0].flops["adds"] == 32
    assert y.cpu().sum().item() == 64


def test_vectors_of_float_add_atomically():
    before = "__device__ float2 a; __device__ float4 b;"
    body = "a = {1, 2}; b = {1, 2, 3, 4}; auto old = atomicAdd(&a, {10, 20}); atomicAdd(&b, b);"
    found = values("a.x", "a.y", "old.y", "b.w", before=before, body=body)
    assert found.tolist() == [11, 22, 2, 8]
