"""Measure a ladder of kernels: `tinygrad-edu bench softmax`.

    works/        what each op is measured on: arguments, sizes, FLOPs, PyTorch's counterpart
    timing.py     the clock of a GPU: events, warm-up, a scrubbed cache, graphs for short kernels
    counters.py   what the emulator counts instead of time
    ladder.py     one ladder from correctness to the last figure
    report.py     lines of JSON, a table, a roofline

On `cuda` the figures are times beside the limits of the same GPU, measured in the same run; on
`emu` they are counts.
"""
