"""Special functions under the names of `torch.special`: `special.expit(x)`, `special.erf(x)`."""

from .left_out import explain_missing as _explain_missing
from .ops.elementwise import bessel as _bessel
from .ops.elementwise import bounds as _bounds
from .ops.elementwise import gamma as _gamma
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

airy_ai = _bessel.airy_ai
bessel_j0 = _bessel.bessel_j0
bessel_j1 = _bessel.bessel_j1
bessel_y0 = _bessel.bessel_y0
bessel_y1 = _bessel.bessel_y1
i0 = _bessel.i0
i0e = _bessel.i0e
i1 = _bessel.i1
i1e = _bessel.i1e
modified_bessel_i0 = _bessel.modified_bessel_i0
modified_bessel_i1 = _bessel.modified_bessel_i1
modified_bessel_k0 = _bessel.modified_bessel_k0
modified_bessel_k1 = _bessel.modified_bessel_k1
scaled_modified_bessel_k0 = _bessel.scaled_modified_bessel_k0
scaled_modified_bessel_k1 = _bessel.scaled_modified_bessel_k1
spherical_bessel_j0 = _bessel.spherical_bessel_j0

erfcx = _gamma.erfcx
gammainc = _gamma.igamma
gammaincc = _gamma.igammac
zeta = _gamma.zeta

_explain_missing(__name__)
