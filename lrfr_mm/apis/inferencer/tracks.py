"""Faces of one person over the frames of a video, and one embedding for all of them."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from lrfr_mm.apis.inferencer.results import Face, PictureResult
from lrfr_mm.errors import MissingDependencyError
from lrfr_mm.evaluation.functional.fusion import fuse_track

__all__ = ['FaceTracker', 'Track', 'fuse_track']


@dataclass
class Track:
    """The faces of one track.

    Attributes:
        number: Number of the track.
        frames: Frame of each face.
        faces: The faces.
    """

    number: int
    frames: list[int] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)


class FaceTracker:
    """Links the faces of consecutive frames by the overlap of their boxes (ByteTrack; Zhang et al.,
    ECCV 2022, of the package ``trackers``).

    Args:
        frame_rate: Frames a second.
        patience: Seconds after which a face that is not found any more ends its track.

    Raises:
        MissingDependencyError: Without the package.
    """

    def __init__(self, frame_rate: float = 30., patience: float = 1.):
        try:
            from supervision import Detections
            from trackers import ByteTrackTracker
        except ImportError:
            raise MissingDependencyError('tracks need `pip install trackers`') from None
        self._detections = Detections
        self._tracker = ByteTrackTracker(
            lost_track_buffer=max(1, round(patience * frame_rate)), frame_rate=frame_rate,
            minimum_consecutive_frames=1,
            # What counts as a face is the detector's decision.
            track_activation_threshold=0., high_conf_det_threshold=0.)

    def update(self, faces: list[Face]) -> list[int]:
        """Number of the track of each face of the next frame; -1 for a face without one yet."""
        found = self._tracker.update(self._detections(
            xyxy=np.array([face.box for face in faces], np.float32).reshape(-1, 4),
            confidence=np.array([face.score for face in faces], np.float32),
            class_id=np.arange(len(faces))))
        numbers = [-1] * len(faces)
        if len(found):
            for position, number in zip(found.class_id, found.tracker_id, strict=True):
                numbers[int(position)] = int(number)
        return numbers

    def tracks(self, results: Iterable[PictureResult]) -> list[Track]:
        """All tracks of the frames of one video, in the order of their beginning."""
        out: dict[int, Track] = {}
        for frame, result in enumerate(results):
            for face, number in zip(result.faces, self.update(result.faces), strict=True):
                if number >= 0:
                    track = out.setdefault(number, Track(number))
                    track.frames.append(frame if result.frame is None else result.frame)
                    track.faces.append(face)
        return list(out.values())
