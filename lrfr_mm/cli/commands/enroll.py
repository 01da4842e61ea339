"""Add a person to a gallery, list all, or delete one.

The gallery is a folder; it is made with the first person. Each picture must show one face. Listing
and deleting need no recognizer.
"""
from __future__ import annotations

import argparse

import numpy as np

from lrfr_mm.apis.gallery import Person, SQLiteGallery
from lrfr_mm.cli.common import add_detector_arguments, add_model_arguments, load_inferencer
from lrfr_mm.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('gallery', help='folder of the gallery')
    parser.add_argument('name', nargs='?', help='name of the person; without it, all are listed')
    parser.add_argument('pictures', nargs='*', help='pictures of this person')
    parser.add_argument('--replace', action='store_true', help='instead of the enrolled pictures')
    parser.add_argument('--delete', action='store_true', help='delete the person')
    parser.add_argument('--consent', default='', help='what the person agreed to, and where it is')
    parser.add_argument('--note', default='')
    parser.add_argument('--actor', default='command line', help='who asks, for the audit log')
    add_model_arguments(parser)
    add_detector_arguments(parser)


def run(args: argparse.Namespace) -> None:
    if args.delete and (args.pictures or not args.name):
        raise InputError('--delete needs a name and no pictures')
    if args.name and not args.delete and not args.pictures:
        raise InputError(f'which pictures show {args.name}?')
    if not args.pictures:
        gallery = SQLiteGallery(args.gallery, fingerprint=None)  # no recognizer is needed for this
        if args.delete:
            gallery.delete(args.name, args.actor)
            print(f'{args.name} is deleted, with every embedding.')
        for person in gallery.people():
            print(f'{person.number:>6}  {person.name}  ({_pictures(person)})  '
                  f'{person.consent}  {person.note}'.rstrip())
        return
    inferencer = load_inferencer(args, show_progress=False)
    faces = []
    for result in inferencer.stream(args.pictures):
        if result.error:
            raise InputError(result.error)
        if len(result.faces) != 1:
            raise InputError(f'{result.name} shows {len(result.faces)} faces; a picture to enroll '
                             'must show one')
        faces += result.faces
    vectors = np.stack([face.embedding for face in faces])
    gallery = SQLiteGallery(args.gallery, vectors.shape[1], inferencer.embedder.fingerprint)
    change = gallery.update if args.replace else gallery.enrol
    person = change(args.name, vectors, [face.size for face in faces], args.consent, args.note,
                    args.actor)
    print(f'{person.name}: {_pictures(person)} enrolled.')


def _pictures(person: Person) -> str:
    return f'{person.pictures} picture' + 's' * (person.pictures != 1)
