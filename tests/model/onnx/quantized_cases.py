"""Models with QuantizeLinear and DequantizeLinear nodes, for check_rewritten: each yields (name, model, inputs,
absorbed), the last being how many DequantizeLinear nodes must become properties of values."""
import numpy as np
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

from raised_cases import build, random

Q, DQ = "QuantizeLinear", "DequantizeLinear"


def scale(*values):
    return np.array(values if len(values) > 1 else values[0], np.float32)


def pair(nodes, value, out, s="s", z="z", **attrs):
    nodes += [h.make_node(Q, [value, s, z], [f"{value}_q"], f"q_{value}", **attrs), h.make_node(DQ, [f"{value}_q", s, z], [out], f"dq_{value}", **attrs)]


def conv(per_channel, dtype, opset=13):
    """input pair, weights and bias dequantized, output pair that is the graph's output."""
    count = 4 if per_channel else 1
    w_scale = scale(*(0.01 * (i + 1) for i in range(count)))
    info = np.iinfo(dtype)
    rng = np.random.default_rng(3)
    constants = [("s", scale(0.02)), ("z", np.array((info.max + info.min + 1) // 2, dtype)), ("ws", w_scale), ("wz", np.zeros(w_scale.shape, np.int8)),
                 ("w", rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8)), ("b", rng.integers(-5000, 5000, 4).astype(np.int32)),
                 ("bs", (w_scale * np.float32(0.02)).astype(np.float32)), ("bz", np.zeros(w_scale.shape, np.int32))]
    axis = {"axis": 0} if per_channel else {}
    nodes = []
    pair(nodes, "x", "xd")
    nodes += [h.make_node(DQ, ["w", "ws", "wz"], ["wd"], **axis), h.make_node(DQ, ["b", "bs", "bz"], ["bd"], **axis),
              h.make_node("Conv", ["xd", "wd", "bd"], ["c"], "conv"), h.make_node("Relu", ["c"], ["r"], "relu")]
    pair(nodes, "r", "y")
    return build(opset, nodes, {"x": random(1, 3, 6, 6)}, [("y", T.FLOAT)], constants), {"x": random(1, 3, 6, 6)}, 4


def residual():
    """One value, two pairs with the same numbers; and a DequantizeLinear that two nodes use."""
    nodes = []
    pair(nodes, "x", "a")
    nodes += [h.make_node(Q, ["x", "s2", "z"], ["x_q2"]), h.make_node(DQ, ["x_q2", "s2", "z"], ["b"]), h.make_node("Relu", ["a"], ["c"]),
              h.make_node("Add", ["c", "b"], ["d"]), h.make_node("Mul", ["d", "a"], ["y"])]
    constants = [("s", scale(0.1)), ("s2", scale(0.1)), ("z", np.array(3, np.int8))]
    return build(13, nodes, {"x": random(5)}, [("y", T.FLOAT)], constants), {"x": random(5)}, 2


def untouched():
    """The value is used as it is too, or by pairs that differ: nothing may be absorbed."""
    nodes = []
    pair(nodes, "x", "a")
    nodes += [h.make_node(Q, ["e", "s", "z"], ["e_q"]), h.make_node(DQ, ["e_q", "s2", "z"], ["f"]),
              h.make_node("Exp", ["x"], ["e"]), h.make_node("Add", ["a", "f"], ["y"])]
    nodes = [nodes[0], nodes[1], nodes[4], nodes[2], nodes[3], nodes[5]]
    constants = [("s", scale(0.1)), ("s2", scale(0.2)), ("z", np.array(3, np.uint8))]
    return build(13, nodes, {"x": random(5)}, [("y", T.FLOAT)], constants), {"x": random(5)}, 0


def codes_out():
    """The integers leave the graph."""
    nodes = [h.make_node(Q, ["x", "s", "z"], ["q"]), h.make_node(DQ, ["q", "s", "z"], ["y"])]
    constants = [("s", scale(0.1)), ("z", np.array(3, np.uint8))]
    return build(13, nodes, {"x": random(5)}, [("y", T.FLOAT), ("q", T.UINT8)], constants), {"x": random(5)}, 0


def no_zero_point():
    nodes = [h.make_node(Q, ["x", "s"], ["q"]), h.make_node(DQ, ["q", "s"], ["d"]), h.make_node("Relu", ["d"], ["y"])]
    return build(13, nodes, {"x": random(5)}, [("y", T.FLOAT)], [("s", scale(0.1))]), {"x": random(5)}, 1


def float_weights():
    """Weights kept as floats behind a pair, per channel."""
    nodes = []
    pair(nodes, "w", "wd", axis=1)
    nodes.append(h.make_node("MatMul", ["x", "wd"], ["y"]))
    constants = [("s", scale(0.1, 0.2, 0.3)), ("z", np.array([0, 1, -2], np.int8)), ("w", random(4, 3))]
    return build(13, nodes, {"x": random(2, 4)}, [("y", T.FLOAT)], constants), {"x": random(2, 4)}, 1


def blocked():
    """int4 in blocks along axis 0, the last one shorter."""
    rng = np.random.default_rng(1)
    tensor = h.make_tensor("w", T.INT4, [10, 3], rng.integers(-8, 8, 30).tolist())
    zeros = h.make_tensor("z", T.INT4, [3, 3], rng.integers(-8, 8, 9).tolist())
    nodes = [h.make_node(DQ, ["w", "s", "z"], ["wd"], axis=0, block_size=4), h.make_node("MatMul", ["x", "wd"], ["y"])]
    model = build(21, nodes, {"x": random(2, 10)}, [("y", T.FLOAT)], [("s", np.abs(random(3, 3)))])
    model.graph.initializer.extend([tensor, zeros])
    return model, {"x": random(2, 10)}, 1


def sixteen_bits():
    nodes = []
    pair(nodes, "x", "d")
    nodes.append(h.make_node("Sigmoid", ["d"], ["y"]))
    return build(21, nodes, {"x": random(50)}, [("y", T.FLOAT)], [("s", scale(1e-4)), ("z", np.array(1000, np.uint16))]), {"x": random(50)}, 1


def inside_if():
    inner = [h.make_node(DQ, ["w", "s", "z"], ["wd"]), h.make_node("MatMul", ["x", "wd"], ["m"])]
    pair(inner, "m", "t", "s", "z")
    then = h.make_graph(inner, "then", [], [h.make_tensor_value_info("t", T.FLOAT, None)],
                        [numpy_helper.from_array(np.arange(-6, 6, dtype=np.int8).reshape(4, 3), "w")])
    other = h.make_graph([h.make_node("Relu", ["x"], ["u"])], "else", [], [h.make_tensor_value_info("u", T.FLOAT, None)])
    nodes = [h.make_node("If", ["b"], ["y"], then_branch=then, else_branch=other)]
    feeds = {"b": np.array(True), "x": random(2, 4)}
    return build(13, nodes, feeds, [("y", T.FLOAT)], [("s", scale(0.1)), ("z", np.array(3, np.int8))]), feeds, 2


def extremes():
    """Halves, infinities, NaN, and what saturates."""
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 127.4, 127.5, 1e30, -1e30, np.inf, -np.inf, 0.1, 3e-39], np.float32)
    nodes = []
    pair(nodes, "x", "d")
    nodes.append(h.make_node("Neg", ["d"], ["y"]))
    return build(13, nodes, {"x": x}, [("y", T.FLOAT)], [("s", scale(1.0)), ("z", np.array(-1, np.int8))]), {"x": x}, 1


def all_cases():
    found = [("conv", *conv(False, np.uint8)), ("conv-channels", *conv(True, np.int8)), ("conv-channels-21", *conv(True, np.uint8, 21))]
    for case in (residual, untouched, codes_out, no_zero_point, float_weights, blocked, sixteen_bits, inside_if, extremes):
        found.append((case.__name__, *case()))
    return found


def runtime_cases(folder, models):
    """A real network quantized by ONNX Runtime, in the ways its users choose."""
    from onnxruntime import quantization as q

    class Lines(q.CalibrationDataReader):
        def __init__(self):
            self.rest = [{"x": np.random.default_rng(i).random((1, 3, 48, 192), dtype=np.float32)} for i in range(2)]

        def get_next(self):
            return self.rest.pop() if self.rest else None
    for name, options in {
        "ort-int8": {}, "ort-uint8-int8": {"activation_type": q.QuantType.QUInt8},
        "ort-int16": {"activation_type": q.QuantType.QInt16, "extra_options": {"UseQDQContribOps": True}},
    }.items():
        path = folder / f"{name}.onnx"
        q.quantize_static(str(models / "rapidocr-cls.onnx"), str(path), Lines(), quant_format=q.QuantFormat.QDQ, **options)
        yield name, path, {"x": np.random.default_rng(9).random((1, 3, 48, 192), dtype=np.float32)}
