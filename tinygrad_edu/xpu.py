"""Intel's GPUs, which are not used."""


def is_available() -> bool:
    """False: devices are cpu, cuda and emu."""
    return False


def device_count() -> int:
    """0: there is no such GPU."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing: there is no such GPU."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Nothing: there is no such GPU."""
