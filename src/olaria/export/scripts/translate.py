"""Translate a text with the model of this folder, the likeliest token each time. It needs onnxruntime and numpy.

python run.py [TEXT]
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
encoder = onnxruntime.InferenceSession(FOLDER / "encoder.onnx", options)
decoder = onnxruntime.InferenceSession(FOLDER / "decoder.onnx", options)
layers, _, _, heads, _, size = next(x.shape for x in decoder.get_inputs() if x.name == "cache")
end, begin = config["vocab_size"], config["vocab_size"] + 1  # ids behind the tokenizer's


def translate(text: str) -> str:
    """The text that the model writes for this one."""
    source = np.array([[*tokenizer.encode(text), end]])
    memory = encoder.run(None, {"source": source})[0]
    cache, token, written = np.zeros((layers, 2, 1, heads, 0, size), np.float32), begin, []
    while len(written) < config["context"]:
        feed = {"tokens": np.array([[token]]), "source": source, "memory": memory, "cache": cache}
        logits, cache = decoder.run(None, feed)
        token = int(logits[0, -1].argmax())
        if token == end:
            break
        written.append(token)
    return tokenizer.decode(written)


if __name__ == "__main__":
    print(translate(sys.argv[1] if len(sys.argv) > 1 else "a"))
