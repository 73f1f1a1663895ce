"""Draw new images with the model of this folder into samples.ppm; it needs onnxruntime and numpy.

python run.py [HOW MANY] [STEPS]
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

FOLDER = Path(__file__).parent

count = int(sys.argv[1]) if len(sys.argv) > 1 else 16
session = onnxruntime.InferenceSession(FOLDER / "network.onnx", providers=["CPUExecutionProvider"])
shape = session.get_inputs()[0].shape[1:]
size = int(np.prod(shape))
usual = json.loads((FOLDER / "config.json").read_text("utf-8"))["steps"]
steps = min(int(sys.argv[2]) if len(sys.argv) > 2 else usual, size)
draws = np.random.default_rng(0)
images = np.zeros((count, *shape), np.float32)
ranks = draws.random((count, size)).argsort(1).argsort(1).reshape(images.shape)
for step in range(steps):  # the next pixels of a random order, given those before them
    start, stop = size * step // steps, size * (step + 1) // steps
    logits = session.run(["logits"], {"image": images, "hidden": ranks >= start})[0]
    drawn = draws.random(images.shape) < 1 / (1 + np.exp(-logits))
    images = np.where((ranks >= start) & (ranks < stop), drawn, images).astype(np.float32)

# Side by side, as bytes of red, green and blue behind the header that the format asks for.
row = np.concatenate(list(images), 2).transpose(1, 2, 0)
pixels = (np.broadcast_to(row, (*row.shape[:2], 3)) * 255).astype("u1")
header = f"P6 {pixels.shape[1]} {pixels.shape[0]} 255\n"
(FOLDER / "samples.ppm").write_bytes(header.encode() + pixels.tobytes())
print(FOLDER / "samples.ppm", f"mean {images.mean():.4f}")
