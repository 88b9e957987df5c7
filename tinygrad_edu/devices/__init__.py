"""The devices beside the CPU, imported when first asked for: `emu` runs CUDA C with g++, `cuda` on
an NVIDIA GPU.
"""
