"""L-BFGS: a quasi-Newton method that learns the curvature from the last steps. For full batches."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..autograd import enable_grad, no_grad
from ..engine.errors import GraphError, ShapeError
from ..engine.tensor import Tensor
from ..functional import tensor
from .optimizer import Optimizer

SUFFICIENT_DECREASE, CURVATURE = 1e-4, 0.9  # the constants of the strong Wolfe conditions


class Point(NamedTuple):
    """A point of the search line: step length, loss, gradient, and the slope along the line."""

    t: float
    f: float
    g: Any
    slope: float


class LBFGS(Optimizer):
    """Limited-memory BFGS. `step(closure)` needs a closure that clears the gradients, calls
    backward and returns the loss.

    Args: lr: length of a step in units of the quasi-Newton step; max_iter: iterations in one
          step(); max_eval: evaluations in one step(), those of line searches included (default
          1.25 max_iter); tolerance_grad: stop where no gradient element is larger;
          tolerance_change: stop where step and loss change less; history_size: remembered steps;
          line_search_fn: None or "strong_wolfe".
    Raises: ShapeError for more than one parameter group; GraphError without a closure.
    Reference: Nocedal and Wright, 2006, Numerical Optimization, algorithms 7.4 (two loops), 3.5 and
               3.6 (strong Wolfe).
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                max_iter=max_iter,
                max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
                tolerance_grad=tolerance_grad,
                tolerance_change=tolerance_change,
                history_size=history_size,
                line_search_fn=line_search_fn,
            ),
        )
        if len(self.param_groups) != 1:
            raise ShapeError(
                f"LBFGS: all parameters must be in one group, got {len(self.param_groups)} groups."
                " Pass one list of parameters."
            )
        self.params = self.param_groups[0]["params"]

    def check(self, group: dict[str, Any]) -> None:
        super().check(group)
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ShapeError(
                "LBFGS: line_search_fn must be None or 'strong_wolfe', got"
                f" {group['line_search_fn']!r}. Use one of these."
            )

    def _adopted(self, name: str, value: Any, p: Any) -> Any:
        return copy.deepcopy(value)  # vectors over all parameters: none has the shape of `p`

    # ---- the parameters as one long vector ----

    def _gradient(self) -> Any:
        xp = self.params[0].device.xp
        return xp.concatenate(
            [
                xp.zeros(p.numel(), p.array.dtype) if p.grad is None else p.grad.array.reshape(-1)
                for p in self.params
            ]
        )

    def _move(self, direction: Any, t: float) -> None:
        start = 0
        for p in self.params:
            p.array += t * direction[start : start + p.numel()].reshape(p.shape)
            p.bump_version()
            start += p.numel()

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[float, Any]:
        with enable_grad():
            loss = float(closure())
        return loss, self._gradient()

    # ---- a step ----

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to `max_iter` iterations.

        Returns the loss at the start, as the closure returned it.
        """
        if closure is None:
            raise GraphError(
                "LBFGS.step: needs a closure, because it evaluates the loss several times, got"
                " none. Pass a function that calls zero_grad and backward and returns the loss."
            )
        for hook in tuple(self._pre_hooks.values()):
            hook(self, (closure,), {})
        with no_grad():
            first = self._iterate(closure)
        for hook in tuple(self._post_hooks.values()):
            hook(self, (closure,), {})
        return first

    def _iterate(self, closure: Callable[[], Any]) -> Any:
        group, state = self.param_groups[0], self.state[self.params[0]]
        wrap = self.params[0].wrap
        lr, smallest = float(group["lr"]), group["tolerance_change"]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with enable_grad():
            first = closure()
        loss, g = float(first), self._gradient()
        evaluations = 1
        state["func_evals"] += 1
        for iteration in range(1, group["max_iter"] + 1):
            if float(abs(g).max(initial=0)) <= group["tolerance_grad"]:
                break
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                direction, t = -g, min(1.0, 1.0 / float(abs(g).sum())) * lr
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            else:
                direction, t = self._direction(g, state, group["history_size"]), lr
            before = loss
            state.update(prev_flat_grad=wrap(g), prev_loss=loss, d=wrap(direction), t=t)
            slope = float(g @ direction)
            if slope > -smallest:
                break
            tried = 0
            if group["line_search_fn"]:
                start = Point(0.0, loss, g, slope)
                found, tried = self._search(
                    closure, direction, start, t, smallest, group["max_eval"] - evaluations
                )
                loss, g, t = found.f, found.g, found.t
                self._move(direction, t)
            else:
                self._move(direction, t)
                if iteration < group["max_iter"]:  # the next step() evaluates there anyway
                    loss, g = self._evaluate(closure)
                    tried = 1
            evaluations += tried
            state.update(t=t, func_evals=state["func_evals"] + tried)
            if (
                evaluations >= group["max_eval"]
                or float(abs(direction * t).max()) <= smallest
                or abs(loss - before) < smallest
            ):
                break
        return first

    def _direction(self, g: Any, state: dict[str, Any], size: int) -> Any:
        """−H g by the two-loop recursion.

        H is learnt from the differences y of gradients (old_dirs) and s of positions (old_stps);
        ro holds 1 / (y · s), al the shares of the first loop.
        """
        self._remember(g, state, size)
        pairs = [
            (y.array, s.array, float(ro))
            for y, s, ro in zip(state["old_dirs"], state["old_stps"], state["ro"])
        ]
        al = state.setdefault("al", [None] * size)
        q = -g
        for i in reversed(range(len(pairs))):
            y, s, ro = pairs[i]
            al[i] = tensor(ro * float(s @ q), dtype=self.params[0].dtype)
            q = q - float(al[i]) * y
        q = q * float(state["H_diag"])
        for i, (y, s, ro) in enumerate(pairs):
            q = q + s * (float(al[i]) - ro * float(y @ q))
        return q

    def _remember(self, g: Any, state: dict[str, Any], size: int) -> None:
        """Add the last step to the history, if the loss curved upwards along it."""
        y = g - state["prev_flat_grad"].array
        s = state["d"].array * float(state["t"])
        curvature = float(y @ s)
        if curvature <= 1e-10:
            return
        first = self.params[0]
        ro = tensor(1.0 / curvature, dtype=first.dtype)
        for name, new in (("old_dirs", first.wrap(y)), ("old_stps", first.wrap(s)), ("ro", ro)):
            state[name] = [*state[name], new][-size:]
        state["H_diag"] = curvature / float(y @ y)

    # ---- the line search ----

    def _search(
        self,
        closure: Callable[[], Any],
        direction: Any,
        start: Point,
        t: float,
        smallest: float,
        budget: int,
    ) -> tuple[Point, int]:
        """A point that meets the strong Wolfe conditions, and how many evaluations it took.

        Args: t: the first length to try; smallest: enclosures narrower than this are not divided;
              budget: how many further lengths may be tried.
        """
        origin = [p.array.copy() for p in self.params]

        def at(t: float) -> Point:
            self._move(direction, t)
            loss, gradient = self._evaluate(closure)
            for p, old in zip(self.params, origin):
                p.array[...] = old
                p.bump_version()
            return Point(t, loss, gradient, float(gradient @ direction))

        points, tried = enclose(at, start, t, budget)
        if len(points) == 1:
            return points[0], tried
        width = smallest / float(abs(direction).max())
        return narrow(at, start, points, width, tried, budget)


def enclose(
    at: Callable[[float], Point], start: Point, t: float, budget: int
) -> tuple[list[Point], int]:
    """Go further out until one point is good, or two points enclose a good one.

    Returns: the one point or the two, and the number of evaluations.
    """
    previous, now, tried = start, at(t), 1
    while tried <= budget:
        if too_high(now, start) or (tried > 2 and now.f >= previous.f):
            return [previous, now], tried
        if flat(now, start):
            return [now], tried
        if now.slope >= 0:
            return [previous, now], tried
        t = cubic_minimum(previous, now, now.t + 0.01 * (now.t - previous.t), now.t * 10)
        previous, now, tried = now, at(t), tried + 1
    return [start, now], tried


def narrow(
    at: Callable[[float], Point],
    start: Point,
    pair: list[Point],
    width: float,
    tried: int,
    budget: int,
) -> tuple[Point, int]:
    """Shrink the enclosure `pair` until a point in it is good, or the best that was found."""
    stalled = False
    while tried <= budget:
        low, high = sorted(pair, key=lambda p: p.f)
        left, right = sorted((low.t, high.t))
        if right - left < width:
            break
        t = cubic_minimum(pair[0], pair[1])
        margin = 0.1 * (right - left)
        near_end = min(right - t, t - left) < margin
        if near_end and (stalled or not left < t < right):
            t = right - margin if right - t < t - left else left + margin
            near_end = False
        stalled = near_end
        now, tried = at(t), tried + 1
        if too_high(now, start) or now.f >= low.f:
            pair = [now if p is high else p for p in pair]
        elif flat(now, start):
            return now, tried
        else:
            other = low if now.slope * (high.t - low.t) >= 0 else high
            pair = [now if p is low else other for p in pair]
    return min(pair, key=lambda p: p.f), tried


def too_high(p: Point, start: Point) -> bool:
    """Whether the loss at `p` has not fallen enough (Armijo's condition fails)."""
    return p.f > start.f + SUFFICIENT_DECREASE * p.t * start.slope


def flat(p: Point, start: Point) -> bool:
    """Whether the slope at `p` is small enough (the curvature condition holds)."""
    return abs(p.slope) <= -CURVATURE * start.slope


def cubic_minimum(p: Point, q: Point, low: float | None = None, high: float | None = None) -> float:
    """Where the cubic through both points and slopes is least, kept within [low, high] (default:
    between them).
    """
    low = min(p.t, q.t) if low is None else low
    high = max(p.t, q.t) if high is None else high
    a, b = (p, q) if p.t <= q.t else (q, p)
    d1 = p.slope + q.slope - 3 * (p.f - q.f) / (p.t - q.t)
    square = d1 * d1 - p.slope * q.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(t, low), high)
