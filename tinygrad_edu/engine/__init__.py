"""The engine: an evening's reading.

1. `device.py`    a device is an array module and a table of raw functions
2. `graph.py`     who made a value, what its gradient formulas need, and noticing changes
3. `tensor.py`    an array, its device and its node
4. `backward.py`  the way back: newest node first; who owns which array
5. `call.py`      one call of an op, written out once per op
6. `op.py`        `@op`: a declaration becomes a function, a method and a node
7. `views.py`     memory that several tensors see; in-place forms

Beside them stand dtypes, error wording, random numbers, reading and printing arrays, what Python
and NumPy ask of a tensor (host.py), PyTorch's further names for what a tensor is (facts.py) and for
its sizes, names of arguments and operators, hooks, anomaly mode and example cases. Four files more
belong to declarations: `@composite`, what is checked at import (declarations.py), what type
checkers see (signatures.py), and the higher orders of fused ops (reference.py).
"""
