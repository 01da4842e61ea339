"""``python -m lrfr_mm.cli``: the same as ``lrfr``."""
from lrfr_mm.cli.main import main

if __name__ == '__main__':
    main()
