"""The CPU: NumPy's arrays and forwards, C++ kernels (table.py), threads, and an allocator."""
