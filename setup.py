from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def requirements(name: str) -> list[str]:
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith('#')]


version = {}
exec((ROOT / 'lrfr_mm' / 'version.py').read_text(), version)

setup(
    name='lrfr_mm',
    version=version['__version__'],
    description='Low-resolution face recognition: train and measure recognizers from 7 to 112 px',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['lrfr_mm', 'lrfr_mm.*']),
    package_data={'lrfr_mm.analysis.audit': ['templates/*'],
                  'lrfr_mm.analysis.model_card': ['templates/*'],
                  'lrfr_mm.apis.serve': ['page/*'],
                  'lrfr_mm.evaluation.report': ['templates/*']},
    python_requires='>=3.10,<3.14',
    install_requires=requirements('runtime'),
    extras_require={name: requirements(name) for name in ('optional', 'tests', 'docs')},
)
