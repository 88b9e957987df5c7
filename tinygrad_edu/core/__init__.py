"""The engine. Read in this order: device, dtype, autograd, tensor, op (then errors, case, memory)."""
