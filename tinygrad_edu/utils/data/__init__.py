"""The names of `torch.utils.data`; they live in `tinygrad_edu.data`."""

from ...data import *  # noqa: F403  # one list, in its __all__
from ...data import dataset as dataset
from ...data import distributed as distributed
from ...data import loader as dataloader
from ...data import sampler as sampler
from ...data.distributed import DistributedSampler as DistributedSampler
from ...left_out import explain_missing as _explain_missing

_explain_missing(__name__)
