"""cuDNN, which is not used: the switches are accepted and change nothing."""

enabled = True
benchmark = deterministic = False
allow_tf32 = False


def is_available() -> bool:
    """False: convolutions are this engine's own kernels."""
    return False


def version() -> None:
    """None: there is no cuDNN here."""
