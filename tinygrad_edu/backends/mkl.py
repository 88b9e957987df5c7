"""mkl, which this engine does not call itself; NumPy may."""


def is_available() -> bool:
    """False: NumPy computes, with whatever library it was built with."""
    return False
