"""What a machine with a GPU lacks, as wheels to bring along."""
from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.markers import default_environment
from packaging.requirements import Requirement

__all__ = ['DEFAULT_PRESENT', 'wheels_to_bring']

# Of the machines that were met so far: an image with torch, timm and what those bring.
DEFAULT_PRESENT = ('torch', 'torchvision', 'timm', 'numpy', 'pillow', 'setuptools')

# Builds of OpenMMLab's requirement that have the same module, cv2.
_OPENCV = {'opencv-python-headless', 'opencv-contrib-python', 'opencv-contrib-python-headless'}


def wheels_to_bring(present: Iterable[str] = DEFAULT_PRESENT, package: str = 'lrfr_mm',
                    python: str = '3.12') -> list[str]:
    """Requirements, direct and indirect, of ``package`` that are not ``present``, pinned.

    What a present package requires is taken for present as well. Versions are those of this
    environment, in which the package must be installed.

    Args:
        present: Names of packages that the machine has.
        package: What is to run there.
        python: Version of Python there, for requirements with a condition.

    Returns:
        ``name==version`` lines, sorted: arguments of ``pip download``.
    """
    environment = {**default_environment(), 'python_version': python, 'extra': ''}
    named = {_normal(name) for name in present}
    if named & _OPENCV:
        named.add('opencv-python')
    there = _closure(sorted(named), environment, set())
    wanted = _closure([_normal(package)], environment, there) - there - {_normal(package)}
    return sorted(f'{name}=={version(name)}' for name in wanted if _installed(name))


def _normal(name: str) -> str:
    return re.sub(r'[-_.]+', '-', name).lower()


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _closure(names: list[str], environment: dict, stop: set[str]) -> set[str]:
    """``names`` and all that they require, not following those in ``stop``."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found or name in stop:
            continue
        found.add(name)
        for text in (requires(name) or []) if _installed(name) else []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(environment):
                waiting.append(_normal(requirement.name))
    return found
