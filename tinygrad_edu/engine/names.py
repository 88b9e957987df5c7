"""Names that ops answer to besides their own: NumPy's argument names, and Python's operators."""

RENAMED = {"axis": "dim", "keepdims": "keepdim"}  # NumPy's names, which PyTorch accepts too
OPERATORS = {  # symbol -> method, reflected method, in-place method
    "+": ("__add__", "__radd__", "__iadd__"),
    "-": ("__sub__", "__rsub__", "__isub__"),
    "*": ("__mul__", "__rmul__", "__imul__"),
    "/": ("__truediv__", "__rtruediv__", "__itruediv__"),
    "//": ("__floordiv__", "__rfloordiv__", "__ifloordiv__"),
    "%": ("__mod__", "__rmod__", "__imod__"),
    "**": ("__pow__", "__rpow__", "__ipow__"),
    "@": ("__matmul__", "__rmatmul__", None),
    "&": ("__and__", "__rand__", "__iand__"),
    "|": ("__or__", "__ror__", "__ior__"),
    "^": ("__xor__", "__rxor__", "__ixor__"),
    "<<": ("__lshift__", "__rlshift__", "__ilshift__"),
    ">>": ("__rshift__", "__rrshift__", "__irshift__"),
    "==": ("__eq__", None, None),
    "!=": ("__ne__", None, None),
    "<": ("__lt__", None, None),
    "<=": ("__le__", None, None),
    ">": ("__gt__", None, None),
    ">=": ("__ge__", None, None),
    "neg": ("__neg__", None, None),
    "abs": ("__abs__", None, None),
    "~": ("__invert__", None, None),
    "[]": ("__getitem__", None, None),
    "pos": ("__pos__", None, None),
}
