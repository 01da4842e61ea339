import numpy as np
import torch

from lrfr_mm.engine import degraded_cache
from lrfr_mm.engine.degraded_cache import DegradedCache
from lrfr_mm.engine.embedding import embedded_batches
from lrfr_mm.evaluation.metrics import View
from lrfr_mm.ops.degradations import degrade_images


def test_batches_are_degraded_once(tmp_path, monkeypatch):
    images = torch.randint(0, 256, (3, 3, 112, 112), dtype=torch.uint8)
    wanted = {kind: degrade_images(images, 7, kind) for kind in ('camera', 'area', 'bicubic')}
    cache = DegradedCache(tmp_path / 'new')
    for kind, expected in wanted.items():
        torch.testing.assert_close(cache(images, 7, kind), expected, atol=0, rtol=0)
    assert len(list((tmp_path / 'new').iterdir())) == 2  # bicubic is not kept
    monkeypatch.setattr(degraded_cache, 'degrade_images', lambda *arguments: 1 / 0)
    for kind in ('camera', 'area'):
        torch.testing.assert_close(cache(images, 7, kind), wanted[kind], atol=0, rtol=0)


def test_other_pixels_and_damaged_files_are_degraded_again(tmp_path):
    images = torch.randint(0, 256, (2, 3, 112, 112), dtype=torch.uint8)
    cache = DegradedCache(tmp_path)
    first = cache(images, 14, 'camera')
    for path in tmp_path.iterdir():
        path.write_bytes(b'\x93NUMPY')
    torch.testing.assert_close(cache(images, 14, 'camera'), first, atol=0, rtol=0)
    images[1, 0, 50, 50] ^= 1
    other = cache(images, 14, 'camera')
    torch.testing.assert_close(other, degrade_images(images, 14, 'camera'), atol=0, rtol=0)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_embedding_loop_uses_it(tmp_path):
    rng = np.random.default_rng(0)
    images = [dict(img=rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)) for _ in range(3)]
    view = View(7, degradation='camera')
    for _ in range(2):
        ((_, out),) = embedded_batches(lambda batch: batch.float().flatten(1), images, [view],
                                       degrade=DegradedCache(tmp_path))
        hr = torch.from_numpy(np.stack([each['img'] for each in images])).permute(0, 3, 1, 2)
        torch.testing.assert_close(out[view], degrade_images(hr, 7, 'camera').float().flatten(1))
    assert len(list(tmp_path.iterdir())) == 1
