#!/usr/bin/env python3
"""ONNX Runtime's own operators of language models: small models made here, answered by ONNX Runtime, asked of whet.

Each case is one node (or what its exporters put around it) with random inputs. A case is a folder in the layout of the
ONNX backend tests, so `whet conformance` runs them all; what must be refused is run one by one.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / "tools")]
from devtools import CACHE, enter, run  # noqa: E402

BATCH, LENGTH, WIDTH, HEADS, KV, HEAD = 2, 5, 64, 4, 2, 16
FLOATS = {"f32": 1e-5, "f16": 4e-3}
cases = []


def case(fn):
    cases.append(fn)
    return fn


class Model:
    """One graph: inputs with their values, constants, nodes in order."""

    def __init__(self, dtype="f32", seed=0):
        import numpy as np
        self.np, self.rng = np, np.random.default_rng(seed)
        self.float = np.float16 if dtype == "f16" else np.float32
        self.feed, self.constants, self.nodes, self.free, self.tolerance = {}, [], [], {}, FLOATS[dtype]

    def random(self, *shape, scale=1.0):
        return (self.rng.standard_normal(shape) * scale).astype(self.float)

    def input(self, name, value, free=None):
        """free: names of dimensions that the model leaves open."""
        self.feed[name] = value if isinstance(value, self.np.ndarray) else self.np.asarray(value)
        self.free[name] = free or list(self.feed[name].shape)
        return name

    def const(self, name, value):
        from onnx import numpy_helper
        self.constants.append(numpy_helper.from_array(self.np.ascontiguousarray(value), name))
        return name

    def node(self, op, inputs, outputs, domain="com.microsoft", **attrs):
        from onnx import helper
        self.nodes.append(helper.make_node(op, inputs, outputs, domain=domain, **attrs))
        return outputs[0]

    def bytes(self, outputs):
        from onnx import helper
        kinds = {name: helper.np_dtype_to_tensor_dtype(v.dtype) for name, v in self.feed.items()}
        graph = helper.make_graph(
            self.nodes, "g", [helper.make_tensor_value_info(n, kinds[n], self.free[n]) for n in self.feed],
            [helper.make_empty_tensor_value_info(n) for n in outputs], self.constants)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


# --- quantized products ----------------------------------------------------------------------------------------------
def pack(codes, bits):
    """Codes along the last axis into bytes, the lowest bits first; rows are filled up to whole bytes."""
    import numpy as np
    per = 8 // bits
    codes = np.concatenate([codes, np.zeros(codes.shape[:-1] + (-codes.shape[-1] % per,), codes.dtype)], -1)
    parts = codes.reshape(*codes.shape[:-1], -1, per).astype(np.uint8)
    out = np.zeros(parts.shape[:-1], np.uint8)
    for i in range(per):
        out |= parts[..., i] << (bits * i)
    return out


def quantized(m, n, k, bits, block, zps, scale_type=None):
    """(B, scales, zero points or None) of a random matrix; zps: None, 'packed' or 'float'."""
    np = m.np
    blocks = -(-k // block)
    b = pack(m.rng.integers(0, 1 << bits, (n, blocks, block)), bits)
    scales = m.random(n, blocks, scale=0.05).astype(scale_type or m.float)
    if zps == "packed":
        return b, scales, pack(m.rng.integers(0, 1 << bits, (n, blocks)), bits)
    return b, scales, (m.rng.random((n, blocks)) * (1 << bits)).astype(m.float) if zps else None


def product(dtype, bits, block, zps, k=64, n=24, flat=False, half_scales=False, bias=False, accuracy=1, **attrs):
    m = Model(dtype, bits + block)
    b, scales, zp = quantized(m, n, k, bits, block, zps)
    if half_scales:
        scales = scales.astype(m.np.float16).astype(m.float)
    if flat:
        b, scales, zp = b.reshape(n, *b.shape[1:]), scales.reshape(-1), None if zp is None else zp.reshape(-1)
    inputs = [m.input("x", m.random(BATCH, 3, k), ["b", "s", k]), m.const("B", b), m.const("scales", scales)]
    inputs.append(m.const("zp", zp) if zp is not None else "")
    inputs += ["", m.const("bias", m.random(n))] if bias else []
    while not inputs[-1]:
        inputs.pop()
    m.node("MatMulNBits", inputs, ["y"], K=k, N=n, bits=bits, block_size=block, accuracy_level=accuracy, **attrs)
    return m, ["y"]


@case
def matmul_nbits():
    for dtype in FLOATS:
        for bits, block in ((4, 16), (4, 32), (4, 64), (4, 128), (4, 256), (8, 32), (8, 128)):
            for zps in (None, "packed"):
                yield f"{dtype}-{bits}-{block}-{zps}", product(dtype, bits, block, zps, k=max(64, block))
        yield f"{dtype}-ragged", product(dtype, 4, 32, "packed", k=80)
        yield f"{dtype}-odd-blocks", product(dtype, 4, 32, "packed", k=96)
    yield "float-zero-points", product("f32", 4, 32, "float")
    yield "flat", product("f32", 4, 32, "packed", flat=True)
    yield "bias", product("f32", 4, 32, None, bias=True)
    # Over block kernels, which round activations to 8 bits: as ONNX Runtime does where accuracy_level is 4.
    for bits, zps in ((4, None), (4, "packed"), (8, None)):
        m, outputs = product("f32", bits, 32, zps, k=256, half_scales=True, accuracy=4)
        m.tolerance = 2e-2
        yield f"blocks-{bits}-{zps}", (m, outputs)


@case
def gather_block_quantized():
    for dtype in FLOATS:
        for bits, block, zps in ((4, 32, None), (4, 16, "packed"), (8, 32, None), (4, 128, "packed")):
            m = Model(dtype, bits)
            n, k = 40, 128
            b, scales, zp = quantized(m, n, k, bits, block, zps)
            inputs = [m.const("data", b.reshape(n, -1)), m.input("ids", m.np.array([[0, 39, 7], [3, 3, -1]]), ["b", "s"]),
                      m.const("scales", scales)] + ([m.const("zp", zp)] if zp is not None else [])
            m.node("GatherBlockQuantized", inputs, ["y"], bits=bits, block_size=block, gather_axis=0, quantize_axis=1)
            yield f"{dtype}-{bits}-{block}-{zps}", (m, ["y"])


@case
def fused_matmul():
    for name, a, b, attrs in (("b", (2, 3, 32), (20, 32), {"transB": 1}), ("a", (32, 6), (32, 20), {"transA": 1}),
                              ("alpha", (2, 3, 32), (20, 32), {"transB": 1, "alpha": 0.25}),
                              ("both", (32, 6), (20, 32), {"transA": 1, "transB": 1, "alpha": 2.0})):
        m = Model()
        m.node("FusedMatMul", [m.input("a", m.random(*a)), m.const("b", m.random(*b))], ["y"], **attrs)
        yield name, (m, ["y"])


# --- norms and activations -------------------------------------------------------------------------------------------
@case
def skip_norms():
    for dtype in FLOATS:
        for op in ("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"):
            for bias in (False, True):
                m = Model(dtype)
                inputs = [m.input("x", m.random(BATCH, LENGTH, WIDTH), ["b", "s", WIDTH]),
                          m.input("skip", m.random(BATCH, LENGTH, WIDTH), ["b", "s", WIDTH]),
                          m.const("gamma", m.random(WIDTH))]
                if op == "SkipLayerNormalization":
                    inputs.append(m.const("beta", m.random(WIDTH)))
                if bias:
                    inputs.append(m.const("bias", m.random(WIDTH)))
                m.node(op, inputs, ["y", "", "", "sum"], epsilon=1e-5)
                yield f"{dtype}-{op}-{bias}", (m, ["y", "sum"])
        m = Model(dtype)
        m.node("SimplifiedLayerNormalization", [m.input("x", m.random(2, 7, WIDTH)), m.const("g", m.random(WIDTH))], ["y"],
               domain="", axis=-1, epsilon=1e-5, stash_type=1)
        yield f"{dtype}-simplified", (m, ["y"])


@case
def activations():
    for op, bias in (("FastGelu", True), ("FastGelu", False), ("BiasGelu", True), ("Gelu", False), ("QuickGelu", False)):
        m = Model()
        inputs = [m.input("x", m.random(BATCH, LENGTH, WIDTH))] + ([m.const("b", m.random(WIDTH))] if bias else [])
        m.node(op, inputs, ["y"], **({"alpha": 1.7} if op == "QuickGelu" else {}))
        yield f"{op}-{bias}", (m, ["y"])


@case
def embed_norm():
    for segments, places, mask in ((True, False, True), (False, False, False), (True, True, True), (False, True, False)):
        m = Model()
        np = m.np
        ids = m.rng.integers(0, 30, (BATCH, LENGTH)).astype(np.int32)
        inputs = [m.input("ids", ids, ["b", "s"]), "", m.const("words", m.random(30, WIDTH)),
                  m.const("places", m.random(12, WIDTH)), "", m.const("gamma", m.random(WIDTH)),
                  m.const("beta", m.random(WIDTH)), "", ""]
        if segments:
            inputs[1] = m.input("segments", m.rng.integers(0, 2, (BATCH, LENGTH)).astype(np.int32), ["b", "s"])
            inputs[4] = m.const("kinds", m.random(2, WIDTH))
        if mask:
            inputs[7] = m.input("mask", np.array([[1] * LENGTH, [1] * 3 + [0] * (LENGTH - 3)], np.int32), ["b", "s"])
        if places:
            inputs[8] = m.input("at", m.rng.integers(0, 12, (BATCH, LENGTH)).astype(np.int32), ["b", "s"])
        while not inputs[-1]:
            inputs.pop()
        m.node("EmbedLayerNormalization", inputs, ["y", "count", "sum"], epsilon=1e-5)
        yield f"{segments}-{places}-{mask}", (m, ["y", "sum"] + (["count"] if mask else []))


# --- attention -------------------------------------------------------------------------------------------------------
def angles(m, rows, half):
    np = m.np
    at = np.arange(rows)[:, None] * 100.0 ** (-np.arange(half) / half)
    return np.cos(at).astype(m.float), np.sin(at).astype(m.float)


@case
def rotary():
    for interleaved in (0, 1):
        for kind in ("ids", "offset", "4d", "partial"):
            m = Model()
            np = m.np
            half = HEAD // 4 if kind == "partial" else HEAD // 2
            cosine, sine = angles(m, 32, half)
            shape = (BATCH, HEADS, LENGTH, HEAD) if kind == "4d" else (BATCH, LENGTH, HEADS * HEAD)
            ids = np.array([3]) if kind == "offset" else m.rng.integers(0, 32, (BATCH, LENGTH))
            attrs = {"num_heads": HEADS, "rotary_embedding_dim": 2 * half} if kind == "partial" else {}
            m.node("RotaryEmbedding", [m.input("x", m.random(*shape)), m.input("ids", ids), m.const("cos", cosine),
                                       m.const("sin", sine)], ["y"], interleaved=interleaved, **attrs)
            yield f"{kind}-{interleaved}", (m, ["y"])


def group_query(dtype="f32", packed=False, past=0, new=LENGTH, lengths=None, rotary=True, interleaved=0, half=None,
                places=False, bias=False, sink=False, room=0, batch=BATCH, head=HEAD, **attrs):
    """past: tokens in the caches; room: rows of caches that are larger than that; lengths: of each sequence."""
    m = Model(dtype, past + new)
    np = m.np
    total = past + new
    lengths = lengths or [total] * batch
    if packed:
        inputs = [m.input("q", m.random(batch, new, (HEADS + 2 * KV) * head), ["b", "s", (HEADS + 2 * KV) * head]), "", ""]
    else:
        inputs = [m.input(n, m.random(batch, new, h * head), ["b", "s", h * head])
                  for n, h in (("q", HEADS), ("k", KV), ("v", KV))]
    inputs += [m.input(n, m.random(batch, KV, room or past, head), ["b", KV, "p", head]) for n in ("past_k", "past_v")]
    inputs += [m.input("seqlens", np.array(lengths, np.int32) - 1), m.input("total", np.array(total, np.int32))]
    inputs += [m.const(n, t) for n, t in zip(("cos", "sin"), angles(m, 64, half or head // 2))] if rotary else ["", ""]
    inputs.append(m.input("at", m.rng.integers(0, 64, (batch, new))) if places else "")
    inputs.append(m.input("bias", m.random(1, HEADS, new, total)) if bias else "")
    inputs += [m.const("sinks", m.random(HEADS))] if sink else []
    while not inputs[-1]:
        inputs.pop()
    m.node("GroupQueryAttention", inputs, ["y", "present_k", "present_v"], num_heads=HEADS, kv_num_heads=KV,
           do_rotary=int(rotary), rotary_interleaved=interleaved, **attrs)
    return m, ["y", "present_k", "present_v"]


@case
def group_query_attention():
    for dtype in FLOATS:
        yield f"{dtype}-prompt", group_query(dtype)
        yield f"{dtype}-step", group_query(dtype, past=9, new=1)
        yield f"{dtype}-chunk", group_query(dtype, past=6, new=3, batch=1)
    for interleaved in (0, 1):
        yield f"packed-{interleaved}", group_query(packed=True, interleaved=interleaved)
        yield f"packed-step-{interleaved}", group_query(packed=True, past=7, new=1, interleaved=interleaved)
    yield "plain", group_query(rotary=False)
    yield "plain-step", group_query(rotary=False, past=4, new=1)
    yield "partial", group_query(half=8, head=32)
    yield "window", group_query(new=12, local_window_size=4)
    yield "window-step", group_query(past=11, new=1, local_window_size=4)
    yield "softcap", group_query(softcap=1.5, scale=0.7)
    yield "softcap-bias", group_query(softcap=1.5, bias=True)
    yield "bias-step", group_query(past=5, new=1, bias=True)
    yield "sink", group_query(past=5, new=1, sink=True)
    yield "smooth", group_query(past=5, new=1, smooth_softmax=1)
    # What rows of a cache behind a sequence's end hold is not said.
    yield "lengths-step", (group_query(past=8, new=1, lengths=[9, 6])[0], ["y"])
    yield "larger-caches", (group_query(past=8, new=1, room=16)[0], ["y"])


@case
def multi_head_attention():
    def make(dtype="f32", bias=False, mask=None, scores=False, past=0, four=False, **attrs):
        m = Model(dtype)
        np = m.np
        inputs = [m.input("q", m.random(BATCH, LENGTH, WIDTH), ["b", "s", WIDTH])]
        for n in "kv":
            inputs.append(m.input(n, m.random(BATCH, HEADS, 7, HEAD) if four else m.random(BATCH, LENGTH, WIDTH)))
        inputs.append(m.const("bias", m.random(3 * WIDTH)) if bias else "")
        keys = 7 if four else LENGTH + past
        inputs.append(m.input("mask", np.tril(np.ones((BATCH, keys), np.int32), keys - 3)) if mask else "")
        inputs.append(m.input("scores", m.random(1, HEADS, LENGTH, keys)) if scores else "")
        inputs += [m.input(n, m.random(BATCH, HEADS, past, HEAD)) for n in ("pk", "pv")] if past else []
        while not inputs[-1]:
            inputs.pop()
        outputs = ["y"] + (["present_k", "present_v"] if past else [])
        m.node("MultiHeadAttention", inputs, outputs, num_heads=HEADS, **attrs)
        return m, outputs
    for dtype in FLOATS:
        yield f"{dtype}-plain", make(dtype)
    yield "bias", make(bias=True)
    yield "mask", make(mask=True)
    yield "mask-scores", make(mask=True, scores=True)
    yield "past", make(past=4)
    yield "causal", make(unidirectional=1)
    yield "causal-past", make(past=3, unidirectional=1, scale=0.5)
    yield "cross", make(four=True)


@case
def attention():
    def make(dtype="f32", mask=None, past=0, scores=False, **attrs):
        m = Model(dtype)
        np = m.np
        inputs = [m.input("x", m.random(BATCH, LENGTH, WIDTH), ["b", "s", WIDTH]),
                  m.const("w", m.random(WIDTH, 3 * WIDTH, scale=0.2)), m.const("bias", m.random(3 * WIDTH))]
        keys = LENGTH + past
        masks = {None: None, "lengths": np.array([LENGTH, 3], np.int32),
                 "keys": np.array([[1] * keys, [1] * (keys - 2) + [0] * 2], np.int32),
                 "each": np.tril(np.ones((BATCH, LENGTH, keys), np.int32), past)}
        inputs.append("" if mask is None else m.input("mask", masks[mask]))
        inputs.append(m.input("past", m.random(2, BATCH, HEADS, past, HEAD)) if past else "")
        inputs.append(m.input("scores", m.random(1, HEADS, LENGTH, keys)) if scores else "")
        while not inputs[-1]:
            inputs.pop()
        outputs = ["y"] + (["present"] if past else [])
        m.node("Attention", inputs, outputs, num_heads=HEADS, **attrs)
        return m, outputs
    for dtype in FLOATS:
        yield f"{dtype}-plain", make(dtype)
    for mask in ("lengths", "keys", "each"):
        yield f"mask-{mask}", make(mask=mask)
    yield "causal", make(unidirectional=1)
    yield "past", make(past=3, unidirectional=1)
    yield "scores", make(mask="keys", scores=True)


# --- running ---------------------------------------------------------------------------------------------------------
def write(folder, model, outputs):
    import onnxruntime as ort
    from onnx import numpy_helper
    data = model.bytes(outputs)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    answers = session.run(outputs, model.feed)
    (folder / "test_data_set_0").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(data)
    for kind, names, values in (("input", list(model.feed), list(model.feed.values())), ("output", outputs, answers)):
        for i, (name, value) in enumerate(zip(names, values)):
            (folder / "test_data_set_0" / f"{kind}_{i}.pb").write_bytes(
                numpy_helper.from_array(value, name).SerializeToString())
    least = min(float(a.max() - a.min()) for a in answers if a.dtype.kind == "f")
    (folder / "data.json").write_text(json.dumps({"range_tol": model.tolerance, "rtol": 1e-3,
                                                  "atol": model.tolerance * least}))


def refusals(folder):
    """(name, what, part of the message, exit code): files that are wrong, each in one way."""
    import numpy as np
    for name, change, text in (
            ("g-idx", lambda m: m.nodes[0].input.extend(["", m.const("g", np.zeros(64, np.int32))]), "g_idx"),
            ("few-scales", lambda m: m.constants[1].dims.__setitem__(1, 1), "scales"),
            ("wrong-n", lambda m: setattr(next(a for a in m.nodes[0].attribute if a.name == "N"), "i", 25), "B is"),
            ("block-48", lambda m: setattr(next(a for a in m.nodes[0].attribute if a.name == "block_size"), "i", 48),
             "block_size is 48")):
        m, outputs = product("f32", 4, 32, None)
        change(m)
        if name == "few-scales":
            m.constants[1].raw_data = m.constants[1].raw_data[:24 * 4]
        path = folder / f"{name}.onnx"
        path.write_bytes(m.bytes(outputs))
        yield name, path, text


def check_refusals(folder):
    import numpy as np
    np.save(folder / "x.npy", np.zeros((2, 3, 64), np.float32))
    passed = failed = 0
    for name, path, text in refusals(folder):
        done = subprocess.run([os.environ["WHET_PROGRAM"], "run", path, "--input", f"x={folder / 'x.npy'}", "-o",
                               folder / f"{name}.out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        good = done.returncode == 3 and text in done.stderr and "MatMulNBits" in done.stderr
        passed, failed = passed + good, failed + (not good)
        print(f"{'passed' if good else 'FAILED'}  refuses {name}"
              + ("" if good else f": exit code {done.returncode}: {done.stderr.strip()}"))
    return passed, failed


def main():
    if not any(CACHE.glob("venv-test-*/bin/python")):
        print("skipped: there is no environment for the tests; tools/venv test makes it")
        return 77
    enter("test")
    with tempfile.TemporaryDirectory() as tmp:
        root = pathlib.Path(tmp)
        for fn in cases:
            for name, (model, outputs) in fn():
                try:
                    write(root / "cases" / f"{fn.__name__}-{name}", model, outputs)
                except Exception as e:  # which of the cases it was
                    raise SystemExit(f"{fn.__name__}-{name}: {e}") from e
        passed, failed = check_refusals(root)
        sys.stdout.flush()
        done = subprocess.run([os.environ["WHET_PROGRAM"], "conformance", "--no-progress", root / "cases"])
    if failed:
        print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else done.returncode


if __name__ == "__main__":
    run("microsoft", main)
