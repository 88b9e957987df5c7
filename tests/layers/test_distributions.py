"""Distributions have PyTorch's values, and samples that follow their own densities."""

from __future__ import annotations

import doctest
import importlib
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as t
from tinygrad_edu.autograd import gradcheck
from tinygrad_edu.engine.device import functional as F
from tinygrad_edu.engine.errors import DTypeError, ShapeError

D = t.distributions
PAGE = Path(t.__file__).parents[1] / "docs" / "distributions.md"


def near(a, b, tol=1e-9):
    np.testing.assert_allclose(
        np.asarray(a.detach()), np.asarray(b.detach()), rtol=tol, atol=tol, equal_nan=True
    )


# ---- examples: a class, its arguments (lists become float64 tensors), values of its support ----

REALS = [-1.5, 0.25, 3.0]
COUNTS = [0.0, 1.0, 3.0]
SHARES = [0.1, 0.5, 0.93]
ABOVE = [0.2, 1.0, 4.5]
ROWS = [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]
TRIL = [[1.2, 0.0], [-0.4, 0.7]]
COV = [[2.0, 0.4], [0.4, 1.0]]
EXAMPLES = {
    "normal": ("Normal", dict(loc=[0.0, 1.0, -2.0], scale=[1.0, 0.5, 3.0]), REALS),
    "laplace": ("Laplace", dict(loc=[0.0, 1.0, -2.0], scale=[1.0, 0.5, 3.0]), REALS),
    "cauchy": ("Cauchy", dict(loc=[0.0, 1.0, -2.0], scale=[1.0, 0.5, 3.0]), REALS),
    "gumbel": ("Gumbel", dict(loc=[0.0, 1.0, -2.0], scale=[1.0, 0.5, 3.0]), REALS),
    "student": (
        "StudentT",
        dict(df=[0.8, 1.5, 5.0], loc=[0.0, 1.0, -2.0], scale=[1.0, 0.5, 3.0]),
        REALS,
    ),
    "log-normal": ("LogNormal", dict(loc=[0.0, 1.0, -2.0], scale=[1.0, 0.5, 0.7]), ABOVE),
    "half-normal": ("HalfNormal", dict(scale=[1.0, 0.5, 3.0]), ABOVE),
    "half-cauchy": ("HalfCauchy", dict(scale=[1.0, 0.5, 3.0]), ABOVE),
    "uniform": ("Uniform", dict(low=[-2.0, 0.0, 1.0], high=[-1.0, 0.5, 4.0]), [-1.5, 0.25, 3.0]),
    "exponential": ("Exponential", dict(rate=[1.0, 0.5, 3.0]), ABOVE),
    "gamma": ("Gamma", dict(concentration=[0.5, 1.0, 7.0], rate=[1.0, 0.5, 3.0]), ABOVE),
    "chi2": ("Chi2", dict(df=[0.5, 2.0, 7.0]), ABOVE),
    "beta": ("Beta", dict(concentration1=[0.5, 2.0, 7.0], concentration0=[0.7, 1.0, 3.0]), SHARES),
    "dirichlet": ("Dirichlet", dict(concentration=[[0.5, 2.0, 3.0], [0.3, 0.2, 0.5]]), ROWS),
    "bernoulli": ("Bernoulli", dict(probs=[0.2, 0.5, 0.9]), [0.0, 1.0, 1.0]),
    "bernoulli-logits": ("Bernoulli", dict(logits=[-1.0, 0.3, 2.0]), [0.0, 1.0, 1.0]),
    "binomial": ("Binomial", dict(total_count=4, probs=[0.2, 0.5, 0.9]), COUNTS),
    "binomial-logits": ("Binomial", dict(total_count=4, logits=[-1.0, 0.3, 2.0]), COUNTS),
    "geometric": ("Geometric", dict(probs=[0.2, 0.5, 0.9]), COUNTS),
    "geometric-logits": ("Geometric", dict(logits=[-1.0, 0.3, 2.0]), COUNTS),
    "negative-binomial": (
        "NegativeBinomial",
        dict(total_count=[2.5, 4.0, 1.0], probs=[0.2, 0.5, 0.9]),
        COUNTS,
    ),
    "poisson": ("Poisson", dict(rate=[0.3, 2.0, 11.0]), COUNTS),
    "categorical": ("Categorical", dict(probs=ROWS), [2.0, 0.0]),
    "categorical-logits": ("Categorical", dict(logits=ROWS), [2.0, 0.0]),
    "one-hot": ("OneHotCategorical", dict(probs=ROWS), [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
    "multinomial": (
        "Multinomial",
        dict(total_count=4, probs=ROWS),
        [[1.0, 0.0, 3.0], [2.0, 2.0, 0.0]],
    ),
    "multinomial-logits": (
        "Multinomial",
        dict(total_count=4, logits=ROWS),
        [[1.0, 0.0, 3.0], [2.0, 2.0, 0.0]],
    ),
    "relaxed-bernoulli": ("RelaxedBernoulli", dict(temperature=2.0, probs=[0.2, 0.5, 0.9]), SHARES),
    "relaxed-one-hot": ("RelaxedOneHotCategorical", dict(temperature=0.7, logits=ROWS), ROWS),
    "multivariate": (
        "MultivariateNormal",
        dict(loc=[[0.0, 1.0], [2.0, 3.0]], covariance_matrix=COV),
        [[0.3, 0.4], [2.0, -1.0]],
    ),
    "multivariate-precision": (
        "MultivariateNormal",
        dict(loc=[0.0, 1.0], precision_matrix=COV),
        [0.3, 0.4],
    ),
    "pareto": ("Pareto", dict(scale=[0.1, 0.5, 3.0], alpha=[0.8, 1.5, 5.0]), ABOVE),
    "weibull": ("Weibull", dict(scale=[1.0, 0.5, 3.0], concentration=[0.7, 1.0, 4.0]), ABOVE),
    "kumaraswamy": (
        "Kumaraswamy",
        dict(concentration1=[0.5, 2.0, 7.0], concentration0=[0.7, 1.0, 3.0]),
        SHARES,
    ),
    "generalized-pareto": (
        "GeneralizedPareto",
        dict(loc=[0.0, -1.0, 2.0], scale=[1.0, 0.5, 3.0], concentration=[0.15, 0.0, -0.2]),
        [0.2, 1.0, 4.5],
    ),
    "inverse-gamma": (
        "InverseGamma",
        dict(concentration=[0.5, 6.5, 9.0], rate=[1.0, 0.5, 3.0]),
        ABOVE,
    ),
    "fisher-snedecor": ("FisherSnedecor", dict(df1=[0.7, 3.0, 8.0], df2=[1.0, 3.5, 9.0]), ABOVE),
    "von-mises": (
        "VonMises",
        dict(loc=[0.0, 1.0, -2.0], concentration=[0.01, 1.5, 8.0]),
        [-1.5, 0.25, 3.0],
    ),
    "continuous-bernoulli": ("ContinuousBernoulli", dict(probs=[0.2, 0.45, 0.9]), SHARES),
    "continuous-bernoulli-logits": ("ContinuousBernoulli", dict(logits=[-1.0, 0.3, 20.0]), SHARES),
    "logistic-normal": ("LogisticNormal", dict(loc=[0.0, 1.0], scale=[1.0, 0.5]), [0.2, 0.3, 0.5]),
    "low-rank": (
        "LowRankMultivariateNormal",
        dict(
            loc=[[0.0, 1.0, 2.0], [2.0, 3.0, -1.0]],
            cov_factor=[[1.0], [-0.4], [0.3]],
            cov_diag=[0.5, 0.2, 1.0],
        ),
        [[0.3, 0.4, 2.0], [2.0, -1.0, 0.0]],
    ),
    "wishart": ("Wishart", dict(df=[3.5, 7.0], covariance_matrix=COV), [COV, COV]),
    "wishart-precision": ("Wishart", dict(df=[1.5], precision_matrix=COV), [COV]),
    "wishart-tril": ("Wishart", dict(df=[3.5], scale_tril=TRIL), [COV]),
    "lkj": (
        "LKJCholesky",
        dict(dim=3, concentration=[0.5, 4.0]),
        [[[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, -0.6, 0.8]]] * 2,
    ),
    "multivariate-tril": ("MultivariateNormal", dict(loc=[0.0, 1.0], scale_tril=TRIL), [0.3, 0.4]),
}


# where PyTorch itself takes approximations, or has parts of it in float32
WIDER = {"von-mises": 1e-6, "multinomial": 1e-7, "multinomial-logits": 1e-7}


def make(home, name, grad=False):
    """An example's distribution, of this engine or of PyTorch."""
    kind, given, _ = EXAMPLES[name]
    tensors = {
        k: home.tensor(v, dtype=home.float64, requires_grad=grad) if isinstance(v, list) else v
        for k, v in given.items()
    }
    if "temperature" in given:
        tensors["temperature"] = home.tensor(given["temperature"], dtype=home.float64)
    return getattr(home.distributions, kind)(**tensors), [
        tensors[k] for k, v in given.items() if isinstance(v, list)
    ]


def asked(distribution, what, *args):
    """An attribute or the result of a method; None where there is no formula."""
    try:
        found = getattr(distribution, what)
        return found(*args) if callable(found) else found
    except NotImplementedError:
        return None


OF_CLASSES = ("Categorical", "OneHotCategorical", "Multinomial")
QUANTITIES = "mean mode variance stddev entropy perplexity batch_shape event_shape".split()


@pytest.fixture(autouse=True)
def _torch_makes_float64(request):
    """PyTorch's GeneralizedPareto of float64 works only if that is the default."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is None or callspec.params.get("name") != "generalized-pareto":
        yield
        return
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", EXAMPLES)
def test_values_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = make(t, name)[0], make(torch, name)[0]
    for what in QUANTITIES:
        a, b = asked(ours, what), asked(theirs, what)
        if b is None or (name, what) == ("kumaraswamy", "mode"):  # PyTorch's is always NaN
            continue
        assert a is not None, what
        if isinstance(a, tuple):
            assert a == tuple(b), what
        else:  # PyTorch has parts of it in float32
            near(a, b, WIDER.get(name, 1e-9))
    value = EXAMPLES[name][2]
    x, y = t.tensor(value, dtype=t.float64), torch.tensor(value, dtype=torch.float64)
    near(ours.log_prob(x), theirs.log_prob(y), WIDER.get(name, 1e-9))
    wide = (x.expand(2, *x.shape), y.expand(2, *y.shape))
    near(ours.log_prob(wide[0]), theirs.log_prob(wide[1]), WIDER.get(name, 1e-9))


@pytest.mark.parametrize("name", EXAMPLES)
def test_cdf_and_icdf_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = make(t, name)[0], make(torch, name)[0]
    value = EXAMPLES[name][2]
    b = asked(theirs, "cdf", torch.tensor(value, dtype=torch.float64))
    if b is None:
        pytest.skip("PyTorch has no cdf of it")
    near(ours.cdf(t.tensor(value, dtype=t.float64)), b)
    shares = [0.01, 0.5, 0.9]
    b = asked(theirs, "icdf", torch.tensor(shares, dtype=torch.float64))
    if b is not None:
        near(ours.icdf(t.tensor(shares, dtype=t.float64)), b)


@pytest.mark.parametrize("name", EXAMPLES)
def test_shapes_of_samples_and_of_an_expanded_batch_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = make(t, name)[0], make(torch, name)[0]
    empty = () if EXAMPLES[name][0] in OF_CLASSES else (0,)  # PyTorch refuses to draw none
    for shape in [(), (2,), (2, 5), empty]:
        assert tuple(ours.sample(shape).shape) == tuple(theirs.sample(shape).shape)
    assert ours.has_rsample == theirs.has_rsample
    assert ours.has_enumerate_support == theirs.has_enumerate_support
    batch = (4, *ours.batch_shape)
    a, b = ours.expand(batch), theirs.expand(batch)
    assert a.batch_shape == tuple(b.batch_shape) and a.event_shape == tuple(b.event_shape)
    assert tuple(a.sample((2,)).shape) == tuple(b.sample((2,)).shape)
    if asked(b, "mean") is not None:
        near(a.mean, b.mean)
    value = EXAMPLES[name][2]
    near(
        a.log_prob(t.tensor(value, dtype=t.float64)),
        b.log_prob(torch.tensor(value, dtype=torch.float64)),
        WIDER.get(name, 1e-9),
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_enumerated_supports_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = make(t, name)[0], make(torch, name)[0]
    if not theirs.has_enumerate_support:
        with pytest.raises(NotImplementedError, match="Estimate it from samples"):
            ours.enumerate_support()
        return
    for expand in (True, False):
        near(ours.enumerate_support(expand), theirs.enumerate_support(expand))


DISCRETE = ("Bernoulli Binomial Geometric NegativeBinomial Poisson Categorical OneHotCategorical"
            " Multinomial").split()  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_log_prob_has_the_gradient_of_its_differences(name):
    value = t.tensor(EXAMPLES[name][2], dtype=t.float64)
    kind, given, _ = EXAMPLES[name]
    names = [k for k, v in given.items() if isinstance(v, list)]
    fixed = {k: v for k, v in given.items() if k not in names}

    def log_prob(*tensors):
        tensors = [
            (x + x.mT) / 2 if k in ("covariance_matrix", "precision_matrix") else x
            for k, x in zip(names, tensors)
        ]
        made = getattr(D, kind)(**dict(zip(names, tensors)), **fixed, validate_args=False)
        return made.log_prob(value)

    assert gradcheck(log_prob, make(t, name, grad=True)[1])


@pytest.mark.parametrize("name", [n for n in EXAMPLES if EXAMPLES[n][0] not in DISCRETE])
def test_gradients_of_rsample_keep_each_samples_share(name):
    """Moving a parameter moves each sample so that what lies below it stays as likely."""
    distribution, parameters = make(t, name, grad=True)
    if name in ("gamma", "chi2", "inverse-gamma"):
        pytest.skip("gammainc has no derivative by the concentration: see the next test")
    if asked(distribution, "cdf", t.tensor(EXAMPLES[name][2], dtype=t.float64)) is None:
        pytest.skip("no cdf")
    t.manual_seed(3)
    x = distribution.rsample()
    share = distribution.cdf(x)  # moves with the parameters directly and through x
    for g in t.autograd.grad(share.sum(), parameters):
        np.testing.assert_allclose(np.asarray(g), 0, atol=1e-9)


def test_a_gamma_sample_moves_with_its_concentration_along_the_quantiles():
    """d x / d a = -(dP/da) / p, with dP/da by central differences of the gamma integral."""
    rng = np.random.default_rng(0)
    for a in (0.01, 0.3, 1.0, 4.0, 60.0, 3000.0):
        log_x = np.log(rng.gamma(a, size=5) + 1e-300)
        at = t.full((5,), a, dtype=t.float64)
        slope = np.asarray(F.log_gamma_slope(at, t.tensor(log_x)))
        x, h = t.tensor(np.exp(log_x)), 1e-4 * a
        low, high = ([t.special.gammainc(at + s * k * h, x) for k in (1, 2)] for s in (-1, 1))
        rise = (8 * (high[0] - low[0]) - (high[1] - low[1])) / (12 * h)
        density = (a * t.tensor(log_x) - x - t.lgamma(at)).exp()
        np.testing.assert_allclose(slope, -np.asarray(rise / density), rtol=1e-6)


def test_gradients_of_gamma_samples_are_pytorchs():
    torch = pytest.importorskip("torch")
    a = np.array([0.02, 0.4, 1.0, 9.0, 500.0])
    x = np.array([1e-9, 0.3, 2.5, 7.0, 520.0])
    slope = F.log_gamma_slope(t.tensor(a), t.tensor(np.log(x)))
    theirs = torch._standard_gamma_grad(torch.tensor(a), torch.tensor(x))
    near(slope * t.tensor(x), theirs, 2e-4)  # PyTorch's own accuracy


def test_the_gradient_of_an_expectation_over_a_dirichlet_is_that_of_its_formula():
    """E[x_0^2] = a_0 (a_0 + 1) / (s (s + 1)): the average of many samples' gradients comes near."""
    t.manual_seed(0)
    a = t.tensor([0.6, 2.0, 1.4], dtype=t.float64, requires_grad=True)
    x = D.Dirichlet(a).rsample((40_000,))
    (sampled,) = t.autograd.grad((x[:, 0] ** 2).mean(), a)
    s = a.sum()
    (exact,) = t.autograd.grad(a[0] * (a[0] + 1) / (s * (s + 1)), a)
    np.testing.assert_allclose(np.asarray(sampled), np.asarray(exact), atol=0.004)


@pytest.mark.parametrize("name", EXAMPLES)
def test_samples_have_mean_and_variance_of_their_distribution(name):
    distribution = make(t, name)[0]
    mean, variance = asked(distribution, "mean"), asked(distribution, "variance")
    if mean is None or name == "von-mises":
        pytest.skip("no formula of the mean, or that of angles, which have a test of their own")
    t.manual_seed(0)
    n = 20_000
    x = distribution.sample((n,)).double()
    assert np.isfinite(np.asarray(x)).all()
    known = np.isfinite(np.asarray(variance))
    error = np.asarray((x.mean(0) - mean).abs() / (variance / n).sqrt())
    assert (error[known] < 4.5).all()
    if name not in ("student",):  # whose fourth moment is infinite
        ratio = np.asarray(x.var(0) / variance)[known]
        assert (np.abs(ratio - 1) < 0.12).all()


@pytest.mark.parametrize(
    "name",
    "cauchy half-cauchy student gamma beta normal pareto weibull kumaraswamy generalized-pareto"
    " inverse-gamma fisher-snedecor von-mises continuous-bernoulli".split(),
)
def test_samples_fill_the_shares_that_the_density_gives_them(name):
    """Kolmogorov and Smirnov's distance between samples and the integral of the density."""
    distribution = make(t, name)[0]
    distribution._validate_args = False  # the grid of one lies outside of another's support
    t.manual_seed(1)
    n = 4000
    x = np.sort(np.asarray(distribution.sample((n,))), 0)  # (n, batch)
    for i in range(x.shape[1]):
        low, high = x[:, i].min(), x[:, i].max()
        # integrate over samples' own quantiles: dense where the density is large
        points = np.unique(np.concatenate([x[:, i], np.linspace(low, high, 2000)]))
        grid = t.tensor(points).unsqueeze(-1).expand(-1, x.shape[1])
        inside = np.exp(np.asarray(distribution.log_prob(grid))[:, i])
        steps = np.diff(points) * (inside[1:] + inside[:-1]) / 2
        share = np.concatenate([[0], np.cumsum(steps)])
        below = np.searchsorted(x[:, i], points, side="right") / n
        slack = 1.7 / math.sqrt(n) + 0.02  # of the sampling and of the integral
        assert np.abs(share + below[0] - below).max() < slack


def test_samples_of_a_categorical_come_up_as_often_as_they_should_and_never_if_impossible():
    t.manual_seed(0)
    probs = t.tensor([[0.0, 0.7, 0.3, 0.0], [0.25, 0.25, 0.25, 0.25]])
    x = D.Categorical(probs).sample((20_000,))
    for row in range(2):
        share = np.bincount(np.asarray(x[:, row]), minlength=4) / 20_000
        assert np.abs(share - np.asarray(probs[row])).max() < 0.015
        assert (share[np.asarray(probs[row]) == 0] == 0).all()


@pytest.mark.parametrize("name", EXAMPLES)
def test_manual_seed_makes_samples_repeat(name):
    distribution = make(t, name)[0]
    t.manual_seed(7)
    first = distribution.sample((3,))
    after = distribution.sample((3,))
    t.manual_seed(7)
    assert (distribution.sample((3,)) == first).all()
    assert not distribution.has_rsample or not (first == after).all()


def test_sample_keeps_no_graph_and_rsample_does():
    loc = t.zeros(2, requires_grad=True)
    distribution = D.Normal(loc, 1.0)
    assert not distribution.sample().requires_grad
    assert distribution.rsample().requires_grad


# ---- divergences ---------------------------------------------------------------------------------

FIRST = {
    "Normal": ([0.5, 1.0], [1.0, 0.5]),
    "Laplace": ([0.5, 1.0], [1.0, 0.5]),
    "Cauchy": ([0.5, 1.0], [1.0, 0.5]),
    "Gumbel": ([0.5, 1.0], [1.0, 0.5]),
    "HalfNormal": ([0.5, 1.0],),
    "Uniform": ([0.5, 1.0], [1.0, 1.5]),
    "Exponential": ([0.5, 1.0],),
    "Gamma": ([0.5, 3.0], [1.0, 0.5]),
    "Chi2": ([0.5, 3.0],),
    "LogNormal": ([0.5, 1.0], [1.0, 0.5]),
    "Beta": ([0.5, 3.0], [1.0, 0.5]),
    "Dirichlet": ([[0.5, 3.0], [1.0, 0.5]],),
    "Bernoulli": ([0.2, 1.0],),
    "Geometric": ([0.2, 0.7],),
    "Poisson": ([0.2, 3.0],),
    "Categorical": ([[0.2, 0.8], [0.0, 1.0]],),
    "OneHotCategorical": ([[0.2, 0.8], [0.4, 0.6]],),
    "MultivariateNormal": ([[0.2, 0.8], [0.4, 0.6]], COV),
    "LowRankMultivariateNormal": ([[0.2, 0.8], [0.4, 0.6]], [[1.0], [-0.4]], [0.5, 0.7]),
    "Pareto": ([0.8, 1.5], [2.5, 3.0]),
    "ContinuousBernoulli": ([0.2, 0.9],),
}
SECOND = {
    **FIRST,
    "Normal": ([-1.0, 2.0], [0.7, 3.0]),
    "Laplace": ([-1.0, 2.0], [0.7, 3.0]),
    "Cauchy": ([-1.0, 2.0], [0.7, 3.0]),
    "Gumbel": ([-1.0, 2.0], [0.7, 3.0]),
    "HalfNormal": ([0.8, 0.3],),
    "Uniform": ([0.4, 1.1], [1.2, 1.6]),
    "Exponential": ([0.8, 0.3],),
    "Gamma": ([1.5, 2.0], [0.7, 3.0]),
    "Chi2": ([1.5, 1.0],),
    "LogNormal": ([-1.0, 2.0], [0.7, 3.0]),
    "Beta": ([1.5, 2.0], [0.7, 3.0]),
    "Dirichlet": ([[1.5, 2.0], [0.7, 3.0]],),
    "Bernoulli": ([0.3, 0.9],),
    "Geometric": ([0.3, 0.9],),
    "Poisson": ([0.3, 0.9],),
    "Categorical": ([[0.5, 0.5], [1.0, 0.0]],),
    "OneHotCategorical": ([[0.5, 0.5], [0.9, 0.1]],),
    "MultivariateNormal": ([0.0, 0.3], [[1.0, -0.2], [-0.2, 0.5]]),
    "LowRankMultivariateNormal": ([0.0, 0.3], [[0.3], [0.8]], [1.5, 0.3]),
    "Pareto": ([0.5, 1.7], [1.5, 3.5]),
    "ContinuousBernoulli": ([0.6, 0.3],),
}
MIXED = [
    ("Uniform", "Normal"),
    ("Normal", "Laplace"),
    ("Laplace", "Normal"),
    ("Normal", "Gumbel"),
    ("Gumbel", "Normal"),
    ("Exponential", "Gamma"),
    ("Exponential", "Normal"),
    ("Exponential", "Gumbel"),
    ("Gamma", "Exponential"),
    ("Gamma", "Normal"),
    ("Beta", "Normal"),
    ("Bernoulli", "Poisson"),
    ("Beta", "ContinuousBernoulli"),
    ("Beta", "Exponential"),
    ("Beta", "Gamma"),
    ("Beta", "Pareto"),
    ("Beta", "Uniform"),
    ("ContinuousBernoulli", "Exponential"),
    ("ContinuousBernoulli", "Normal"),
    ("ContinuousBernoulli", "Pareto"),
    ("ContinuousBernoulli", "Uniform"),
    ("Exponential", "Beta"),
    ("Exponential", "Pareto"),
    ("Gamma", "ContinuousBernoulli"),
    ("Gamma", "Gumbel"),
    ("Gumbel", "Exponential"),
    ("Laplace", "Gamma"),
    ("LowRankMultivariateNormal", "MultivariateNormal"),
    ("MultivariateNormal", "LowRankMultivariateNormal"),
    ("Normal", "Uniform"),
    ("Pareto", "Beta"),
    ("Pareto", "Exponential"),
    ("Pareto", "Gamma"),
    ("Pareto", "Normal"),
    ("Poisson", "Bernoulli"),
    ("Uniform", "Beta"),
    ("Uniform", "Exponential"),
    ("Uniform", "Gamma"),
    ("Uniform", "Gumbel"),
    ("Uniform", "Pareto"),
]


def pair(home, p, q):
    """Two distributions with different parameters."""
    tensors = [[home.tensor(v, dtype=home.float64) for v in args] for args in (FIRST[p], SECOND[q])]
    return getattr(home.distributions, p)(*tensors[0]), getattr(home.distributions, q)(*tensors[1])


@pytest.mark.parametrize("p,q", [*((n, n) for n in FIRST), *MIXED])
def test_divergences_are_pytorchs(p, q):
    torch = pytest.importorskip("torch")
    if (p, q) == ("Laplace", "Normal"):
        pytest.skip("PyTorch's formula is another: see the next test")
    ours = D.kl_divergence(*pair(t, p, q))
    near(ours, torch.distributions.kl_divergence(*pair(torch, p, q)))


@pytest.mark.parametrize("p,q", [("Laplace", "Normal"), ("Normal", "Laplace"), ("Gamma", "Normal")])
def test_divergences_are_averages_of_the_difference_of_log_probs(p, q):
    t.manual_seed(0)
    one, two = pair(t, p, q)
    x = one.sample((40_000,))
    gap = one.log_prob(x) - two.log_prob(x)
    error = (gap.mean(0) - D.kl_divergence(one, two)).abs() / (gap.std(0) / 200)
    assert (np.asarray(error) < 4.5).all()


UNIFORM_INSIDE = [
    ("Beta", ([1.5, 2.0], [0.7, 3.0])),
    ("ContinuousBernoulli", ([0.6, 0.3],)),
    ("Gamma", ([1.5, 2.0], [0.7, 3.0])),
    ("Pareto", ([0.1, 0.2], [1.5, 3.5])),
]


@pytest.mark.parametrize("kind, given", UNIFORM_INSIDE)
def test_divergences_of_a_uniform_are_integrals_and_infinite_if_it_reaches_outside(kind, given):
    q = getattr(D, kind)(*(t.tensor(v).double() for v in given), validate_args=False)
    low, high = t.tensor([0.2, 0.3]).double(), t.tensor([0.7, 0.9]).double()
    steps = (t.arange(20_000, dtype=t.float64) + 0.5).unsqueeze(-1) / 20_000
    x = low + steps * (high - low)
    gap = -(high - low).log() - q.log_prob(x).mean(0)
    near(D.kl_divergence(D.Uniform(low, high), q), gap, 1e-7)
    assert (D.kl_divergence(D.Uniform(low - 1, high), q) == math.inf).all()


def test_every_pair_of_pytorchs_is_here():
    kl = pytest.importorskip("torch.distributions.kl")
    theirs = {(p.__name__, q.__name__) for p, q in kl._KL_REGISTRY}
    ours = {(p.__name__, q.__name__) for p, q in D.kl.formulas}
    assert {n for n in theirs - ours if n[0] != "ExponentialFamily"} == set()


def test_the_divergence_of_independent_dims_is_the_sum():
    one, two = pair(t, "Normal", "Normal")
    total = D.kl_divergence(D.Independent(one, 1), D.Independent(two, 1))
    near(total, D.kl_divergence(one, two).sum())


def test_the_divergence_of_binomials_is_that_of_their_trials():
    torch = pytest.importorskip("torch")
    made = [
        [
            h.distributions.Binomial(3, h.tensor(v, dtype=h.float64))
            for v in ([0.2, 0.9], [0.5, 0.4])
        ]
        for h in (t, torch)
    ]
    near(D.kl_divergence(*made[0]), torch.distributions.kl_divergence(*made[1]))
    certain, fair = D.Binomial(3, t.ones(1)), D.Binomial(3, t.full((1,), 0.5))
    assert D.kl_divergence(certain, fair).item() == pytest.approx(3 * math.log(2))
    assert D.kl_divergence(certain, D.Binomial(2, t.ones(1))).item() == math.inf
    with pytest.raises(NotImplementedError, match="at least that of q"):
        D.kl_divergence(D.Binomial(2, t.ones(1)), certain)


def test_register_kl_takes_ones_own_formula_and_refuses_instances():
    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, D.Normal)
    def formula(p, q):
        return p.loc - q.loc

    ones = t.ones(1)
    assert D.kl_divergence(Mine(3 * ones, ones), D.Normal(ones, ones)).item() == 2
    assert D.kl_divergence(D.Normal(ones, ones), Mine(ones, ones)).item() == 0  # inherited
    with pytest.raises(
        NotImplementedError, match="kl_divergence: .*Cauchy and Poisson.*register_kl"
    ):
        D.kl_divergence(D.Cauchy(0.0, 1.0), D.Poisson(1.0))
    with pytest.raises(DTypeError, match="Give the class, not an instance"):
        D.register_kl(D.Normal(0.0, 1.0), D.Normal)


# ---- transforms, mixtures ------------------------------------------------------------------------

TRANSFORMS = {
    "exp": lambda d: d.ExpTransform(),
    "affine": lambda d: d.AffineTransform(1.0, -2.0),
    "power": lambda d: d.ComposeTransform([d.ExpTransform(), d.PowerTransform(2.0)]),
    "sigmoid": lambda d: d.SigmoidTransform(),
    "softplus": lambda d: d.SoftplusTransform(),
    "tanh": lambda d: d.TanhTransform(),
    "stick-breaking": lambda d: d.StickBreakingTransform(),
    "sigmoid-inverse": lambda d: d.ComposeTransform([d.SigmoidTransform(), d.ExpTransform().inv]),
    "vectors": lambda d: d.ComposeTransform(
        [d.AffineTransform(0.5, 2.0), d.StickBreakingTransform()]
    ),
    "affine-event": lambda d: d.AffineTransform(1.0, 2.0, event_dim=1),
    "independent": lambda d: d.IndependentTransform(d.ExpTransform(), 1),
    "reshape": lambda d: d.ReshapeTransform((3,), (3, 1)),
    "corr-cholesky": lambda d: d.CorrCholeskyTransform(),
    "cat": lambda d: d.CatTransform(
        [d.ExpTransform(), d.AffineTransform(1.0, -2.0)], dim=-1, lengths=[2, 1]
    ),
    "stack": lambda d: d.StackTransform(
        [d.ExpTransform(), d.TanhTransform(), d.AffineTransform(1.0, -2.0)], dim=-1
    ),
    "cumulative": lambda d: d.CumulativeDistributionTransform(d.Normal(0.5, 2.0)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_and_what_they_transform_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    f, theirs = TRANSFORMS[name](D), TRANSFORMS[name](torch.distributions)
    values = [[-1.2, 0.3, 0.9], [0.1, 2.0, -0.4]]
    x, x2 = t.tensor(values, dtype=t.float64), torch.tensor(values, dtype=torch.float64)
    y, y2 = f(x), theirs(x2)
    near(y, y2)
    near(f.inv(y), x)
    near(f.log_abs_det_jacobian(x, y), theirs.log_abs_det_jacobian(x2, y2))
    near(f.inv.log_abs_det_jacobian(y, x), -theirs.log_abs_det_jacobian(x2, y2))
    assert f.forward_shape((4, 3)) == tuple(theirs.forward_shape((4, 3)))
    assert f.domain.event_dim == theirs.domain.event_dim
    assert f.codomain.event_dim == theirs.codomain.event_dim
    assert f.bijective == theirs.bijective
    assert f.codomain.check(y).all()
    if name == "stack":  # its determinants keep the dim, so it transforms no distribution
        return
    one = D.TransformedDistribution(D.Normal(x * 0, 1.0), f)
    two = torch.distributions.TransformedDistribution(
        torch.distributions.Normal(x2 * 0, 1.0), theirs
    )
    assert one.batch_shape == tuple(two.batch_shape) and one.event_shape == tuple(two.event_shape)
    near(one.log_prob(y), two.log_prob(y2))
    assert one.rsample((5,)).shape == tuple(two.rsample((5,)).shape)
    wide = one.expand((7, *one.batch_shape))
    assert wide.log_prob(y).shape == (7, *one.log_prob(y).shape)


@pytest.mark.parametrize("kind", ["LowerCholeskyTransform", "PositiveDefiniteTransform"])
def test_matrix_transforms_are_pytorchs_and_come_back(kind):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, 3, 3))
    f, theirs = getattr(D, kind)(), getattr(torch.distributions, kind)()
    y = f(t.tensor(x))
    near(y, theirs(torch.tensor(x)))
    near(f.inv(y), theirs.inv(theirs(torch.tensor(x))))
    assert f.codomain.check(y).all() and f.bijective == theirs.bijective


def test_one_transform_for_each_event_of_a_concatenation_is_pytorchs():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(4, 5))
    found = []
    for home in (t, torch):
        d = home.distributions
        f = d.CatTransform([d.ExpTransform(), d.SoftmaxTransform()], dim=0, lengths=[1, 3])
        g = d.CatTransform([d.StickBreakingTransform(), d.StickBreakingTransform()], 0, [1, 3])
        a = home.tensor(x)
        found.append((f(a), g(a), g.log_abs_det_jacobian(a, g(a)) if home is t else None))
    near(found[0][0], found[1][0])
    near(found[0][1], found[1][1])
    near(found[0][2], D.StickBreakingTransform().log_abs_det_jacobian(t.tensor(x), found[0][1]))


CONSTRAINTS = {
    "real": lambda c, h: c.real,
    "positive": lambda c, h: c.positive,
    "nonnegative": lambda c, h: c.nonnegative,
    "greater_than": lambda c, h: c.greater_than(2.0),
    "less_than": lambda c, h: c.less_than(-1.0),
    "interval": lambda c, h: c.interval(-2.0, 3.0),
    "half_open_interval": lambda c, h: c.half_open_interval(-2.0, 3.0),
    "tensor interval": lambda c, h: c.interval(h.tensor(-2.0).double(), h.tensor(3.0).double()),
    "unit_interval": lambda c, h: c.unit_interval,
    "simplex": lambda c, h: c.simplex,
    "real_vector": lambda c, h: c.real_vector,
    "independent": lambda c, h: c.independent(c.positive, 1),
    "corr_cholesky": lambda c, h: c.corr_cholesky,
    "lower_cholesky": lambda c, h: c.lower_cholesky,
    "positive_definite": lambda c, h: c.positive_definite,
    "cat": lambda c, h: c.cat([c.positive, c.real], dim=-1, lengths=[1, 2]),
    "stack": lambda c, h: c.stack([c.positive, c.unit_interval, c.real], dim=-1),
}


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_transforms_to_constraints_are_pytorchs(name, registry):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(3, 3))
    constraint = CONSTRAINTS[name](D.constraints, t)
    if registry == "biject_to" and name in ("lower_cholesky", "positive_definite"):
        with pytest.raises(NotImplementedError, match="must have a transform"):
            D.biject_to(constraint)
        return
    theirs = CONSTRAINTS[name](torch.distributions.constraints, torch)
    y = getattr(D, registry)(constraint)(t.tensor(x))
    near(y, getattr(torch.distributions, registry)(theirs)(torch.tensor(x)))
    assert constraint.check(y).all()


def test_a_constraint_without_a_transform_is_refused_and_one_can_be_registered():
    class Even(D.constraints.Constraint):
        pass

    with pytest.raises(NotImplementedError, match="biject_to: the constraint must have"):
        D.biject_to(Even())
    D.biject_to.register(Even, lambda constraint: D.AffineTransform(0.0, 2.0))
    assert D.biject_to(Even()) == D.AffineTransform(0.0, 2.0)


def test_the_softmax_and_the_absolute_value_have_one_of_their_inverses():
    x = t.tensor([[-1.0, 2.0, 0.5]])
    near(D.SoftmaxTransform()(D.SoftmaxTransform().inv(x.softmax(-1))), x.softmax(-1), 1e-6)
    near(D.AbsTransform()(x), x.abs())
    assert not D.SoftmaxTransform().bijective and not D.AbsTransform().bijective
    with pytest.raises(NotImplementedError, match="must define log_abs_det_jacobian"):
        D.AbsTransform().log_abs_det_jacobian(x, x)


def test_cdf_of_a_decreasing_transform_rises():
    torch = pytest.importorskip("torch")
    made = [
        d.TransformedDistribution(d.Normal(h.zeros(3), 1.0), [d.AffineTransform(1.0, -2.0)])
        for h, d in ((t, D), (torch, torch.distributions))
    ]
    values = [-1.0, 1.0, 4.0]
    near(made[0].cdf(t.tensor(values)), made[1].cdf(torch.tensor(values)), 1e-6)
    shares = [0.1, 0.5, 0.9]
    near(made[0].icdf(t.tensor(shares)), made[1].icdf(torch.tensor(shares)), 1e-5)


def test_transforms_are_equal_if_they_are_the_same_function_and_divergences_need_that():
    assert D.AffineTransform(0.0, 2.0) == D.AffineTransform(t.tensor(0.0), 2.0)
    assert D.AffineTransform(0.0, 2.0) != D.AffineTransform(0.0, 3.0)
    assert D.PowerTransform(2.0) == D.PowerTransform(2.0) and D.ExpTransform() == D.ExpTransform()
    assert D.ExpTransform().inv == D.ExpTransform().inv != D.ExpTransform()
    assert D.PowerTransform(-2.0).sign.item() == -1
    one, two = D.Normal(0.0, 1.0), D.Normal(1.0, 2.0)
    scaled = [D.TransformedDistribution(d, D.AffineTransform(0.0, 2.0)) for d in (one, two)]
    near(D.kl_divergence(*scaled), D.kl_divergence(one, two))
    with pytest.raises(NotImplementedError, match="must have the same transforms"):
        D.kl_divergence(scaled[0], D.LogNormal(0.0, 1.0))


def test_a_cached_pair_gives_back_the_same_tensor():
    f = D.ExpTransform(cache_size=1)
    x = t.randn(3)
    assert f.inv(f(x)) is x
    with pytest.raises(ShapeError, match="cache_size must be 0 or 1"):
        D.ExpTransform(cache_size=2)


def mixture(home, vectors):
    d, f64 = home.distributions, home.float64
    loc = home.tensor([[0.0, 2.0, -1.0], [1.0, 5.0, 0.5]], dtype=f64)
    scale = home.tensor([[1.0, 0.5, 2.0], [0.3, 1.0, 1.5]], dtype=f64)
    probs = home.tensor([0.2, 0.5, 0.3], dtype=f64)
    if vectors:  # 2 x 3 components over vectors of 2
        parts = d.Independent(d.Normal(home.stack([loc, -loc], -1), 1.0), 1)
    else:
        parts = d.Normal(loc, scale)
    return d.MixtureSameFamily(d.Categorical(probs), parts)


@pytest.mark.parametrize("vectors", [False, True])
def test_mixtures_are_pytorchs_and_their_samples_have_the_moments(vectors):
    torch = pytest.importorskip("torch")
    if vectors:  # PyTorch wants the weights to have the components' batch dims
        with pytest.raises(NotImplementedError):
            mixture(t, vectors).cdf(t.zeros(2, 2, dtype=t.float64))
    ours, theirs = mixture(t, vectors), mixture(torch, vectors)
    near(ours.mean, theirs.mean)
    near(ours.variance, theirs.variance)
    values = [[0.3, 0.4], [-1.0, 2.0]] if vectors else [0.3, 0.4]
    x, y = t.tensor(values, dtype=t.float64), torch.tensor(values, dtype=torch.float64)
    near(ours.log_prob(x), theirs.log_prob(y))
    if not vectors:
        near(ours.cdf(x), theirs.cdf(y))
    assert tuple(ours.expand((4, 2)).sample((3,)).shape) == tuple(
        theirs.expand((4, 2)).sample((3,)).shape
    )
    t.manual_seed(0)
    drawn = ours.sample((20_000,))
    error = (drawn.mean(0) - ours.mean).abs() / (ours.variance / 20_000).sqrt()
    assert (np.asarray(error) < 4.5).all()
    np.testing.assert_allclose(np.asarray(drawn.var(0) / ours.variance), 1, atol=0.1)


# ---- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: D.Normal(0.0, -1.0), "Normal: scale must be greater than 0, got -1. Correct it"),
        (lambda: D.Normal(math.nan, 1.0), "Normal: loc must be a real number, got nan"),
        (lambda: D.Beta(t.ones(2), t.tensor([-1.0, 2.0])), "Beta: concentration0 must be greater"),
        (lambda: D.Bernoulli(1.5), "Bernoulli: probs must be in \\[0, 1\\], got 1.5"),
        (lambda: D.Bernoulli(), "Bernoulli: exactly one of probs, logits must be given, got none"),
        (lambda: D.Categorical(t.ones(2), t.ones(2)), "Categorical: exactly one of probs, logits"),
        (
            lambda: D.Categorical(t.zeros(2)),
            "Categorical: probs must be at least 0 with a finite sum above 0, got values from 0",
        ),
        (lambda: D.Categorical(t.tensor([-1.0, 3.0])), "at least 0 with a finite sum above 0"),
        (
            lambda: D.Dirichlet(t.ones(3)).log_prob(t.tensor([0.5, 0.25, 0.125])),
            "with the sum 1, got values from 0.125 to 0.5 with the sum 0.875. Correct it",
        ),
        (lambda: D.Categorical(t.tensor(1.0)), "Categorical: probs must have at least 1 dim"),
        (lambda: D.Uniform(1.0, 1.0), "Uniform: high - low must be greater than 0, got 0"),
        (lambda: D.Normal(0.0, 1.0).log_prob(t.tensor(math.nan)), "value must be a real number"),
        (
            lambda: D.Exponential(1.0).log_prob(t.tensor(-1.0)),
            "Exponential: value must be at least",
        ),
        (
            lambda: D.Poisson(1.0).log_prob(t.tensor(0.5)),
            "value must be a whole number of at least",
        ),
        (lambda: D.Normal(t.zeros(2), 1.0).log_prob(t.ones(3)), "got the shape \\(3,\\). Reshape"),
        (lambda: D.Multinomial(-1, t.ones(2)), "Multinomial: total_count must be one int"),
        (lambda: D.Independent(D.Normal(0.0, 1.0), 1), "at most the number of batch dims, got 1"),
        (
            lambda: D.MultivariateNormal(t.zeros(2), t.tensor([[1.0, 2.0], [2.0, 1.0]])),
            "covariance_matrix must be positive definite",
        ),
        (lambda: D.MultivariateNormal(t.zeros(2), t.eye(3)), "loc must be \\(..., D\\)"),
    ],
)
def test_wrong_arguments_are_refused_with_what_to_do(call, said):
    with pytest.raises(ShapeError, match=said):
        call()


@pytest.mark.parametrize("kind", ["Normal", "Laplace", "Cauchy", "Gumbel"])
def test_a_wrong_argument_name_names_the_distribution(kind):
    with pytest.raises(TypeError, match=f"^{kind}.__init__.*'mean'"):
        getattr(D, kind)(mean=0.0)


@pytest.mark.parametrize("tiny", [0.001, 0.01, 0.1])
def test_samples_under_tiny_parameters_have_a_finite_density(tiny):
    t.manual_seed(0)
    low = t.full((3,), tiny)
    soft = D.RelaxedOneHotCategorical(t.tensor(tiny), logits=t.zeros(5))
    for one in (D.Beta(low, low), D.Dirichlet(low), soft):
        x = one.rsample((500,))
        assert t.isfinite(one.log_prob(x)).all() and (x > 0).all() and (x < 1).all()


def test_values_must_be_tensors_and_parameters_numbers_or_tensors():
    with pytest.raises(DTypeError, match="Normal: value must be a Tensor, got float"):
        D.Normal(0.0, 1.0).log_prob(1.0)
    with pytest.raises(DTypeError, match="a number or a Tensor, got str"):
        D.Normal("0", 1.0)


def test_checks_can_be_switched_off_for_one_distribution_and_for_all():
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    try:
        D.Distribution.set_default_validate_args(False)
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ShapeError):
        D.Normal(0.0, -1.0)
    with pytest.raises(DTypeError, match="set_default_validate_args: value must be True or False"):
        D.Distribution.set_default_validate_args(2)


def test_numbers_get_the_dtype_of_the_tensor_beside_them():
    assert D.Normal(t.zeros(2, dtype=t.float64), 1.0).sample().dtype is t.float64
    assert D.Normal(0.0, 1.0).sample().dtype is t.float32
    assert D.Gamma(t.ones(2, dtype=t.float64), 1.0).rsample().dtype is t.float64


@pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
@pytest.mark.parametrize("name", "normal gamma categorical multinomial relaxed-one-hot".split())
def test_everything_stays_on_the_device_of_the_parameters(name):
    kind, given, value = EXAMPLES[name]
    tensors = {k: t.tensor(v, device="emu") if isinstance(v, list) else v for k, v in given.items()}
    made = getattr(D, kind)(**tensors)
    x = made.sample((2,))
    assert str(x.device) == str(made.log_prob(x).device) == "emu"
    near(
        made.log_prob(t.tensor(value, device="emu")).cpu(),
        make(t, name)[0].log_prob(t.tensor(value, dtype=t.float64)),
        1e-4,
    )


def test_the_middle_of_von_mises_angles_and_their_spread_are_those_of_the_formulas():
    t.manual_seed(0)
    concentration = t.tensor([0.3, 2.0, 900.0], dtype=t.float64)
    angles = D.VonMises(t.tensor([0.5, -3.0, 1.0]).double(), concentration)
    x = angles.sample((20_000,))
    assert x.dtype is t.float64 and ((x >= -math.pi) & (x < math.pi)).all()
    away = (x - angles.mean).cos()
    near(1 - away.mean(0), angles.variance, 0.01)
    near((x - angles.mean).sin().mean(0), t.zeros(3), 0.02)
    few = D.VonMises(0.0, t.tensor([1e-6, 1e6])).sample((3,))
    assert t.isfinite(few).all()


def test_the_entropy_of_angles_is_the_average_of_minus_log_prob():
    grid = t.linspace(-math.pi, math.pi, 20_001, dtype=t.float64)[:-1]
    one = D.VonMises(t.tensor(0.7).double(), 1.5)
    log_prob = one.log_prob(grid)
    found = -(log_prob.exp() * log_prob).sum() * (2 * math.pi / 20_000)
    near(one.entropy(), found, 1e-9)


def test_a_continuous_bernoulli_is_smooth_round_one_half():
    logits = t.tensor([-0.2501, -0.2499, -1e-3, -1e-9, 0.0, 1e-9, 1e-3, 0.2499, 0.2501]).double()
    one = D.ContinuousBernoulli(logits=logits)
    grid = t.linspace(0, 1, 2001, dtype=t.float64).unsqueeze(-1)
    density = one.log_prob(grid.expand(-1, 9)).exp()
    weights = t.full((2001, 1), 1 / 2000, dtype=t.float64)
    weights[0] = weights[-1] = 0.5 / 2000
    near((weights * density).sum(0), t.ones(9), 1e-7)
    near((weights * density * grid).sum(0), one.mean, 1e-7)
    near((weights * density * (grid - one.mean) ** 2).sum(0), one.variance, 1e-7)
    near(one.cdf(one.icdf(grid[1:-1].expand(-1, 9))), grid[1:-1].expand(-1, 9), 1e-8)


def test_lkj_samples_have_the_marginal_of_each_correlation():
    """(r + 1) / 2 of each entry is Beta(b, b), b = concentration + D / 2 - 1."""
    t.manual_seed(0)
    for size, eta in ((2, 1.0), (4, 0.7), (5, 3.0)):
        factor = D.LKJCholesky(size, t.tensor(eta).double()).sample((20_000,))
        matrix = factor @ factor.mT
        b = eta + size / 2 - 1
        spread = 1 / (2 * b + 1)  # of r
        for i in range(size):
            for j in range(i):
                r = matrix[:, i, j]
                assert abs(r.mean().item()) < 5 * math.sqrt(spread / 20_000)
                assert abs(r.var().item() / spread - 1) < 0.06


def test_the_density_of_lkj_integrates_to_1_over_one_correlation():
    """For D = 2 the factor has the one free number y = r."""
    y = t.linspace(-1, 1, 40_001, dtype=t.float64)[1:-1]
    own = (1 - y * y).sqrt()
    factor = t.stack([t.stack([y * 0 + 1, y * 0], -1), t.stack([y, own], -1)], -2)
    density = D.LKJCholesky(2, t.tensor(2.5).double()).log_prob(factor).exp()
    assert density.sum().item() * 2 / 40_000 == pytest.approx(1, abs=1e-6)


def test_a_pareto_gives_numbers_above_its_scale_only():
    t.manual_seed(0)
    tail = D.Pareto(t.full((1000,), 3.0), 2.0)
    assert (tail.sample() >= 3).all()
    with pytest.raises(ShapeError, match="Pareto: value must be at least"):
        tail.log_prob(t.full((1000,), 2.0))


@pytest.mark.parametrize("df", [0.5, 1.0])
def test_a_wishart_needs_more_degrees_of_freedom_than_dims_less_1(df):
    with pytest.raises(ShapeError, match="Wishart: df must be greater than 1"):
        D.Wishart(t.tensor([df]), t.eye(2))
    with pytest.raises(ShapeError, match="Wishart: one of covariance_matrix"):
        D.Wishart(t.tensor([df]))


def test_small_concentrations_give_finite_samples_and_gradients():
    t.manual_seed(0)
    a = t.full((1000, 3), 0.003, requires_grad=True)
    for x in (D.Dirichlet(a).rsample(), D.Gamma(a, 1.0).rsample()):
        (g,) = t.autograd.grad(x.sum(), a)
        assert np.isfinite(np.asarray(x.detach())).all() and np.isfinite(np.asarray(g)).all()


def test_a_distribution_says_what_it_is():
    assert repr(D.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert repr(D.Beta(t.ones(2), 1.0)) == "Beta(concentration1: (2,), concentration0: (2,))"
    assert repr(D.Independent(D.Bernoulli(t.ones(2)), 1)) == (
        "Independent(Bernoulli(probs: (2,)), 1)"
    )


@pytest.mark.skipif(not PAGE.exists(), reason="needs a checkout")
def test_the_examples_of_the_page_print_what_it_says():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 10 and not failed


def test_scripts_find_the_distributions_under_pytorchs_module_names():
    from tinygrad_edu.compat.table import ALIASES

    for name, home in ALIASES.items():
        if name.startswith("torch.distributions."):
            word = name.lower().rpartition(".")[2].replace("_", "").replace("categorical", "")
            classes = " ".join(vars(importlib.import_module(home))).lower()
            assert word in classes, name


def test_a_sigmoid_keeps_small_probabilities():
    squash = D.SigmoidTransform()
    x = t.tensor([-30.0, -20.0, -17.0])
    assert np.allclose(squash(x).numpy(), 1 / (1 + np.exp([30.0, 20.0, 17.0])), rtol=1e-5, atol=0)
    assert np.allclose(squash.inv(squash(x)).numpy(), x.numpy(), rtol=1e-6)


def test_relaxed_bernoulli_samples_lie_inside_0_and_1_and_have_a_density():
    soft = D.RelaxedBernoulli(t.tensor(0.05), probs=t.tensor(0.5))
    samples = soft.sample((10_000,))
    assert ((samples > 0) & (samples < 1)).all()
    assert t.isfinite(soft.log_prob(samples)).all()
