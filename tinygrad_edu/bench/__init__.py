"""Measure a ladder of kernels: `tinygrad-edu bench softmax --device cpu`.

    works/        what each op is measured on: arguments, sizes, FLOPs, PyTorch's counterpart
    results.py    what a call gives, and whether it is right
    timing.py     contenders take turns: warm-up, hot and cold samples
    side.py       what a device is asked; on_cuda.py, on_cpu.py and on_emu.py answer
    counters.py   what the emulator counts instead of time
    ladder.py     one ladder from correctness to the last figure
    report.py     lines of JSON, a table, a roofline

On `cuda` and `cpu` the figures are times beside the limits of the same machine, measured in the
same run; on `emu` they are counts.
"""
