"""Keys and values written in place give the scores of the whole text."""

import pytest

import tinygrad_edu as torch
from tinygrad_edu.models import GPT, KVCache
from tinygrad_edu.models.cache import new_caches
from tinygrad_edu.models.gpt import generate


def text_and_model():
    torch.manual_seed(0)
    model = GPT(13, layers=2, heads=2, width=16, context=12).eval()
    return torch.randint(0, 13, (3, 12)), model


def test_scores_by_steps_are_those_of_the_whole_text():
    tokens, model = text_and_model()
    caches = new_caches(2, 12)
    with torch.no_grad():
        parts = [model(tokens[:, a:b], caches) for a, b in ((0, 4), (4, 5), (5, 6), (6, 7), (7, 8))]
        torch.testing.assert_close(torch.cat(parts, 1), model(tokens[:, :8]), atol=1e-5, rtol=1e-5)
    assert [cache.length for cache in caches] == [8, 8]


def test_positions_are_written_into_the_same_memory():
    cache = KVCache(5)
    k = torch.randn(1, 2, 3, 4)
    first, _ = cache.update(k, 2 * k)
    kept = first.tolist()
    keys, values = cache.update(k[:, :, :2], k[:, :, :2])
    assert keys.data_ptr() == first.data_ptr() == cache.keys.data_ptr()
    assert first.tolist() == kept
    assert keys.tolist() == torch.cat([k, k[:, :, :2]], 2).tolist()
    assert values.shape == (1, 2, 5, 4)


def test_generation_goes_on_where_the_window_moves():
    tokens, model = text_and_model()
    found = []
    for cached in (True, False):
        torch.manual_seed(3)
        found.append(generate(model, tokens[:, :9], 6, top_k=4, cached=cached).tolist())
    assert found[0] == found[1]


@pytest.mark.parametrize("shape", [(1, 2, 2, 4), (1, 2, 1, 5), (2, 2, 1, 4)])
def test_what_does_not_fit_is_refused(shape):
    cache, k = KVCache(4), torch.randn(1, 2, 3, 4)
    cache.update(k, k)
    with pytest.raises(torch.ShapeError, match="at most 1 more positions"):
        cache.update(torch.zeros(shape), torch.zeros(shape))
    assert cache.length == 3


def test_recorded_keys_are_refused():
    k = torch.randn(1, 1, 1, 2, requires_grad=True)
    with pytest.raises(torch.GraphError, match=r"Generate under torch\.no_grad"):
        KVCache(3).update(k * 2, k)
