#!/usr/bin/env python3
"""Gives the `onnx` package's nine classic networks plausible weights.

    fill_light.py LIGHT.onnx FILLED.onnx

Those files carry a constant where each weight was, so every output is the same number: fine as a
check of the structure, useless for timing caches, quantizing or comparing. Here each weight is
drawn (He et al. 2015, seeded by the network's name) and BatchNormalization gets the mean and
variance that its input really has, found by one run of the network with the normalization
computed from the batch. No meaning for accuracy. Runs in the environment of `tools/venv test`.
"""
import os
import pathlib
import sys
import zlib

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper


def parameters(graph):
    """Every tensor that is a parameter: {name: shape}; and the nodes that made the constant ones."""
    inits = {t.name: t for t in graph.initializer}
    shapes = {name: list(t.dims) for name, t in inits.items()}
    makers = {}
    for node in graph.node:
        if node.op_type == "ConstantOfShape" and node.input[0] in inits:
            shapes[node.output[0]] = numpy_helper.to_array(inits[node.input[0]]).tolist()
            makers[node.output[0]] = node
    return shapes, makers


def draw(graph, shapes, rng):
    """New values for the parameters of the layers that have weights: {name: array}."""
    filled = {}

    def normal(name, std):
        filled[name] = (rng.standard_normal(shapes[name]) * std).astype(np.float32)

    reshaped = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Reshape" and n.input[0] in shapes}
    last = [n for n in graph.node if n.op_type in ("Conv", "Gemm")][-1]
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):
            weight = reshaped.get(node.input[1], node.input[1])
            fan_in = int(np.prod([d for d in shapes[weight] if d != 1][1:]))
            normal(weight, np.sqrt(2 / fan_in) if node is not last else 3 / np.sqrt(fan_in))
            if len(node.input) > 2:
                normal(node.input[2], 0.05)
        elif node.op_type == "BatchNormalization":
            scale, bias = node.input[1:3]
            filled[scale] = (1 + 0.2 * rng.standard_normal(shapes[scale])).astype(np.float32)
            normal(bias, 0.2)
        elif node.op_type == "Unsqueeze" and node.input[0] in shapes:
            user = next(n for n in graph.node if node.output[0] in n.input)
            normal(node.input[0], 0.2)
            if user.op_type == "Mul":
                filled[node.input[0]] += 1
    return filled


def replace(model, filled, makers):
    """The model with the parameters as initializers, and nothing that made them before."""
    graph = model.graph
    gone = {id(makers[n]) for n in filled if n in makers}
    shape_inputs = {makers[n].input[0] for n in filled if n in makers}
    nodes = [n for n in graph.node if id(n) not in gone]
    dropped = set(filled) | {s for s in shape_inputs if not any(s in n.input for n in nodes)}
    inits = [t for t in graph.initializer if t.name not in dropped]
    inits += [numpy_helper.from_array(value, name) for name, value in filled.items()]
    names = {t.name for t in inits} | dropped
    inputs = [i for i in graph.input if i.name not in names]
    new = helper.make_model(
        helper.make_graph(nodes, graph.name, inputs, list(graph.output), inits),
        opset_imports=model.opset_import, ir_version=7, producer_name="whet fill_light")
    onnx.checker.check_model(new)
    return new


def batch_statistics(model, sample):
    """Mean and variance of each BatchNormalization's input, each normalization being the batch's own."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    nodes, wanted = [], {}
    for node in probe.graph.node:
        if node.op_type != "BatchNormalization":
            nodes.append(node)
            continue
        x, scale, bias, mean, var = node.input
        stem = node.output[0]
        step = [
            helper.make_node("ReduceMean", [x], [f"{stem}/m"], axes=[0, 2, 3], keepdims=1),
            helper.make_node("Sub", [x, f"{stem}/m"], [f"{stem}/c"]),
            helper.make_node("Mul", [f"{stem}/c", f"{stem}/c"], [f"{stem}/q"]),
            helper.make_node("ReduceMean", [f"{stem}/q"], [f"{stem}/v"], axes=[0, 2, 3], keepdims=1),
            helper.make_node("Squeeze", [f"{stem}/m"], [f"{stem}/mean"], axes=[0, 2, 3]),
            helper.make_node("Squeeze", [f"{stem}/v"], [f"{stem}/var"], axes=[0, 2, 3]),
            helper.make_node("BatchNormalization", [x, scale, bias, f"{stem}/mean", f"{stem}/var"],
                             [stem], epsilon=1e-5),
        ]
        nodes += step
        wanted[mean], wanted[var] = f"{stem}/mean", f"{stem}/var"
    if not wanted:
        return {}
    del probe.graph.node[:]
    probe.graph.node.extend(nodes)
    for name in wanted.values():
        probe.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = session.run(list(wanted.values()), {session.get_inputs()[0].name: sample})
    return dict(zip(wanted, values))


def picture(rng, shape):
    """Coloured noise, smooth as photographs are: equal power in every octave."""
    channels, height, width = shape[1:]
    out = np.zeros(shape[1:], np.float32)
    for cells in (4, 8, 16, 32, 56, 112, 224):
        tile = rng.standard_normal((channels, cells, cells)).astype(np.float32)
        rows = np.arange(height) * cells // height
        cols = np.arange(width) * cells // width
        out += tile[:, rows][:, :, cols]
    return (out / out.std())[None]


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 0 if "--help" in sys.argv or "-h" in sys.argv else 2
    source, target = map(pathlib.Path, sys.argv[1:])
    model = onnx.load(source)
    rng = np.random.default_rng(zlib.crc32(target.stem.encode()))
    shapes, makers = parameters(model.graph)
    filled = draw(model.graph, shapes, rng)
    model = replace(model, filled, makers)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    statistics = batch_statistics(model, picture(rng, shape))
    if statistics:
        model = replace(model, statistics, parameters(model.graph)[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    tmp = target.with_name(f".{target.name}.{os.getpid()}")
    onnx.save(model, tmp)
    tmp.replace(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
