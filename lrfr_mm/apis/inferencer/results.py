"""What is found in a picture."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ['Face', 'PictureResult']


@dataclass
class Face:
    """One face of a picture.

    Attributes:
        box: x0, y0, x1, y1 in px of the picture, float64 (4,).
        landmarks: Eyes, nose tip, mouth corners, px of the picture, float64 (5, 2).
        size: Side, in px of the picture, of what the aligned face shows. It is what the calibration
            by face size takes; below the network's input size the face was enlarged.
        score: The detector's confidence, 0 to 1.
        quality: ``score * min(1, size / S)`` with S the network's input size, 0 to 1. Its
            fourth power is the face's weight when the embeddings of a track are fused.
        found_in: 'image', 'tile@F' for a face that was found after enlarging a part of the picture
            F times, or 'aligned' where no detector was used.
        image: The aligned face, uint8 RGB (S, S, 3).
        embedding: Unit vector, float32 (D,).
    """

    box: np.ndarray
    landmarks: np.ndarray
    size: float
    score: float
    quality: float
    found_in: str
    image: np.ndarray = field(repr=False)
    embedding: np.ndarray | None = field(default=None, repr=False)

    def to_dict(self) -> dict:
        """Plain numbers and lists, for JSON; without the aligned image."""
        return dict(box=self.box.tolist(), landmarks=self.landmarks.tolist(), size=self.size,
                    score=self.score, quality=self.quality, found_in=self.found_in,
                    embedding=None if self.embedding is None else self.embedding.tolist())


@dataclass
class PictureResult:
    """The faces of one photograph or frame.

    Attributes:
        name: Path, or what stands for it ('array 0').
        frame: Number of the frame in its video or stream, from 0; None for a photograph.
        seconds: Time of the frame in its video; None likewise.
        width, height: Of the picture, px; 0 where it could not be read.
        faces: Best first. Empty where nothing was found.
        error: Why the picture could not be read; None where it could.
    """

    name: str
    frame: int | None = None
    seconds: float | None = None
    width: int = 0
    height: int = 0
    faces: list[Face] = field(default_factory=list)
    error: str | None = None

    def to_dict(self) -> dict:
        """Plain numbers and lists, for JSON."""
        return dict(name=self.name, frame=self.frame, seconds=self.seconds, width=self.width,
                    height=self.height, faces=[face.to_dict() for face in self.faces],
                    error=self.error)
