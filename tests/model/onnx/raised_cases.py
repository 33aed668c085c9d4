"""Small models in older forms of operators, for check_rewritten: each yields (name, model, inputs).

Every operator that changed its form since opset 7 is here in its old forms, with the shapes said and with no shape said at
all: a reader that may use shapes where it knows them must be right without them too.
"""
import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

IR = {7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 12,
      25: 13}


def random(*shape, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def build(opset, nodes, feeds, outputs, constants=(), ml=0, functions=(), shaped=True, domains=(), ir=None, sparse=()):
    inputs = [h.make_tensor_value_info(k, h.np_dtype_to_tensor_dtype(v.dtype), v.shape if shaped else None)
              for k, v in feeds.items()]
    initializers = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants]
    ir = ir or IR[opset]
    if ir < 4:
        inputs += [h.make_tensor_value_info(i.name, i.data_type, i.dims) for i in initializers]
    graph = h.make_graph(nodes, "g", inputs, [h.make_tensor_value_info(n, t, None) for n, t in outputs], initializers,
                         sparse_initializer=list(sparse))
    imports = [h.make_opsetid("", opset)] + ([h.make_opsetid("ai.onnx.ml", ml)] if ml else [])
    imports += [h.make_opsetid(d, 1) for d in domains]
    return h.make_model(graph, opset_imports=imports, ir_version=ir, functions=list(functions))


class Cases:
    def __init__(self):
        self.found = []

    def add(self, name, opset, op, feeds, attrs=None, outputs=(("y", T.FLOAT),), constants=(), inputs=None, domain="", **more):
        """One node; its inputs are the feeds, then the constants, unless said otherwise."""
        inputs = inputs if inputs is not None else list(feeds) + [k for k, _ in constants]
        node = h.make_node(op, inputs, [n for n, _ in outputs], "node", domain=domain, **(attrs or {}))
        outputs = [(n, t) for n, t in outputs if n]
        domains = (domain,) if domain and domain != "ai.onnx.ml" else ()
        for shaped in (True, False):
            model = build(opset, [node], feeds, outputs, constants, shaped=shaped, domains=domains, **more)
            self.found.append((f"{name}-{opset}{'' if shaped else '-noshape'}", model, feeds))

    def model(self, name, model, feeds):
        self.found.append((name, model, feeds))


def softmax(c):
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        for opset in (7, 11, 12):
            for axis in (None, 0, 1, 2) + ((-1, -3) if opset >= 11 else ()):
                for shape in ((2, 3, 4), (2, 5, 1, 1), (2, 1, 1, 4), (3, 4), (1, 3, 0)):
                    if axis is not None and not -len(shape) <= axis < len(shape):
                        continue
                    c.add(f"{op}-axis{axis}-{'x'.join(map(str, shape))}", opset, op, {"x": random(*shape)},
                          {} if axis is None else {"axis": axis})


def axes(c):
    x = {"x": random(2, 1, 3, 1)}
    for opset in (7, 11, 12):
        c.add("squeeze", opset, "Squeeze", x, {"axes": [1]})
        c.add("unsqueeze", opset, "Unsqueeze", x, {"axes": [0, 2]})
    c.add("squeeze-all", 7, "Squeeze", x)
    c.add("squeeze-negative", 11, "Squeeze", x, {"axes": [-1]})
    for op in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"):
        for opset in (7, 11, 12, 13, 17):
            if op == "Sum" and opset >= 13:
                continue
            for axes_ in (None, [1], [0, 2]):
                for keep in (0, 1):
                    attrs = {"keepdims": keep} | ({"axes": axes_} if axes_ else {})
                    c.add(f"reduce{op}-{axes_}-{keep}", opset, f"Reduce{op}", {"x": np.abs(random(2, 3, 4)) + 0.1}, attrs)
    c.add("reducemax-int8", 12, "ReduceMax", {"x": np.arange(6, dtype=np.int8).reshape(2, 3)}, {"axes": [1]}, (("y", T.INT8),))
    for opset in (7, 11):
        c.add("split", opset, "Split", {"x": random(6, 2)}, {"axis": 0, "split": [1, 3, 2]},
              (("a", T.FLOAT), ("b", T.FLOAT), ("c", T.FLOAT)))
        c.add("split-equal", opset, "Split", {"x": random(6, 4)}, {"axis": 1}, (("a", T.FLOAT), ("b", T.FLOAT)))
    c.add("split-equal", 13, "Split", {"x": random(6, 4)}, {}, (("a", T.FLOAT), ("b", T.FLOAT), ("c", T.FLOAT)))
    for opset in (7, 9):
        c.add("slice", opset, "Slice", {"x": random(5, 6, 7)}, {"axes": [0, 2], "starts": [1, -4], "ends": [9, -1]})
        c.add("slice-all", opset, "Slice", {"x": random(5, 6)}, {"starts": [1, 2], "ends": [3, 5]})
    for mode in ("constant", "reflect", "edge"):
        for opset in (7, 10):
            c.add(f"pad-{mode}", opset, "Pad", {"x": random(2, 3, 4)}, {"mode": mode, "pads": [0, 1, 2, 0, 0, 1], "value": 1.5})
    c.add("pad-default", 7, "Pad", {"x": random(2, 3)}, {"pads": [0, 1, 2, 0]})
    c.add("pad-double", 7, "Pad", {"x": random(2, 3, dtype=np.float64)}, {"pads": [0, 1, 2, 0], "value": 0.1}, (("y", T.DOUBLE),))
    for attrs in ({}, {"min": -0.5}, {"max": 0.5}, {"min": -0.25, "max": 0.75}):
        for opset in (7, 10):
            c.add(f"clip-{'-'.join(attrs)}", opset, "Clip", {"x": random(3, 4)}, attrs)
    two = (("v", T.FLOAT), ("i", T.INT64))
    c.add("topk", 7, "TopK", {"x": random(3, 8)}, {"k": 3}, two)
    c.add("topk-axis", 7, "TopK", {"x": random(3, 8)}, {"k": 2, "axis": 0}, two)
    c.add("topk", 10, "TopK", {"x": random(3, 8)}, {"axis": 1}, two, [("k", np.array([3]))])
    c.add("dft", 17, "DFT", {"x": random(1, 8, 3, 1)}, {"axis": 1})
    c.add("dft-default", 17, "DFT", {"x": random(1, 8, 3, 1)})
    c.add("dft-length", 17, "DFT", {"x": random(1, 8, 3, 1)}, {"axis": 2, "onesided": 1}, constants=[("n", np.array(3))])


def resize(c):
    x = {"x": random(1, 2, 4, 6)}
    scales = {"up": [1, 1, 2, 3], "down": [1, 1, 0.5, 0.6], "mixed": [1, 1, 2.5, 0.5], "same": [1, 1, 1, 1]}
    for kind, values in scales.items():
        scale = np.array(values, dtype=np.float32)
        for mode in ("nearest", "linear"):
            if kind in ("up", "same"):
                c.add(f"upsample-{mode}-{kind}", 7, "Upsample", x, {"mode": mode, "scales": [float(v) for v in values]})
                c.add(f"upsample-{mode}-{kind}", 9, "Upsample", x, {"mode": mode}, constants=[("s", scale)])
            c.add(f"resize-{mode}-{kind}", 10, "Resize", x, {"mode": mode}, constants=[("s", scale)])
            for opset in (11, 13, 18):
                for transform in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
                    attrs = {"mode": mode, "coordinate_transformation_mode": transform}
                    if mode == "nearest" and transform == "asymmetric":
                        attrs["nearest_mode"] = "floor"
                    roi = [("roi", np.zeros(0, np.float32))]
                    c.add(f"resize-{mode}-{kind}-{transform}", opset, "Resize", x, attrs, constants=[*roi, ("s", scale)])
    sizes = [("roi", np.zeros(0, np.float32)), ("s", np.zeros(0, np.float32)), ("n", np.array([1, 2, 7, 5]))]
    c.add("resize-sizes", 11, "Resize", x, {"mode": "linear"}, constants=sizes)
    c.add("resize-tf", 11, "Resize", x, {"mode": "nearest", "nearest_mode": "floor",
                                         "coordinate_transformation_mode": "tf_half_pixel_for_nn"}, constants=sizes)


def layers(c):
    x = {"x": random(2, 4, 3, 5)}
    norm = [(k, np.abs(random(4, seed=i)) + 0.1) for i, k in enumerate("sbmv")]
    for opset in (7, 9, 14):
        c.add("batchnorm", opset, "BatchNormalization", x, {"epsilon": 1e-3}, constants=norm)
    flat = [(k, np.abs(random(4, 3, 5, seed=i)) + 0.1) for i, k in enumerate("sbmv")]
    c.add("batchnorm-element", 7, "BatchNormalization", x, {"spatial": 0}, constants=flat)
    group = [("s", random(2)), ("b", random(2, seed=3))]
    c.add("groupnorm", 18, "GroupNormalization", x, {"num_groups": 2}, constants=group)
    c.add("groupnorm-computed", 18, "GroupNormalization", x | {"s": random(2), "b": random(2)}, {"num_groups": 2})
    for opset in (7, 10):
        c.add("dropout", opset, "Dropout", x, {"ratio": 0.3})
    c.add("dropout-mask", 10, "Dropout", x, {}, (("y", T.FLOAT), ("m", T.BOOL)))
    for op, attrs in (("AveragePool", {"count_include_pad": 1}), ("MaxPool", {})):
        for opset in (7, 8, 10, 11, 19):
            c.add(op.lower(), opset, op, x, {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 1, 0, 1]} | attrs)
            if opset >= 10:
                c.add(op.lower() + "-ceil", opset, op, x, {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1} | attrs)
    c.add("lppool", 7, "LpPool", x, {"kernel_shape": [2, 2]})
    rois = [("r", np.array([[0, 0, 2, 2], [1, 1, 4, 2.5]], np.float32)), ("i", np.array([0, 1]))]
    for opset in (10, 16):
        c.add("roialign", opset, "RoiAlign", x, {"output_height": 2, "output_width": 2, "sampling_ratio": 2}, constants=rois)
    grid = {"grid": np.tanh(random(2, 3, 3, 2))}
    for mode in ("bilinear", "nearest", "bicubic"):
        c.add(f"gridsample-{mode}", 16, "GridSample", x | grid, {"mode": mode})
    c.add("gridsample", 16, "GridSample", x | grid)
    where = {"i": np.array([[1, 0, 2], [0, 2, 1]]), "u": random(2, 3)}
    c.add("scatter", 9, "Scatter", {"x": random(3, 3)} | where)
    c.add("mvn", 9, "MeanVarianceNormalization", x)
    c.add("gemm", 7, "Gemm", {"a": random(2, 3), "b": random(3, 4)}, {"alpha": 0.5}, constants=[("c", random(4))])
    c.add("gemm", 9, "Gemm", {"a": random(3, 2), "b": random(3, 4)}, {"transA": 1}, constants=[("c", random(1, 4))])
    c.add("quantize", 10, "QuantizeLinear", x, {}, (("y", T.UINT8),),
          [("s", np.array(0.05, np.float32)), ("z", np.array(7, np.uint8))])
    c.add("dequantize", 10, "DequantizeLinear", {"x": np.arange(8, dtype=np.int8)}, {},
          constants=[("s", np.array(0.05, np.float32)), ("z", np.array(-3, np.int8))])
    c.add("cast", 7, "Cast", {"x": random(3)}, {"to": T.INT32}, (("y", T.INT32),))
    c.add("cast-string", 9, "Cast", {"x": np.array([1.5, -2], np.float32)}, {"to": T.STRING}, (("y", T.STRING),))
    c.add("pow", 7, "Pow", {"x": np.abs(random(3)), "e": random(3)})
    c.add("nms", 10, "NonMaxSuppression",
          {"b": np.array([[[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 10, 1, 11]]], np.float32), "s": np.array([[[0.9, 0.75, 0.6]]], np.float32)},
          {}, (("y", T.INT64),), [("m", np.array([3])), ("i", np.array([0.5], np.float32))])
    c.add("onehot", 9, "OneHot", {"x": np.array([0, 2, 1])}, {}, constants=[("d", np.array([3])), ("v", np.array([0, 5], np.float32))])


def recurrent(c):
    x = {"x": random(5, 2, 3)}
    for op, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
        weights = [("w", random(1, gates * 4, 3)), ("r", random(1, gates * 4, 4))]
        outputs = (("y", T.FLOAT), ("h", T.FLOAT)) + ((("c", T.FLOAT),) if op == "LSTM" else ())
        c.add(op.lower(), 7, op, x, {"hidden_size": 4}, outputs, weights)
    body = h.make_graph([h.make_node("Add", ["s", "x"], ["t"]), h.make_node("Identity", ["t"], ["o"])], "body",
                        [h.make_tensor_value_info(n, T.FLOAT, [2]) for n in "sx"],
                        [h.make_tensor_value_info(n, T.FLOAT, [2]) for n in "to"])
    both = (("f", T.FLOAT), ("y", T.FLOAT))
    c.add("scan", 8, "Scan", {"s": random(3, 2), "x": random(3, 4, 2)}, {"body": body, "num_scan_inputs": 1}, both,
          inputs=["", "s", "x"])
    c.add("scan-back", 8, "Scan", {"s": random(3, 2), "x": random(3, 4, 2)},
          {"body": body, "num_scan_inputs": 1, "directions": [1]}, both, inputs=["", "s", "x"])
    c.add("scan", 9, "Scan", {"s": random(2), "x": random(4, 2)}, {"body": body, "num_scan_inputs": 1}, both)
    soft = h.make_graph([h.make_node("Softmax", ["x"], ["m"], axis=1), h.make_node("Squeeze", ["m"], ["o"], axes=[0])], "then", [],
                        [h.make_tensor_value_info("o", T.FLOAT, None)])
    other = h.make_graph([h.make_node("Identity", ["x"], ["p"])], "else", [], [h.make_tensor_value_info("p", T.FLOAT, None)])
    c.add("if", 11, "If", {"b": np.array(True), "x": random(1, 2, 3)}, {"then_branch": soft, "else_branch": other},
          inputs=["b"])
    step = h.make_graph([h.make_node("Add", ["v", "w"], ["n"]), h.make_node("Identity", ["go"], ["go_out"])], "step",
                        [h.make_tensor_value_info("k", T.INT64, []), h.make_tensor_value_info("go", T.BOOL, []),
                         h.make_tensor_value_info("v", T.FLOAT, None)],
                        [h.make_tensor_value_info("go_out", T.BOOL, []), h.make_tensor_value_info("n", T.FLOAT, None)])
    c.add("loop", 7, "Loop", {"v": random(3)}, {"body": step}, constants=[("m", np.array(4)), ("w", random(3))], inputs=["m", "", "v"])


def others(c):
    x = {"x": random(2, 3, 4, 4)}
    c.add("affine", 7, "Affine", x, {"alpha": 2.0, "beta": 0.5})
    c.add("softplus", 7, "ParametricSoftplus", x, {"alpha": 2.0, "beta": 0.5})
    c.add("scaledtanh", 7, "ScaledTanh", x, {"alpha": 2.0, "beta": 0.5})
    c.add("imagescaler", 7, "ImageScaler", x, {"scale": 2.0, "bias": [1.0, 2.0, 3.0]})
    c.add("simplified", 17, "SimplifiedLayerNormalization", {"x": random(2, 4)}, {"axis": -1, "epsilon": 1e-3}, constants=[("s", random(4))])
    microsoft = {"domain": "com.microsoft"}
    c.add("gelu", 17, "Gelu", x, **microsoft)
    c.add("biasgelu", 17, "BiasGelu", {"x": random(2, 4)}, constants=[("b", random(4))], **microsoft)
    c.add("fastgelu", 17, "FastGelu", {"x": random(2, 4)}, constants=[("b", random(4))], **microsoft)
    c.add("fastgelu-plain", 17, "FastGelu", {"x": random(2, 4)}, **microsoft)
    c.add("quickgelu", 17, "QuickGelu", {"x": random(2, 4)}, **microsoft)
    c.add("quantize-ms", 17, "QuantizeLinear", {"x": random(2, 4)}, {}, (("y", T.INT16),),
          [("s", np.array(0.05, np.float32)), ("z", np.array(7, np.int16))], **microsoft)
    classes = {"classes_strings": ["a", "b", "c"]}
    ml = {"domain": "ai.onnx.ml", "ml": 1}
    c.add("label", 9, "LabelEncoder", {"x": np.array(["b", "zz", "a"], object)}, classes | {"default_int64": -7}, (("y", T.INT64),), **ml)
    c.add("unlabel", 9, "LabelEncoder", {"x": np.array([1, 9, 0])}, classes | {"default_string": "none"}, (("y", T.STRING),), **ml)


def constants(c):
    f = np.array([1, 2, 3], np.float32)
    forms = {"float": {"value_float": 2.5}, "floats": {"value_floats": [1.5, 2.5]}, "int": {"value_int": 3}, "ints": {"value_ints": [1, 2]},
             "string": {"value_string": "s"}, "strings": {"value_strings": ["a", "bc"]}, "tensor": {"value": numpy_helper.from_array(f)}}
    kinds = {"f": T.FLOAT, "t": T.FLOAT, "i": T.INT64, "s": T.STRING}
    for name, attrs in forms.items():
        for opset in (12, 13):
            nodes = [h.make_node("Constant", [], ["k"], **attrs), h.make_node("Identity", ["k"], ["y"])]
            c.model(f"constant-{name}-{opset}", build(opset, nodes, {"x": f}, [("y", kinds[name[0]])]), {"x": f})
    sparse = h.make_sparse_tensor(numpy_helper.from_array(f, "w"), h.make_tensor("i", T.INT64, [3], [1, 5, 11]), [3, 4])
    nodes = [h.make_node("Constant", [], ["k"], sparse_value=sparse), h.make_node("Identity", ["k"], ["y"])]
    c.model("constant-sparse", build(13, nodes, {"x": f}, [("y", T.FLOAT)]), {"x": f})
    c.model("initializer-sparse", build(13, [h.make_node("Identity", ["w"], ["y"])], {"x": f}, [("y", T.FLOAT)], sparse=[sparse]), {"x": f})
    for dtype, values in ((T.FLOAT16, [1.5, -2.25]), (T.BFLOAT16, [1.5, -2.25]), (T.INT8, [-128, 5]), (T.UINT16, [1, 65535]), (T.BOOL, [1, 0]),
                          (T.UINT64, [2**64 - 1, 1]), (T.DOUBLE, [0.1, 2]), (T.INT32, [-5, 2**31 - 1]), (T.INT64, [-2**63, 7]),
                          (T.UINT32, [2**32 - 1, 3]), (T.STRING, [b"a", b"\xff\x00"])):
        tensor = h.make_tensor("k", dtype, [2], values)
        model = build(13, [h.make_node("Identity", ["k"], ["y"])], {"x": f}, [("y", dtype)])
        model.graph.initializer.append(tensor)
        c.model(f"typed-{T.DataType.Name(dtype)}", model, {"x": f})
    default = build(13, [h.make_node("Add", ["x", "w"], ["y"])], {"x": f, "w": f}, [("y", T.FLOAT)], [("w", f * 10)], ir=7)
    c.model("default-given", default, {"x": f, "w": f})
    c.model("default-taken", default, {"x": f})


def functions(c):
    x = {"x": random(2, 3)}
    ops = [h.make_opsetid("", 13), h.make_opsetid("local", 1)]
    alpha = h.make_node("LeakyRelu", ["a"], ["b"])
    ref = alpha.attribute.add()
    ref.name, ref.ref_attr_name, ref.type = "alpha", "slope", onnx.AttributeProto.FLOAT
    inner = h.make_function("local", "inner", ["a"], ["b"], [alpha], ops, attributes=["slope"])
    call = h.make_node("inner", ["p"], ["q"], domain="local")
    ref = call.attribute.add()
    ref.name, ref.ref_attr_name, ref.type = "slope", "steep", onnx.AttributeProto.FLOAT
    nodes = [h.make_node("Add", ["p0", "p1"], ["p"]), call, h.make_node("Softmax", ["q"], ["s"], axis=0),
             h.make_node("Mul", ["s", "p0"], ["out"])]
    outer = h.make_function("local", "outer", ["p0", "p1"], ["out", "q"], nodes, ops, attribute_protos=[h.make_attribute("steep", 0.25)])
    two = [h.make_node("outer", ["x", "x"], ["m", ""], "first", domain="local"),
           h.make_node("outer", ["m", "x"], ["y", "z"], "second", domain="local", steep=0.75)]
    c.model("functions", build(13, two, x, [("y", T.FLOAT), ("z", T.FLOAT)], functions=[inner, outer], domains=("local",), ir=10), x)
    then = h.make_graph([h.make_node("Mul", ["v", "scale"], ["w"])], "then", [], [h.make_tensor_value_info("w", T.FLOAT, None)])
    other = h.make_graph([h.make_node("Neg", ["v"], ["w2"])], "else", [], [h.make_tensor_value_info("w2", T.FLOAT, None)])
    nodes = [h.make_node("Constant", [], ["scale"], value_float=3.0), h.make_node("ReduceSum", ["v"], ["sum"], keepdims=0),
             h.make_node("Constant", [], ["zero"], value_float=0.0), h.make_node("Greater", ["sum", "zero"], ["cond"]),
             h.make_node("If", ["cond"], ["r"], then_branch=then, else_branch=other)]
    choose = h.make_function("local", "choose", ["v"], ["r"], nodes, ops)
    twice = [h.make_node("choose", ["x"], ["m"], domain="local"), h.make_node("choose", ["m"], ["y"], domain="local")]
    c.model("function-if", build(13, twice, x, [("y", T.FLOAT)], functions=[choose], domains=("local",), ir=10), x)


def all_cases():
    c = Cases()
    for part in (softmax, axes, resize, layers, recurrent, others, constants, functions):
        part(c)
    return c.found
