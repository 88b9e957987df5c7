"""Logs for TensorBoard, written by the package tensorboardX."""

from __future__ import annotations

from typing import Any

from ..engine.tensor import Tensor
from ..notes import say_once


def plain(value: Any) -> Any:
    """Tensors as NumPy arrays, also inside lists, tuples and dicts."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


class SummaryWriter:
    """Writes scalars, histograms, images, figures and texts for TensorBoard.

    Args:
        log_dir: the folder, by default runs/<date and host>.
        comment: what the default folder's name ends in.
        purge_step, max_queue, flush_secs, filename_suffix: as in PyTorch.

    Raises: ModuleNotFoundError without tensorboardX.
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ):
        try:
            from tensorboardX import SummaryWriter as Writer
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "SummaryWriter: needs the package tensorboardX, got no such module. Run `pip"
                " install tensorboardX`.",
                name=error.name,
            ) from error
        self._writer = Writer(
            None if log_dir is None else str(log_dir),
            comment,
            purge_step,
            max_queue,
            flush_secs,
            filename_suffix,
        )
        self.log_dir = self._writer.logdir

    def get_logdir(self) -> str:
        """The folder that the log goes to."""
        return self.log_dir

    def add_graph(self, model: Any, input_to_model: Any = None, *args: Any, **kwargs: Any) -> None:
        """Writes nothing: a model's graph is not traced here."""
        say_once("SummaryWriter.add_graph: a model is not traced here, so no graph is written.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._writer, name)
        if not callable(method):
            return method
        return lambda *args, **kwargs: method(*plain(args), **plain(kwargs))

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self._writer.close()
