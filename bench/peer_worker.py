"""One engine or one quantizer in a process of its own, for bench/peers.py.

    peer_worker.py latency ENGINE MODEL INPUT.npz THREADS   then, for each line with seconds on standard
                                                            input, one line of JSON: p50, p95, runs
    peer_worker.py quantize TOOL MODEL DATA.npz OUT THREADS one line of JSON: seconds, file, note

Standard output carries the JSON alone; what the packages print goes to standard error.
"""
import json
import os
import pathlib
import sys
import time


def answer(stream, facts):
    stream.write(json.dumps(facts) + "\n")
    stream.flush()


def onnxruntime_call(model, threads):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda feed: session.run(None, feed)


def openvino_call(model, threads):
    import openvino as ov
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                                                      "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return request.infer


def latency(stream, engine, model, data, threads):
    import numpy as np
    began = time.perf_counter()
    infer = {"onnxruntime": onnxruntime_call, "openvino": openvino_call}[engine](model, int(threads))
    with np.load(data) as arrays:
        feed = {name: arrays[name] for name in arrays.files}
    infer(feed)
    answer(stream, {"load_ms": 1e3 * (time.perf_counter() - began)})
    for line in sys.stdin:
        times, end = [], time.perf_counter() + float(line)
        for _ in range(3):
            infer(feed)
        while len(times) < 5 or time.perf_counter() < end:
            start = time.perf_counter()
            infer(feed)
            times.append(time.perf_counter() - start)
        p50, p95 = np.percentile(times, (50, 95)) * 1e3
        answer(stream, {"p50": p50, "p95": p95, "runs": len(times)})


def samples_of(data, model):
    """The calibration samples one by one, shaped as the model takes them."""
    import numpy as np
    with np.load(data) as arrays:
        columns = {name: arrays[name] for name in arrays.files}
    count = len(next(iter(columns.values())))
    return ({name: column[i:i + 1] for name, column in columns.items()} for i in range(count))


def raise_opset(model, out):
    """ONNX Runtime writes unreadable files per channel below opset 13, so its users raise it first."""
    import onnx
    from onnx import version_converter
    loaded = onnx.load(model)
    if next(o.version for o in loaded.opset_import if o.domain in ("", "ai.onnx")) >= 13:
        return model
    raised = f"{out}.opset13.onnx"
    onnx.save(version_converter.convert_version(loaded, 13), raised)
    return raised


def quantize_onnxruntime(model, data, out, _threads):
    """quantize_static with entropy calibration, QDQ, per channel; its own preprocessing first where that works."""
    from onnxruntime.quantization import (CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType,
                                          quantize_static)
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = samples_of(data, model)

        def get_next(self):
            return next(self.left, None)

    def go(source):
        quantize_static(source, out, Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                        weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
                        calibrate_method=CalibrationMethod.Entropy)
    source, note = raise_opset(model, out), ""
    prepared = f"{out}.prepared.onnx"
    try:
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        go(prepared)
    except MemoryError:
        raise
    except Exception as error:
        note = f"without its preprocessing, which led to {type(error).__name__}"
        go(source)
    return out, note


def quantize_nncf(model, data, out, _threads):
    import nncf
    import openvino as ov
    loaded = ov.Core().read_model(model)
    rows = list(samples_of(data, model))
    quantized = nncf.quantize(loaded, nncf.Dataset(rows), subset_size=len(rows))
    out = str(pathlib.Path(out).with_suffix(".xml"))
    ov.save_model(quantized, out, compress_to_fp16=False)
    return out, ""


def quantize(stream, tool, model, data, out, threads):
    work = {"onnxruntime": quantize_onnxruntime, "nncf": quantize_nncf}[tool]
    if tool == "nncf":
        import nncf  # noqa: F401  imports are not counted
    else:
        import onnxruntime.quantization  # noqa: F401
    began = time.perf_counter()
    file, note = work(model, data, out, threads)
    answer(stream, {"seconds": time.perf_counter() - began, "file": file, "note": note})


def main():
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    job, *arguments = sys.argv[1:]
    try:
        {"latency": latency, "quantize": quantize}[job](stream, *arguments)
    except Exception as error:  # whatever a peer throws is a line of the table
        text = " ".join(str(error).split())
        answer(stream, {"error": f"{type(error).__name__}: {text[-300:]}"})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
