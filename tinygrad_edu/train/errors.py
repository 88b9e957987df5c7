"""The ways in which a run ends early. `exit_code` is what the command line returns."""

from __future__ import annotations

from ..engine.errors import TinygradEduError


class UsageError(TinygradEduError):
    """A request that cannot be met: wrong flag, missing file, folder in use."""

    exit_code = 2


class Diverged(TinygradEduError):
    """The loss is no longer a finite number."""

    exit_code = 1


class Interrupted(TinygradEduError):
    """Ctrl-C: everything is saved."""

    exit_code = 130
