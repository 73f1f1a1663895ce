"""Go on with a text; the model of this folder reads each token once. It needs onnxruntime and numpy.

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
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # a token is too little work to share
session = onnxruntime.InferenceSession(FOLDER / "with_cache.onnx", options)
names = {one.name: one.shape for one in session.get_inputs()}
layers, _, _, heads, _, size = names["cache"]
context, reach = config["context"], 2 * (config.get("chunk") or config["context"])


def write(text: str, count: int, seed: int = 0) -> str:
    """The text, and ``count`` more tokens; a full context begins anew with its later half."""
    draw, ids = np.random.default_rng(seed), tokenizer.encode(text)
    cache, start, new = None, 0, ids[-context:]
    for _ in range(count):
        if start + len(new) > context:
            start, cache, new = 0, None, ids[-max(1, context // 2) :]
        if cache is None:
            cache = np.zeros((layers, 2, 1, heads, 0, size), np.float32)
        feed = {"tokens": np.array([new]), "cache": cache, "start": np.array(start)}
        logits, cache = session.run(None, {name: feed[name] for name in names})
        start, cache = start + len(new), cache[:, :, :, :, -reach:]
        # The highest of logits and Gumbel noise together is a draw from their softmax.
        new = [int((logits[0, -1] + draw.gumbel(size=logits.shape[-1])).argmax())]
        ids = ids + new
    return tokenizer.decode(ids)


if __name__ == "__main__":
    words = sys.argv[1:]
    print(write(words[0] if words else "a", int(words[1]) if len(words) > 1 else 200))
