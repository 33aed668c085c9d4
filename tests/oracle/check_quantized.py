#!/usr/bin/env python3
"""The int8 files of the real models in other people's engines: do they load, run, and mean the same there?

    check_quantized.py [MODEL-GLOB...]

Each model is quantized by `whet quantize` with inputs that oracle.py left, run by `whet run`, and then by ONNX Runtime
with its int8 kernels and as written (no graph optimization), and by OpenVINO, where the `peers` environment is there (`tools/venv peers`), which
also gets the same integers as its own IR (`whet convert`). An
engine fails when it refuses the file, or when its answer is neither ours nor as close to the float model as ours is.
Prints a row for each model and engine, then the count.
"""
import argparse
import fnmatch
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]
import check_int8  # noqa: E402
from devtools import CACHE, MODELS, enter, run  # noqa: E402

ORACLE = CACHE / "oracle"
MIN_DB = 40.0  # of agreement
SLACK_DB = 8.0  # further from the float model than we are: one sample of a deep network is no average
# Model and the oracle's cases that calibrate it; the first is run.
MODELS_AND_CASES = {
    "rapidocr-cls.onnx": ("b1", "b4"),
    "rapidocr-v4-cls.onnx": ("b1", "b4"),
    "rapidocr-v4-rec.onnx": ("w320", "w160"),
    "rapidocr-v6-rec.onnx": ("w320", "w160"),
    "rapidocr-v4-det.onnx": ("320x480", "64x64"),
    "rapidocr-v6-det.onnx": ("320x480", "64x64"),
    "ddddocr-common.onnx": ("w160", "w333"),
    "ddddocr-det.onnx": ("416",),
    "magika.onnx": ("b1", "b8"),
    "basic-pitch.onnx": ("b1", "b2"),
    "onnx-filled/squeezenet.onnx": ("photo",),
    "onnx-filled/shufflenet.onnx": ("photo",),
    "onnx-filled/resnet50.onnx": ("photo",),
    "onnx-filled/inception_v1.onnx": ("photo",),
}


def write_inputs(model, case, step, path):
    """One step of a case as an .npz of arrays named as the model's inputs."""
    import numpy as np
    from onnx import TensorProto, numpy_helper
    folder = ORACLE / f"{model.removesuffix('.onnx').replace('/', '-')}-{case}" / step
    feed = {}
    for file in sorted(folder.glob("input_*.pb")):
        tensor = TensorProto.FromString(file.read_bytes())
        feed[tensor.name] = numpy_helper.to_array(tensor)
    np.savez(path, **feed)


def whet(*words):
    done = subprocess.run([os.environ.get("WHET_PROGRAM", "whet"), *map(str, words), "--no-progress", "--quiet"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return "" if done.returncode == 0 else done.stdout.strip() or f"exit code {done.returncode}"


def load_ours(folder, names):
    import numpy as np
    return {name: np.load(folder / check_int8.file_name(name)) for name in names}


def quantize_and_run(model, cases, folder):
    """Our int8 file, its answers and the float model's to the first case, and that input."""
    import numpy as np
    source = MODELS / model
    (folder / "data").mkdir()
    for case in cases:
        write_inputs(model, case, "test_data_set_0", folder / "data" / f"{case}.npz")
    with np.load(folder / "data" / f"{cases[0]}.npz") as stored:
        feed = {name: stored[name] for name in stored.files}
    words = []
    for name, value in feed.items():
        np.save(folder / f"{check_int8.file_name(name)}", value)
        words += ["--input", folder / check_int8.file_name(name)]  # in the model's order
    for step in (("quantize", source, "--data", folder / "data", "-o", folder / "int8.onnx"),
                 ("run", source, *words, "-o", folder / "float"),
                 ("run", folder / "int8.onnx", *words, "-o", folder / "ours")):
        problem = whet(*step)
        if problem:
            return None, f"whet {step[0]}: {problem}"
    return feed, ""


def judge(truth, ours, theirs):
    """(dB of theirs against ours, dB of ours and of theirs against the float model, passed) of the worst output.

    Engines that compute the same integers agree to the last bit; one that computes the file as written, in floats, now
    and then rounds to the neighbouring code, and a deep network makes noise of it. So either it agrees with us, or it is
    as close to the float model as we are.
    """
    import numpy as np
    worst = None
    for name, real in truth.items():
        if real.dtype.kind != "f":
            continue
        real, a, b = (x.astype(np.float64) for x in (real, ours[name], theirs[name]))
        if a.shape != b.shape:
            return (float("-inf"),) * 3 + (False,)
        agree, mine, other = (check_int8.sqnr(x, y) for x, y in ((a, b - a), (real, a - real), (real, b - real)))
        if agree is None:
            agree = float("inf") if not np.any(b) else float("-inf")
        good = agree >= MIN_DB or (mine is not None and other >= mine - SLACK_DB)
        row = (agree, mine if mine is not None else 0.0, other if other is not None else 0.0, good)
        if worst is None or (row[3], row[0]) < (worst[3], worst[0]):
            worst = row
    return worst


def check(model, cases, engines):
    """Rows (engine, text, passed)."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        feed, problem = quantize_and_run(model, cases, folder)
        if problem:
            return [("whet", problem, False)]
        rows = []
        writes_ir = not os.environ.get("WHET_WITHOUT_OPENVINO")  # a build without libxml2 does not
        problem = writes_ir and whet("convert", folder / "int8.onnx", "-o", folder / "int8.xml")
        if problem:
            return [("whet", f"convert: {problem}", False)]
        # What OpenVINO makes of the QDQ file, and of the same integers as its own IR.
        runs = [(engine, engine, "int8.onnx") for engine in engines]
        runs += [("openvino, IR", "openvino", "int8.xml")] if "openvino" in engines and writes_ir else []
        for engine, kind, file in runs:
            try:
                theirs = check_int8.runner(kind, folder / file, 2)(feed)
            except Exception as error:  # whatever an engine throws at our file is the answer we came for
                rows.append((engine, f"refused: {' '.join(str(error).split())[-300:]}", False))
                continue
            agree, mine, other, good = judge(load_ours(folder / "float", theirs), load_ours(folder / "ours", theirs),
                                             theirs)
            rows.append((engine, f"{agree:6.1f} dB from ours; from the float model {other:5.1f} dB, ours {mine:5.1f} dB",
                         good))
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", metavar="MODEL-GLOB")
    args = parser.parse_args()
    if not (ORACLE / "recipe").exists():
        print(f"skipped: there is no {ORACLE}; tests/oracle/oracle.py makes it")
        return 77
    peers = any(CACHE.glob("venv-peers-*/bin/python"))
    enter("peers" if peers else "test")
    engines = check_int8.ENGINES if peers else tuple(e for e in check_int8.ENGINES if e != "openvino")
    passed = failed = 0
    for model, cases in MODELS_AND_CASES.items():
        if args.only and not any(fnmatch.fnmatch(model, glob) for glob in args.only):
            continue
        for engine, text, good in check(model, cases, engines):
            print(f"{model:<30} {engine:<18} {text}{'' if good else '  FAILED'}", flush=True)
            passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed, {0 if peers else len(MODELS_AND_CASES)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    run("check_quantized", main)
