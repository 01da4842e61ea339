"""How a command ends: messages and exit codes."""
from __future__ import annotations

import difflib
import os
import re
import sys
import traceback

import torch.distributed as dist

from lrfr_mm import registry
from lrfr_mm.engine.distributed import leave

__all__ = ['run_command']


def run_command(main) -> None:
    """Run ``main()``; a user's mistake is one line and exit code 2, all else a traceback and 1.

    LRFR_TRACEBACK=1 in the environment shows the traceback of a user's mistake as well.
    """
    try:
        code = main() or 0
    except (ValueError, OSError, KeyError, ImportError, TypeError) as error:
        # Of the TypeErrors only a config's wrong or forgotten argument is a user's.
        if isinstance(error, TypeError) and ' argument' not in str(error):
            raise
        if os.environ.get('LRFR_TRACEBACK') == '1':
            traceback.print_exc()
        text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
        lines = [line for line in text.splitlines() if line.strip()] or [repr(error)]
        print(f'error: {_unknown_name(text) or lines[-1].strip()}', file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        code = 1
    if dist.is_available() and dist.is_initialized():
        leave(code)
    sys.exit(code)


def _unknown_name(text: str) -> str | None:
    """mmengine's complaint about a name that is not registered, with the near ones that are."""
    found = re.search(r"['\"]?([\w.]+) is not in the (?:\w+::)?([\w ]+) registry", text)
    if found is None:
        return None
    name, kind = found.groups()
    known = set()
    for candidate in vars(registry).values():
        if isinstance(candidate, registry.Registry) and candidate.name == kind:
            while candidate is not None:
                candidate.import_from_location()
                known |= set(candidate.module_dict)
                candidate = candidate.parent
    near = difflib.get_close_matches(name, known, n=3, cutoff=.5)
    return (f'{name!r} is not a registered {kind}; '
            + (f'near it: {", ".join(near)}' if near else f'there are {", ".join(sorted(known))}')
            + '. A component of your own needs custom_imports in the config.')
