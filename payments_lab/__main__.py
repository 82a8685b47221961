"""``python -m payments_lab``: the same commands as ``payments-lab``."""

from __future__ import annotations

import sys

from payments_lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
