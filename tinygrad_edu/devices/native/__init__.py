"""C++ kernels of the CPU: their sources, their ladders, and how they are started."""
