"""A training run: the plumbing every recipe shares, so that a recipe's own file shows only data,
model and loop.

    run.describe(text)
    run.track(model, optimizer, loader)
    for _ in run.epochs():
        for x, y in run.batches():
            ...
            run.watch(loss, x)      # before the step
            ...
            run.record(loss, len(y), lr)
        run.end_epoch(test_loss)
    run.finish()

What the run leaves in its folder is listed in `folder.py`.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import storage
from ..data import DataLoader
from ..devices.cpu.threads import known_num_threads
from ..engine.device import default_generator, get_device
from ..engine.tensor import Tensor
from ..nn import Module
from ..optim import Optimizer
from .divergence import first_not_finite
from .errors import Diverged, Interrupted, UsageError
from .folder import Folder
from .metrics import Line, Metrics, lines_until, make_board
from .recipe import Recipe
from .screen import Step, make_screen, percent
from .state import State, fingerprint

STEPS_BETWEEN_METRICS = 10


class Run:
    """One training run in the folder `out`, new or resumed.

    Args:
        recipe: what is trained.
        settings: everything that decides the result: data, epochs, lr, batch_size, seed, limit ...
            A resumed run must have the same ones; those that are None are taken from it.
        out: the run's folder, made if missing.
        device: where to train; None: where the resumed run trained, else on the cpu.
        resume: continue from `last.safetensors`.
        overwrite: replace a run of other settings, or an unfinished one.
        save_every: seconds between saves within an epoch (each epoch's end is saved too).
        tensorboard: also write the metrics for TensorBoard, into `out`/tensorboard.
    """

    def __init__(
        self,
        recipe: Recipe,
        settings: dict[str, Any],
        out: Path,
        device: str | None = None,
        resume: bool = False,
        overwrite: bool = False,
        save_every: float = 30.0,
        tensorboard: bool = False,
    ) -> None:
        self.recipe, self.settings = recipe, dict(settings)
        self.folder, self.save_every = Folder(out), save_every
        self.saved: dict[str, Any] | None = None
        if resume:
            self.saved = self.folder.saved_to_resume(recipe.name, self.settings)
        elif not overwrite:
            self.folder.must_be_free(recipe.name, self.settings)
        else:
            self.folder.must_be_a_folder()
        self.device = get_device(device or (self.saved or {}).get("device", "cpu"))
        self.board = make_board(out) if tensorboard else None
        self.metrics: Metrics | None = None
        self.screen = make_screen(recipe.unit)
        self.state = State()
        self.stopping = False
        self.handlers: dict[int, Any] = {}
        default_generator.manual_seed(self.settings["seed"])

    # ---- what a recipe calls, in this order ----

    def describe(self, text: str) -> None:
        """Show a line about the run."""
        self.screen.say(text)

    def track(self, model: Module, optimizer: Optimizer, loader: DataLoader, **more: Any) -> None:
        """Name what a checkpoint has to hold. When resuming, load the saved state into it.

        Args:
            loader: must have a generator of its own, so that its order can be repeated.
            more: further parts that have a state_dict.
        """
        if loader.generator is None:
            raise UsageError(
                "Run.track: the loader must have a generator of its own, got none. Create it with"
                " DataLoader(..., generator=torch.Generator().manual_seed(seed))."
            )
        self.model, self.loader, self.generator = model, loader, loader.generator
        self.parts: dict[str, Any] = {"model": model, "optimizer": optimizer, **more}
        self.fingerprint = fingerprint(loader.dataset)
        self.order = self.generator.get_state()
        if self.saved is not None:
            self.load_saved(self.saved)

    def epochs(self) -> Iterator[int]:
        """The epochs still to do, counted from 0."""
        self.begun, self.steps_here = time.monotonic(), 0
        self.open_metrics()
        self.catch_signals()
        self.save()
        for result in self.state.history:
            best = result["epoch"] == self.state.best_epoch
            self.screen.epoch(result, self.settings["epochs"], best)
        self.screen.start(self.step, self.total_steps)
        while self.state.epoch < self.settings["epochs"] and not self.state.stopped:
            yield self.state.epoch

    def batches(self) -> Iterator[Any]:
        """The batches of the current epoch still to do.

        Saves now and then, and stops after a whole step on Ctrl-C.
        """
        self.generator.set_state(self.order)
        drawn = default_generator.get_state()
        iterator = iter(self.loader)
        for _ in range(self.state.batch):
            next(iterator)
        if self.state.batch:
            # the saved state already includes what the skipped batches drew
            default_generator.set_state(drawn)
        for batch in iterator:
            begun = time.monotonic()
            yield batch
            now = time.monotonic()
            self.state.train_seconds += now - begun
            if now - self.saved_at >= self.save_every:
                self.save()
            self.stop_if_asked()

    def watch(self, loss: Tensor, *inputs: Tensor) -> None:
        """Stop if the loss is not a finite number, and name the layer that went wrong first.

        Called before the step, so that the weights are still those that made this loss.
        """
        if math.isfinite(loss.item()):
            return
        raise Diverged(
            f"the loss must stay finite, got {loss.item()} in epoch {self.state.epoch + 1}, batch"
            f" {self.state.batch + 1} of {len(self.loader)}; it began in"
            f" {first_not_finite(self.model, inputs)}. Try a lower --lr (it was"
            f" {self.settings['lr']:g}). The last good state is in {self.folder.last}."
        )

    def record(self, loss: Tensor, count: int, lr: float, correct: int | None = None) -> None:
        """Note one finished step.

        Args:
            count: the examples it saw.
            correct: how many of them were answered correctly, where that is counted.
        """
        value = loss.item()
        self.state.add_step(value, count, correct or 0)
        self.steps_here += 1
        if self.step % STEPS_BETWEEN_METRICS == 0:
            line: Line = {"event": "step", "step": self.step, "loss": value}
            if correct is not None:
                line["accuracy"] = correct / count
            self.write(line | {"lr": lr})
        self.show_step(counted=correct is not None)

    def end_epoch(
        self, test_loss: float, test_accuracy: float | None = None, **more: float
    ) -> None:
        """Note the epoch's result, save it, and keep the weights if they are the best so far.

        Args:
            more: further scores, which are only noted.
        """
        s = self.state
        result: Line = {
            "epoch": s.epoch + 1,
            "step": self.step,
            "loss": s.loss_sum / s.seen,
            "test_loss": test_loss,
            **more,
            f"{self.recipe.unit}_per_second": s.seen / max(s.train_seconds, 1e-9),
            "seconds": self.total_seconds - sum(e["seconds"] for e in s.history),
        }
        if test_accuracy is not None:
            result["accuracy"], result["test_accuracy"] = s.correct / s.seen, test_accuracy
        best = s.end_epoch(result)
        if best:
            self.save_best()
        self.order = self.generator.get_state()
        self.write({"event": "epoch", **result})
        self.screen.epoch(result, self.settings["epochs"], best)
        self.lose_patience()
        self.save()
        self.stop_if_asked()

    def load_best(self) -> None:
        """Load the weights of the best epoch into the model, for a last evaluation."""
        self.model.load_state_dict(storage.load(self.folder.best)["model"])

    def finish(self, **scores: Any) -> None:
        """Draw the curves, and say what was reached and where it lies.

        Args:
            scores: results found after the last epoch.
        """
        self.screen.stop()
        result = self.state.history[-1]
        line: Line = {"event": "end"}
        line.update((key, result[key]) for key in ("test_accuracy", "test_loss") if key in result)
        self.write({**line, **scores, "seconds": self.total_seconds})
        self.plot("curves", self.state.history, self.state.losses)
        self.screen.say(self.summary(), "bold")
        for name, value in scores.items():
            shown = f"{value:.2f}" if isinstance(value, float) else str(value)
            self.screen.say(f"{name.replace('_', ' ')}: {shown}", "bold")
        self.screen.say(f"In {self.folder}: {', '.join(self.folder.present())}")

    def plot(self, name: str, *args: Any, **options: Any) -> None:
        """Write `<name>.png` with the function of that name in `plots`, or say what to install."""
        try:
            from . import plots
        except ModuleNotFoundError as error:
            self.screen.say(
                f"No {name}.png: {error.name} is not installed. Run: pip install matplotlib"
            )
            return
        plots.PLOTS[name](self.folder.path / f"{name}.png", *args, **options)

    # ---- where the run stands ----

    @property
    def step(self) -> int:
        """Steps done since the run began."""
        return self.state.epoch * len(self.loader) + self.state.batch

    @property
    def total_steps(self) -> int:
        return self.settings["epochs"] * len(self.loader)

    @property
    def progress(self) -> float:
        """The share of all steps that is done, from 0 to 1."""
        return self.step / self.total_steps

    @property
    def total_seconds(self) -> float:
        """Time spent, in this session and those before."""
        return self.state.seconds + time.monotonic() - self.begun

    def summary(self) -> str:
        """One sentence: what was reached."""
        result, best = self.state.history[-1], self.state.best or {}
        if "test_accuracy" in result:
            reached = f"Test accuracy {percent(result['test_accuracy'])}"
            top = percent(best["test_accuracy"])
        else:
            reached, top = f"Test loss {result['test_loss']:.4f}", f"{best['test_loss']:.4f}"
        return (
            f"{reached} after {len(self.state.history)} epochs in {self.total_seconds:.0f} s"
            f" (best epoch: {top}, epoch {self.state.best_epoch})."
        )

    def show_step(self, counted: bool) -> None:
        """Show the last step; `counted`: whether correct answers are counted."""
        s, elapsed = self.state, time.monotonic() - self.begun
        seconds_a_step = elapsed / self.steps_here
        if s.train_seconds:
            speed = s.seen / s.train_seconds
        else:  # the first step of an epoch
            speed = s.seen / s.batch / max(seconds_a_step, 1e-9)
        self.screen.step(
            Step(
                epoch=s.epoch + 1,
                epochs=self.settings["epochs"],
                batch=s.batch,
                batches=len(self.loader),
                loss=s.loss_sum / s.seen,
                accuracy=s.correct / s.seen if counted else None,
                speed=speed,
                left=seconds_a_step * (self.total_steps - self.step),
            )
        )

    # ---- saving, resuming, stopping ----

    def save(self) -> None:
        """Write everything needed to continue from here to last.safetensors."""
        storage.save_checkpoint(
            self.folder.last,
            recipe=self.recipe.name,
            settings=self.settings,
            fingerprint=self.fingerprint,
            device=str(self.device),
            order=self.order,
            state={**vars(self.state), "seconds": self.total_seconds},
            **self.parts,
        )
        self.saved_at = time.monotonic()

    def save_best(self) -> None:
        """Write the weights, which are the best so far, to best.safetensors."""
        storage.save(
            {
                "recipe": self.recipe.name,
                "settings": self.settings,
                "model": self.model.state_dict(),
                **(self.state.best or {}),
            },
            self.folder.best,
        )

    def load_saved(self, saved: dict[str, Any]) -> None:
        """Put the saved state into the tracked parts."""
        if saved["fingerprint"] != self.fingerprint:
            raise UsageError(
                f"--resume needs the data with which the run in {str(self.folder)!r} began, got"
                " other data. Give the same --data, or start a new run."
            )
        rest = storage.load_checkpoint(self.folder.last, **self.parts)
        self.state, self.order = State(**rest["state"]), rest["order"]
        epoch = min(self.state.epoch + 1, self.settings["epochs"])
        self.describe(f"Resuming {self.folder} at epoch {epoch}, batch {self.state.batch}.")

    def lose_patience(self) -> None:
        """Stop if the last `patience` epochs brought nothing better."""
        s, patience = self.state, self.settings.get("patience")
        last = s.epoch >= self.settings["epochs"]
        if patience and not last and s.epoch - s.best_epoch >= patience:
            s.stopped = True
            self.screen.say(f"No better for {patience} epochs: stopped.")

    def catch_signals(self) -> None:
        """From here on Ctrl-C and SIGTERM ask the loop to stop after the current step; the second
        Ctrl-C stops at once.
        """

        def ask(number: int, frame: Any) -> None:
            if self.stopping:
                raise KeyboardInterrupt
            self.stopping = True

        for number in (signal.SIGINT, signal.SIGTERM):
            self.handlers[number] = signal.signal(number, ask)

    def stop_if_asked(self) -> None:
        """Save and stop if a signal asked for it."""
        if self.stopping and self.progress < 1:
            self.save()
            raise Interrupted(
                f"Stopped in epoch {self.state.epoch + 1}, batch {self.state.batch}. Everything is"
                f" saved. Resume with: tinygrad-edu train {self.recipe.name} --out {self.folder}"
                " --resume"
            )

    def open_metrics(self) -> None:
        """Open metrics.jsonl. A resumed run forgets what was done after its saved state."""
        start: Line = {
            "event": "start",
            "step": self.step,
            "recipe": self.recipe.name,
            "device": str(self.device),
            "threads": known_num_threads(),
            **self.settings,
        }
        try:
            lines: list[Line] = []
            if self.saved is None:
                self.folder.clear()
            else:
                lines = lines_until(self.folder.metrics, self.step)
            self.metrics = Metrics(self.folder.metrics, [*lines, start], self.board)
        except OSError as error:
            raise UsageError(
                f"--out must be a folder that can be written, got {str(self.folder)!r}"
                f" ({error.strerror}). Give another one."
            ) from error

    def write(self, line: Line) -> None:
        """Add an event to metrics.jsonl."""
        if self.metrics is not None:
            self.metrics.write(line, self.step)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.screen.stop()
        if self.metrics is not None:
            self.metrics.close()
        if self.board is not None:
            self.board.close()
