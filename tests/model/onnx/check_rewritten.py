#!/usr/bin/env python3
"""Asks ONNX Runtime whether files that we read and wrote again still mean what the originals meant.

    check_rewritten.py REWRITE [--only GLOB] [--flags "--infer ..."]

REWRITE is the program onnx_rewrite. The files: every old form of an operator (raised_cases.py), and the real models
where they are in the cache. Original and rewritten file run on the same inputs, both without graph optimization: the
outputs must be the same bits, or within rounding where ONNX Runtime computes the newer form of an operator by other
code. Every written file must also satisfy ONNX's own checker.
"""
import argparse
import fnmatch
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from devtools import MODELS, enter, run  # noqa: E402

ROUNDING = 1e-5  # of the largest value: another order of summation
# ONNX Runtime does not have these, so nobody can say what the original meant.
UNKNOWN_THERE = ("Type Error", "NOT_IMPLEMENTED", "is not a registered function/op", "No Op registered")


def session(path):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def flat(value):
    import numpy as np
    if isinstance(value, list):
        return [flat(v) for v in value]
    if isinstance(value, dict):
        return [list(value), flat(list(value.values()))]
    return np.asarray(value)


def difference(a, b):
    """None: the same. Else a text, or a float: the largest error over the largest value."""
    import numpy as np
    if isinstance(a, list):
        worst = [difference(x, y) for x, y in zip(a, b, strict=True)]
        return next((w for w in worst if w is not None), None)
    if not hasattr(a, "dtype"):
        return None if a == b else f"{a} became {b}"
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{a.dtype}{a.shape} became {b.dtype}{b.shape}"
    if a.dtype.kind not in "fc":
        return None if (a == b).all() else "other values"
    if np.array_equal(a, b, equal_nan=True):
        return None
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(np.nanmax(np.abs(a - b)) / max(float(np.nanmax(np.abs(a))), 1e-30))


def well_formed(path):
    """None, or what ONNX's checker says."""
    import onnx
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        return f"ONNX's checker: {str(error)[:200]}"
    return None


def compare(original, written, feeds):
    """(verdict, text)"""
    try:
        before = session(original)
        wanted = before.run(None, feeds(before) if callable(feeds) else feeds)
    except Exception as error:  # noqa: BLE001  ONNX Runtime's own exceptions have no common base
        return "skipped", f"ONNX Runtime cannot run the original: {str(error)[:150]}"
    if well_formed(original) is None and (complaint := well_formed(written)):
        return "failed", complaint
    after = session(written)
    if [o.name for o in after.get_outputs()] != [o.name for o in before.get_outputs()]:
        return "failed", "other outputs"
    got = after.run(None, feeds(before) if callable(feeds) else feeds)
    worst = difference([flat(v) for v in wanted], [flat(v) for v in got])
    if worst is None:
        return "passed", "same bits"
    if isinstance(worst, str) or worst > ROUNDING:
        return "failed", f"differs: {worst}"
    return "passed", f"same but for rounding, {worst:.1e}"


def real_models():
    sys.path.insert(0, str(ROOT / "tests" / "oracle"))
    from cases import CASES
    for model, cases in CASES.items():
        yield model, cases


def write_cases(folder, only):
    import onnx
    sys.path.insert(0, str(HERE))
    from raised_cases import all_cases
    found = []
    for number, (name, model, feeds) in enumerate(all_cases()):
        if fnmatch.fnmatch(name, only):
            path = folder / f"{number}.onnx"
            onnx.save(model, path)
            found.append((name, path, feeds))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rewrite")
    parser.add_argument("--only", default="*")
    parser.add_argument("--flags", default="")
    parser.add_argument("-v", action="store_true")
    args = parser.parse_args()
    enter("test")
    with tempfile.TemporaryDirectory(prefix="whet-rewrite-") as tmp:
        return check(pathlib.Path(tmp), args)


def check(tmp, args):
    cases = write_cases(tmp, args.only)
    pairs = "".join(f"{path}\n{path}.out.onnx\n" for _, path, _ in cases)
    got = subprocess.run([args.rewrite, *args.flags.split()], input=pairs, stdout=subprocess.PIPE, text=True)
    answers = got.stdout.splitlines()
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for (name, path, feeds), answer in zip(cases, answers + ["no answer"] * (len(cases) - len(answers))):
        if answer.startswith("ok"):
            try:
                verdict, text = compare(path, f"{path}.out.onnx", feeds)
            except Exception as error:  # noqa: BLE001
                verdict, text = "failed", f"{type(error).__name__}: {str(error)[:300]}"
        else:
            verdict, text = "failed", answer
        counts[verdict] += 1
        if verdict != "passed" or args.v:
            print(f"{verdict}: {name}: {text}")
    if got.returncode:
        counts["failed"] += 1
        print(f"failed: onnx_rewrite ended with {got.returncode}")
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    run("check_rewritten", main)
