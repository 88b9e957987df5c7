"""Tests that open a page ask for `browser`."""

from learn.browser import browser  # noqa: F401  a fixture
