#!/usr/bin/env python3
"""OpenVINO IR both ways, with OpenVINO itself as the judge.

    check_openvino.py [CASE-GLOB...]

For each of the oracle's cases (oracle.py) that OpenVINO can convert: its own IR, whole and with halves, is run by
`whet conformance` against OpenVINO's answers to that file; and the IR that `whet convert` writes is run by OpenVINO,
whose answer must be that of the oracle, or as near to it as its own conversion comes. Needs the `peers` environment.
"""
import argparse
import contextlib
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / "tools")]
from devtools import CACHE, MODELS, enter, run  # noqa: E402

ORACLE = CACHE / "oracle"
BOUND = 1e-4  # of the output's range
# What OpenVINO's own reader of ONNX refuses, and what the IR has no operators for.
CASES = ("rapidocr-*", "magika-*", "basic-pitch-*", "silero-vad-ifless-*", "onnx-filled-*", "onnx-light-*",
         "ddddocr-common-w*", "ddddocr-det-*")


def whet(*words):
    done = subprocess.run([os.environ.get("WHET_PROGRAM", "whet"), *map(str, words), "--no-progress"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return "" if done.returncode == 0 else done.stdout.strip() or f"exit code {done.returncode}"


def tensors(folder, kind):
    import numpy as np
    from onnx import TensorProto, numpy_helper
    for index in range(64):
        path = folder / f"{kind}_{index}.pb"
        if not path.exists():
            return
        tensor = TensorProto.FromString(path.read_bytes())
        yield tensor.name, np.array(numpy_helper.to_array(tensor))


def answers(core, path, case):
    """OpenVINO's answers to each step of the case, as [(name, array)] a step."""
    compiled = core.compile_model(core.read_model(str(path)), "CPU")
    made = []
    for step in sorted(case.glob("test_data_set_*")):
        feed = {name or 0: value for name, value in tensors(step, "input")}
        result = compiled(feed)
        made.append([(sorted(o.get_names()), result[o].copy()) for o in compiled.outputs])
    return made


def distance(value, other):
    import numpy as np
    if value.shape != other.shape:
        return float("inf")
    if value.dtype.kind != "f" or not value.size:
        return 0.0 if np.array_equal(value, other) else float("inf")
    span = float(value.max() - value.min()) or float(np.abs(value).max()) or 1.0
    return float(np.abs(value.astype(np.float64) - other).max()) / span


def furthest(got, case):
    """How far answers are from the oracle's; infinite where a name is not the model's."""
    worst = 0.0
    for step, outputs in zip(sorted(case.glob("test_data_set_*")), got):
        for (names, value), (name, want) in zip(outputs, tensors(step, "output")):
            worst = max(worst, distance(want, value) if name in names or not name else float("inf"))
    return worst


def as_case(folder, xml, case, got, tolerance):
    """A folder for `whet conformance`: that IR, the case's inputs, those answers."""
    from onnx import numpy_helper
    folder.mkdir()
    (folder / "model.onnx").symlink_to(xml)  # the name that conformance looks for; content says what it is
    (folder / "model.bin").symlink_to(xml.with_suffix(".bin"))
    for step, outputs in zip(sorted(case.glob("test_data_set_*")), got):
        target = folder / step.name
        target.mkdir()
        for file in step.glob("input_*.pb"):
            (target / file.name).symlink_to(file)
        for index, (_, value) in enumerate(outputs):
            (target / f"output_{index}.pb").write_bytes(numpy_helper.from_array(value).SerializeToString())
    (folder / "data.json").write_text(json.dumps({"range_tol": tolerance, "rtol": 1e-3, "atol": 1e-7}))


def check(core, ov, case, folder):
    model = case / "model.onnx"
    model = model.parent / os.readlink(model)
    complaints = []
    ours = folder / "ours.xml"
    told = whet("convert", model, "-o", ours, "--force")
    if told:
        return [f"convert: {told}"]
    theirs, near = ov.convert_model(str(model)), 0.0
    for name, halves in (("whole", False), ("halves", True)):
        xml = folder / f"{name}.xml"
        ov.save_model(theirs, str(xml), compress_to_fp16=halves)
        got = answers(core, xml, case)
        if not halves:
            near = furthest(got, case)
        as_case(folder / name, xml, case, got, max(BOUND, 2 * near))
        told = whet("conformance", folder / name)
        if told:
            complaints.append(f"OpenVINO's IR, {name}: {told}")
    far = furthest(answers(core, ours, case), case)
    if not far <= max(BOUND, 2 * near):
        complaints.append(f"our IR in OpenVINO: {far:.2g} of the range off (its own: {near:.2g})")
    return complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=["*"], help="names of cases (globs)")
    args = parser.parse_args()
    if not (ORACLE / "recipe").exists() or not list(CACHE.glob("venv-peers-*")):
        print("skipped: needs the oracle's cases (tests/oracle/oracle.py) and tools/venv peers")
        return 77
    enter("peers")
    with contextlib.redirect_stdout(sys.stderr):
        import openvino as ov
    core = ov.Core()
    core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2})
    passed = failed = 0
    for case in sorted(ORACLE.iterdir()):
        if not (any(fnmatch.fnmatch(case.name, p) for p in CASES) and any(fnmatch.fnmatch(case.name, p) for p in args.cases)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            complaints = check(core, ov, case, pathlib.Path(folder))
        passed, failed = passed + (not complaints), failed + bool(complaints)
        for line in complaints or ["ok"]:
            print(f"{case.name:<36} {line}", flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return int(failed > 0)


if __name__ == "__main__":
    run("check_openvino", main)
