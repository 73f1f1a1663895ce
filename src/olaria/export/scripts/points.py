"""Draw points with the model of this folder, as lines of numbers; it needs onnxruntime and numpy.

python run.py [HOW MANY] > points.csv
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

FOLDER = Path(__file__).parent

count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
generator = onnxruntime.InferenceSession(
    FOLDER / "generator.onnx", providers=["CPUExecutionProvider"]
)
latent = generator.get_inputs()[0].shape[1]
z = np.random.default_rng(0).standard_normal((count, latent), np.float32)
np.savetxt(sys.stdout, generator.run(["point"], {"z": z})[0], "%.6f", delimiter=",")
