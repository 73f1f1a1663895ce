"""Draw new images with the model of this folder into samples.ppm; it needs onnxruntime and numpy.

python run.py [HOW MANY] [CLASS] [GUIDANCE] [STEPS]

GUIDANCE above 1 makes images agree more with their class and vary less. More STEPS take longer and follow the flow
more closely.
"""

import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime

FOLDER = Path(__file__).parent
CONFIG = json.loads((FOLDER / "config.json").read_text("utf-8"))

count, label, guidance, steps = (
    kind(sys.argv[place]) if len(sys.argv) > place else usual
    for place, kind, usual in (
        (1, int, 16),
        (2, int, 0),
        (3, float, 1.0),
        (4, int, CONFIG["steps"]),
    )
)
session = onnxruntime.InferenceSession(FOLDER / "velocity.onnx", providers=["CPUExecutionProvider"])


def velocity_of(x, time, y):
    """Of images (count, channels, height, width) at a time, all of one class."""
    feed = {"image": x, "time": np.full(count, time, np.float32)}
    if CONFIG["classes"]:
        feed["label"] = np.full(count, y, np.int64)
    return session.run(["velocity"], feed)[0]


def velocity(x, time):
    """Of a class, driven away from that of no class where there is guidance."""
    if not CONFIG["classes"] or guidance == 1:
        return velocity_of(x, time, label)
    free = velocity_of(x, time, CONFIG["classes"])
    return free + np.float32(guidance) * (velocity_of(x, time, label) - free)


draws = np.random.default_rng(0)
share = np.float32(CONFIG["step_noise"])  # of the noise, drawn anew after each step
kept = np.sqrt(1 - share**2)
x = draws.standard_normal((count, *CONFIG["shape"]), np.float32)
times = 1 - (1 - np.arange(steps + 1, dtype=np.float32) / steps) ** CONFIG["step_power"]
for now, then in pairwise(times):
    length, first = then - now, velocity(x, now)
    if CONFIG["solver"] == "euler":
        mean = first
    elif CONFIG["solver"] == "midpoint":
        mean = velocity(x + length / 2 * first, now + length / 2)
    else:  # Heun
        mean = (first + velocity(x + length * first, then)) / 2
    old = x - now * mean  # the noise that it points back to
    x = x + length * mean
    if then < 1:
        new = draws.standard_normal(x.shape, np.float32)
        x = x + (1 - then) * ((kept - 1) * old + share * new)
images = ((x + 1) / 2).clip(0, 1)

# Side by side, as bytes of red, green and blue behind the header that the format asks for.
row = np.concatenate(list(images), 2).transpose(1, 2, 0)
pixels = (np.broadcast_to(row, (*row.shape[:2], 3)) * 255).round().astype("u1")
header = f"P6 {pixels.shape[1]} {pixels.shape[0]} 255\n"
(FOLDER / "samples.ppm").write_bytes(header.encode() + pixels.tobytes())
print(FOLDER / "samples.ppm", f"mean {images.mean():.4f}")
