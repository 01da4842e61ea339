"""The command ``lrfr``: every task of the package under one name.

A command is one file of ``lrfr_mm/cli/commands``: its docstring is the help, ``add_arguments``
describes the arguments, ``run`` does the work through the package.
"""
from lrfr_mm.cli.main import COMMANDS, main

__all__ = ['COMMANDS', 'main']
