#!/usr/bin/env python3
"""Trains scikit-learn's classifiers on its own digits and converts them to ONNX.

    sklearn_digits.py FOLDER

Writes eight files, sklearn-digits-{logreg,forest}-{int,str}[-zipmap].onnx: both families of
`ai.onnx.ml` classifiers, with labels as integers and as strings, with the probabilities as a
plain tensor and as a sequence of maps; and sklearn-digits.npz, the half they were not trained on
(arrays `X` and `label`). Runs in the environment that `tools/venv test` makes.
"""
import os
import pathlib
import sys

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

OPSET = {"": 18, "ai.onnx.ml": 3}


def write(path, data):
    tmp = path.with_name(f".{path.name}.{os.getpid()}")
    tmp.write_bytes(data)
    tmp.replace(path)


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stderr)
        return 0 if "--help" in sys.argv or "-h" in sys.argv else 2
    folder = pathlib.Path(sys.argv[1])
    digits = load_digits()
    images = digits.data.astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(images, digits.target, test_size=0.5,
                                                        random_state=0, stratify=digits.target)
    families = {
        "logreg": lambda: LogisticRegression(max_iter=2000, C=0.01, random_state=0),
        "forest": lambda: RandomForestClassifier(n_estimators=30, max_depth=10, random_state=0, n_jobs=1),
    }
    for family, make in families.items():
        for kind, labels in (("int", train_y.astype(np.int64)), ("str", np.array([f"d{y}" for y in train_y]))):
            model = make().fit(train_x, labels)
            wanted = test_y if kind == "int" else np.array([f"d{y}" for y in test_y])
            print(f"sklearn-digits-{family}-{kind}: accuracy {model.score(test_x, wanted):.4f} "
                  f"on {len(test_y)} held-out digits")
            for suffix, zipmap in (("", False), ("-zipmap", True)):
                onnx = to_onnx(model, train_x[:1], options={id(model): {"zipmap": zipmap}}, target_opset=OPSET)
                write(folder / f"sklearn-digits-{family}-{kind}{suffix}.onnx", onnx.SerializeToString())
    npz = folder / "sklearn-digits.npz"
    tmp = folder / f".sklearn-digits.{os.getpid()}.npz"
    np.savez(tmp, X=test_x, label=test_y.astype(np.int64))
    tmp.replace(npz)
    return 0


if __name__ == "__main__":
    sys.exit(main())
