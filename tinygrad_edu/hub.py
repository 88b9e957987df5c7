"""PyTorch Hub's names. Code from the internet is not run here, and weights are not fetched."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from .engine.errors import TinygradEduError
from .left_out import MissingName


def load(repo_or_dir: str, model: str, *args: Any, **kwargs: Any) -> NoReturn:
    """An error that says what to do."""
    raise TinygradEduError(
        f"hub.load: must be a model of this machine, got {model!r:.100} of {repo_or_dir!r:.100},"
        " which would download and run code. Use vision.models or a model class of your own, and"
        " load its .pth file."
    )


def load_state_dict_from_url(url: str, *args: Any, **kwargs: Any) -> NoReturn:
    """An error that says what to do."""
    raise TinygradEduError(
        f"hub.load_state_dict_from_url: must be a file of this machine, got {url!r:.200}. Download"
        " it yourself and use load(path)."
    )


def download_url_to_file(url: str, dst: str, *args: Any, **kwargs: Any) -> NoReturn:
    """An error that says what to do."""
    load_state_dict_from_url(url)


def set_dir(d: str) -> None:
    """Accepted; nothing is downloaded."""


def get_dir() -> str:
    """The folder where PyTorch keeps downloads."""
    return os.path.expanduser(os.path.join("~", ".cache", "torch", "hub"))


def __getattr__(name: str) -> Any:
    if name == "tqdm":  # PyTorch passes it on
        from tqdm import tqdm

        return tqdm
    raise MissingName(__name__, name)
