"""How accurate an ONNX file is on digits and on their negatives, as one asks it with numpy and onnxruntime alone."""

import gzip
import sys
from pathlib import Path

import numpy as np
import onnxruntime

model, images, labels = map(Path, sys.argv[1:])
pixels = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16).reshape(-1, 1, 28, 28)
clean = pixels.astype(np.float32) / 255
truth = np.frombuffer(gzip.decompress(labels.read_bytes()), np.uint8, offset=8)
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
for batch in (clean, 1 - clean):
    (logits,) = session.run(None, {session.get_inputs()[0].name: batch})
    sys.stdout.write(f"{(logits.argmax(axis=1) == truth).mean()}\n")
