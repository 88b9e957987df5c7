from ..base.dtype import *  # noqa: F403
