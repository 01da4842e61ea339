import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


def requirements(name: str) -> list[str]:
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith('#')]


class BuildWithConfigs(build_py):
    """Copies configs/ and tools/ into the package as ``lrfr_mm/.mim/``, where OpenMMLab's packages
    have theirs: an installed package trains its configs by name. An editable installation uses
    those of the repository.
    """

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for name in ('configs', 'tools'):
            target = Path(self.build_lib, 'lrfr_mm', '.mim', name)
            shutil.rmtree(target, ignore_errors=True)  # of an earlier build
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns('__pycache__'))


version = {}
exec((ROOT / 'lrfr_mm' / 'version.py').read_text(), version)

setup(
    name='lrfr_mm',
    version=version['__version__'],
    description='Low-resolution face recognition: train and measure recognizers from 7 to 112 px',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    cmdclass=dict(build_py=BuildWithConfigs),
    packages=find_packages(include=['lrfr_mm', 'lrfr_mm.*']),
    package_data={'lrfr_mm.analysis.audit': ['templates/*'],
                  'lrfr_mm.analysis.real': ['templates/*'],
                  'lrfr_mm.analysis.model_card': ['templates/*'],
                  'lrfr_mm.apis.serve': ['page/*'],
                  'lrfr_mm.evaluation.report': ['templates/*']},
    entry_points=dict(console_scripts=['lrfr = lrfr_mm.cli:main']),
    python_requires='>=3.10,<3.14',
    install_requires=requirements('runtime'),
    extras_require={name: requirements(name) for name in ('optional', 'serve', 'tests', 'docs')},
)
