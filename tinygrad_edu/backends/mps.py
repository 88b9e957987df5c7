"""Apple's GPUs, which are not used."""


def is_available() -> bool:
    """False: devices are cpu, cuda and emu."""
    return False


def is_built() -> bool:
    """False: devices are cpu, cuda and emu."""
    return False
