#!/usr/bin/env python3
"""Asks ONNX Runtime whether files that we read and wrote again still mean what the originals meant.

    check_rewritten.py REWRITE [--groups forms,quantized,models,backend] [--only GLOB] [-v]

REWRITE is the program onnx_rewrite. The files: every old form of an operator (raised_cases.py), quantized models
(quantized_cases.py), and, where they are in the cache, the real models and the standard's own test cases. Original and rewritten file run on the same inputs, both without graph optimization: the
outputs must be the same bits, or within rounding where ONNX Runtime computes the newer form of an operator by other
code. Every written file must also satisfy ONNX's own checker.
"""
import argparse
import fnmatch
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from devtools import CACHE, MODELS, Failure, enter, run  # noqa: E402

SMALL = 3_000_000  # bytes of a model that is rewritten in every way, not only as it is
ROUNDING = 1e-5  # of the largest value: another order of summation


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
        worst = [w for w in (difference(x, y) for x, y in zip(a, b, strict=True)) if w is not None]
        return next((w for w in worst if isinstance(w, str)), max(worst, default=None))
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


def compare(original, written, feeds, tolerance):
    """(verdict, text)"""
    try:
        before = session(original)
        feeds = feeds(before) if callable(feeds) else feeds
        feeds = {name or before.get_inputs()[0].name: value for name, value in feeds.items()}
        wanted = before.run(None, feeds)
    except Exception as error:  # noqa: BLE001  ONNX Runtime's own exceptions have no common base
        return "skipped", f"ONNX Runtime cannot run the original: {str(error)[:150]}"
    if well_formed(original) is None and (complaint := well_formed(written)):
        return "failed", complaint
    after = session(written)
    if [o.name for o in after.get_outputs()] != [o.name for o in before.get_outputs()]:
        return "failed", "other outputs"
    got = after.run(None, feeds)
    worst = difference([flat(v) for v in wanted], [flat(v) for v in got])
    if worst is None:
        return "passed", "same bits"
    if isinstance(worst, str) or not worst <= tolerance:
        return "failed", f"differs: {worst}"
    return "passed", f"same but for rounding, {worst:.1e}"


class Group:
    """Files that are rewritten with the same flags."""

    def __init__(self, name, flags="", tolerance=ROUNDING):
        self.name, self.flags, self.tolerance = name, flags.split(), tolerance
        self.cases = []  # name, path, feeds, least number absorbed

    def add(self, name, path, feeds, absorbed=None):
        self.cases.append((f"{self.name}/{name}", path, feeds, absorbed))


def save(folder, group, cases):
    import onnx
    for name, model, feeds, *absorbed in cases:
        path = folder / f"{group.name}-{len(group.cases)}.onnx"
        onnx.save(model, path)
        group.add(name, path, feeds, *absorbed)
    return group


def first_steps():
    """For each real model in the cache, the first step of its first case."""
    sys.path.insert(0, str(ROOT / "tests" / "oracle"))
    from cases import everything
    seen = set()
    for model, _, steps in everything(MODELS):
        if model not in seen and (MODELS / model).exists():
            seen.add(model)
            step = steps[0]
            yield model, MODELS / model, step(None) if callable(step) else step


def backend_cases():
    """The standard's own single operators, where tests/oracle/onnx_cases.py has put them."""
    import onnx
    from onnx import numpy_helper

    def feeds_of(folder):
        def feeds(session):
            found = {}
            for number, value in enumerate(session.get_inputs()):
                tensor = onnx.load_tensor(folder / "test_data_set_0" / f"input_{number}.pb")
                found[value.name] = numpy_helper.to_array(tensor)
            return found
        return feeds
    for path in sorted((CACHE / "onnx-backend").glob("*/*/model.onnx")):
        model = onnx.load(path)
        if all(7 <= o.version <= 25 or o.domain for o in model.opset_import):
            yield path.parent.name, path, feeds_of(path.parent)


def groups(folder, wanted):
    sys.path.insert(0, str(HERE))
    import quantized_cases
    import raised_cases
    if "forms" in wanted:
        yield save(folder, Group("forms"), raised_cases.all_cases())
    if "quantized" in wanted:
        yield save(folder, Group("quantized", "--absorb --infer"), quantized_cases.all_cases())
        if (MODELS / "rapidocr-cls.onnx").exists():
            group = Group("quantized", "--absorb --infer")
            for name, path, feeds in quantized_cases.runtime_cases(folder, MODELS):
                group.add(name, path, feeds, 50)
            yield group
    if "models" in wanted:
        for name, flags, tolerance in (("models", "--infer", ROUNDING), ("external", "--external", ROUNDING), ("f16", "--f16", 0.05)):
            group = Group(name, flags, tolerance)
            for model, path, feeds in first_steps():
                if name == "models" or path.stat().st_size < SMALL or os.environ.get("WHET_TEST_LONG"):
                    group.add(model, path, feeds)
            yield group
    if "backend" in wanted:
        group = Group("backend", "--infer")
        for case in backend_cases():
            group.add(*case)
        yield group


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rewrite")
    parser.add_argument("--only", default="*")
    parser.add_argument("--groups", default="forms,quantized,models,backend")
    parser.add_argument("-v", action="store_true")
    args = parser.parse_args()
    try:
        enter("test")
    except Failure as failure:
        print(f"skipped: {failure}")
        return 77
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with tempfile.TemporaryDirectory(prefix="whet-rewrite-") as tmp:
        for group in groups(pathlib.Path(tmp), args.groups.split(",")):
            check(pathlib.Path(tmp), group, args, counts)
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    return 1 if counts["failed"] else 0


def judge(answer, path, written, feeds, absorbed, tolerance):
    if not answer.startswith("ok"):
        return ("skipped" if answer.startswith("unsupported") else "failed"), answer
    if absorbed is not None and int(answer.split()[1]) < absorbed or absorbed == 0 and answer != "ok 0":
        return "failed", f"absorbed {answer.split()[1]}, expected {absorbed}"
    try:
        return compare(path, written, feeds, tolerance)
    except Exception as error:  # noqa: BLE001
        return "failed", f"{type(error).__name__}: {str(error)[:300]}"


def check(tmp, group, args, counts):
    cases = [c for c in group.cases if fnmatch.fnmatch(c[0], args.only)]
    written = [tmp / f"{group.name}-{number}.out.onnx" for number in range(len(cases))]
    pairs = "".join(f"{case[1]}\n{path}\n" for case, path in zip(cases, written))
    got = subprocess.run([args.rewrite, *group.flags], input=pairs, stdout=subprocess.PIPE, text=True)
    answers = got.stdout.splitlines()
    answers += ["no answer"] * (len(cases) - len(answers))
    for (name, path, feeds, absorbed), out, answer in zip(cases, written, answers):
        verdict, text = judge(answer, path, out, feeds, absorbed, group.tolerance)
        counts[verdict] += 1
        if verdict != "passed" or args.v:
            print(f"{verdict}: {name}: {text}")
        out.unlink(missing_ok=True)
        out.with_name(out.name + ".data").unlink(missing_ok=True)
    if got.returncode:
        counts["failed"] += 1
        print(f"failed: onnx_rewrite ended with {got.returncode}")


if __name__ == "__main__":
    run("check_rewritten", main)
