#!/usr/bin/env python3
"""Asks ONNX Runtime for the truth about the real models, and keeps it for `whet conformance`.

Writes one folder a case, in the layout of the ONNX backend tests:

    ${XDG_CACHE_HOME:-~/.cache}/whet/oracle/MODEL-CASE/
        model.onnx                        link to the model
        test_data_set_N/input_K.pb        TensorProto, named; N counts steps that carry state
        test_data_set_N/output_K.pb       what ONNX Runtime says; maps as the table of their values
        data.json                         tolerances, and how far ONNX Runtime is from itself

`range_tol` in data.json is the bound the project promises: the largest error over the output's
range. `spread` is that same figure between ONNX Runtime with all its graph optimizations and with
none, or, where the model quantizes while it runs, on inputs that differ in their last bits: what is below it is
nobody's error. Where `spread` is above the promise, `range_tol` is raised to it.

The nine networks of the `onnx` package come with the outputs stored beside them. Nothing is asked
again until the model, this folder's scripts or the pinned packages change.
"""
import argparse
import fnmatch
import json
import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
from devtools import CACHE, MODELS, TOOLS, enter, fetch, locked, made, making, recipe, run  # noqa: E402

ORACLE = CACHE / "oracle"
PROMISE = 1e-4  # largest error over the output's range
STEP_FACTOR = 4  # how much of ONNX Runtime's own spread we may show where that is the larger


def stamp():
    """Hash of all that the answers depend on: these scripts, the packages, the models."""
    models = json.loads((MODELS / "stamps.json").read_text())
    return recipe(HERE / "oracle.py", HERE / "cases.py", HERE / "inputs.py", TOOLS / "requirements" / "test.txt",
                  json.dumps({name: facts[0] for name, facts in sorted(models.items())}))


def case_name(model, case):
    return f"{model.removesuffix('.onnx').replace('/', '-')}-{case}"


class Writer:
    """Fills one case folder; the link to the model is right once the folder above is in its place."""

    def __init__(self, target, model, case):
        self.name = case_name(model, case)
        self.folder = target / self.name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        (self.folder / "model.onnx").symlink_to(os.path.relpath(MODELS / model, ORACLE / self.name))

    def put(self, step, kind, index, data):
        folder = self.folder / f"test_data_set_{step}"
        folder.mkdir(exist_ok=True)
        (folder / f"{kind}_{index}.pb").write_bytes(data)

    def done(self, facts):
        (self.folder / "data.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


def sessions(path):
    """The same model with ONNX Runtime's usual graph optimizations and without any."""
    import onnxruntime as ort
    made = []
    for level in (ort.GraphOptimizationLevel.ORT_ENABLE_ALL, ort.GraphOptimizationLevel.ORT_DISABLE_ALL):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 2
        options.graph_optimization_level = level
        options.log_severity_level = 3
        made.append(ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
    return made


def tensor_of(value, labels):
    """A value as the tensor it is compared as. ZipMap's output, a map from label to score for each sample, becomes the
    table of the scores, one column a label in the order of the node's own list; a map with other labels is an error."""
    import numpy as np
    if not isinstance(value, list):
        return value
    for entry in value:
        if sorted(entry) != sorted(labels):
            raise SystemExit(f"oracle: a map has the labels {list(entry)}, its node has {labels}")
    return np.array([[entry[label] for label in labels] for entry in value], np.float32)


def map_labels(model):
    """The labels of a model's ZipMap nodes; [] for a model without one."""
    import onnx
    labels = []
    for node in onnx.load(MODELS / model, load_external_data=False).graph.node:
        if node.op_type == "ZipMap":
            for attribute in node.attribute:
                labels += [s.decode() for s in attribute.strings] or list(attribute.ints)
    return labels


def answers(session, feed, labels):
    return [tensor_of(value, labels) for value in session.run(None, feed)]


def serialized(name, value):
    from onnx import numpy_helper
    return numpy_helper.from_array(value, name).SerializeToString()


def compare(value, other):
    """(range of the value, largest difference over that range); (0, 0) for what is not a float array."""
    import numpy as np
    if value.dtype.kind != "f" or not value.size:
        return 0.0, 0.0
    span = float(value.max() - value.min()) or float(np.abs(value).max()) or 1.0
    return span, float(np.abs(value.astype(np.float64) - other).max()) / span


def nudges(model, feed):
    """The same inputs a last place or two away, for models that choose their scales while they run: a value on the edge
    of two codes moves by a whole step then, in ONNX Runtime as in any other engine, and the step spreads."""
    import numpy as np
    import onnx
    if not any(n.op_type.startswith("DynamicQuantize") for n in onnx.load(MODELS / model).graph.node):
        return
    rng = np.random.default_rng(0)
    for _ in range(6):
        yield {name: (value * (1 + rng.uniform(-1, 1, value.shape) * 2.0 ** -21)).astype(value.dtype)
               if value.dtype == np.float32 else value for name, value in feed.items()}


def ask(target, model, case, steps):
    """Runs one case and writes its folder."""
    import numpy as np
    session, plain = sessions(MODELS / model)
    names, labels = [i.name for i in session.get_inputs()], map_labels(model)
    writer = Writer(target, model, case)
    outputs, spans, spread = None, [], 0.0
    for number, step in enumerate(steps):
        feed = step(outputs) if callable(step) else step
        feed = {name or names[0]: np.asarray(value) for name, value in feed.items()}
        for index, name in enumerate(names):
            writer.put(number, "input", index, serialized(name, feed[name]))
        outputs = answers(session, feed, labels)
        for index, (meta, value, other) in enumerate(zip(session.get_outputs(), outputs, answers(plain, feed, labels))):
            writer.put(number, "output", index, serialized(meta.name, value))
            span, distance = compare(value, other)
            spread = max(spread, distance)
            spans += [span] if span else []
        for nudged in nudges(model, feed):
            spread = max([spread, *(compare(a, b)[1] for a, b in zip(outputs, answers(session, nudged, labels)))])
    tolerance = PROMISE if spread <= PROMISE else spread * STEP_FACTOR
    writer.done({"model": model, "range_tol": tolerance, "spread": spread, "rtol": 1e-3,
                 "atol": max(1e-7, tolerance * min(spans, default=0.0))})
    print(f"{writer.name:<44} {len(steps)} step{'s' if len(steps) > 1 else ' '}  spread {spread:.1e}"
          f"{'  promise raised' if tolerance > PROMISE else ''}", file=sys.stderr)


def stored(target, name):
    """One of the `onnx` package's networks: the input its runner makes, the output it carries."""
    import numpy as np
    import onnx
    model = f"onnx-light/{name}.onnx"
    graph = onnx.load(MODELS / model).graph
    known = {t.name for t in graph.initializer}
    writer = Writer(target, model, "stored")
    for index, value in enumerate(v for v in graph.input if v.name not in known):
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        ramp = (np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)).astype(np.float32)
        writer.put(0, "input", index, serialized(value.name, ramp))
    writer.put(0, "output", 0, (MODELS / "onnx-light" / f"{name}_output_0.pb").read_bytes())
    # The package would allow 1e-3 of each number (DenseNet 2e-3); the bound of all the others does for these too.
    writer.done({"model": model, "range_tol": PROMISE, "rtol": 1e-3, "atol": 1e-7})
    print(f"{writer.name:<44} 1 step   from the package", file=sys.stderr)


def make(target, only="*"):
    import cases
    for name in cases.LIGHT:
        if fnmatch.fnmatch(f"onnx-light-{name}-stored", only):
            stored(target, name)
    for model, case, steps in cases.everything(MODELS):
        if fnmatch.fnmatch(case_name(model, case), only):
            ask(target, model, case, steps)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="GLOB", help="ask again the cases whose name matches, and no other")
    args = parser.parse_args()
    fetch()
    with locked("oracle"):
        if args.only:
            enter("test")
            ORACLE.mkdir(parents=True, exist_ok=True)
            make(ORACLE, args.only)
        elif not made(ORACLE, stamp()):
            enter("test")
            with making(ORACLE, stamp()) as target:
                make(target)
    print(ORACLE)


if __name__ == "__main__":
    run("oracle", main)
