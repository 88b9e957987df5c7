"""Linear algebra under the names of `torch.linalg`: `linalg.solve(A, B)`, `linalg.svd(A)`."""

from .left_out import explain_missing as _explain_missing
from .ops.indexing import indexing as _indexing
from .ops.linalg import factorization as _factorization
from .ops.linalg import linalg as _linalg
from .ops.linalg import matmul as _matmul
from .ops.reduction import norms as _norms
from .ops.shape import diagonal as _diagonal

cholesky = _factorization.linalg_cholesky
cholesky_ex = _factorization.linalg_cholesky_ex
eigh = _factorization.linalg_eigh
eigvalsh = _factorization.linalg_eigvalsh
qr = _factorization.linalg_qr
svd = _factorization.linalg_svd
svdvals = _factorization.linalg_svdvals

cond = _norms.linalg_cond
matrix_norm = _norms.linalg_matrix_norm
norm = _norms.linalg_norm
vector_norm = _norms.linalg_vector_norm

cross = _matmul.linalg_cross
matmul = _matmul.matmul
vecdot = _matmul.linalg_vecdot

det = _linalg.linalg_det
inv = _linalg.linalg_inv
inv_ex = _linalg.linalg_inv_ex
lstsq = _linalg.linalg_lstsq
matrix_exp = _linalg.matrix_exp
matrix_power = _linalg.matrix_power
matrix_rank = _linalg.linalg_matrix_rank
multi_dot = _linalg.linalg_multi_dot
pinv = _linalg.linalg_pinv
slogdet = _linalg.linalg_slogdet
solve = _linalg.linalg_solve
solve_ex = _linalg.linalg_solve_ex
solve_triangular = _linalg.linalg_solve_triangular
tensorinv = _linalg.linalg_tensorinv
tensorsolve = _linalg.linalg_tensorsolve

diagonal = _diagonal.linalg_diagonal

vander = _indexing.linalg_vander

_explain_missing(__name__)
