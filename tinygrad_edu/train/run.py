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
        run.end_epoch(validation_loss)
    run.load_best()
    run.finish(test_accuracy=...)

What the run leaves in its folder is listed in `folder.py`.
"""

from __future__ import annotations

import io
import math
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import storage
from ..data import DataLoader, Dataset
from ..devices.cpu.threads import known_num_threads
from ..engine.device import default_generator, get_device
from ..engine.errors import TinygradEduError
from ..engine.tensor import Tensor
from ..files import write_atomically
from ..nn import Module
from ..optim import Optimizer
from .divergence import first_not_finite
from .errors import Diverged, Interrupted, UsageError
from .folder import Folder
from .metrics import Line, Metrics, lines_until, make_board
from .recipe import Recipe
from .saved import FORMAT, check_settings, environment, epochs_of, what_changed
from .screen import Step, make_screen, percent, row
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
        resume: continue from `last.safetensors`; with more epochs than before, train longer.
        overwrite: replace the run in `out`; its best weights stay until this run does better.
        keep: how many good states stay beside the last one.
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
        keep: int = 3,
    ) -> None:
        self.recipe, self.settings = recipe, dict(settings)
        self.folder, self.save_every = Folder(out, keep), save_every
        self.saved: dict[str, Any] | None = None
        self.metrics: Metrics | None = None
        self.about: list[str] = []
        self.screen = make_screen(recipe.unit)
        self.state = State()
        self.stopping = False
        self.handlers: dict[int, Any] = {}
        self.unproven: int | None = None  # the step after which last.safetensors was written
        self.inputs: tuple[Tensor, ...] = ()  # of the last step
        if resume:
            self.folder.must_have_a_run()
        self.folder.take()
        try:
            self.look_at_folder(resume, overwrite)
            self.device = get_device(device or (self.saved["device"] if self.saved else "cpu"))
            self.board = make_board(out) if tensorboard else None
        except BaseException:
            self.folder.leave()
            raise
        default_generator.manual_seed(self.settings["seed"])

    def look_at_folder(self, resume: bool, overwrite: bool) -> None:
        """Read the run to resume, or make sure that a new one deletes nothing."""
        name = self.recipe.name
        if resume:
            self.saved = self.folder.saved_to_resume(name, self.settings)
            try:
                check_settings(self.recipe, self.settings)
            except ValueError as error:
                raise self.not_resumable(error) from error
        elif not overwrite:
            self.folder.must_be_free(name, self.settings)

    def not_resumable(self, error: Exception) -> UsageError:
        return UsageError(
            f"--resume needs a whole run of {self.recipe.name}, got one in {str(self.folder)!r}"
            f" that cannot be loaded: {' '.join(str(error).split())} Choose another --out, or"
            " replace it with --overwrite."
        )

    # ---- what a recipe calls, in this order ----

    def describe(self, text: str) -> None:
        """Show a line about the run. Those before the first epoch are noted in metrics.jsonl."""
        if self.metrics is None:
            self.about.append(text)
        self.screen.say(text)

    def track(
        self,
        model: Module,
        optimizer: Optimizer,
        loader: DataLoader,
        held_out: Dataset | DataLoader | Iterable[Tensor] = (),
        **more: Any,
    ) -> None:
        """Name what a checkpoint has to hold. When resuming, load the saved state into it.

        Args:
            loader: must have a generator of its own, so that its order can be repeated.
            held_out: the data for validation and test. A resumed run must have the same.
            more: further parts that have a state_dict.
        """
        if loader.generator is None:
            raise UsageError(
                "Run.track: the loader must have a generator of its own, got none. Create it with"
                " DataLoader(..., generator=torch.Generator().manual_seed(seed))."
            )
        self.model, self.loader, self.generator = model, loader, loader.generator
        self.parts: dict[str, Any] = {"model": model, "optimizer": optimizer, **more}
        self.fingerprint = {
            "training": fingerprint(loader.dataset),
            "held_out": fingerprint(held_out),
        }
        self.made_with = environment(self.device)
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
        self.inputs = inputs
        if math.isfinite(loss.item()):
            return self.mark_good()
        raise self.diverged(
            f"the loss must stay finite, got {loss.item()} in epoch {self.state.epoch + 1}, batch"
            f" {self.state.batch + 1} of {len(self.loader)}"
        )

    def diverged(self, what: str) -> Diverged:
        """The error that says what is not finite, where that began, and what is still good."""
        good = self.folder.good()
        kept = f"The last good state is in {good[-1]}." if good else "No good state was saved."
        return Diverged(
            f"{what}; it began in {first_not_finite(self.model, self.inputs)}. Try a lower --lr (it"
            f" was {self.settings['lr']:g}). {kept}"
        )

    def mark_good(self) -> None:
        """The weights in last.safetensors gave a finite loss: the state is a good one."""
        if self.unproven is not None:
            self.folder.mark_good(self.unproven)
            self.unproven = None

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
        self, validation_loss: float, validation_accuracy: float | None = None, **more: float
    ) -> None:
        """Note the epoch's result, save it, and keep the weights if they are the best so far.

        Args:
            more: further scores, which are only noted.

        Raises:
            Diverged: the loss or a score is not finite. Then neither is saved.
        """
        s = self.state
        result: Line = {
            "epoch": s.epoch + 1,
            "step": self.step,
            "loss": s.loss_sum / s.seen,
            "validation_loss": validation_loss,
            **more,
            f"{self.recipe.unit}_per_second": s.seen / max(s.train_seconds, 1e-9),
            "seconds": self.total_seconds - sum(e["seconds"] for e in s.history),
        }
        if validation_accuracy is not None:
            result |= {"accuracy": s.correct / s.seen, "validation_accuracy": validation_accuracy}
        self.write({"event": "epoch", **result})
        for name, value in result.items():
            if not math.isfinite(value):
                name = name.replace("_", " ")
                raise self.diverged(
                    f"the {name} must stay finite, got {value} after epoch {s.epoch + 1}"
                )
        best = s.end_epoch(result)
        if best:
            self.save_best()
        self.order = self.generator.get_state()
        self.screen.epoch(result, self.settings["epochs"], best)
        self.lose_patience()
        self.save()
        self.mark_good()
        self.stop_if_asked()

    def load_best(self) -> None:
        """Load the weights of the best epoch into the model, for the test."""
        self.model.load_state_dict(storage.load(self.folder.best)["model"])

    def finish(self, **scores: Any) -> None:
        """Draw the curves, and say what was reached and where it lies.

        Args:
            scores: results on the test data, with the weights of the best epoch.
        """
        self.screen.stop()
        self.write({"event": "end", **(self.state.best or {}), **scores, **self.time_spent()})
        self.plot("curves", self.state.history, self.state.losses)
        self.screen.say(self.summary(), "bold")
        for name, value in scores.items():
            self.screen.say(f"{name.replace('_', ' ').capitalize()}: {shown(name, value)}", "bold")
        left = self.folder.drop_beaten(storage.load(self.folder.best))
        self.screen.say(f"In {self.folder}: {', '.join(self.folder.present())}")
        if left:
            self.screen.say(
                f"The best weights of the run before are kept in {', '.join(left)}: this one did"
                " not do better, or cannot be compared with it."
            )

    def time_spent(self) -> Line:
        return {"seconds": self.total_seconds}

    def plot(self, name: str, *args: Any, **options: Any) -> None:
        """Write `<name>.png` with the function of that name in `plots`, or say why it cannot."""
        try:
            from . import plots
        except ModuleNotFoundError as error:
            self.screen.say(
                f"No {name}.png: {error.name} is not installed. Run: pip install matplotlib"
            )
            return
        picture = io.BytesIO()
        plots.PLOTS[name](picture, *args, **options)
        try:
            write_atomically(os.fspath(self.folder.path / f"{name}.png"), picture.getvalue())
        except storage.CheckpointError as error:
            self.screen.say(f"No {name}.png: {error}")

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

    def _repr_html_(self) -> str:
        """A table of the epochs for a notebook."""
        from ..engine.html import table

        rows = [row(r, self.settings["epochs"], self.recipe.unit) for r in self.state.history]
        head = [name.strip() for name, _ in rows[0]] if rows else []
        title = f"{self.recipe.name} in {self.folder}" + ("" if rows else ": no epoch yet")
        return table(title, head, [[text for _, text in cells] for cells in rows])

    def summary(self) -> str:
        """One sentence: what was reached."""
        result, best = self.state.history[-1], self.state.best or {}
        if "validation_accuracy" in result:
            reached = f"Validation accuracy {percent(result['validation_accuracy'])}"
            top = percent(best["validation_accuracy"])
        else:
            reached = f"Validation loss {result['validation_loss']:.4f}"
            top = f"{best['validation_loss']:.4f}"
        return (
            f"{reached} after {epochs_of(len(self.state.history))} in {self.total_seconds:.0f} s"
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
        if self.metrics is not None:
            self.metrics.sync()  # what the checkpoint has done must be in the metrics
        storage.save_checkpoint(
            self.folder.last,
            format=FORMAT,
            recipe=self.recipe.name,
            settings=self.settings,
            fingerprint=self.fingerprint,
            made_with=self.made_with,
            device=str(self.device),
            order=self.order,
            state=self.state.to_save(self.total_seconds),
            **self.parts,
        )
        self.saved_at, self.unproven = time.monotonic(), self.step

    def save_best(self) -> None:
        """Write the weights, which are the best so far, to best.safetensors."""
        storage.save(
            {
                "recipe": self.recipe.name,
                "settings": self.settings,
                "made_with": self.made_with,
                "held_out": self.fingerprint["held_out"],
                "model": self.model.state_dict(),
                **(self.state.best or {}),
            },
            self.folder.best,
        )

    def load_saved(self, saved: dict[str, Any]) -> None:
        """Put the saved state into the tracked parts."""
        other = [
            name
            for name, sum_ in self.fingerprint.items()
            if saved["fingerprint"].get(name) != sum_
        ]
        if other:
            what = " and ".join(name.replace("_", "-") for name in other)
            raise UsageError(
                f"--resume needs the data with which the run in {str(self.folder)!r} began, got"
                f" other {what} data. Give the same --data, or start a new run."
            )
        try:
            rest = storage.load_checkpoint(self.folder.last, **self.parts)
            self.state = State.from_saved(rest["state"])
            self.generator.set_state(rest["order"])
        # a foreign file, whose parts may be anything
        except (TinygradEduError, KeyError, TypeError, ValueError, IndexError, AttributeError) as e:
            raise self.not_resumable(e) from e
        self.order = self.generator.get_state()
        if self.state.batch > len(self.loader):
            raise self.not_resumable(ValueError("its place lies behind the end of the data."))
        self.tell_resumed(saved)

    def tell_resumed(self, saved: dict[str, Any]) -> None:
        """Say where the run continues, and what may keep it from the same bits."""
        s, epochs = self.state, self.settings["epochs"]
        if s.epoch >= epochs:
            self.screen.say(f"The run in {self.folder} is finished: {epochs_of(s.epoch)}.")
        else:
            self.screen.say(f"Resuming {self.folder} at epoch {s.epoch + 1}, batch {s.batch}.")
        changed = what_changed(saved["made_with"], self.made_with)
        if changed:
            self.screen.say(
                f"The run is resumed with {', '.join(changed)}: its result may differ in the last"
                " bits from that of a run without a stop."
            )
        planned = saved["settings"]["epochs"]
        if epochs != planned:
            s.stopped = False
            self.screen.say(
                f"It trains for {epochs_of(epochs)} instead of {planned}. The learning rate follows"
                f" the schedule of {epochs_of(epochs)} from here on, so the result differs from"
                f" that of a run of {epochs_of(epochs)} without a stop."
            )

    def lose_patience(self) -> None:
        """Stop if the last `patience` epochs brought nothing better."""
        s, patience = self.state, self.settings.get("patience")
        last = s.epoch >= self.settings["epochs"]
        if patience and not last and s.epoch - s.best_epoch >= patience:
            s.stopped = True
            self.screen.say(f"No better for {epochs_of(patience)}: stopped.")

    def catch_signals(self) -> None:
        """From here on Ctrl-C, SIGTERM and SIGHUP (the terminal was closed) ask the loop to stop
        after the current step; the second Ctrl-C stops at once.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # Python gives signals to the main thread only

        def ask(number: int, frame: Any) -> None:
            if self.stopping:
                raise KeyboardInterrupt
            self.stopping = True

        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup
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
            "about": " ".join(self.about),
            **self.settings,
        }
        lines: list[Line] = []
        if self.saved is None:
            self.folder.clear()
        else:
            lines = lines_until(self.folder.metrics, self.step, self.state.epoch)
        self.metrics = Metrics(self.folder.metrics, [*lines, start], self.board)

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
        self.folder.leave()


def shown(name: str, score: Any) -> str:
    """A score as text."""
    if name.endswith("accuracy"):
        return percent(score)
    return f"{score:.4g}" if isinstance(score, float) else str(score)
