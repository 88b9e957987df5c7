"""Whatever a public name is given, the error is one that the package raises on purpose."""

from __future__ import annotations

import pytest
from support.bad_calls import bad_calls, described


def check(number, seed):
    failures = bad_calls(number, seed)
    assert not failures, "\n".join(described(*failure) for failure in failures)


def test_random_bad_calls_raise_errors_made_for_them():
    check(1_000, seed=1)


@pytest.mark.slow
def test_many_random_bad_calls_raise_errors_made_for_them():
    check(40_000, seed=2)
