"""The devices, each a folder: `cpu`, `emu` (CUDA C run with g++), `cuda` (an NVIDIA GPU).

Below them: table.py (which kernel runs) > launch/ (how kernels are started) > rungs.py (what a
kernel is) > source.py, build.py, cores.py.
"""
