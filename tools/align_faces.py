"""Align photographs to 112x112 faces: python tools/align_faces.py PHOTOGRAPHS ALIGNED."""
from lrfr_mm.cli import main

if __name__ == '__main__':
    main(command='align')
