import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lrfr_mm.ops.draws import choice, sample_key, uniform

MASK = (1 << 64) - 1


def mix(x):
    """SplitMix64's output function, in Python's unbounded integers."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


@given(st.integers(0, 2**31), st.integers(0, 10**4), st.integers(0, 10**9), st.integers(0, 9))
def test_against_python_integers(seed, epoch, index, stream):
    key = mix(mix(mix(seed) ^ epoch) ^ index) >> 1
    assert int(sample_key(seed, epoch, index)) == key
    assert float(uniform(key, stream)) == (mix(mix(key) ^ stream) >> 11) / 2**53


def test_first_output_of_the_published_generator():
    # SplitMix64 seeded with 0 starts with this number in every implementation.
    assert mix(0) == 0xE220A8397B1DCDAF


def test_a_batch_draws_what_its_samples_draw():
    index = np.arange(50)
    keys = sample_key(3, 7, index)
    one_by_one = [float(uniform(int(sample_key(3, 7, int(i))), 2)) for i in index]
    np.testing.assert_array_equal(uniform(keys, 2), one_by_one)


def test_distribution_and_independence_of_streams():
    keys = sample_key(0, 0, np.arange(40000))
    first, second = uniform(keys, 0), uniform(keys, 1)
    counts = np.histogram(first, 20, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 45  # chi-square, 19 degrees: p = 0.0007
    assert abs(np.corrcoef(first, second)[0, 1]) < .02
    assert abs(np.corrcoef(first, uniform(sample_key(0, 1, np.arange(40000)), 0))[0, 1]) < .02


def test_choice_follows_the_weights():
    drawn = choice(sample_key(0, 0, np.arange(40000)), 5, (1, 0, 1, 2))
    share = np.bincount(drawn, minlength=4) / 40000
    np.testing.assert_allclose(share, [.25, 0, .25, .5], atol=.01)
