"""Why names of PyTorch's are left out, and the error about a name that is not here."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable
from typing import Any

# (what a name looks like, why it is left out); the first that fits counts
REASONS = [
    (
        r"complex|^real$|^imag$|conj|^angle$|polar|resolve_(conj|neg)|is_neg|cdouble|cfloat|"
        r"chalf|eigvals$|^eig$|ComplexFloat|^sgn_$|view_as_real",
        "complex numbers are not supported",
    ),
    (
        r"sparse|sspaddmm|coo$|csr|csc$|bsr|bsc$|smm|spmm|coalesce|_indices$|^indices$|"
        r"^values$|to_dense|dense_dim|SparseAdam|saddmm",
        "sparse tensors are not supported",
    ),
    (
        r"quant|^q_|qscheme|int_repr|fbgemm|fake_|qint|quint|ao$",
        "quantised tensors are not supported",
    ),
    (
        r"fft|stft|_window$|^kaiser|^hann|^hamming|^blackman|^bartlett",
        "signal processing is not what this is for",
    ),
    (r"nested|jagged", "nested tensors are not supported"),
    (
        r"refine_names|align_|^rename|^names$|has_names|^name$",
        "named tensors, which PyTorch itself never finished",
    ),
    (r"bfloat16|float8|BFloat16|chalf", "NumPy has no such dtype"),
    (
        r"mkldnn|cudnn|miopen|onednn|cuda|ipu|xpu|hpu|maia|mtia|vulkan|xla|mps|meta$|"
        r"pin_memory_|record_stream|accelerator|privateuse",
        "other backends; devices here are cpu, cuda and emu",
    ),
    (
        r"compile|jit|script|trace_module|fork$|wait$|dynamo|export|vmap_|library|sym_|Sym|"
        r"cond$|while_loop|scan_|overrides|torch_function|thread_|interop|deterministic|"
        r"autocast|warn_|float32_matmul|vital|hub|graph|functionalize|linearize|stack_module|"
        r"debug_unwrap|is_storage|Storage|typename|profiler|saved_tensors|_device|"
        r"memory_format|layout$|Generator|Stream|Event|dtype$|device$|Size$|finfo|iinfo|Error|"
        r"Exception|warn|classes|ops$|ParameterDict_|pickle|Type$|Argument|Tensor$|from_file|"
        r"get_file|SchedulerType|boolean_dispatch|assert_|has_|handle_|Optional|Callable|List|"
        r"Union|TYPE_CHECKING|BroadcastingList|importlib|unsafe_|BuiltinFunction|Await|"
        r"FatalError|DispatchKey|DeepCopyMemoTable|DeserializationStorageContext|"
        r"DisableTorchFunction|Dict|DictType|ErrorReport|ExcludeDispatch|ExecutionPlan|"
        r"FileCheck|FunctionSchema|Future|Gradient$|IODescriptor|Inferred|IValue|JIT|"
        r"LockingLogger|ModuleDict_|NoopLogger|PyObject|RRef|Scheduler|Serialization|Static|"
        r"SubProcess|Use$|Value$|Block$|Code$|Capsule|Bench|Any|Aggregation|AliasDb|CallStack|"
        r"CompilationUnit|Node$|OperatorInfo|NumberType|Parameter_|Match|Logging|Loger|Logger|"
        r"Lite|Throughput|Triton|Tuple|autocast|prepare_multi|merge_type|import_ir|parse_|"
        r"fork|freeze|default_generator_|init_num|read_vitals|set_vital|read_|"
        r"get_default_device|set_default_device|set_default_tensor_type|Graph|Script|"
        r"PyTorchFile|Concrete|Tracing|^Tag$|classproperty|anomaly|flush_denormal|"
        r"multithreading|NestedIO|Profiler|kineto|enforce_|view_replay|ariable$|^bind$|"
        r"copy_method|DataChunk|factory_kwargs|Optimizer$|GradScaler|tensor_like|^obj$|"
        r"unify_type|wait|set_printoptions|export|_assert|swap_|EPOCH|Self|Supports|Typed|"
        r"override|Counter|cast$|partial|ref$|bisect|wraps|Literal|ParamSpec|TypeVar",
        "internals of PyTorch (compiler, dispatcher, serialisation, typing), nothing that computes",
    ),
    (r"_$", "an in-place form that scripts seldom use"),
    (
        r"^native_|_copy$|_backward|batch_norm_(stats|elemt|gather|update)|convolution$|^rnn_|"
        r"^lstm$|^gru$|_forward$|embedding_renorm|choose_|^grid_sampler|^cosine_embedding|"
        r"ctc_loss$|instance_norm$|affine_grid_gen|conv_tbc|constant_pad|max_pool\dd_with|"
        r"adaptive_max_pool1d$|group_norm$|layer_norm$|rms_norm$|batch_norm$|^scaled_|"
        r"grouped_mm|_implicit$|kl_div$|hinge_embedding|margin_ranking|triplet|poisson_nll|"
        r"cosine_similarity|pairwise_distance|pixel_|channel_shuffle|prelu|celu|selu|rrelu|"
        r"embedding|bilinear|dropout",
        "the raw form of a function that stands in nn.functional",
    ),
    (
        r"chebyshev|hermite|laguerre|legendre|nextafter|frexp|hash",
        "special functions without a use in training",
    ),
    (
        r"^lu$|^lu_",
        "NumPy does not give LU factors; use linalg.solve, linalg.inv or linalg.slogdet",
    ),
    (
        r"^(symeig|lstsq|solve|qr|svd|eig|triangular_solve|orgqr|ormqr|geqrf|"
        r"cholesky_ex|inv_ex|solve_ex|ldl_.*|householder_product|tensorinv|"
        r"tensorsolve)$",
        "older or lower-level linear algebra; use `linalg`",
    ),
    (
        r"Uninitialized|Container$|NLLLoss2d|CrossMapLRN2d|"
        r"AdaptiveLogSoftmax|LinearCrossEntropyOptions",
        "outdated layers",
    ),
    (
        r"^(data|share_memory|is_shared|storage|storage_type|storage_offset|untyped|volatile|"
        r"reinforce|resize|resize_as|set|map2|module_load|output_nr|dim_order|"
        r"const_data_ptr|as_subclass|is_set_to|is_coalesced|is_conj|is_distributed|"
        r"is_inference|grad_dtype|to_padded_tensor|slice_inverse|index|nonzero_static|"
        r"untyped_storage)$",
        "storage and bookkeeping of PyTorch's own",
    ),
    (
        r"DataPipe|DFIter|Distributed|Worker|datapipes|get_worker_info|argument_validation|"
        r"functional_datapipe|guaranteed|non_deterministic|runtime_validation|dfiter|MapData|"
        r"IterData|default_convert",
        "data pipes and processes; DataLoader and samplers are there",
    ),
    (
        r"^(constant|dirac|eye|kaiming_\w+|normal|orthogonal|sparse|uniform|xavier_\w+)$",
        "older names of the initialisers, without their underscore",
    ),
]

# modules of PyTorch's that are left out whole, with what to use instead
MODULES = {
    "ao": "quantised tensors are not supported",
    "export": "graphs are not captured; a model is its Python code",
    "fft": "complex numbers are not supported; use numpy.fft on x.numpy()",
    "fx": "graphs are not captured; a model is its Python code",
    "onnx": "no exporter yet; save the state_dict and load it where it is needed",
    "ops": "neither PyTorch's own operators nor torchvision's for detection are here",
    "package": "a model is its Python code; save the state_dict",
    "quantization": "quantised tensors are not supported",
    "signal": "complex numbers are not supported; use scipy.signal",
}


def reason(name: str) -> str | None:
    """Why a name of PyTorch's is left out; None for a name that is not."""
    if name in MODULES:
        return MODULES[name]
    return next((why for pattern, why in REASONS if re.search(pattern, name)), None)


def advice(name: str, names: Iterable[str] = ()) -> str:
    """What to say about a name that is not here: why it is left out, or which of `names` is like
    it.
    """
    public = [n for n in names if not n.startswith("_")]
    near = difflib.get_close_matches(name, public, 1, 0.6)
    slip = bool(near) and difflib.SequenceMatcher(None, near[0], name).ratio() > 0.9
    if not slip and (why := reason(name)):
        return f"It is left out on purpose: {why}."
    return f"Did you mean {near[0]!r}?" if near else "Check the spelling."


class MissingName(AttributeError):
    """The error about a name that a module does not have.

    The words are made when they are shown: `hasattr` asks for many names and shows none.

    Args: module: its whole name
    """

    def __init__(self, module: str, name: str):
        super().__init__(name=name)
        self.module, self.missing = module, name

    def __str__(self) -> str:
        said = advice(self.missing, dir(sys.modules[self.module]))
        return f"module {self.module!r} has no attribute {self.missing!r}. {said}"


def explain_missing(module: str) -> None:
    """Let a namespace say about a name that it does not have why, or which name is like it.

    The function is set from here: if it stood in the module, type checkers would take every name
    for known.
    """

    def find(name: str) -> Any:
        raise MissingName(module, name)

    vars(sys.modules[module])["__getattr__"] = find
