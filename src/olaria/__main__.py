"""``python -m olaria``: the command line."""

from __future__ import annotations

import sys

from olaria.cli.main import main

sys.exit(main())
