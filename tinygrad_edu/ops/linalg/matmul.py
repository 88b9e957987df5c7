"""Matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...engine.case import Case
from ...engine.composite import composite
from ...engine.dtype import check_float, promote_types
from ...engine.errors import DTypeError, ShapeError, check_dim
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor


@op(
    operator="@",
    types="match",
    cases=[
        Case([2, 3], [3, 4]),
        Case([3], [3]),
        Case([2, 3], [3]),
        Case([3], [3, 2]),
        Case([5, 2, 3], [3, 4]),
        Case([2, 1, 2, 3], [4, 3, 2]),
        Case([0, 3], [3, 2]),
        Case([2, 0], [0, 3]),
    ],
)
def matmul(xp, input: Array, other: Array):
    """Matrix product; leading dims broadcast, 1-d operands are vectors.

    Math:   out = input other;   d input = g other^T,   d other = input^T g
    Shape:  input (*, M, K), other (*, K, N), out (*, M, N)
    """
    try:
        if input.ndim <= 2 or other.ndim != 2 or not (input.size and input.flags.c_contiguous):
            return xp.matmul(input, other)
        # one large product instead of many small ones
        flat = xp.matmul(input.reshape(-1, input.shape[-1]), other)
        return flat.reshape(*input.shape[:-1], other.shape[-1])
    except ValueError as error:
        raise ShapeError(misfit(input.shape, other.shape)) from error


def misfit(a, b):
    """What is wrong with the shapes of a product."""
    if not (a and b):
        return f"matmul: both tensors must have at least one dim, got {a} and {b}. Use mul."
    k = b[-2] if len(b) > 1 else b[0]
    if a[-1] != k:
        place = "second-last size" if len(b) > 1 else "size"
        return (
            f"matmul: the last size of input and the {place} of other must be equal, got {a[-1]}"
            f" and {k} in {a} @ {b}. Transpose or reshape one of them."
        )
    return (
        f"matmul: the leading sizes must broadcast, got {a[:-2]} and {b[:-2]} in {a} @ {b}."
        " Reshape or unsqueeze one of them."
    )


def matmul_d_input(F, g, other, input_shape, other_shape):
    if len(input_shape) == 1 and len(other_shape) == 1:
        return F.mul(other, g)
    if len(other_shape) == 1:
        return F.unsqueeze(g, -1) * other
    if len(input_shape) == 1:
        return F.squeeze(F.matmul(F.unsqueeze(g, -2), F.transpose(other, -1, -2)), -2)
    return F.matmul(g, F.transpose(other, -1, -2))


def matmul_d_other(F, g, input, input_shape, other_shape):
    if len(input_shape) == 1 and len(other_shape) == 1:
        return F.mul(input, g)
    if len(other_shape) == 1:
        return F.squeeze(F.matmul(F.transpose(input, -1, -2), F.unsqueeze(g, -1)), -1)
    if len(input_shape) == 1:
        return F.unsqueeze(input, -1) * F.unsqueeze(g, -2)
    if len(other_shape) == 2 and len(input_shape) > 2:
        k, n = other_shape
        return F.matmul(F.transpose(F.reshape(input, (-1, k)), 0, 1), F.reshape(g, (-1, n)))
    return F.matmul(F.transpose(input, -1, -2), g)


matmul.vjp(input=matmul_d_input, other=matmul_d_other)


@op(
    types="match",
    method=False,
    cases=[
        Case([2, 3], [4, 3], [4]),
        Case([2, 3], [4, 3]),
        Case([3], [4, 3], [4]),
        Case([2, 5, 3], [4, 3], [4]),
    ],
)
def linear(xp, input: Array, weight: Array, bias: Array | None = None):
    """Affine map, one 2-D product.

    Math:   out = input weight^T + bias;   d input = g weight,   d weight = g^T input,
            d bias = sum g
    Shape:  input (*, I), weight (O, I), bias (O), out (*, O)
    """
    if weight.ndim != 2 or input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise ShapeError(
            "linear: the last size of input must equal the second size of weight, got input"
            f" {input.shape} and weight {weight.shape}. Check in_features, or flatten the input"
            " first."
        )
    if input.ndim == 2:
        out = xp.matmul(input, weight.T)
    else:
        flat = xp.matmul(input.reshape(math.prod(input.shape[:-1]), input.shape[-1]), weight.T)
        out = flat.reshape(*input.shape[:-1], weight.shape[0])
    return out if bias is None else xp.add(out, bias, out=out)


def rows(F, x):
    return F.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


linear.vjp(
    input=lambda F, g, weight: F.matmul(g, weight),
    weight=lambda F, g, input: F.matmul(F.transpose(rows(F, g), 0, 1), rows(F, input)),
    bias=lambda F, g: F.sum(rows(F, g), 0),
)


@composite(
    method=False,
    cases=[Case([2, 3], [2, 4], [5, 3, 4], [5]), Case([2, 2, 3], [2, 2, 4], [5, 3, 4])],
)
def bilinear(
    F, input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """A bilinear form per output.

    Math:   out_o = input1^T weight_o input2 + bias_o
    Shape:  input1 (*, I1), input2 (*, I2), weight (O, I1, I2), bias (O), out (*, O)
    """
    if input1.shape[:-1] != input2.shape[:-1] or (input1.shape[-1], input2.shape[-1]) != tuple(
        weight.shape[1:]
    ):
        raise ShapeError(
            f"bilinear: inputs must be (*, {weight.shape[1]}) and (*, {weight.shape[2]}) with equal"
            f" leading sizes, got {tuple(input1.shape)} and {tuple(input2.shape)}. Check"
            " in1_features and in2_features."
        )
    out = F.einsum("ni,oij,nj->no", rows(F, input1), weight, rows(F, input2))
    out = F.reshape(out, (*input1.shape[:-1], weight.shape[0]))
    return out if bias is None else out + bias


def product(F, name, input, other, dims):
    """A matrix product of operands with exactly these numbers of dims."""
    if (input.ndim, other.ndim) != dims:
        raise ShapeError(
            f"{name}: needs a {dims[0]}-d and a {dims[1]}-d tensor, got shapes"
            f" {tuple(input.shape)} and {tuple(other.shape)}. Use matmul for other cases."
        )
    return F.matmul(input, other)


@composite(cases=[Case([2, 3], [3, 4])])
def mm(F, input: Tensor, mat2: Tensor) -> Tensor:
    """Product of two matrices.

    Math:   out = input mat2
    """
    return product(F, "mm", input, mat2, (2, 2))


@composite(cases=[Case([2, 2, 3], [2, 3, 4])])
def bmm(F, input: Tensor, mat2: Tensor) -> Tensor:
    """Products of two stacks of matrices.

    Math:   out_b = input_b mat2_b
    """
    return product(F, "bmm", input, mat2, (3, 3))


@composite(cases=[Case([2, 3], [3])])
def mv(F, input: Tensor, vec: Tensor) -> Tensor:
    """Matrix times vector.

    Math:   out = input vec
    """
    return product(F, "mv", input, vec, (2, 1))


@composite(cases=[Case([3], [3])])
def dot(F, input: Tensor, tensor: Tensor) -> Tensor:
    """Inner product of two vectors.

    Math:   out = sum_i input_i tensor_i
    """
    return product(F, "dot", input, tensor, (1, 1))


@composite(alias=("ger",), cases=[Case([3], [4])])
def outer(F, input: Tensor, vec2: Tensor) -> Tensor:
    """Outer product of two vectors.

    Math:   out_ij = input_i vec2_j
    """
    if input.ndim != 1 or vec2.ndim != 1:
        raise ShapeError(
            f"outer: needs two vectors, got shapes {tuple(input.shape)} and {tuple(vec2.shape)}."
            " Flatten them."
        )
    return F.unsqueeze(input, -1) * F.unsqueeze(vec2, 0)


@composite(
    inplace=True,
    cases=[Case([2, 4], [2, 3], [3, 4]), Case([4], [2, 3], [3, 4], beta=0.5, alpha=2.0)],
)
def addmm(
    F, input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Product of two matrices, added.

    Math:   out = beta input + alpha mat1 mat2
    """
    return added(F, input, F.mm(mat1, mat2), beta, alpha, "addmm")


@composite(inplace=True, cases=[Case([2, 3, 5], [2, 3, 4], [2, 4, 5])])
def baddbmm(
    F, input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Products of two stacks of matrices, added.

    Math:   out = beta input + alpha batch1 batch2
    """
    return added(F, input, F.bmm(batch1, batch2), beta, alpha, "baddbmm")


@piece(types="match", cases=[Case([2, 3], [3, 4], (0, 1), (1, 2), (0, 2))])
def einsum_pair(xp, a: Array, b: Array, left: tuple, right: tuple, result: tuple):
    """Sum over indexes of a product of two.

    Math:   out[result] = sum a[l] b[r];   d a = the sum of g and b over what a lacks
    """
    return xp.einsum(a, list(left), b, list(right), list(result), optimize=True)


def einsum_d(F, g, other, shape, mine, others, out):
    """Sum g with the other operand down to the indexes both have, then repeat along those that only
    this one has.
    """
    reachable = [i for i in mine if i in out or i in others]
    piece = F.einsum_pair(g, other, tuple(out), tuple(others), tuple(reachable))
    return F.broadcast_to(
        F.reshape(piece, tuple(n if i in reachable else 1 for i, n in zip(mine, shape))), shape
    )


einsum_pair.vjp(
    a=lambda F, g, b, a_shape, left, right, result: einsum_d(F, g, b, a_shape, left, right, result),
    b=lambda F, g, a, b_shape, left, right, result: einsum_d(F, g, a, b_shape, right, left, result),
)


def parse(equation, operands):
    """Index numbers of each operand and of the result.

    Ellipsis dims get numbers of their own, counted from the right.
    """
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ShapeError(
            f"einsum: needs as many operands as terms, got {len(operands)} operands for"
            f" {equation!r}. Give one tensor per term."
        )
    wide = 0
    for term, x in zip(terms, operands):
        letters = len(term.replace("...", ""))
        if ("..." not in term and letters != x.ndim) or letters > x.ndim:
            raise ShapeError(
                f"einsum: term {term!r} must have one letter per dim, got shape {tuple(x.shape)}."
                " Add letters or '...'."
            )
        wide = max(wide, x.ndim - letters if "..." in term else 0)
    if not arrow:  # letters that occur once, in alphabetical order
        letters = left.replace(",", "").replace("...", "")
        right = ("..." if "..." in left else "") + "".join(
            sorted(c for c in set(letters) if letters.count(c) == 1)
        )

    def numbers(term, ndim):
        found: list[int] = []
        i = 0
        while i < len(term):
            if term[i] == ".":
                n = wide if ndim is None else ndim - len(term.replace("...", ""))
                found += range(wide - n, wide)
                i += 3
            else:
                found.append(wide + (ord(term[i]) - 65 if term[i] < "a" else ord(term[i]) - 71))
                i += 1
        return tuple(found)

    return [numbers(t, x.ndim) for t, x in zip(terms, operands)], numbers(right, None)


@composite(
    method=False,
    cases=[
        Case("ij,jk->ik", [2, 3], [3, 4]),
        Case("bij,bjk->bik", [2, 2, 3], [2, 3, 4]),
        Case("ij->ji", [2, 3]),
        Case("ii->i", [3, 3]),
        Case("...ij,...jk->...ik", [5, 2, 3], [3, 4]),
        Case("ij,ij->", [2, 3], [2, 3]),
        Case("i,j", [2], [3]),
        Case("ij,jk,kl->il", [2, 3], [3, 2], [2, 4]),
        Case("ij->j", [2, 3]),
        Case("ij,k->i", [2, 3], [4]),
    ],
)
def einsum(F, equation: str, *operands: Tensor | Sequence[Tensor]) -> Tensor:
    """Sum of products by index letters; several operands are taken pair by pair, from the left.

    Math:   out[o] = sum over the letters not in o of the product of all operands
    Reference: A. Einstein, 1916, the summation convention
    """
    given: Any = operands
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        given = operands[0]
    terms, out = parse(equation, given)
    pairs = [diagonals(F, x, term) for x, term in zip(given, terms)]
    acc, have = pairs[0]
    for i, (x, term) in enumerate(pairs[1:], 2):
        later = {t for rest in terms[i:] for t in rest}
        keep = tuple(t for t in dict.fromkeys((*have, *term)) if t in later or t in out)
        acc, have = F.einsum_pair(acc, x, have, term, keep), keep
    return arranged(F, acc, have, out)


def arranged(F, acc: Tensor, have: tuple, out: tuple) -> Tensor:
    """`acc` with the letters `have` summed and permuted to those of `out`."""
    gone = tuple(i for i, t in enumerate(have) if t not in out)
    if gone:
        acc = F.sum(acc, gone)
        have = tuple(t for t in have if t in out)
    return F.permute(acc, tuple(have.index(t) for t in out)) if have != out else acc


def diagonals(F, x: Tensor, term: tuple) -> tuple[Tensor, tuple]:
    """An operand and its letters, with the diagonal taken where a letter stands twice."""
    for letter in sorted(set(term)):
        while term.count(letter) > 1:
            p = term.index(letter)
            q = term.index(letter, p + 1)
            x = F.diagonal(x, 0, p, q)
            term = (*(t for j, t in enumerate(term) if j not in (p, q)), letter)
    return x, term


# ---- products of other forms ---------------------------------------------------------------------


@composite(cases=[Case([3], [3]), Case([2, 3], [4, 3]), Case([], [2])])
def inner(F, input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dims.

    Math:   out_{i.., j..} = sum_k input_{i.., k} other_{j.., k}
    """
    if not (input.ndim and other.ndim):
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise ShapeError(
            f"inner: last sizes must be equal, got {tuple(input.shape)} and {tuple(other.shape)}."
            " Transpose one of them."
        )
    return F.tensordot(input, other, ((-1,), (-1,)))


@composite(cases=[Case([3], [3])])
def vdot(F, input: Tensor, other: Tensor) -> Tensor:
    """Inner product of two vectors.

    Math:   out = sum_i input_i other_i
    """
    return F.dot(input, other)


@composite(
    method=False,
    cases=[Case([2, 3], [2, 3]), Case([2, 3], [3], dim=1), Case([2, 3], [2, 1], dim=0)],
)
def linalg_vecdot(F, x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Inner products along one dim, the others broadcast.

    Math:   out = sum x y
    """
    check_float("linalg.vecdot", x, "x")
    return F.sum(x * y, dim)


@composite(
    method=False,
    cases=[
        Case([2, 3, 4], [4, 3], ((1, 2), (1, 0))),
        Case([2, 3], [3, 4], 1),
        Case([2, 2], [2, 2], 2),
        Case([2], [3], 0),
        Case([2, 1], [3, 4], 1),
        Case([2, 3, 4], [1, 4, 5], ((1, 2), (0, 1))),
    ],
)
def tensordot(F, a: Tensor, b: Tensor, dims: int | Sequence[Any] = 2) -> Tensor:
    """Sums of products over several dims at once: the last `dims` of a with the first of b, or the
    dims named for each.

    Math:   out = sum over the paired dims of a b
    Note:   a paired dim of size 1 broadcasts
    """
    left, right = paired_dims(a, b, dims)
    pairs = [(i, j, {a.shape[i], b.shape[j]} - {1}) for i, j in zip(left, right)]
    if len(left) != len(right) or any(len(sizes) > 1 for _, _, sizes in pairs):
        raise ShapeError(
            f"tensordot: paired dims must have equal sizes, got dims {left} of {tuple(a.shape)} and"
            f" {right} of {tuple(b.shape)}. Pair others."
        )
    for i, j, _ in pairs:  # a size of 1 broadcasts: sum the other dim
        if a.shape[i] == 1 != b.shape[j]:
            b = F.sum(b, j, True, dtype=b.dtype)
        elif b.shape[j] == 1 != a.shape[i]:
            a = F.sum(a, i, True, dtype=a.dtype)
    free_a = [d for d in range(a.ndim) if d not in left]
    free_b = [d for d in range(b.ndim) if d not in right]
    shape_a, shape_b = [a.shape[d] for d in free_a], [b.shape[d] for d in free_b]
    n = math.prod(a.shape[d] for d in left)
    a2 = F.reshape(F.permute(a, (*free_a, *left)), (math.prod(shape_a), n))
    b2 = F.reshape(F.permute(b, (*right, *free_b)), (n, math.prod(shape_b)))
    return F.reshape(F.matmul(a2, b2), (*shape_a, *shape_b))


def paired_dims(a: Tensor, b: Tensor, dims) -> list[list[int]]:
    """The dims of a and of b that tensordot sums over, counted from the front."""
    if hasattr(dims, "tolist"):
        dims = dims.tolist()
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ShapeError(
                f"tensordot: dims must be in [0, {min(a.ndim, b.ndim)}], got {dims}. Choose fewer."
            )
        dims = (tuple(range(a.ndim - dims, a.ndim)), tuple(range(dims)))
    return [
        [check_dim("tensordot", d, x.ndim) for d in ((v,) if isinstance(v, int) else v)]
        for v, x in zip(dims, (a, b))
    ]


@composite(cases=[Case([2, 3], [2, 2]), Case([2], [3]), Case([2, 2, 1], [3, 2])])
def kron(F, input: Tensor, other: Tensor) -> Tensor:
    """Kronecker product: each element of input times all of other.

    Math:   out = [input_ij other]
    """
    n = max(input.ndim, other.ndim)
    a = F.reshape(input, (1,) * (n - input.ndim) + tuple(input.shape))
    b = F.reshape(other, (1,) * (n - other.ndim) + tuple(other.shape))
    wide = F.reshape(a, tuple(v for s in a.shape for v in (s, 1))) * F.reshape(
        b, tuple(v for s in b.shape for v in (1, s))
    )
    return F.reshape(wide, tuple(s * t for s, t in zip(a.shape, b.shape)))


@composite(
    method=False, cases=[Case([2, 3], [2, 3]), Case([3, 2], [3, 2], dim=0), Case([1, 3], [2, 3])]
)
def linalg_cross(F, input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Cross product of vectors of three.

    Math:   out_i = input_{i+1} y_{i+2} - input_{i+2} y_{i+1}
    """
    if (
        input.ndim != other.ndim
        or not input.ndim
        or any(x.shape[check_dim("linalg.cross", dim, x.ndim)] != 3 for x in (input, other))
    ):
        raise ShapeError(
            f"linalg.cross: inputs must have equally many dims and size 3 along dim {dim}, got"
            f" {tuple(input.shape)} and {tuple(other.shape)}. Unsqueeze or choose another dim."
        )
    if input.dtype is not other.dtype:
        raise DTypeError(
            f"linalg.cross: inputs must have one dtype, got {input.dtype.name} and"
            f" {other.dtype.name}. Convert one of them."
        )
    return F.roll(input, -1, dim) * F.roll(other, -2, dim) - F.roll(input, -2, dim) * F.roll(
        other, -1, dim
    )


@composite(cases=[Case([2, 3], [2, 3], 1), Case([3, 2], [3, 2])])
def cross(F, input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Cross product of vectors of three, along dim (default: the first of size 3).

    Math:   out_i = input_{i+1} y_{i+2} - input_{i+2} y_{i+1}
    """
    if dim is None:
        dim = next((d for d, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise ShapeError(
                f"cross: needs a dim of size 3, got shape {tuple(input.shape)}. Give vectors of"
                " three."
            )
    return F.linalg_cross(input, other, dim=dim)


@composite(
    inplace=True, cases=[Case([2], [2, 3], [3]), Case([2], [2, 3], [3], beta=0.5, alpha=2.0)]
)
def addmv(
    F, input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Matrix times vector, added.

    Math:   out = beta input + alpha mat vec
    """
    return added(F, input, F.mv(mat, vec), beta, alpha, "addmv")


@composite(
    inplace=True, cases=[Case([2, 3], [2], [3]), Case([2, 3], [2], [3], beta=0.5, alpha=2.0)]
)
def addr(
    F, input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Outer product, added.

    Math:   out = beta input + alpha vec1 vec2^T
    """
    dtype = promote_types(promote_types(input.dtype, vec1.dtype), vec2.dtype)
    return added(F, input.to(dtype), F.outer(vec1.to(dtype), vec2.to(dtype)), beta, alpha, "addr")


@composite(
    inplace=True,
    cases=[
        Case([2, 5], [3, 2, 4], [3, 4, 5]),
        Case([2, 5], [3, 2, 4], [3, 4, 5], beta=0.5, alpha=2.0),
    ],
)
def addbmm(
    F, input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Products of two stacks of matrices, all added.

    Math:   out = beta input + alpha sum_b batch1_b batch2_b
    """
    return added(
        F, input, F.sum(F.bmm(batch1, batch2), 0, dtype=batch1.dtype), beta, alpha, "addbmm"
    )


def added(F, input, product, beta, alpha, name):
    """beta input + alpha product; beta = 0 ignores the input, NaN and all.

    As in PyTorch, integers take the whole part of beta and alpha.
    """
    if input.dtype is not product.dtype:
        raise DTypeError(
            f"{name}: all tensors must have one dtype, got {input.dtype.name} and"
            f" {product.dtype.name}. Convert one of them."
        )
    if not input.dtype.is_floating_point:
        beta, alpha = int(beta), int(alpha)
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return F.broadcast_to(product, F.broadcast_shapes(product.shape, input.shape))
    return product + (input if beta == 1 else input * beta)
