"""Forty kernels with one planted bug each: ten kinds, in four forms. The checker finds every one
at its line, and none ends Python.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import RawKernel
from tinygrad_edu.engine.errors import KernelError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")

# form: what stands before the kernel, the element's type, how the shared array is declared
FORMS = {
    "plain": ('extern "C"', "float", "__shared__ float s[64];"),
    "template": ("template <int N>", "float", "__shared__ float s[N];"),
    "dynamic": ('extern "C"', "float", "extern __shared__ float s[];"),
    "vector": ('extern "C"', "float4", "__shared__ float4 s[64];"),
}
# kind: what is said, and the body; the line that must be named ends in // bug
BUGS = {
    "a barrier is missing": (
        "RACE",
        """
        s[i] = x[i];
        y[i] = s[63 - i];  // bug
        """,
    ),
    "a barrier is missing in a loop": (
        "RACE",
        """
        for (int k = 0; k < 2; ++k) {
            s[i] = x[i];  // bug
            __syncthreads();
            y[i] = s[(i + k + 1) % 64];
        }
        """,
    ),
    "a store is one too far": (
        "OUT OF BOUNDS",
        """
        s[i] = x[i];
        if (i <= n) y[i + 1] = s[i];  // bug
        """,
    ),
    "a load is one too far": (
        "OUT OF BOUNDS",
        """
        s[i] = x[i + 1];  // bug
        y[i] = s[i];
        """,
    ),
    "a loop runs far past the end": (
        "OUT OF BOUNDS",
        """
        s[i] = x[i];
        if (i == 0) for (int k = 0; k < 100000000; ++k) y[k] = s[0];  // bug
        """,
    ),
    "shared memory is read before it is written": (
        "UNINITIALISED",
        """
        if (i < 32) s[i] = x[i];
        __syncthreads();
        y[i] = s[i];  // bug
        """,
    ),
    "the index of a shared array is too large": (
        "OUT OF BOUNDS",
        """
        s[i + 1] = x[i];  // bug
        __syncthreads();
        y[i] = i ? s[i] : x[0];
        """,
    ),
    "an address is no multiple of the access": (
        "MISALIGNED",
        """
        float2 v = *(float2*)((float*)x + 2 * (i % 16) + 1);  // bug
        ((float*)y)[i] = v.x;
        """,
    ),
    "threads add to one place": (
        "RACE",
        """
        s[i] = x[i];
        *(float*)y += 1.0f;  // bug
        """,
    ),
    "a shuffle asks a lane that is not there": (
        "must be there",
        """
        s[i] = x[i];
        if (i % 32 < 16) return;
        ((float*)y)[i] = __shfl_sync(0xffff0001u, 1.0f, 0);  // bug
        """,
    ),
}


def planted(form, kind):
    """The kernel, the line of its bug, and the size of its elements."""
    head, element, shared = FORMS[form]
    text = (
        f"{head} __global__ void f({element}* y, const {element}* x, int n) {{\n"
        f"int i = threadIdx.x; {shared}\n{BUGS[kind][1]}\n}}"
    )
    line = next(k for k, words in enumerate(text.splitlines(), 1) if words.endswith("// bug"))
    name = "f<64>" if form == "template" else "f"
    return RawKernel(text, name), line, 4 if element == "float4" else 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", BUGS)
def test_a_planted_bug_is_found_at_its_line(form, kind):
    kernel, line, width = planted(form, kind)
    x = tg.arange(64.0 * width).to("emu")
    y = tg.zeros(64 * width).to("emu")
    shared = 64 * 4 if form == "dynamic" else 0
    error = ""
    with tg.profile(flops=False) as p:
        try:
            kernel((1,), (64,), (y, x, 64), shared)
        except KernelError as raised:
            error = str(raised)
    what, found = BUGS[kind][0], p.launches[0].problems
    if what == "must be there":
        assert what in error and f"line {line}:" in error
    else:
        told = [words for kind, _, _, words in found if kind.upper() == what]
        assert any(f" line {line}:" in words or f"on line {line} " in words for words in told)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_kernel_without_a_bug_is_clean(form):
    head, element, shared = FORMS[form]
    text = (
        f"{head} __global__ void f({element}* y, const {element}* x, int n) {{\n"
        f"int i = threadIdx.x; {shared}\n"
        "for (int k = 0; k < 2; ++k) {\n s[i] = x[i];\n __syncthreads();\n"
        " if (i < n) y[i] = s[63 - i];\n __syncthreads();\n}\n}"
    )
    width = 4 if element == "float4" else 1
    x, y = tg.arange(64.0 * width).to("emu"), tg.zeros(64 * width).to("emu")
    kernel = RawKernel(text, "f<64>" if form == "template" else "f")
    with tg.profile(flops=False) as p:
        kernel((1,), (64,), (y, x, 64), 256 if form == "dynamic" else 0)
    p.check()
    wanted = np.arange(64 * width, dtype=np.float32).reshape(64, width)[::-1].ravel()
    assert np.array_equal(y.cpu().numpy(), wanted)


SPIN = "__global__ void f(int* flag) {\nwhile (atomicAdd(flag, 0) == 0)\n    ;\n}"


def test_a_loop_that_waits_for_an_atomic_is_told_with_its_line(monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_EMU_SECONDS", "1")
    with pytest.raises(KernelError, match=r"f\.cu:2: a launch must end within its time limit"):
        RawKernel(SPIN, "f")((1,), (1,), (tg.zeros(1, dtype=tg.int32).to("emu"),))


def test_equal_stores_are_a_note_and_a_sum_without_an_atomic_asks_for_one():
    y = tg.zeros(1).to("emu")
    with tg.profile(flops=False) as p:
        RawKernel("__global__ void f(float* y) { y[0] = 1.0f; }", "f")((1,), (64,), (y,))
    p.check()
    assert "stores what thread 0 stored on line 1" in p.launches[0].notes[0]
    with tg.profile(flops=False) as p:
        RawKernel("__global__ void f(float* y) { y[0] = threadIdx.x; }", "f")((1,), (64,), (y,))
    assert "Use an atomic" in p.problems[0]


def test_a_shuffle_from_a_lane_outside_of_its_mask_is_told():
    text = (
        "__global__ void f(float* y) {\n  int i = threadIdx.x;\n"
        "  if (i < 16) y[i] = __shfl_down_sync(0xffffu, (float)i, 1);\n}"
    )
    y = tg.zeros(16).to("emu")
    with tg.profile(flops=False) as p:
        RawKernel(text, "f")((1,), (32,), (y,))
    assert "line 3: thread 15 of block (0, 0, 0) reads lane 16 in a shuffle" in p.problems[0]
    assert np.isnan(y.cpu().numpy()[15])


def test_a_guard_notices_what_was_computed_from_another_arrays_guard():
    text = (
        "__global__ void f(float* y, const float* x, int n) {\n"
        "  int i = threadIdx.x; if (i <= n) y[i] = BY * x[i];\n}"
    )
    for by in ("1.0f", "2.0f"):
        x, y = tg.arange(100.0).to("emu"), tg.zeros(100).to("emu")
        with pytest.raises(KernelError, match="got a write 0 bytes after its end"):
            RawKernel(text, "f", options=(f"-DBY={by}",))((1,), (128,), (y, x, 100))


def test_what_does_not_fit_into_a_templates_shared_memory_is_refused():
    text = (
        "template <int N> __global__ void f(char* y) { __shared__ char s[N]; s[0] = 1; *y = s[0]; }"
    )
    y = tg.zeros(1, dtype=tg.int8).to("emu")
    RawKernel(text, "f<40000>")((1,), (1,), (y,))
    with pytest.raises(KernelError, match="got 80000 static"):
        RawKernel(text, "f<80000>")((1,), (1,), (y,))
