#!/usr/bin/env python3
"""What `whet quantize` promises, on a detector made here whose parts differ in range a thousandfold.

Boxes (hundreds of pixels) and scores (0 to 1) leave one backbone and meet in one Concat, as detectors end; in a second
model another convolution follows the Concat. The model is of opset 11, older than what our file contains. Every check
prints a row; other engines are ONNX Runtime and, where the `peers` environment is there, OpenVINO.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]
import check_int8  # noqa: E402
from devtools import CACHE, enter, run  # noqa: E402

SAMPLES = 12
CHANNELS = 16
LEAST_DB = 15.0  # of any channel: an erased one has 0
passed = failed = 0


def row(good, text):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'passed' if good else 'FAILED'}  {text}", flush=True)


def whet(*words, code=0):
    done = subprocess.run([os.environ["WHET_PROGRAM"], *map(str, words), "--no-progress"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    if code is not None and done.returncode != code:
        row(False, f"whet {' '.join(map(str, words))}: exit code {done.returncode}: {done.stderr.strip()}")
    return done


def detector(head):
    """[1, 3, 32, 32] to [1, 5, 1024]; with `head`, a convolution over the Concat before it."""
    import numpy as np
    from onnx import TensorProto, checker, helper as h, numpy_helper
    rng = np.random.default_rng(3)

    def weights(name, *shape, gain=1.0):
        scale = gain / np.sqrt(np.prod(shape[1:]))
        constants.append(numpy_helper.from_array((rng.standard_normal(shape) * scale).astype(np.float32), name))
        return name

    def bias(name, values):
        constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    constants = []
    gains = 10 ** rng.uniform(-2, 0, (CHANNELS, 1, 1, 1))  # channels of one convolution may differ as much
    conv = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    nodes = [
        h.make_node("Conv", ["x", weights("w0", CHANNELS, 3, 3, 3), bias("b0", [0.1] * CHANNELS)], ["c0"], **conv),
        h.make_node("Relu", ["c0"], ["r0"]),
        h.make_node("Conv", ["r0", weights("w1", CHANNELS, CHANNELS, 3, 3, gain=gains), bias("b1", [0] * CHANNELS)], ["c1"], "second",
                    **conv),
        h.make_node("Relu", ["c1"], ["r1"]),
        h.make_node("Conv", ["r1", weights("wb", 4, CHANNELS, 1, 1, gain=1200.0), bias("bb", [200] * 4)], ["b"]),
        h.make_node("Relu", ["b"], ["boxes"]),
        h.make_node("Conv", ["r1", weights("ws", 1, CHANNELS, 1, 1, gain=8.0), bias("bs", [-1])], ["s"]),
        h.make_node("Sigmoid", ["s"], ["scores"]),
        h.make_node("Concat", ["boxes", "scores"], ["joined"], axis=1),
    ]
    last = "joined"
    if head:  # it looks at boxes through small weights, at scores through large ones
        w = (rng.standard_normal((5, 5, 1, 1)) * np.array([1e-2] * 4 + [3.0]).reshape(1, 5, 1, 1)).astype(np.float32)
        constants.append(numpy_helper.from_array(w, "wh"))
        nodes.append(h.make_node("Conv", ["joined", "wh"], ["headed"], "head"))
        last = "headed"
    constants.append(numpy_helper.from_array(np.array([1, 5, 1024]), "shape"))
    nodes.append(h.make_node("Reshape", [last, "shape"], ["y"]))
    graph = h.make_graph(nodes, "detector", [h.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])],
                         [h.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5, 1024])], constants)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 11)], ir_version=6)
    checker.check_model(model)
    return model


def worst_channel(real, other):
    """(dB, channel) of [1, channels, places]."""
    import numpy as np
    return min((check_int8.sqnr(r.astype(np.float64), (o - r).astype(np.float64)), i)
               for i, (r, o) in enumerate(zip(real[0], other[0])))


def check_engines(folder, name, sample, engines):
    import numpy as np
    real = check_int8.runner("onnxruntime-exact", folder / f"{name}.onnx", 1)({"x": sample})["y"]
    np.save(folder / "x.npy", sample)
    whet("run", folder / f"{name}.int8.onnx", "--input", folder / "x.npy", "-o", folder / name)
    answers = {"whet": np.load(folder / name / "y.npy")}
    for engine in engines:
        try:
            answers[engine] = check_int8.runner(engine, folder / f"{name}.int8.onnx", 1)({"x": sample})["y"]
        except Exception as error:  # whatever an engine throws at our file is the answer we came for
            row(False, f"{name}: {engine} refuses the file: {error}")
    for engine, y in answers.items():
        worst, channel = worst_channel(real, y)
        row(worst >= LEAST_DB, f"{name}: {engine}: worst channel {channel}, {worst:.1f} dB from the float model")


def check_file(path):
    """What the file must hold."""
    import onnx
    from onnx import TensorProto, numpy_helper
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    row(model.opset_import[0].version >= 13, f"{path.name}: opset {model.opset_import[0].version}")
    constants = {c.name: c for c in model.graph.initializer}
    readers = {n.output[0]: n for n in model.graph.node if n.op_type == "DequantizeLinear"}
    convs = [n for n in model.graph.node if n.op_type == "Conv"]
    kinds = [[constants[readers[i].input[0]].data_type if i in readers and readers[i].input[0] in constants else None
              for i in n.input] for n in convs]
    row(all(k[1] == TensorProto.INT8 for k in kinds), f"{path.name}: weights of {len(convs)} convolutions are int8")
    backbone = [k for n, k in zip(convs, kinds) if len(n.input) > 2 and k[0] is None and n.input[0] in readers]
    row(backbone and all(k[2] == TensorProto.INT32 for k in backbone), f"{path.name}: biases of integer products are int32")
    scales = [numpy_helper.to_array(constants[readers[n.input[1]].input[1]]).size for n in convs]
    row(max(scales) == CHANNELS, f"{path.name}: one scale for each channel where it pays: {scales}")


def erase(source, target):
    """The float model with one scale over boxes and scores: what careless tools write."""
    import numpy as np
    import onnx
    from onnx import helper as h, numpy_helper
    model = onnx.version_converter.convert_version(onnx.load(source), 13)
    reshape = model.graph.node[-1]
    reshape.output[0] = "wide"
    model.graph.initializer.extend([numpy_helper.from_array(np.float32(8.0), "one_scale"),
                                    numpy_helper.from_array(np.uint8(0), "one_zero")])
    model.graph.node.extend([h.make_node("QuantizeLinear", ["wide", "one_scale", "one_zero"], ["codes"]),
                             h.make_node("DequantizeLinear", ["codes", "one_scale", "one_zero"], ["y"])])
    onnx.save(model, target)


def ranges(path):
    return {t["tensor"]: (t["min"], t["max"], t["bins"]) for t in json.loads(path.read_text())["tensors"]}


def check_streaming(folder, samples):
    """One array of all samples or a file for each: the same ranges, the same bytes, whichever method."""
    import numpy as np
    np.savez(folder / "all.npz", x=samples[:, 0])
    whet("calibrate", folder / "joined.onnx", "--data", folder / "all.npz", "-o", folder / "whole.json")
    whet("calibrate", folder / "joined.onnx", "--data", folder / "data", "-o", folder / "pieces.json", "--threads", "1")
    row(ranges(folder / "whole.json") == ranges(folder / "pieces.json"), "calibration: the same ranges from one file and from many")
    for method in ("minmax", "average", "percentile", "entropy", "mse"):
        files = [folder / f"{part}-{method}.onnx" for part in ("whole", "pieces")]
        for file in files:
            whet("quantize", folder / "joined.onnx", "--stats", folder / f"{file.name.split('-')[0]}.json", "-o", file,
                 "--method", method)
        row(files[0].read_bytes() == files[1].read_bytes(), f"{method}: the same bytes from one file and from many")


def check_halves(folder, samples):
    """A file whose weights, input and output are float16: int8 inside, the same types outside."""
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, numpy_helper
    model = onnx.load(folder / "joined.onnx")
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    del model.graph.value_info[:]
    onnx.save(model, folder / "halves.onnx")
    (folder / "half-data").mkdir()
    for i, x in enumerate(samples):
        np.savez(folder / "half-data" / f"{i:02}.npz", x=x.astype(np.float16))
    whet("quantize", folder / "halves.onnx", "--data", folder / "half-data", "-o", folder / "halves.int8.onnx")
    answers = [ort.InferenceSession(str(folder / name)).run(None, {"x": samples[0].astype(np.float16)})[0]
               for name in ("halves.onnx", "halves.int8.onnx")]
    want, have = (a.astype(np.float64) for a in answers)
    db = 10 * np.log10((want ** 2).sum() / ((want - have) ** 2).sum())
    held = {t.data_type for t in onnx.load(folder / "halves.int8.onnx").graph.initializer}
    row(answers[1].dtype == np.float16 and TensorProto.INT8 in held and db > LEAST_DB,
        f"float16: int8 inside, {db:.1f} dB of the file's own answers, float16 outside")


def check_keep(folder):
    import onnx
    whet("quantize", folder / "joined.onnx", "--stats", folder / "whole.json", "-o", folder / "kept.onnx", "--keep",
         "second=float")
    done = whet("quantize", folder / "joined.onnx", "--stats", folder / "whole.json", "-o", folder / "symmetric.onnx",
                "--symmetric", "--json")
    model = onnx.load(folder / "kept.onnx")
    coded = {n.output[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    second = next(n for n in model.graph.node if n.op_type == "Conv" and n.name == "second")
    row(second.input[1] not in coded, "--keep: the weights of a node are floats in the file")
    points = {r["zero_point"] for r in json.loads(done.stdout)["ledger"] if "zero_point" in r}
    row(points == {0}, "--symmetric: no zero point")


def main():
    if "WHET_PROGRAM" not in os.environ:
        print("skipped: WHET_PROGRAM does not say which program to test")
        return 77
    if not any(CACHE.glob("venv-test-*/bin/python")):
        print("skipped: there is no environment for the tests; tools/venv test makes it")
        return 77
    peers = any(CACHE.glob("venv-peers-*/bin/python"))
    enter("peers" if peers else "test")
    import numpy as np
    import onnx
    engines = ("onnxruntime", "onnxruntime-exact") + (("openvino",) if peers else ())
    samples = np.random.default_rng(5).uniform(-1, 1, (SAMPLES, 1, 3, 32, 32)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "data").mkdir()
        for i, x in enumerate(samples):
            np.savez(folder / "data" / f"{i:02}.npz", x=x)
        for name, head in (("joined", False), ("headed", True)):
            onnx.save(detector(head), folder / f"{name}.onnx")
            done = whet("quantize", folder / f"{name}.onnx", "--data", folder / "data", "-o", folder / f"{name}.int8.onnx")
            row("calibration needs at most" in done.stderr, f"{name}: memory is announced before the start")
            check_engines(folder, name, samples[0], engines)
            whet("compare", folder / f"{name}.onnx", folder / f"{name}.int8.onnx", "--data", folder / "data")
        check_file(folder / "joined.int8.onnx")
        erase(folder / "joined.onnx", folder / "erased.onnx")
        done = whet("compare", folder / "joined.onnx", folder / "erased.onnx", "--data", folder / "data", code=1)
        row(done.returncode == 1, "compare: an erased channel is seen, however good the average")
        check_streaming(folder, samples)
        check_keep(folder)
        check_halves(folder, samples)
    print(f"{passed} passed, {failed} failed, {0 if peers else 1} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    run("check_quantize", main)
