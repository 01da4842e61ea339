"""``python -m lrfr_mm``: the same as the command ``lrfr``."""
from lrfr_mm.cli.main import main

if __name__ == '__main__':
    main()
