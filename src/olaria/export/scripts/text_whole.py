"""Go on with a text; the model of this folder reads its context anew for each token. It needs onnxruntime and numpy.

python run.py [TEXT] [TOKENS]
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
from tokenizer import Tokenizer  # noqa: E402

config, tokenizer = json.loads((FOLDER / "config.json").read_text("utf-8")), Tokenizer(FOLDER)
context = config.get("context", 1)  # a bigram has none: it reads one token
session = onnxruntime.InferenceSession(FOLDER / "model.onnx", providers=["CPUExecutionProvider"])


def write(text: str, count: int, seed: int = 0) -> str:
    """The text, and ``count`` more tokens."""
    draw, ids = np.random.default_rng(seed), tokenizer.encode(text)
    for _ in range(count):
        logits = session.run(["logits"], {"tokens": np.array([ids[-context:]])})[0][0, -1]
        # The highest of logits and Gumbel noise together is a draw from their softmax.
        ids.append(int((logits + draw.gumbel(size=len(logits))).argmax()))
    return tokenizer.decode(ids)


if __name__ == "__main__":
    words = sys.argv[1:]
    print(write(words[0] if words else "a", int(words[1]) if len(words) > 1 else 200))
