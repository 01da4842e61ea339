"""Pictures out of whatever holds pictures."""
from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.image_files import IMAGE_SUFFIXES
from lrfr_mm.errors import InputError, InputMissingError

__all__ = ['VIDEO_SUFFIXES', 'Picture', 'read_pictures']

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mkv', '.mov', '.webm', '.m4v', '.mpg', '.mpeg')
_STREAMS = ('rtsp://', 'rtmp://', 'http://', 'https://', 'udp://')


@dataclass
class Picture:
    """One picture, or the reason why it could not be read.

    Attributes:
        name: Path, address, or 'array', 'image', 'bytes'.
        image: uint8 RGB (H, W, 3); None with an ``error``.
        frame: Number of the frame, from 0; None for a photograph.
        seconds: Time of the frame; None likewise.
        error: Why there is no image.
    """

    name: str
    image: np.ndarray | None = None
    frame: int | None = None
    seconds: float | None = None
    error: str | None = None


def read_pictures(inputs, every: int = 1, timeout: float = 10.) -> Iterator[Picture]:
    """Pictures one by one, none of them read before it is asked for.

    Args:
        inputs: A path of a photograph, a folder (searched to its depth, dot files left out), a
            video file, the address of a stream, the number of a camera, encoded bytes, a PIL image,
            a uint8 RGB array (H, W, 3), or a list or iterator of these.
        every: Of a video or stream, each how-manieth frame.
        timeout: Seconds after which a stream that gives no frame has stalled.

    Raises:
        InputMissingError: If a path does not exist, or a video or stream cannot be opened.
        InputError: If a stream stalls, a folder has no picture, or something is none of the above.
            A picture that cannot be decoded is no error here: it is said in ``Picture.error``.
    """
    if every < 1:
        raise InputError(f'every must be at least 1, got {every}')
    if isinstance(inputs, np.ndarray):
        yield Picture('array', _array(inputs))
    elif isinstance(inputs, Image.Image):
        yield Picture('image', np.asarray(inputs.convert('RGB')))
    elif isinstance(inputs, (bytes, bytearray)):
        yield _decoded('bytes', bytes(inputs))
    elif isinstance(inputs, int) and not isinstance(inputs, bool):
        yield from _stream(inputs, f'camera {inputs}', every, timeout)
    elif isinstance(inputs, str) and inputs.lower().startswith(_STREAMS):
        yield from _stream(inputs, inputs, every, timeout)
    elif isinstance(inputs, (str, os.PathLike)):
        yield from _path(Path(inputs), every, timeout)
    elif hasattr(inputs, '__iter__') and not isinstance(inputs, dict):
        for item in inputs:
            yield from read_pictures(item, every, timeout)
    else:
        raise InputError(f'{type(inputs).__name__} is no picture: a path, folder, video, address, '
                         'camera number, bytes, PIL image or uint8 RGB array is expected')


def _array(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError('an array must be a picture of uint8 RGB (H, W, 3), got '
                         f'{image.dtype} {image.shape}')
    return image


def _decoded(name: str, data: bytes) -> Picture:
    try:
        return Picture(name, decode(data, 'cv2'))
    except InputError as error:
        return Picture(name, error=f'{name}: {error}')


def _path(path: Path, every: int, timeout: float) -> Iterator[Picture]:
    if not path.exists():
        raise InputMissingError(f'{path} does not exist')
    if path.is_dir():
        files = sorted(file for file in path.rglob('*')
                       if file.suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
                       and file.is_file() and not any(
                           part.startswith('.') for part in file.relative_to(path).parts))
        if not files:
            raise InputError(f'{path} holds no picture and no video')
        for file in files:
            yield from _path(file, every, timeout)
    elif path.suffix.lower() in VIDEO_SUFFIXES:
        yield from _stream(str(path), str(path), every, timeout)
    elif not path.is_file():  # a pipe or a device would block
        yield Picture(str(path), error=f'{path} is not a regular file')
    else:
        try:
            data = path.read_bytes()
        except OSError as error:
            yield Picture(str(path), error=f'{path}: {error.strerror}')
            return
        yield _decoded(str(path), data)


def _stream(source: str | int, name: str, every: int, timeout: float) -> Iterator[Picture]:
    """Frames of a video or stream, read by a thread, so that one that stalls can be told."""
    frames: queue.Queue = queue.Queue(maxsize=4)
    stop = threading.Event()

    def put(item) -> None:
        while not stop.is_set():
            try:
                return frames.put(item, timeout=.2)
            except queue.Full:
                continue

    def read() -> None:
        capture = cv2.VideoCapture(source)
        try:
            if not capture.isOpened():
                put(InputMissingError(f'{name} cannot be opened as a video'))
                return
            rate, number = capture.get(cv2.CAP_PROP_FPS), 0
            while not stop.is_set() and capture.grab():
                if number % every == 0:
                    there, image = capture.retrieve()
                    if not there:
                        break
                    put(Picture(name, cv2.cvtColor(image, cv2.COLOR_BGR2RGB), number,
                                number / rate if rate > 0 else None))
                number += 1
            put(None if number else InputError(f'{name} holds no frame'))
        finally:
            capture.release()

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            try:
                item = frames.get(timeout=timeout)
            except queue.Empty:
                raise InputError(f'{name} has given no frame for {timeout:g} s: the stream has '
                                 'stalled') from None
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stop.set()
