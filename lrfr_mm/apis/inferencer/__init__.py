"""From photographs, videos and streams to embeddings of the faces in them."""
from lrfr_mm.apis.inferencer.drawing import draw_faces
from lrfr_mm.apis.inferencer.face_inferencer import FaceInferencer
from lrfr_mm.apis.inferencer.pictures import Picture, read_pictures
from lrfr_mm.apis.inferencer.results import Face, PictureResult
from lrfr_mm.apis.inferencer.tracks import FaceTracker, Track, fuse_track

__all__ = ['Face', 'FaceInferencer', 'FaceTracker', 'Picture', 'PictureResult', 'Track',
           'draw_faces', 'fuse_track', 'read_pictures']
