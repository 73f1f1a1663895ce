"""One process of several that train the contract's cases together; the first writes what each step logged.

python team_worker.py FILE
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

STEPS = 12
NUM_PARTS = 7


def cases() -> list[Any]:
    """Every family, and what draws noise of each kind; all by Adam, whose updates do not round to bfloat16."""
    from cases import FAMILIES, Case  # beside this file, which is no part of a package here

    return [
        *FAMILIES,
        Case("autoencoder", {"noise": "masking", "corruption": 0.3, "contraction": 0.1}),
        Case("vae", {"flow": 2, "importance_samples": 3}),
        Case("gan", {"spectral": False, "loss": "wasserstein", "penalty": "gradient"}),
        Case("gan", {"classes": 3, "conditioning": "auxiliary"}, {"ema": 0.9, "clip_norm": 1.0}),
        Case("image-flow", {"classes": 3}, {"ema": 0.9}),
        Case("gpt", {"dropout": 0.2}, {"ema": 0.9}),
        Case("language", {"dropout": 0.2}, {"weight_decay": 0.1}),
        Case("translation", {"dropout": 0.2}),
    ]


def main() -> None:
    """Train all of them."""
    import torch
    from cases import train

    from olaria.training import teamwork

    torch.set_num_threads(1)
    team = teamwork.join()
    rows = {case.name: train(case.trainer(team=team, steps=STEPS)) for case in cases()}
    shared = team.summed([partial(lambda n: (n, 1.0), float(n)) for n in range(NUM_PARTS)], 2)
    if team.is_first:
        Path(sys.argv[1]).write_text(json.dumps({"rows": rows, "sum": shared}))


if __name__ == "__main__":
    main()
