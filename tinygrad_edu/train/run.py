"""The plumbing every recipe shares, so that a recipe's own file shows only data, model and loop.

A run lives in a folder:
    last.safetensors   all that is needed to go on, bit for bit: weights, optimiser, random numbers, place in the epoch
    best.safetensors   the weights of the epoch with the best test accuracy (or, where there is none, test loss)
    metrics.jsonl      one JSON object a line: start, step, epoch, end
    curves.png, mistakes.png
"""

from __future__ import annotations

import json
import math
import os
import signal
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import storage as io
from ..autograd import no_grad
from ..devices.cpu.threads import known_num_threads
from ..engine.device import default_generator, get_device
from ..engine.errors import TinygradEduError
from ..files import write_atomically
from .recipe import Recipe, UsageError
from .screen import make_screen, percent

FILES = (
    "last.safetensors",
    "best.safetensors",
    "metrics.jsonl",
    "curves.png",
    "mistakes.png",
    "attention.png",
)
STEPS_BETWEEN_METRICS = 10


class Interrupted(TinygradEduError):
    """Ctrl-C: everything is saved. Shown as a message, exit code 130."""


class Diverged(TinygradEduError):
    """The loss is no longer a finite number. Shown as a message, exit code 1."""


class Run:
    """One training run in the folder `out`, new or resumed.

    Args:
        recipe: what is trained.
        settings: everything that decides the result: data, epochs, lr, batch_size, seed, limit. A
        resumed run has to
            have the same ones.
        out: the run's folder, made if missing.
        device: where to train; None: where the resumed run trained, else on the cpu.
        resume: go on from `last.safetensors`.
        overwrite: replace a run of other settings, or an unfinished one.
        save_every: seconds between saves within an epoch (each epoch's end is saved too).
        tensorboard: write what metrics.jsonl holds for TensorBoard too, into `out`/tensorboard.
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
    ):
        self.recipe, self.out, self.resume, self.save_every = recipe, out, resume, save_every
        self.last, self.best = out / "last.safetensors", out / "best.safetensors"
        self.settings = settings
        self.command = f"tinygrad-edu train {recipe.name} --out {out}"
        self.saved = self._meet(overwrite)
        self.device = get_device(device or (self.saved or {}).get("device", "cpu"))
        self.board = make_board(out) if tensorboard else None
        self.screen = make_screen(recipe.unit)
        self.stopping = False
        self.handlers: dict[int, Any] = {}
        self.parts: dict[str, Any] = {}
        self.state: dict[str, Any] = {
            "epoch": 0,
            "batch": 0,
            "loss_sum": 0.0,
            "correct": 0,
            "seen": 0,
            "seconds": 0.0,
            "train_seconds": 0.0,
            "history": [],
            "losses": [],
            "best": None,
        }
        default_generator.manual_seed(self.settings["seed"])

    def _meet(self, overwrite: bool) -> dict | None:
        """What the folder already holds, after making sure that it may be continued or replaced."""
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(
                f"--out must be a folder, got the file {str(self.out)!r}. Give another one."
            )
        if not self.last.exists():
            if self.resume:
                raise UsageError(
                    f"--resume needs a run in {str(self.out)!r}, got none (no last.safetensors"
                    " there). Start it without --resume."
                )
            return None
        if overwrite and not self.resume:
            return None
        try:
            saved = io.load(self.last)
            theirs, name, done = saved["settings"], saved["recipe"], saved["state"]["epoch"]
        except (io.CheckpointError, KeyError, TypeError) as error:
            raise UsageError(
                f"--out {str(self.out)!r} holds a last.safetensors that cannot be continued:"
                f" {error} Choose another --out, or replace it with --overwrite."
            ) from error
        if self.resume:
            self.settings = {
                key: theirs.get(key) if value is None else value
                for key, value in self.settings.items()
            }
        differ = [
            f"{key} {theirs.get(key)} -> {value}"
            for key, value in self.settings.items()
            if theirs.get(key) != value
        ]
        if name != self.recipe.name:
            differ.insert(0, f"recipe {name} -> {self.recipe.name}")
        if differ:
            advice = (
                "Leave these flags away to go on with it"
                if self.resume
                else "Go on with it by --resume alone, replace it with --overwrite"
            )
            raise UsageError(
                f"--out {str(self.out)!r} holds a run of other settings ({', '.join(differ)})."
                f" {advice}, or choose another --out."
            )
        if not self.resume and done < theirs["epochs"] and not saved["state"].get("stopped"):
            raise UsageError(
                f"--out {str(self.out)!r} holds an unfinished run of the same settings ({done} of"
                f" {theirs['epochs']} epochs). Go on with --resume, start again with --overwrite,"
                " or choose another --out."
            )
        return saved if self.resume else None

    # ---- what a recipe calls, in this order ----

    def describe(self, text: str) -> None:
        """Show a line about the run."""
        self.screen.say(text)

    def track(self, model: Any, optimizer: Any, loader: Any, **more: Any) -> None:
        """Name what a checkpoint has to hold, and when resuming put it into the saved state.

        The loader must have a generator of its own, so that its order can be repeated. `more`:
        whatever else has a state_dict.
        """
        self.parts = {"model": model, "optimizer": optimizer, **more}
        self.loader, self.generator, self.fingerprint = (
            loader,
            loader.generator,
            fingerprint(loader.dataset),
        )
        self.order = self.generator.get_state()
        if self.saved is None:
            return
        if self.saved["fingerprint"] != self.fingerprint:
            raise UsageError(
                f"--resume needs the data the run in {str(self.out)!r} began with, got other data."
                " Give the same --data, or start a new run."
            )
        rest = io.load_checkpoint(self.last, **self.parts)
        self.state, self.order = rest["state"], rest["order"]
        self.describe(
            f"Resuming {self.out} at epoch {min(self.state['epoch'] + 1, self.settings['epochs'])},"
            f" batch {self.state['batch']}."
        )

    def epochs(self) -> Iterator[int]:
        """The epochs still to do, counted from 0."""
        self._open_metrics()
        self._catch_signals()
        total, self.begun, self.steps_here = self.settings["epochs"], time.monotonic(), 0
        self.save()
        for e in self.state["history"]:
            self.screen.epoch(e, total, e["epoch"] == (self.state["best"] or {}).get("epoch"))
        self.screen.start(self.step, total * len(self.loader))
        while self.state["epoch"] < total and not self.state.get("stopped"):
            yield self.state["epoch"]

    def batches(self) -> Iterator[Any]:
        """The batches of the current epoch still to do.

        Saves now and then, and stops after a whole step on Ctrl-C.
        """
        self.generator.set_state(self.order)
        rng = default_generator.get_state()
        iterator = iter(self.loader)
        for _ in range(self.state["batch"]):
            next(iterator)
        if self.state["batch"]:
            # whatever the skipped batches drew, the saved state has drawn already
            default_generator.set_state(rng)
        for batch in iterator:
            begun = time.monotonic()
            yield batch
            now = time.monotonic()
            self.state["train_seconds"] += now - begun
            if now - self.saved_at >= self.save_every:
                self.save()
            self._stop_if_asked()

    @property
    def step(self) -> int:
        """Steps done since the run began."""
        return self.state["epoch"] * len(self.loader) + self.state["batch"]

    @property
    def progress(self) -> float:
        """The share of all steps that is done, from 0 to 1."""
        return self.step / (self.settings["epochs"] * len(self.loader))

    def watch(self, loss: Any, *inputs: Any) -> None:
        """Stop with the name of the layer that went wrong first if the loss is not a finite number.

        Called before the step, so that the weights are still those that made this loss.
        """
        if math.isfinite(loss.item()):
            return
        where = (
            f"epoch {self.state['epoch'] + 1}, batch {self.state['batch'] + 1} of"
            f" {len(self.loader)}"
        )
        raise Diverged(
            f"the loss must stay finite, got {loss.item()} in {where}; it began in"
            f" {first_not_finite(self.parts['model'], inputs)}. Try a lower --lr (it was"
            f" {self.settings['lr']:g}). The last good state is in {self.last}."
        )

    def record(self, loss: Any, count: int, lr: float, correct: int | None = None) -> None:
        """Note one finished step over `count` examples; `correct`: how many of them were answered
        rightly, where that is counted.
        """
        s, value = self.state, loss.item()
        s["batch"] += 1
        s["loss_sum"] += value * count
        s["correct"] += correct or 0
        s["seen"] += count
        s["losses"].append(value)
        if self.step % STEPS_BETWEEN_METRICS == 0:
            self._write(
                {
                    "event": "step",
                    "step": self.step,
                    "loss": value,
                    **({} if correct is None else {"accuracy": correct / count}),
                    "lr": lr,
                }
            )
        self.steps_here += 1
        elapsed = time.monotonic() - self.begun
        left = elapsed / self.steps_here * (self.settings["epochs"] * len(self.loader) - self.step)
        speed = (
            s["seen"] / max(s["train_seconds"], 1e-9)
            if s["train_seconds"]
            else count * self.steps_here / max(elapsed, 1e-9)
        )
        self.screen.step(
            s["epoch"] + 1,
            self.settings["epochs"],
            s["batch"],
            len(self.loader),
            s["loss_sum"] / s["seen"],
            None if correct is None else s["correct"] / s["seen"],
            speed,
            left,
        )

    def end_epoch(
        self, test_loss: float, test_accuracy: float | None = None, **more: float
    ) -> None:
        """Note the epoch's result, save it, and keep the weights if they are the best so far.

        `more`: further scores, only noted.
        """
        s, now = self.state, time.monotonic()
        seconds = now - self.begun + s["seconds"] - sum(e["seconds"] for e in s["history"])
        e = {
            "epoch": s["epoch"] + 1,
            "step": self.step,
            "loss": s["loss_sum"] / s["seen"],
            "test_loss": test_loss,
            **more,
            f"{self.recipe.unit}_per_second": s["seen"] / max(s["train_seconds"], 1e-9),
            "seconds": seconds,
        }
        result = {"test_loss": test_loss}
        if test_accuracy is not None:
            e["accuracy"], e["test_accuracy"] = s["correct"] / s["seen"], test_accuracy
            result = {"test_accuracy": test_accuracy}
        s["history"].append(e)
        best = s["best"] is None or (
            test_accuracy > s["best"]["test_accuracy"]
            if test_accuracy is not None
            else test_loss < s["best"]["test_loss"]
        )
        if best:
            s["best"] = {"epoch": e["epoch"], **result}
            io.save(
                {
                    "recipe": self.recipe.name,
                    "settings": self.settings,
                    "model": self.parts["model"].state_dict(),
                    **s["best"],
                },
                self.best,
            )
        patience = self.settings.get("patience")
        if (
            patience
            and e["epoch"] - s["best"]["epoch"] >= patience
            and e["epoch"] < self.settings["epochs"]
        ):
            s["stopped"] = True
        s.update(epoch=s["epoch"] + 1, batch=0, loss_sum=0.0, correct=0, seen=0, train_seconds=0.0)
        self.order = self.generator.get_state()
        self._write({"event": "epoch", **e})
        self.screen.epoch(e, self.settings["epochs"], best)
        if s.get("stopped"):
            self.screen.say(f"No better for {patience} epochs: stopped.")
        self.save()
        self._stop_if_asked()

    def load_best(self) -> None:
        """Put the weights of the best epoch into the model, for a last evaluation."""
        self.parts["model"].load_state_dict(io.load(self.best)["model"])

    def finish(self, **scores: Any) -> None:
        """Draw the curves and say what was reached and where it lies.

        `scores`: results found after the last epoch.
        """
        self.screen.stop()
        result, best = self.state["history"][-1], self.state["best"]
        ends = {key: result[key] for key in ("test_accuracy", "test_loss") if key in result}
        self._write({"event": "end", **ends, **scores, "seconds": self.total_seconds})
        self.plot("curves", self.state["history"], self.state["losses"])
        if "test_accuracy" in result:
            reached, top = (
                f"Test accuracy {percent(result['test_accuracy'])}",
                percent(best["test_accuracy"]),
            )
        else:
            reached, top = f"Test loss {result['test_loss']:.4f}", f"{best['test_loss']:.4f}"
        self.screen.say(
            f"{reached} after {len(self.state['history'])} epochs in {self.total_seconds:.0f} s"
            f" (best epoch: {top}, epoch {best['epoch']}).",
            "bold",
        )
        for name, value in scores.items():
            self.screen.say(
                (
                    f"{name.replace('_', ' ')}: {value:.2f}"
                    if isinstance(value, float)
                    else f"{name.replace('_', ' ')}: {value}"
                ),
                "bold",
            )
        self.screen.say(
            f"In {self.out}: " + ", ".join(name for name in FILES if (self.out / name).exists())
        )

    def plot(self, name: str, *args: Any, **options: Any) -> None:
        """Write `<name>.png`, or say what to install for it."""
        try:
            from . import plots as _plots

            getattr(_plots, name)(self.out / f"{name}.png", *args, **options)
        except ModuleNotFoundError as error:
            self.screen.say(
                f"No {name}.png: {error.name} is not installed. Run: pip install matplotlib"
            )

    # ---- inside ----

    @property
    def total_seconds(self) -> float:
        return self.state["seconds"] + time.monotonic() - self.begun

    def save(self) -> None:
        """Write everything needed to go on from here to last.safetensors."""
        io.save_checkpoint(
            self.last,
            recipe=self.recipe.name,
            settings=self.settings,
            fingerprint=self.fingerprint,
            device=str(self.device),
            order=self.order,
            state={**self.state, "seconds": self.total_seconds},
            **self.parts,
        )
        self.saved_at = time.monotonic()

    def _stop_if_asked(self) -> None:
        if self.stopping and self.progress < 1:
            self.save()
            raise Interrupted(
                f"Stopped in epoch {self.state['epoch'] + 1}, batch {self.state['batch']}. All is"
                f" saved; go on with: {self.command} --resume"
            )

    def _open_metrics(self) -> None:
        path = self.out / "metrics.jsonl"
        lines: list[dict] = []
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            if self.saved is None:
                for name in FILES:
                    (self.out / name).unlink(missing_ok=True)
            elif path.exists():  # forget what the interrupted run did after the state we go on from
                lines = [
                    line
                    for line in read_lines(path)
                    if line.get("step", 0) <= self.step and line.get("event") != "end"
                ]
            lines.append(
                {
                    "event": "start",
                    "step": self.step,
                    "recipe": self.recipe.name,
                    "device": str(self.device),
                    "threads": known_num_threads(),
                    **self.settings,
                }
            )
            write_atomically(
                os.fspath(path), "".join(json.dumps(line) + "\n" for line in lines).encode()
            )
            self.metrics = open(path, "a", encoding="utf-8")  # noqa: SIM115  # closed in __exit__
        except OSError as error:
            raise UsageError(
                f"--out must be a folder that can be written, got {str(self.out)!r}"
                f" ({error.strerror}). Give another one."
            ) from error

    def _write(self, line: dict) -> None:
        self.metrics.write(json.dumps(line) + "\n")
        self.metrics.flush()
        if self.board is not None and line["event"] != "start":
            for key, value in line.items():
                if isinstance(value, (int, float)) and key not in ("step", "epoch"):
                    self.board.add_scalar(
                        f"{line['event']}/{key}", value, line.get("step", self.step)
                    )

    def _catch_signals(self) -> None:
        """From here on Ctrl-C and SIGTERM ask the loop to stop after the current step; the second
        Ctrl-C stops at once.
        """

        def ask(number: int, frame: Any) -> None:
            if self.stopping:
                raise KeyboardInterrupt
            self.stopping = True

        self.handlers = {
            number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)
        }

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
        if hasattr(self, "metrics"):
            self.metrics.close()
        if self.board is not None:
            self.board.close()


def make_board(out: Path) -> Any:
    """TensorBoard's writer for a run."""
    try:
        from tensorboardX import SummaryWriter
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--tensorboard needs {error.name}, which is not installed. Run: pip install"
            " tensorboardX"
        ) from error
    return SummaryWriter(os.fspath(out / "tensorboard"))


def read_lines(path: Path) -> list[dict]:
    """The whole lines of a metrics file; a kill may have cut the last one."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in found if isinstance(line, dict)]


def fingerprint(dataset: Any) -> int:
    """A checksum of a dataset's tensors, to notice that a run is continued on other data."""
    total = len(dataset)
    for tensor in dataset.tensors:
        total = zlib.crc32(tensor.cpu().numpy().tobytes(), total)
    return total


def first_not_finite(model: Any, inputs: tuple) -> str:
    """Run the model again and name the first thing in it that is not finite: an input, a weight, or
    a layer's output.
    """

    def bad(tensor: Any) -> str:
        values = tensor.detach().float()
        return "nan" if bool(values.isnan().any()) else "inf" if bool(values.isinf().any()) else ""

    for i, x in enumerate(inputs):
        if bad(x):
            return f"the data: input {i} holds {bad(x)}"
    found: list[str] = []

    def look(name: str, layer: Any) -> Any:
        def hook(module: Any, args: Any, output: Any) -> None:
            if found:
                return
            for what, parameter in module.named_parameters(recurse=False):
                if bad(parameter):
                    found.append(
                        f"the weights: {name}.{what} ({type(layer).__name__}) holds"
                        f" {bad(parameter)} after the last step"
                    )
                    return
            if bad(output):
                found.append(
                    f"layer {name} ({type(layer).__name__}), the first whose output holds"
                    f" {bad(output)}"
                )

        return hook

    handles = [
        layer.register_forward_hook(look(name, layer))
        for name, layer in model.named_modules()
        if name and not list(layer.children())
    ]
    try:
        with no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else "the loss itself (every layer's output is finite)"
