"""Which version of a package is installed."""

from __future__ import annotations

from importlib import metadata


def version(package: str) -> str | None:
    """The installed version, None where the package is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
