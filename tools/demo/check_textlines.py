#!/usr/bin/env python3
"""Asks ONNX Runtime how the float models do on the demo's text lines.

Accuracy of the direction classifier, character accuracy (1 - edit distance / length of the label)
of the recognizer, and whether every character of the labels is in its table: that is how we know
that labels and pre-processing are right. Exit code 1 when they are not.
"""
import argparse
import csv
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from devtools import CACHE, MODELS, enter, fetch, run  # noqa: E402

DEMO = CACHE / "demo"
LEAST = {"direction": 0.97, "characters": 0.95}


def session(name):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return ort.InferenceSession(str(MODELS / name), options, providers=["CPUExecutionProvider"])


def bilinear(pixels, width, height):
    """Half-pixel centres, no smoothing when it shrinks, 8-bit results: OpenCV's INTER_LINEAR."""
    import numpy as np

    def axis(length, wanted):
        at = np.clip((np.arange(wanted) + 0.5) * length / wanted - 0.5, 0, length - 1)
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, length - 1), (at - low).astype(np.float32)
    y0, y1, fy = axis(pixels.shape[0], height)
    x0, x1, fx = axis(pixels.shape[1], width)
    source = pixels.astype(np.float32)
    rows = source[y0] * (1 - fy)[:, None, None] + source[y1] * fy[:, None, None]
    return np.rint(rows[:, x0] * (1 - fx)[None, :, None] + rows[:, x1] * fx[None, :, None])


def prepared(path, rules):
    """A picture as the model takes it: float [1, 3, height, width]."""
    import numpy as np
    from PIL import Image
    pixels = np.asarray(Image.open(path).convert("RGB"))
    width, height = rules["size"]
    used = min(width, -(-height * pixels.shape[1] // pixels.shape[0]))
    values = bilinear(pixels, used, height)[:, :, ::-1] * rules["scale"]
    out = np.full((1, 3, height, width), rules["pad"], np.float32)
    out[0, :, :, :used] = ((values - rules["mean"]) / rules["std"]).transpose(2, 0, 1)
    return out


def rules_of(name):
    return json.loads((DEMO / f"{name}.preprocess.json").read_text())


def direction(model):
    rules, infer = rules_of("direction"), session(model)
    right = total = 0
    for label, folder in enumerate(sorted(p for p in (DEMO / "direction").iterdir() if p.is_dir())):
        for path in sorted(folder.glob("*.png")):
            right += int(infer.run(None, {"x": prepared(path, rules)})[0][0].argmax() == label)
            total += 1
    print(f"{model:<24} direction accuracy {right / total:.4f} on {total} lines")
    return right / total


def distance(a, b):
    """Levenshtein's."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def decode(scores, table):
    """Greedy CTC: the best class of each step, repeats merged, blanks (class 0) dropped."""
    best = scores.argmax(-1)
    return "".join(table[c] for c, before in zip(best, [0, *best[:-1]]) if c and c != before)


def recognizer(model, show):
    infer, rules = session(model), rules_of("lines")
    table = ["", *infer.get_modelmeta().custom_metadata_map["character"].splitlines(), " "]
    wrong = length = exact = total = 0
    with open(DEMO / "lines" / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    unknown = sorted({c for row in rows for c in row["label"]} - set(table))
    for row in rows:
        text = decode(infer.run(None, {"x": prepared(DEMO / "lines" / row["file"], rules)})[0][0], table)
        off = distance(text, row["label"])
        wrong, length, exact, total = wrong + off, length + len(row["label"]), exact + (off == 0), total + 1
        if off and show:
            print(f"  {row['file']}: {row['label']!r} read as {text!r}")
    print(f"{model:<24} character accuracy {1 - wrong / length:.4f}, whole lines {exact / total:.4f} on {total} lines"
          + (f"; not in its table: {''.join(unknown)!r}" if unknown else ""))
    return 1 - wrong / length if not unknown else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print the lines that were misread")
    args = parser.parse_args()
    enter("test")
    fetch("ocr")
    good = direction("rapidocr-cls.onnx") >= LEAST["direction"]
    good &= recognizer("rapidocr-v4-rec.onnx", args.show) >= LEAST["characters"]
    good &= recognizer("rapidocr-v6-rec.onnx", False) >= LEAST["characters"]
    return 0 if good else 1


if __name__ == "__main__":
    run("check_textlines", main)
