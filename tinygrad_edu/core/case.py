from ..base.case import *  # noqa: F403
