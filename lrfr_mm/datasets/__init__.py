from lrfr_mm.datasets.benchmarks import *
from lrfr_mm.datasets.collate import face_collate  # noqa: F401
from lrfr_mm.datasets.face_dataset import FaceDataset  # noqa: F401
from lrfr_mm.datasets.pk_sampler import PKSampler  # noqa: F401
from lrfr_mm.datasets.samplers import EpochSampler  # noqa: F401
from lrfr_mm.datasets.sources import *
from lrfr_mm.datasets.transforms import *
