"""Tables of vectors looked up by number: embedding, bags of embeddings, one-hot rows."""

from __future__ import annotations

from ...engine.arrays import check_index
from ...engine.case import Case, Sample, ints
from ...engine.composite import composite
from ...engine.device import functional
from ...engine.dtype import check_float
from ...engine.errors import DTypeError, IndexOutOfRange, ShapeError
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor


@op(
    method=False,
    differentiable=False,
    cases=[Case(ints(4, high=3), 3), Case(ints(2, 2, high=3), 5)],
)
def one_hot(xp, tensor: Array, num_classes: int = -1):
    """Rows of an identity matrix.

    Math:   out[i, c] = [tensor_i = c]
    """
    n = int(tensor.max()) + 1 if num_classes == -1 else num_classes
    check_index("one_hot", tensor, n, -1)
    return (tensor[..., None] == xp.arange(n)).astype("int64")


@piece(cases=[Case(ints(2, 3, high=5), [5, 4]), Case(ints(3, high=5), [5, 2], 1)])
def take_rows(xp, index: Array, weight: Array, padding_idx=None, scale_grad_by_freq=False):
    """Rows of a table.

    Math:   out_i = weight[index_i];   d weight = g added at index (nothing at padding_idx;
            scale_grad_by_freq: over how often a row is taken)
    """
    check_index("embedding", index, weight.shape[0], 0)
    return weight.take(index, 0)


def take_rows_vjp(F, g, index, weight_shape, padding_idx, scale_grad_by_freq):
    if padding_idx is not None:
        g = F.where(F.unsqueeze(index == padding_idx, -1), 0.0, g)
    if scale_grad_by_freq:
        g = g / F.cast_like(F.unsqueeze(F.times_taken(index), -1), g)
    return F.embed_rows(g, index, weight_shape)


take_rows.vjp(index=None, weight=take_rows_vjp)


@piece(differentiable=False, cases=[Case(ints(2, 3)), Case(ints(0))])
def times_taken(xp, index: Array):
    """For each index, how often it occurs.

    Math:   out_i = |{j : index_j = index_i}|
    """
    return xp.bincount(index.reshape(-1))[index] if index.size else index


@piece(cases=[Case([2, 3, 4], ints(2, 3, high=5), (5, 4)), Case([3], ints(high=2), (2, 3))])
def embed_rows(xp, input: Array, index: Array, shape):
    """Zeros of `shape` with rows of input added at index: the transpose of taking rows.

    Math:   out[index_i] += input_i;   d input = g[index]
    Note:   rows for the same place are brought side by side, and each run of them is one sum
    """
    out = xp.zeros(shape, input.dtype)
    if not input.size:
        return out
    index = index.reshape(-1)
    index = xp.where(index < 0, index + shape[0], index)  # a negative one counts from the end
    check_index("embed_rows", index, shape[0], 0)
    order = xp.argsort(index, kind="stable")
    places = index[order]
    starts = xp.flatnonzero(xp.concatenate((places[:1] >= 0, places[1:] != places[:-1])))
    rows = input.reshape(index.size, *shape[1:])[order]
    out[places[starts]] = xp.add.reduceat(rows, starts, axis=0)
    return out


embed_rows.vjp(input=lambda F, g, index: F.take_rows(index, g), index=None)


def check_table(name, input, weight, padding_idx):
    """padding_idx counted from the front."""
    if input.dtype.name not in ("int64", "int32"):
        raise DTypeError(
            f"{name}: input must hold integers (int64 or int32), got {input.dtype.name}. Convert it"
            " with .long()."
        )
    if weight.ndim != 2:
        raise ShapeError(
            f"{name}: weight must be (V, D), got shape {tuple(weight.shape)}. Give one row per"
            " entry."
        )
    rows = weight.shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise IndexOutOfRange(
            f"{name}: padding_idx must be in [{-rows}, {rows - 1}], got {padding_idx}. Change it or"
            " the table's size."
        )
    return padding_idx % rows if padding_idx is not None else None


def renormalize(input, weight, max_norm, norm_type):
    """Shorten, in place, the rows about to be taken that are longer than max_norm."""
    raw, rows = weight.detach(), Tensor(weight.device.xp.unique(input.array), weight.device)
    taken = functional.index_select(raw, 0, rows)
    size = functional.length(taken, norm_type, -1, True)
    raw[rows] = functional.where(size > max_norm, taken * (max_norm / (size + 1e-7)), taken)


@composite(
    method=False,
    cases=[
        Case(ints(2, 3, high=5), [5, 4]),
        Case(ints(3, low=1, high=5), [5, 2], padding_idx=0),
        Case(ints(high=3), [3, 2]),
        Case(Sample(values=[1, 0, 1]), [3, 2], scale_grad_by_freq=True, grad=False),
    ],
)
def embedding(
    F,
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of a table.

    Math:   out_i = weight[input_i]
    Shape:  input any shape of integers, weight (V, D), out (*, D)
    Args:   padding_idx: the row that gets no gradient. max_norm: rows longer than this (in the
            norm_type-norm) are shortened in place first.
            scale_grad_by_freq: divide a row's gradient by how often it was taken. sparse: accepted;
            gradients are dense
    """
    padding_idx = check_table("embedding", input, weight, padding_idx)
    if max_norm is not None:
        renormalize(input, weight, max_norm, norm_type)
    return F.take_rows(input, weight, padding_idx, scale_grad_by_freq)


BAG, STARTS = Sample(values=[1, 2, 4, 4, 3]), Sample(values=[0, 2, 2])


def bag_of_each(F, input, offsets, include_last_offset):
    """(the number of each element's bag, how many bags)."""
    if input.ndim == 2 and offsets is None:
        rows = F.reshape(F.arange(input.shape[0], device=input.device), (-1, 1))
        return F.reshape(rows + F.zeros_like(input), (-1,)), input.shape[0]
    if input.ndim != 1 or offsets is None or offsets.ndim != 1:
        raise ShapeError(
            "embedding_bag: needs input (B, N) alone or input (N) with offsets (B), got input"
            f" {tuple(input.shape)} and offsets"
            f" {None if offsets is None else tuple(offsets.shape)}. Leave offsets out for rows of"
            " equal length."
        )
    raw, total = offsets.tolist(), input.shape[0]
    if not raw or raw[0] != 0 or raw != sorted(raw) or raw[-1] > total:
        raise ShapeError(
            f"embedding_bag: offsets must start with 0, rise and stay within {total}, got {raw}."
            " Give where each bag starts."
        )
    # include_last_offset: what comes after the last offset belongs to no bag
    ends = raw[1:] if include_last_offset else [*raw[1:], total]
    bags = [b for b, (start, end) in enumerate(zip(raw, ends)) for _ in range(end - start)]
    return F.tensor(bags, dtype="int64", device=input.device), len(ends)


def check_bag(input, weight, mode, scale_grad_by_freq, per_sample_weights):
    if mode not in ("sum", "mean", "max") or mode == "max" and scale_grad_by_freq:
        raise ShapeError(
            "embedding_bag: mode must be 'sum', 'mean' or 'max' ('max' without"
            f" scale_grad_by_freq), got {mode!r}. Choose one of them."
        )
    check_float("embedding_bag", weight, "weight")
    if per_sample_weights is not None and (
        mode != "sum" or tuple(per_sample_weights.shape) != tuple(input.shape)
    ):
        raise ShapeError(
            f"embedding_bag: per_sample_weights must have input's shape {tuple(input.shape)} and"
            f" mode be 'sum', got {tuple(per_sample_weights.shape)} and {mode!r}. Change them."
        )


def reduce_bags(F, rows, bags, n, mode):
    """Rows (N, D) combined by bag: (n, D)."""
    zeros = F.zeros(n, rows.shape[1], dtype=rows.dtype, device=rows.device)
    if mode == "max":
        wide = F.broadcast_to(F.unsqueeze(bags, -1), tuple(rows.shape))
        return F.scatter_reduce(zeros, 0, wide, rows, "amax", include_self=False)
    out = F.index_add(zeros, 0, bags, rows)
    if mode == "sum":
        return out
    nothing = F.zeros(n, dtype=rows.dtype, device=rows.device)
    ones = F.ones(bags.shape[0], dtype=rows.dtype, device=rows.device)
    sizes = F.index_add(nothing, 0, bags, ones)
    return out / F.clamp(F.unsqueeze(sizes, -1), min=1)


@composite(
    method=False,
    cases=[
        Case(ints(2, 3, high=5), [5, 4]),
        Case(BAG, [5, 2], STARTS),
        Case(BAG, [5, 2], STARTS, mode="sum"),
        Case(BAG, [5, 2], STARTS, mode="max"),
        Case(BAG, [5, 2], STARTS, padding_idx=4),
        Case(ints(2, 3, high=5), [5, 4], mode="sum", per_sample_weights=None),
        Case(BAG, [5, 2], Sample(values=[0, 1, 5]), mode="sum", include_last_offset=True),
    ],
)
def embedding_bag(
    F,
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sum, mean or maximum of bags of rows.

    Math:   out_b = sum over i in bag b of w_i weight[input_i] (mode mean: over the size; max: the
            largest of each column)
    Shape:  input (B, N) without offsets: a bag a row; or (N) with offsets (B), where each bag
            starts. out (B, D)
    Note:   an empty bag gives zeros; rows of padding_idx count nothing
    """
    bags, n = bag_of_each(F, input, offsets, include_last_offset)
    check_bag(input, weight, mode, scale_grad_by_freq, per_sample_weights)
    numbers = F.reshape(input, (-1,))
    rows = F.embedding(
        numbers, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
    )
    if bags.shape[0] < rows.shape[0]:
        numbers, rows = numbers[: bags.shape[0]], F.narrow(rows, 0, 0, bags.shape[0])
    if per_sample_weights is not None:
        weights = F.reshape(per_sample_weights, (-1,))[: bags.shape[0]]
        rows = rows * F.unsqueeze(weights, -1)
    if padding_idx is not None:
        keep = F.nonzero(numbers != padding_idx % weight.shape[0])[:, 0]
        rows, bags = F.index_select(rows, 0, keep), F.index_select(bags, 0, keep)
    return reduce_bags(F, rows, bags, n, mode)
