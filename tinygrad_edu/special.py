"""Special functions under the names of `torch.special`: `special.expit(x)`, `special.erf(x)`."""

from .ops.elementwise import bounds as _bounds
from .ops.elementwise import special as _special
from .ops.elementwise import transcendental as _transcendental
from .ops.reduction import softmax as _softmax

digamma = _special.digamma
entr = _special.entr
erf = _special.erf
erfc = _special.erfc
erfinv = _special.erfinv
expit = _special.expit
gammaln = _special.lgamma
log_ndtr = _special.log_ndtr
multigammaln = _special.mvlgamma
ndtr = _special.ndtr
ndtri = _special.ndtri
polygamma = _special.polygamma
psi = _special.digamma
sinc = _special.sinc
xlog1py = _special.xlog1py
xlogy = _special.xlogy

exp2 = _transcendental.exp2
expm1 = _transcendental.expm1
log1p = _transcendental.log1p
logit = _transcendental.logit

log_softmax = _softmax.log_softmax
logsumexp = _softmax.logsumexp
softmax = _softmax.softmax

round = _bounds.round
