"""Inline PTX: the commonest instructions do on the emulator what NVIDIA's PTX ISA says."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import RawKernel
from tinygrad_edu.devices.emu.ptx import with_ptx
from tinygrad_edu.engine.errors import KernelError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")


def ran(body, *arrays, parameters, before="", threads=32, watch=True):
    """A kernel with this body, on arrays of the emulator; checked by the profiler too."""
    text = f"{before}\n__global__ void f({parameters}) {{\nint i = threadIdx.x;\n{body}\n}}"
    kernel = RawKernel(text, "f")
    kernel((1,), (threads,), arrays)
    if watch:
        with tg.profile(flops=False) as p:
            kernel((1,), (threads,), arrays)
        p.check()


def words(*instructions, before=""):
    """The value of each instruction's first operand, an unsigned, in each of 32 lanes."""
    n = len(instructions)
    y = tg.zeros(32 * n, dtype=tg.int32).to("emu")
    lines = "\n".join(f"{{ unsigned r = 0; {t}; y[i * {n} + {k}] = r; }}"
                      for k, t in enumerate(instructions))  # fmt: skip
    ran(before + lines, y, parameters="unsigned* y")
    return y.cpu().numpy().view(np.uint32).reshape(32, n)


def test_special_registers_and_integer_instructions():
    found = words(
        'asm volatile("mov.u32 %0, %%laneid;" : "=r"(r))',
        'asm("mov.u32 %0, %lanemask_lt;" : "=r"(r))',
        'asm volatile ("bfe.u32 %0, %1, %2, %3;" : "=r"(r) : "r"(0x12345678u), "r"(8), "r"(12))',
        'asm("bfi.b32 %0, %1, %2, 4, 8;" : "=r"(r) : "r"(0xabu), "r"(0xfffu))',
        'asm("prmt.b32 %0, %1, %2, 0x0123;" : "=r"(r) : "r"(0x11223344), "r"(0))',
        'asm("lop3.b32 %0, %1, %2, %3, 0xca;" : "=r"(r) : "r"(0xf0u), "r"(0xaau), "r"(0x55u))',
        'asm("mul.hi.u32 %0, %1, %2;" : "=r"(r) : "r"(1u << 31), "r"(6))',
        'asm("{ add.u32 %0, %1, 1; shl.b32 %0, %0, 2; }" : "+r"(r) : "r"(i))',
        'asm volatile("redux.sync.add.u32 %0, %1, 0xffffffff;" : "=r"(r) : "r"(i))',
        'asm volatile("shfl.sync.bfly.b32 %0, %1, 1, 0x1f, 0xffffffff;" : "=r"(r) : "r"(i))',
        'asm("mad.lo.u32 %0, %[a], %[b], %1;" : "=r"(r) : "r"(7), [a] "r"(i), [b] "r"(3))',
    )
    lane = np.arange(32)
    assert found[:, 0].tolist() == lane.tolist()
    assert found[:, 1].tolist() == [(1 << k) - 1 for k in range(32)]
    assert found[5, 2:7].tolist() == [0x456, 0xABF, 0x44332211, 0xF0 & 0xAA | ~0xF0 & 0x55, 3]
    assert found[:, 7].tolist() == ((lane + 1) * 4).tolist()
    assert set(found[:, 8]) == {496} and found[:, 9].tolist() == (lane ^ 1).tolist()
    assert found[:, 10].tolist() == (3 * lane + 7).tolist()


def test_floating_instructions_and_conversions():
    body = """
    float e, l, t; unsigned h, b;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(e) : "f"(x[i]));
    asm("lg2.approx.f32 %0, %1;" : "=f"(l) : "f"(x[i]));
    asm("tanh.approx.f32 %0, %1;" : "=f"(t) : "f"(x[i]));
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(h) : "f"(2.0f), "f"(1.0f));
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(b) : "f"(2.0f), "f"(1.0f));
    y[i] = e; y[32 + i] = l; y[64 + i] = t; y[96 + i] = h == 0x40003c00u && b == 0x40003f80u;
    """
    x, y = tg.arange(1.0, 33.0).to("emu") / 8, tg.zeros(128).to("emu")
    ran(body, y, x, parameters="float* y, const float* x")
    v, found = np.arange(1, 33) / 8, y.cpu().numpy().reshape(4, 32)
    assert np.allclose(found, [2**v, np.log2(v), np.tanh(v), np.ones(32)], rtol=1e-6)


def test_loads_and_stores_with_hints_of_vectors():
    body = """
    float a, b, c, d;
    asm volatile("ld.global.nc.L1::no_allocate.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(a), "=f"(b), "=f"(c), "=f"(d) : "l"(x + 4 * i));
    asm volatile("st.global.cs.v2.f32 [%0], {%1, %2};" :: "l"(y + 4 * i), "f"(d), "f"(c) : );
    asm volatile("st.global.v2.f32 [%0], {%1, %2};" :: "l"(y + 4 * i + 2), "f"(b), "f"(a));
    asm volatile("prefetch.global.L2 [%0];" :: "l"(x));
    asm volatile("membar.gl;" ::: "memory");
    """
    x, y = tg.arange(128.0).to("emu"), tg.zeros(128).to("emu")
    ran(body, y, x, parameters="float* y, const float* x")
    assert np.array_equal(y.cpu().numpy(), np.arange(128).reshape(32, 4)[:, ::-1].ravel())


COPIES = """
#define CP_ASYNC(dst, src, bytes) \\
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], %2;\\n" \\
                 ::"r"(dst), "l"(src), "n"(bytes))
#define COMMIT() asm volatile("cp.async.commit_group;\\n" ::)
"""


def test_asynchronous_copies_through_addresses_of_32_bits():
    body = """
    __shared__ __align__(16) float s[128]; extern __shared__ float d[];
    unsigned to = __cvta_generic_to_shared(&s[4 * i]), other;
    CP_ASYNC(to, x + 4 * i, 16);
    asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(other) : "l"(d + i));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" :: "r"(other), "l"(x + i), "r"(0));
    COMMIT();
    asm volatile("cp.async.wait_group %0;" :: "n"(0));
    __syncthreads();
    y[i] = s[127 - i] + d[i];
    """
    x, y = tg.arange(128.0).to("emu"), tg.zeros(32).to("emu")
    text = COPIES + f"__global__ void f(float* y, const float* x) {{ int i = threadIdx.x;{body}}}"
    RawKernel(text, "f")((1,), (32,), (y, x), shared_mem=128)
    assert y.cpu().tolist() == list(range(127, 95, -1))


MMA = {
    "f16": ("half", np.float16, 16, 2),
    "bf16": ("__nv_bfloat16", np.float32, 16, 2),
    "tf32": ("float", np.float32, 8, 1),
    "s8": ("int8_t", np.int8, 32, 4),
}


@pytest.mark.parametrize("kind", MMA)
def test_mma_multiplies_tiles(kind):
    """a (16, K), b (8, K) as columns; registers are filled as the ISA's figures show."""
    name, dtype, k, per = MMA[kind]
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-8, 8, (rows, k)).astype(dtype) for rows in (16, 8))
    into = "s32" if kind == "s8" else "f32"
    letter, number = ("r", "int") if kind == "s8" else ("f", "float")
    body = f"""
    int row = i / 4, at = i % 4 * {per};
    const unsigned* A = (const unsigned*)a; const unsigned* B = (const unsigned*)b;
    auto word = [&](const unsigned* m, int r, int c) {{ return m[(r * {k} + c) / {per}]; }};
    unsigned a0 = word(A, row, at), a1 = word(A, row + 8, at);
    unsigned a2 = word(A, row, at + {k // 2}), a3 = word(A, row + 8, at + {k // 2});
    unsigned b0 = word(B, row, at), b1 = word(B, row, at + {k // 2});
    {number} d0 = 0, d1 = 0, d2 = 1, d3 = 0;
    asm volatile("mma.sync.aligned.m16n8k{k}.row.col.{into}.{kind}.{kind}.{into} "
                 "{{%0, %1, %2, %3}}, {{%4, %5, %6, %7}}, {{%8, %9}}, {{%0, %1, %2, %3}};\\n"
                 : "+{letter}"(d0), "+{letter}"(d1), "+{letter}"(d2), "+{letter}"(d3)
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
    float* y0 = y + 8 * row + i % 4 * 2;
    y0[0] = d0; y0[1] = d1; y0[64] = d2; y0[65] = d3;
    """
    if kind == "bf16":
        given = [(m.view(np.uint32) >> 16).astype(np.uint16).view(np.int16) for m in (a, b)]
    else:
        given = [a, b]
    y = tg.zeros(16, 8).to("emu")
    arrays = [tg.tensor(m).to("emu") for m in given]
    before = "#include <cuda_fp16.h>\n#include <cuda_bf16.h>"
    ran(body, y, *arrays, parameters=f"float* y, const {name}* a, const {name}* b", before=before)
    wanted = a.astype(np.float64) @ b.T.astype(np.float64)
    wanted[8:, ::2] += 1  # what d2 held before
    assert np.array_equal(y.cpu().numpy(), wanted)


@pytest.mark.parametrize("turned", [False, True])
def test_ldmatrix_gives_each_lane_its_pair(turned):
    way = ".trans" if turned else ""
    body = f"""
    __shared__ __align__(16) short s[64];
    s[2 * i] = 2 * i; s[2 * i + 1] = 2 * i + 1;
    __syncwarp();
    unsigned r, at = (unsigned)__cvta_generic_to_shared(&s[i % 8 * 8]);
    asm volatile("ldmatrix.sync.aligned.m8n8.x1{way}.shared.b16 {{%0}}, [%1];"
                 : "=r"(r) : "r"(at));
    y[2 * i] = r & 0xffff; y[2 * i + 1] = r >> 16;
    """
    y = tg.zeros(64, dtype=tg.int32).to("emu")
    ran(body, y, parameters="int* y")
    matrix = np.arange(64).reshape(8, 8)
    wanted = matrix.T if turned else matrix
    assert np.array_equal(y.cpu().numpy().reshape(8, 8), wanted)


def test_an_unknown_instruction_is_told_only_when_it_runs_and_with_its_line():
    text = (
        "__global__ void f(float* y, int n) {\n  if (n)\n"
        '    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");\n  y[0] = 1;\n}'
    )
    y = tg.zeros(1).to("emu")
    kernel = RawKernel(text, "f")
    kernel((1,), (1,), (y, 0))
    assert y.cpu().item() == 1
    with pytest.raises(KernelError, match=r"line 3.*got the PTX wgmma\.fence\.sync\.aligned"):
        kernel((1,), (1,), (y, 1))


def test_no_line_moves():
    text = 'a\nasm volatile("mov.u32 %0, %%laneid;"\n  : "=r"(x)\n  :);\nb\n'
    new = with_ptx(text)
    assert new.count("\n") == text.count("\n") and new.splitlines()[-1] == "b"
    assert "(x) = emu::current->lane" in new
