from ..base.errors import *  # noqa: F403
