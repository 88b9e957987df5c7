"""Which module of this engine stands for which of PyTorch's.

A module has the name that its nearest parent in the table gives it: `torch.optim.sgd` is
`tinygrad_edu.optim.sgd`.
"""

from __future__ import annotations

ALIASES = {
    "torch": "tinygrad_edu",
    "torch.autograd.grad_mode": "tinygrad_edu.autograd.modes",
    "torch.autograd.profiler": "tinygrad_edu.profiler",
    "torch.nn.modules": "tinygrad_edu.nn",
    "torch.nn.modules.batchnorm": "tinygrad_edu.nn.normalization",
    "torch.nn.modules.instancenorm": "tinygrad_edu.nn.normalization",
    "torch.nn.modules.rnn": "tinygrad_edu.nn.recurrent",
    "torch.nn.modules.sparse": "tinygrad_edu.nn.embedding",
    "torch.nn.modules.upsampling": "tinygrad_edu.nn.upsample",
    "torch.nn.modules.distance": "tinygrad_edu.nn.loss",
    "torch.nn.modules.flatten": "tinygrad_edu.nn.linear",
    "torch.nn.modules.utils": "tinygrad_edu.nn.tuples",
    "torch.optim.adamw": "tinygrad_edu.optim.adam",
    "torch.optim.rmsprop": "tinygrad_edu.optim.adaptive",
    "torch.optim.adagrad": "tinygrad_edu.optim.adaptive",
    "torch.optim.adadelta": "tinygrad_edu.optim.adaptive",
    "torch.optim.asgd": "tinygrad_edu.optim.sgd",
    "torch.utils.data.dataloader": "tinygrad_edu.data.loader",
    "torch.utils.data.dataset": "tinygrad_edu.data.dataset",
    "torch.utils.data.distributed": "tinygrad_edu.data.distributed",
    "torch.utils.data.sampler": "tinygrad_edu.data.sampler",
    "torchvision": "tinygrad_edu.vision",
    "torchvision.datasets.folder": "tinygrad_edu.vision.datasets.folder",
    "torchvision.transforms.transforms": "tinygrad_edu.vision.transforms",
}
# classes that PyTorch keeps in another module
MOVED = {
    "torch.nn.activation.MultiheadAttention": "tinygrad_edu.nn.attention",
    "torch.nn.linear.NonDynamicallyQuantizableLinear": "tinygrad_edu.nn.attention",
}
HOMES = {  # of distributions that have a module of their own in PyTorch
    "bernoulli binomial geometric negative_binomial poisson": "counts",
    "multinomial one_hot_categorical": "categorical",
    "cauchy gumbel half_cauchy half_normal laplace normal uniform": "location_scale",
    "beta chi2 dirichlet exponential fishersnedecor inverse_gamma studentT": "gamma",
    "generalized_pareto kumaraswamy pareto weibull": "powers",
    "log_normal logistic_normal": "transformed_distribution",
    "lkj_cholesky wishart": "matrices",
    "lowrank_multivariate_normal": "low_rank_multivariate_normal",
    "relaxed_bernoulli relaxed_categorical": "relaxed",
}
ALIASES |= {
    f"torch.distributions.{name}": f"tinygrad_edu.distributions.{home}"
    for names, home in HOMES.items()
    for name in names.split()
}
# what a script that asks gets to know: the version whose names and rules are followed
VERSIONS = {"torch": "2.13.0", "torchvision": "0.28.0"}


def real_name(name: str) -> str | None:
    """The module of this engine for one of PyTorch's; None for a name that is not PyTorch's."""
    known = name
    while known not in ALIASES:
        known, dot, _ = known.rpartition(".")
        if not dot:
            return None
    return ALIASES[known] + name[len(known) :]
