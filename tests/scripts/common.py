"""What the scripts share. It knows no torch: a tensor makes its like itself."""

import numpy as np


def numpy_weights(model, seed=0, scale=None):
    """Give every parameter values from NumPy's generator, so that both engines start alike."""
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        bound = scale or 1 / np.sqrt(max(p.shape[-1] if p.dim() > 1 else 4, 1))
        values = rng.uniform(-bound, bound, tuple(p.shape))
        p.data.copy_(p.data.new_tensor(values))
    return model
