"""Draw points with the flow of this folder, as lines of numbers; it needs onnxruntime and numpy.

python run.py [HOW MANY [STEPS]] > points.csv

Without STEPS generator.onnx takes the run's own steps. With them, so many steps of Euler follow velocity.onnx here.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

FOLDER = Path(__file__).parent


def graph(name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(FOLDER / name, providers=["CPUExecutionProvider"])


config = json.loads((FOLDER / "config.json").read_text("utf-8"))
count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
z = np.random.default_rng(0).standard_normal((count, config["size"]), np.float32)
if len(sys.argv) > 2:
    steps, velocity = int(sys.argv[2]), graph("velocity.onnx")
    place = z
    for step in range(steps):
        time = np.full(count, step / steps, np.float32)
        place = place + velocity.run(["velocity"], {"place": place, "time": time})[0] / steps
    points = np.array(config["centre"]) + config["spread"] * place
else:
    points = graph("generator.onnx").run(["point"], {"z": z})[0]
np.savetxt(sys.stdout, points, "%.6f", delimiter=",")
