"""Rebuild images with the model of this folder into rebuilt.ppm; it needs onnxruntime and numpy.

python run.py [IMAGES.npy]     float32 (count, channels, height, width) in [0, 1]; noise unless given
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

FOLDER = Path(__file__).parent


def session(name):
    """A graph of this folder, ready to run."""
    return onnxruntime.InferenceSession(FOLDER / name, providers=["CPUExecutionProvider"])


encoder, decoder = session("encoder.onnx"), session("decoder.onnx")
shape = encoder.get_inputs()[0].shape[1:]
images = np.load(sys.argv[1]) if len(sys.argv) > 1 else np.random.default_rng(0).random((8, *shape))
codes = encoder.run(None, {"image": images.astype(np.float32)})[0]
rebuilt = decoder.run(None, {decoder.get_inputs()[0].name: codes})[0]

# The images above, what became of them below, as bytes behind the header that the format asks for.
rows = np.concatenate([np.concatenate(list(x), 2) for x in (images, rebuilt)], 1).transpose(1, 2, 0)
pixels = (np.broadcast_to(rows, (*rows.shape[:2], 3)) * 255).round().clip(0, 255).astype("u1")
header = f"P6 {pixels.shape[1]} {pixels.shape[0]} 255\n"
(FOLDER / "rebuilt.ppm").write_bytes(header.encode() + pixels.tobytes())
print(FOLDER / "rebuilt.ppm", f"mean squared error {np.square(images - rebuilt).mean():.4f}")
