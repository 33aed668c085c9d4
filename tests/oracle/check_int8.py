#!/usr/bin/env python3
"""Runs a quantized (QDQ) model in other people's engines: does our file mean the same to them?

    check_int8.py MODEL.onnx DATA.npz... -o DIR [--engine NAME]... [--against DIR] [--min-sqnr 40]

Each DATA.npz is one run: arrays named as the model's inputs. An engine's outputs are written to
DIR/ENGINE/DATA/NAME.npy (characters outside [A-Za-z0-9._-] become _), as `whet run -o` names them.

--against DIR compares with outputs written by `whet run -o DIR/DATA` (or with another engine's
folder): per output, and per channel of it, the signal-to-noise ratio in dB over all runs; exit code
1 when an output as a whole falls below --min-sqnr, or a channel that carries signal is all but lost.
--json prints the figures.

Engines: onnxruntime (its int8 kernels), onnxruntime-exact (no graph optimization: every
QuantizeLinear and DequantizeLinear computed as written), openvino. Runs in the environment of
`tools/venv peers`, or `test` where OpenVINO is not asked for.
"""
import argparse
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))
from devtools import Failure, enter, run  # noqa: E402

ENGINES = ("onnxruntime", "onnxruntime-exact", "openvino")


def onnxruntime_runner(path, threads, exact=False):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if exact:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return lambda feed: dict(zip(names, session.run(None, feed)))


def openvino_runner(path, threads):
    import onnx
    import openvino as ov
    names = None
    if path.suffix == ".onnx":
        names = [o.name for o in onnx.load(path, load_external_data=False).graph.output]
    compiled = ov.Core().compile_model(str(path), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"})
    names = names or [o.get_any_name() for o in compiled.outputs]
    # By position: OpenVINO may rename what a model calls its outputs.
    return lambda feed: {name: value for name, value in zip(names, compiled(feed).values())}


def runner(engine, path, threads):
    if engine == "openvino":
        return openvino_runner(path, threads)
    return onnxruntime_runner(path, threads, exact=engine.endswith("-exact"))


def file_name(output):
    return re.sub(r"[^A-Za-z0-9._-]", "_", output) + ".npy"


def sqnr(signal, noise):
    """10 log10 of the power ratio; None for a signal that is 0 everywhere."""
    import numpy as np
    power, error = float(np.square(signal, dtype=np.float64).sum()), float(np.square(noise, dtype=np.float64).sum())
    if power == 0:
        return None
    return float("inf") if error == 0 else 10 * float(np.log10(power / error))


def channels(array):
    """The axis along which an output's parts differ in meaning: 1 for pictures, the last for the rest."""
    return 1 if array.ndim == 4 else array.ndim - 1


def compare(ours, theirs):
    """Figures of one output over all runs. Channel figures are of channels with at least 1e-6 of the power."""
    import numpy as np
    if any(a.shape != b.shape for a, b in zip(ours, theirs)):
        raise Failure(f"shapes differ: {ours[0].shape} and {theirs[0].shape}")
    reference = np.concatenate([a.astype(np.float64).ravel() for a in theirs])
    other = np.concatenate([a.astype(np.float64).ravel() for a in ours])
    facts = {"sqnr_db": sqnr(reference, other - reference),
             "max_abs": float(np.abs(other - reference).max(initial=0)), "worst_channel": None}
    first = theirs[0]
    axis = channels(first) if first.ndim > 1 else None
    if axis is not None and first.shape[axis] <= 4096 and all(a.shape[axis] == first.shape[axis] for a in theirs):
        def split(arrays):
            return np.concatenate([np.moveaxis(a.astype(np.float64), axis, 0).reshape(a.shape[axis], -1)
                                   for a in arrays], axis=1)
        signal, noise = split(theirs), split(ours) - split(theirs)
        power = np.square(signal).sum(1)
        worst = [(sqnr(s, n), c) for c, (s, n) in enumerate(zip(signal, noise)) if power[c] > 1e-6 * power.sum()]
        if worst:
            value, channel = min(worst)
            facts["worst_channel"] = {"channel": channel, "sqnr_db": value,
                                      "silent": bool(not np.any(split(ours)[channel]))}
    return facts


def load(folder, stems, output):
    import numpy as np
    arrays = []
    for stem in stems:
        path = folder / stem / file_name(output)
        if not path.exists():
            raise Failure(f"{path} is not there", "write it with: whet run MODEL --input DATA.npz -o DIR/DATA")
        arrays.append(np.load(path))
    return arrays


def run_engine(engine, args):
    """Writes the outputs of one engine; returns their names."""
    import numpy as np
    infer = runner(engine, args.model, args.threads)
    for path in args.data:
        with np.load(path) as feed:
            outputs = infer({name: feed[name] for name in feed.files if name != "label"})
        folder = args.output / engine / path.stem
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in outputs.items():
            np.save(folder / file_name(name), value)
    return list(outputs)


def verdict(figures, minimum):
    lost = figures["worst_channel"] and figures["worst_channel"]["silent"]
    return (figures["sqnr_db"] is None or figures["sqnr_db"] >= minimum) and not lost


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path, nargs="+", metavar="DATA.npz")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="repeatable; default: all")
    parser.add_argument("--against", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--min-sqnr", type=float, default=40.0, metavar="DB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    engines = args.engine or list(ENGINES)
    enter("peers" if "openvino" in engines else "test")
    result, good = {}, True
    for engine in engines:
        try:
            names = run_engine(engine, args)
        except Exception as error:  # whatever an engine throws at our file is the answer we came for
            result[engine] = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[-400:]}"}
            good = False
            continue
        stems = [path.stem for path in args.data]
        result[engine] = {"outputs": {}}
        for name in names if args.against else ():
            figures = compare(load(args.against, stems, name), load(args.output / engine, stems, name))
            figures["passed"] = verdict(figures, args.min_sqnr)
            good &= figures["passed"]
            result[engine]["outputs"][name] = figures
    if args.json:
        print(json.dumps(result, indent=1))
    else:
        show(result)
    return 0 if good else 1


def show(result):
    for engine, facts in result.items():
        if "error" in facts:
            print(f"{engine:<18} refused: {facts['error']}")
        elif not facts["outputs"]:
            print(f"{engine:<18} ran")
        for name, figures in facts.get("outputs", {}).items():
            worst = figures["worst_channel"]
            decibels = "silent" if figures["sqnr_db"] is None else f"{figures['sqnr_db']:7.1f} dB"
            where = f"worst channel {worst['channel']} {worst['sqnr_db']:.1f} dB" if worst else ""
            print(f"{engine:<18} {name:<28} {decibels}  max {figures['max_abs']:.2e}  {where}"
                  f"{'' if figures['passed'] else '  FAILED'}")


if __name__ == "__main__":
    run("check_int8", main)
