"""Draw new images with the model of this folder into samples.ppm; it needs onnxruntime and numpy.

python run.py [HOW MANY] [CLASS]
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

FOLDER = Path(__file__).parent
GRAPH = next(
    FOLDER / name for name in ("decoder.onnx", "generator.onnx") if (FOLDER / name).exists()
)

count = int(sys.argv[1]) if len(sys.argv) > 1 else 16
session = onnxruntime.InferenceSession(GRAPH, providers=["CPUExecutionProvider"])
latent = session.get_inputs()[0].shape[1]
feed = {"z": np.random.default_rng(0).standard_normal((count, latent), np.float32)}
if len(session.get_inputs()) > 1:  # a model of classes
    label = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    feed["label"] = np.full(count, label, np.int64)
images = session.run(["image"], feed)[0]  # (count, channels, height, width), in [0, 1]

# Side by side, as bytes of red, green and blue behind the header that the format asks for.
row = np.concatenate(list(images), 2).transpose(1, 2, 0)
pixels = (np.broadcast_to(row, (*row.shape[:2], 3)) * 255).round().clip(0, 255).astype("u1")
header = f"P6 {pixels.shape[1]} {pixels.shape[0]} 255\n"
(FOLDER / "samples.ppm").write_bytes(header.encode() + pixels.tobytes())
print(FOLDER / "samples.ppm", f"mean {images.mean():.4f}")
