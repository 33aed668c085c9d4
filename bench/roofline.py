#!/usr/bin/env python3
"""Prediction of latency (`whet select --target FILE`) against measurement, on the machine it runs on.

    bench/roofline.py check             predicts the models of the demo from this machine's own measured profile, measures
                                        them, prints the ratios; fails when one is off by more than 25 %
    bench/roofline.py calibrate         prints the FRACTION rows of src/optimize/predict.def again, from other models

One thread, and processor time instead of time: what others take from the machine meanwhile does not enter, and when
they take nothing the two are the same. --whet names the program. Models are in the cache that
`make test` and `make demo` fill.
"""
import argparse
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
from devtools import CACHE, MODELS  # noqa: E402

TABLE = HERE.parent / "src" / "optimize" / "predict.def"
LIMIT = 0.25
CHECKED = {
    "direction": ("rapidocr-cls.onnx", ["--input-shape", "x=1x3x48x192"]),
    "recognizer v4": ("rapidocr-v4-rec.onnx", ["--input-shape", "x=1x3x48x320"]),
    "magika": ("magika.onnx", []),
    "squeezenet": ("onnx-filled/squeezenet.onnx", []),
}
LEARNED = {
    "recognizer v6": ("rapidocr-v6-rec.onnx", ["--input-shape", "x=1x3x48x320"]),
    "detector v4": ("rapidocr-v4-det.onnx", ["--input-shape", "x=1x3x320x320"]),
    "basic-pitch": ("basic-pitch.onnx", []),
    "captcha": ("ddddocr-common.onnx", ["--input-shape", "input1=1x1x64x160"]),
    "boxes": ("ddddocr-det.onnx", []),
    "resnet50": ("onnx-filled/resnet50.onnx", []),
    "densenet121": ("onnx-filled/densenet121.onnx", []),
    "inception v1": ("onnx-filled/inception_v1.onnx", []),
    "inception v2": ("onnx-filled/inception_v2.onnx", []),
    "shufflenet": ("onnx-filled/shufflenet.onnx", []),
    "smollm2 q4_1": ("smollm2-135m-instruct.q4_1.gguf", []),
}
# Shorter steps are mostly clock, and a longer one seldom has the machine for itself.
SHORTEST_MS, LONGEST_MS = 0.002, 3


def whet(options, *arguments):
    run = subprocess.run([options.whet, *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        sys.exit(f"roofline.py: whet {' '.join(arguments)}: exit code {run.returncode}")
    return json.loads(run.stdout)


def profile(options, folder):
    path = pathlib.Path(folder) / "this-machine.json"
    whet(options, "hardware", "--measure", "--save", str(path), "--quiet")
    return path


def check(options):
    off = 0
    with tempfile.TemporaryDirectory() as folder:
        target = profile(options, folder)
        print(f"{'model':16} {'predicted ms':>12} {'measured ms':>12} {'ratio':>6}")
        for name, (file, shape) in CHECKED.items():
            model = str(MODELS / file)
            guess = whet(options, "select", model, "--target", str(target), "--threads", "1", *shape)
            run = whet(options, "bench", model, "--threads", "1", "--time", f"{options.seconds}s", *shape)["results"][0]
            measured = run["latency_ms"]["mean"] * run["cpus_used"]
            ratio = guess["prediction"]["latency_ms"] / measured
            off += abs(ratio - 1) > LIMIT
            print(f"{name:16} {guess['prediction']['latency_ms']:12.3f} {measured:12.3f} {ratio:6.2f}")
    return 1 if off else 0


def classes():
    text = TABLE.read_text(encoding="utf-8")
    names = re.findall(r'^CLASS\((\w+), "', text, re.M)
    return names, dict(re.findall(r'^OPERATOR\("(\w+)", (\w+)\)', text, re.M))


def kind_of(node, operators):
    kind = operators.get(node["op"], "ELEMENTWISE" if node["flops"] else "MOVEMENT")
    return "DEPTHWISE" if kind == "CONV" and "_dw_" in node["kernel"] else kind


def quantized(options, folder):
    """The recognizer with integers, calibrated with lines of the demo's."""
    data, path = CACHE / "demo", pathlib.Path(folder) / "int8.onnx"
    whet(options, "quantize", str(MODELS / LEARNED["recognizer v6"][0]), "--scheme", "int8", "--data", str(data / "lines"),
         "--preprocess", str(data / "lines.preprocess.json"), "--limit", "4", "-o", str(path), "--quiet")
    return path


def steps_of(options, folder):
    """{(class, precision): [(model, ms, ms of arithmetic at its peak, ms of memory at its bandwidth)]}, ms of a step."""
    _, operators = classes()
    target = json.loads(profile(options, folder).read_text(encoding="utf-8"))["measured"]
    peaks = {"fp32": target["fp32_gflops"]["1"], "int8": target.get("int8_gops", target["fp32_gflops"])["1"]}
    peaks["bf16"] = target.get("bf16_gflops", target["fp32_gflops"])["1"]
    steps, empty = {}, []
    models = {name: (MODELS / file, shape) for name, (file, shape) in LEARNED.items()}
    models["recognizer v6 in int8"] = (quantized(options, folder), LEARNED["recognizer v6"][1])
    for name, (file, shape) in models.items():
        document = whet(options, "profile", str(file), "--threads", "1", "--time", f"{options.seconds}s", *shape)
        for node in document["nodes"]:
            if not node["bytes"]:
                empty.append(node["ms_min"])
            elif SHORTEST_MS < node["ms_min"] < LONGEST_MS:
                steps.setdefault((kind_of(node, operators), node["precision"]), []).append(
                    (name, node["ms_min"], node["flops"] / peaks[node["precision"]] * 1e-6,
                     node["bytes"] / target["read_gb_per_s"]["1"] * 1e-6))
    return steps, sorted(empty)[len(empty) // 2]


def fit(steps, overhead):
    """The two parts that make the predicted times of each model's steps differ least from the measured ones."""
    total = {}
    for model, ms, _, _ in steps:
        total[model] = total.get(model, 0) + ms

    def error(a, b):
        return sum(abs(overhead + max(arithmetic / a, memory / b) - ms) / total[model]
                   for model, ms, arithmetic, memory in steps)
    parts = [round(0.02 * i, 2) for i in range(1, 51)]
    shares = [round(0.05 * math.pow(1.08, i), 3) for i in range(70)]
    best = min((error(a, b), a, b) for a in parts for b in shares)
    _, a, b = best
    if not any(arithmetic / a > memory / b for _, _, arithmetic, memory in steps):
        a = 1
    return a, b


def calibrate(options):
    names, _ = classes()
    with tempfile.TemporaryDirectory() as folder:
        steps, overhead = steps_of(options, folder)
    for name in names:
        for precision, short in (("fp32", "F32"), ("int8", "I8")):
            if (name, precision) in steps:
                a, b = fit(steps[name, precision], overhead)
                print(f"FRACTION({name}, {short}, {a:.2g}, {b:.2g})")
    print(f"STEP_US({overhead * 1e3:.1g})")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=("check", "calibrate"))
    parser.add_argument("--whet", default=str(HERE.parent / "build" / "release" / "whet"))
    parser.add_argument("--seconds", type=float, default=4, help="of measuring, per model (default 4)")
    options = parser.parse_args()
    return check(options) if options.job == "check" else calibrate(options)


if __name__ == "__main__":
    sys.exit(main())
