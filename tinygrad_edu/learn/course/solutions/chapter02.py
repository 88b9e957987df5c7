"""Solutions of chapter 02: a scalar engine."""

from __future__ import annotations


def divide(a, b):
    # 1 / b is a factor for a; for b: the derivative of a b^-1 is -a b^-2
    return a / b, 1 / b, -a / b**2


def walk_back(steps):
    last = steps[-1][0]
    grads = {last: 1.0}
    for result, inputs in reversed(steps):
        for name, slope in inputs:
            grads[name] = grads.get(name, 0.0) + grads.get(result, 0.0) * slope
    return grads


def sort(graph, last):
    done, seen, todo = [], set(), [(last, False)]
    while todo:
        name, ready = todo.pop()
        if ready:  # everything that it needs is in the list by now
            done.append(name)
        elif name not in seen:
            seen.add(name)
            todo.append((name, True))
            todo += [(needed, False) for needed in graph[name]]
    return done
