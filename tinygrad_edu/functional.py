"""Every op, composite and function that makes tensors, by its name in `torch`:
`functional.matmul(a, b)`.
"""

from .left_out import explain_missing as _explain_missing
from . import (
    linalg as _linalg,
    ops as _ops,
    special as _special,
)  # every family, so that the registry is complete
from .ops.create.conversion import (
    can_cast as can_cast,
    is_complex as is_complex,
    is_floating_point as is_floating_point,
    is_nonzero as is_nonzero,
    is_signed as is_signed,
    is_same_size as is_same_size,
)
from .ops.create.creation import (
    arange as arange,
    asarray as asarray,
    empty as empty,
    empty_like as empty_like,
    eye as eye,
    from_dlpack as from_dlpack,
    from_numpy as from_numpy,
    full as full,
    full_like as full_like,
    linspace as linspace,
    logspace as logspace,
    ones as ones,
    ones_like as ones_like,
    scalar_tensor as scalar_tensor,
    tensor as tensor,
    zeros as zeros,
    zeros_like as zeros_like,
)
from .ops.create.gamma_random import binomial as binomial
from .ops.create.random import (
    alpha_dropout as alpha_dropout,
    bernoulli as bernoulli,
    dropout as dropout,
    dropout1d as dropout1d,
    dropout2d as dropout2d,
    dropout3d as dropout3d,
    feature_alpha_dropout as feature_alpha_dropout,
    multinomial as multinomial,
    normal as normal,
    poisson as poisson,
    rand as rand,
    rand_like as rand_like,
    randint as randint,
    randint_like as randint_like,
    randn as randn,
    randn_like as randn_like,
    randperm as randperm,
)
from .ops.elementwise.activation import (
    celu as celu,
    elu as elu,
    gelu as gelu,
    glu as glu,
    hardshrink as hardshrink,
    hardsigmoid as hardsigmoid,
    hardswish as hardswish,
    hardtanh as hardtanh,
    leaky_relu as leaky_relu,
    logsigmoid as logsigmoid,
    mish as mish,
    prelu as prelu,
    relu as relu,
    relu6 as relu6,
    rrelu as rrelu,
    selu as selu,
    sigmoid as sigmoid,
    silu as silu,
    softplus as softplus,
    softshrink as softshrink,
    softsign as softsign,
    tanhshrink as tanhshrink,
    threshold as threshold,
)
from .ops.elementwise.arithmetic import (
    addcdiv as addcdiv,
    addcmul as addcmul,
    bitwise_left_shift as bitwise_left_shift,
    bitwise_right_shift as bitwise_right_shift,
    copysign as copysign,
    deg2rad as deg2rad,
    float_power as float_power,
    fmax as fmax,
    fmin as fmin,
    frac as frac,
    gcd as gcd,
    heaviside as heaviside,
    hypot as hypot,
    isin as isin,
    isneginf as isneginf,
    isposinf as isposinf,
    isreal as isreal,
    lcm as lcm,
    ldexp as ldexp,
    lerp as lerp,
    logaddexp as logaddexp,
    logaddexp2 as logaddexp2,
    nan_to_num as nan_to_num,
    nextafter as nextafter,
    rad2deg as rad2deg,
    signbit as signbit,
)
from .ops.elementwise.bounds import (
    ceil as ceil,
    clamp as clamp,
    clamp_max as clamp_max,
    clamp_min as clamp_min,
    floor as floor,
    maximum as maximum,
    minimum as minimum,
    round as round,
    trunc as trunc,
)
from .ops.elementwise.choosing import fill as fill, masked_fill as masked_fill
from .ops.elementwise.compare import (
    allclose as allclose,
    bitwise_and as bitwise_and,
    bitwise_not as bitwise_not,
    bitwise_or as bitwise_or,
    bitwise_xor as bitwise_xor,
    eq as eq,
    equal as equal,
    ge as ge,
    gt as gt,
    isclose as isclose,
    isfinite as isfinite,
    isinf as isinf,
    isnan as isnan,
    le as le,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    logical_xor as logical_xor,
    lt as lt,
    ne as ne,
)
from .ops.elementwise.operators import (
    abs as abs,
    add as add,
    clone as clone,
    div as div,
    floor_divide as floor_divide,
    fmod as fmod,
    mul as mul,
    neg as neg,
    positive as positive,
    pow as pow,
    remainder as remainder,
    rsub as rsub,
    sign as sign,
    sub as sub,
    true_divide as true_divide,
)
from .ops.elementwise.bessel import i0 as i0
from .ops.elementwise.special import (
    digamma as digamma,
    entr as entr,
    erf as erf,
    erfc as erfc,
    erfinv as erfinv,
    expit as expit,
    lgamma as lgamma,
    log_ndtr as log_ndtr,
    mvlgamma as mvlgamma,
    ndtr as ndtr,
    ndtri as ndtri,
    polygamma as polygamma,
    sinc as sinc,
    xlog1py as xlog1py,
    xlogy as xlogy,
)
from .ops.elementwise.transcendental import (
    acos as acos,
    acosh as acosh,
    asin as asin,
    asinh as asinh,
    atan as atan,
    atan2 as atan2,
    atanh as atanh,
    cos as cos,
    cosh as cosh,
    exp as exp,
    exp2 as exp2,
    expm1 as expm1,
    log as log,
    log10 as log10,
    log1p as log1p,
    log2 as log2,
    logit as logit,
    reciprocal as reciprocal,
    rsqrt as rsqrt,
    sin as sin,
    sinh as sinh,
    sqrt as sqrt,
    square as square,
    tan as tan,
    tanh as tanh,
)
from .ops.image.grid import affine_grid as affine_grid, grid_sample as grid_sample
from .ops.image.resize import (
    channel_shuffle as channel_shuffle,
    interpolate as interpolate,
    pixel_shuffle as pixel_shuffle,
    pixel_unshuffle as pixel_unshuffle,
    upsample as upsample,
    upsample_bilinear as upsample_bilinear,
    upsample_nearest as upsample_nearest,
)
from .ops.indexing.embedding import (
    embedding as embedding,
    embedding_bag as embedding_bag,
    one_hot as one_hot,
)
from .ops.indexing.indexing import (
    argwhere as argwhere,
    masked_select as masked_select,
    nonzero as nonzero,
    unravel_index as unravel_index,
    vander as vander,
    where as where,
)
from .ops.indexing.scatter import (
    gather as gather,
    scatter as scatter,
    scatter_add as scatter_add,
    scatter_reduce as scatter_reduce,
    take_along_dim as take_along_dim,
)
from .ops.indexing.slices import (
    index_add as index_add,
    index_copy as index_copy,
    index_fill as index_fill,
    index_put as index_put,
    index_reduce as index_reduce,
    index_select as index_select,
    masked_scatter as masked_scatter,
    put as put,
    select_scatter as select_scatter,
    slice_scatter as slice_scatter,
    take as take,
)
from .ops.layers.adaptive import (
    adaptive_avg_pool1d as adaptive_avg_pool1d,
    adaptive_avg_pool2d as adaptive_avg_pool2d,
    adaptive_avg_pool3d as adaptive_avg_pool3d,
    adaptive_max_pool1d as adaptive_max_pool1d,
    adaptive_max_pool2d as adaptive_max_pool2d,
    adaptive_max_pool3d as adaptive_max_pool3d,
)
from .ops.layers.attention import scaled_dot_product_attention as scaled_dot_product_attention
from .ops.layers.convolution import (
    conv1d as conv1d,
    conv2d as conv2d,
    conv3d as conv3d,
    conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d,
    conv_transpose3d as conv_transpose3d,
)
from .ops.layers.ctc import ctc_loss as ctc_loss
from .ops.layers.class_loss import (
    cross_entropy as cross_entropy,
    linear_cross_entropy as linear_cross_entropy,
    nll_loss as nll_loss,
)
from .ops.layers.loss import (
    binary_cross_entropy as binary_cross_entropy,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    gaussian_nll_loss as gaussian_nll_loss,
    huber_loss as huber_loss,
    kl_div as kl_div,
    l1_loss as l1_loss,
    mse_loss as mse_loss,
    poisson_nll_loss as poisson_nll_loss,
    smooth_l1_loss as smooth_l1_loss,
)
from .ops.layers.margin_loss import (
    cosine_embedding_loss as cosine_embedding_loss,
    hinge_embedding_loss as hinge_embedding_loss,
    margin_ranking_loss as margin_ranking_loss,
    multi_margin_loss as multi_margin_loss,
    multilabel_margin_loss as multilabel_margin_loss,
    multilabel_soft_margin_loss as multilabel_soft_margin_loss,
    soft_margin_loss as soft_margin_loss,
    triplet_margin_loss as triplet_margin_loss,
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
)
from .ops.layers.normalization import (
    batch_norm as batch_norm,
    group_norm as group_norm,
    instance_norm as instance_norm,
    layer_norm as layer_norm,
    local_response_norm as local_response_norm,
    rms_norm as rms_norm,
)
from .ops.layers.fractional_pooling import (
    fractional_max_pool2d as fractional_max_pool2d,
    fractional_max_pool3d as fractional_max_pool3d,
)
from .ops.layers.pooling import (
    avg_pool1d as avg_pool1d,
    avg_pool2d as avg_pool2d,
    avg_pool3d as avg_pool3d,
    lp_pool1d as lp_pool1d,
    lp_pool2d as lp_pool2d,
    lp_pool3d as lp_pool3d,
    max_pool1d as max_pool1d,
    max_pool2d as max_pool2d,
    max_pool3d as max_pool3d,
)
from .ops.layers.unpooling import (
    max_unpool1d as max_unpool1d,
    max_unpool2d as max_unpool2d,
    max_unpool3d as max_unpool3d,
)
from .ops.layers.recurrent import (
    gru_cell as gru_cell,
    lstm_cell as lstm_cell,
    rnn_relu_cell as rnn_relu_cell,
    rnn_tanh_cell as rnn_tanh_cell,
)
from .ops.linalg.distance import (
    cdist as cdist,
    cosine_similarity as cosine_similarity,
    normalize as normalize,
    pairwise_distance as pairwise_distance,
    pdist as pdist,
)
from .ops.linalg.factorization import (
    cholesky as cholesky,
    cholesky_inverse as cholesky_inverse,
    cholesky_solve as cholesky_solve,
    qr as qr,
    svd as svd,
)
from .ops.linalg.linalg import (
    chain_matmul as chain_matmul,
    logdet as logdet,
    matrix_exp as matrix_exp,
    matrix_power as matrix_power,
    pinverse as pinverse,
)
from .ops.linalg.matmul import (
    addbmm as addbmm,
    addmm as addmm,
    addmv as addmv,
    addr as addr,
    baddbmm as baddbmm,
    bilinear as bilinear,
    bmm as bmm,
    cross as cross,
    dot as dot,
    einsum as einsum,
    inner as inner,
    kron as kron,
    linear as linear,
    matmul as matmul,
    mm as mm,
    mv as mv,
    outer as outer,
    tensordot as tensordot,
    vdot as vdot,
)
from .ops.reduction.norms import corrcoef as corrcoef, cov as cov, dist as dist, renorm as renorm
from .ops.reduction.counting import (
    bincount as bincount,
    bucketize as bucketize,
    histc as histc,
    histogram as histogram,
    searchsorted as searchsorted,
    unique as unique,
    unique_consecutive as unique_consecutive,
)
from .ops.reduction.order import (
    aminmax as aminmax,
    argsort as argsort,
    kthvalue as kthvalue,
    median as median,
    mode as mode,
    msort as msort,
    nanmedian as nanmedian,
    sort as sort,
    topk as topk,
)
from .ops.reduction.quantile import (
    nanmean as nanmean,
    nanquantile as nanquantile,
    nansum as nansum,
    quantile as quantile,
)
from .ops.reduction.reduction import (
    all as all,
    amax as amax,
    amin as amin,
    any as any,
    argmax as argmax,
    argmin as argmin,
    count_nonzero as count_nonzero,
    max as max,
    mean as mean,
    min as min,
    norm as norm,
    prod as prod,
    std as std,
    std_mean as std_mean,
    sum as sum,
    var as var,
    var_mean as var_mean,
)
from .ops.reduction.scan import (
    cummax as cummax,
    cummin as cummin,
    cumprod as cumprod,
    cumsum as cumsum,
    cumulative_trapezoid as cumulative_trapezoid,
    diff as diff,
    gradient as gradient,
    logcumsumexp as logcumsumexp,
    trapezoid as trapezoid,
    trapz as trapz,
)
from .ops.reduction.softmax import (
    gumbel_softmax as gumbel_softmax,
    log_softmax as log_softmax,
    logsumexp as logsumexp,
    softmax as softmax,
    softmin as softmin,
)
from .ops.shape.copies import (
    contiguous as contiguous,
    flip as flip,
    fliplr as fliplr,
    flipud as flipud,
    repeat as repeat,
    repeat_interleave as repeat_interleave,
    roll as roll,
    rot90 as rot90,
    tile as tile,
)
from .ops.shape.diagonal import (
    diag as diag,
    diag_embed as diag_embed,
    diagflat as diagflat,
    diagonal as diagonal,
    diagonal_scatter as diagonal_scatter,
    trace as trace,
    tril as tril,
    tril_indices as tril_indices,
    triu as triu,
    triu_indices as triu_indices,
)
from .ops.shape.fold import fold as fold, unfold as unfold
from .ops.shape.joining import (
    block_diag as block_diag,
    cartesian_prod as cartesian_prod,
    cat as cat,
    chunk as chunk,
    column_stack as column_stack,
    combinations as combinations,
    dsplit as dsplit,
    dstack as dstack,
    hsplit as hsplit,
    hstack as hstack,
    meshgrid as meshgrid,
    narrow as narrow,
    select as select,
    split as split,
    split_with_sizes as split_with_sizes,
    stack as stack,
    tensor_split as tensor_split,
    unbind as unbind,
    vsplit as vsplit,
    vstack as vstack,
)
from .ops.shape.padding import pad as pad
from .ops.shape.views import (
    adjoint as adjoint,
    as_strided as as_strided,
    atleast_1d as atleast_1d,
    atleast_2d as atleast_2d,
    atleast_3d as atleast_3d,
    broadcast_shapes as broadcast_shapes,
    broadcast_tensors as broadcast_tensors,
    broadcast_to as broadcast_to,
    expand as expand,
    expand_as as expand_as,
    flatten as flatten,
    movedim as movedim,
    permute as permute,
    ravel as ravel,
    reshape as reshape,
    reshape_as as reshape_as,
    squeeze as squeeze,
    t as t,
    transpose as transpose,
    unflatten as unflatten,
    unsqueeze as unsqueeze,
    view as view,
    view_as as view_as,
)

absolute = abs
arccos = acos
arccosh = acosh
arcsin = asin
arcsinh = asinh
arctan = atan
arctan2 = atan2
arctanh = atanh
clip = clamp
concat = cat
concatenate = cat
det = _linalg.det
divide = div
fix = trunc
ger = outer
greater = gt
igamma = _special.gammainc
igammac = _special.gammaincc
greater_equal = ge
inverse = _linalg.inv
less = lt
less_equal = le
moveaxis = movedim
multiply = mul
negative = neg
not_equal = ne
row_stack = vstack
sgn = sign
slogdet = _linalg.slogdet
subtract = sub
swapaxes = transpose
swapdims = transpose

_explain_missing(__name__)
