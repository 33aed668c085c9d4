"""Models of a few bytes for the command line's tests, written with no package: protobuf by hand, NumPy files by hand."""
import io
import math
import random
import struct
import zipfile
import zlib

import tiny_gguf


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


FLOAT = 1


def value_info(name, dims):
    """A ValueInfoProto of floats; a dimension that is a string is a symbol."""
    shape = b"".join(block(1, block(2, d) if isinstance(d, str) else number(1, d)) for d in dims)
    return block(1, name) + block(2, block(1, number(1, FLOAT) + block(2, shape)))


def tensor(name, dims, values):
    raw = struct.pack(f"<{len(values)}f", *values)
    return b"".join(number(1, d) for d in dims) + number(2, FLOAT) + block(8, name) + block(9, raw)


def node(op, inputs, outputs, name, domain=""):
    parts = b"".join(block(1, i) for i in inputs) + b"".join(block(2, o) for o in outputs)
    return parts + block(3, name) + block(4, op) + (block(7, domain) if domain else b"")


def model(nodes, inputs, outputs, constants=()):
    graph = b"".join(block(1, n) for n in nodes) + block(2, "tiny")
    graph += b"".join(block(5, t) for t in constants)
    graph += b"".join(block(11, v) for v in inputs) + b"".join(block(12, v) for v in outputs)
    return number(1, 8) + block(2, "tiny_models") + block(7, graph) + block(8, block(1, "") + number(2, 17))


def npy(dims, values):
    shape = "(" + "".join(f"{d}," for d in dims) + ")"
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}f", *values)


def npz(samples, spoiled=False, classes=4, dims=(4,)):
    """A labelled set for mlp.onnx: x [samples, 4], label [samples]; `spoiled` puts a NaN into it; classes 0: no labels."""
    draw = random.Random(5)
    values = [draw.uniform(-1, 1) for _ in range(samples * math.prod(dims))]
    if spoiled:
        values[5] = float("nan")
    labels = struct.pack(f"<{samples}q", *(i % max(classes, 1) for i in range(samples)))
    head = npy([samples], []).replace(b"<f4", b"<i8")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x.npy", npy([samples, *dims], values))
        if classes:
            archive.writestr("label.npy", head + labels)
    return out.getvalue()


def png(side, grey):
    """A square in one grey."""
    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) +
            part(b"IDAT", zlib.compress((b"\0" + bytes([grey]) * side) * side)) + part(b"IEND", b""))


def pictures(count):
    """A model of one-channel pictures, and a set of them in class folders."""
    dims = [1, 1, 4, 4]
    out = {"eye.onnx": model([node("MatMul", ["x", "w"], ["h"], "mm"), node("Relu", ["h"], ["y"], "relu")],
                             [value_info("x", dims)], [value_info("y", dims)],
                             [tensor("w", [4, 4], [float(i % 5) for i in range(16)])])}
    return out | {f"classes/{'ab'[i % 2]}/{i}.png": png(4, 10 * i) for i in range(count)}


def outside(location):
    """A model whose weights lie in another file."""
    entry = block(1, "location") + block(2, location)
    w = number(1, 4) + number(1, 4) + number(2, FLOAT) + block(8, "w") + block(13, entry) + number(14, 1)
    return model([node("MatMul", ["x", "w"], ["y"], "mm")], [value_info("x", [1, 4])], [value_info("y", [1, 4])], [w])


def hostile():
    """Models that are wrong each in its own way."""
    x, y = [value_info("x", [1, 4])], [value_info("y", [1, 4])]
    huge = number(1, 1 << 40) * 2 + number(2, FLOAT) + block(8, "w") + block(9, b"1234")
    nested = b""
    for _ in range(200):
        nested = block(1, block(4, "If") + block(5, block(1, "then_branch") + block(6, nested) + number(20, 5)))
    return {
        "cycle.onnx": model([node("Add", ["x", "b"], ["a"], "one"), node("Relu", ["a"], ["b"], "two"),
                             node("Relu", ["b"], ["y"], "three")], x, y),
        "twice.onnx": model([node("Relu", ["x"], ["y"], "one"), node("Relu", ["x"], ["y"], "two")], x, y),
        "ghost.onnx": model([node("Add", ["x", "ghost"], ["y"], "add")], x, y),
        "huge.onnx": model([node("Add", ["x", "w"], ["y"], "add")], x, y, [huge]),
        "large_input.onnx": model([node("Relu", ["x"], ["y"], "relu")], [value_info("x", [1 << 20, 1 << 20])],
                                  [value_info("y", [1 << 20, 1 << 20])]),
        "deep.onnx": number(1, 8) + block(7, nested) + block(8, number(2, 17)),
        "up.onnx": outside("../secret.bin"), "absolute.onnx": outside("/etc/passwd"), "link.onnx": outside("link.bin"),
        "gone.onnx": outside("gone.bin"), "short.onnx": outside("short.bin"),
        "nan_weight.onnx": model([node("MatMul", ["x", "w"], ["h"], "mm"), node("Relu", ["h"], ["y"], "relu")],
                                 [value_info("x", ["N", 4])], [value_info("y", ["N", 4])],
                                 [tensor("w", [4, 4], [float("nan")] * 16)]),
    }


def reshaped():
    """A model whose second input, the shape that its first one gets, has a default; and another shape."""
    whole = struct.pack("<2q", 8, 4), struct.pack("<2q", 4, 8)
    default = number(1, 2) + number(2, 7) + block(8, "s") + block(9, whole[0])
    info = block(1, "s") + block(2, block(1, number(1, 7) + block(2, block(1, number(1, 2)))))
    graph = model([node("Reshape", ["x", "s"], ["h"], "reshape"), node("Relu", ["h"], ["y"], "relu")],
                  [value_info("x", [8, 4]), info], [value_info("y", ["A", "B"])], [default])
    return {"reshape.onnx": graph, "shape.npy": npy([2], []).replace(b"<f4", b"<i8") + whole[1]}


def files():
    """{name: bytes} of everything the cases use."""
    w = tensor("w", [4, 4], [float(i % 5) for i in range(16)])
    mlp = model([node("MatMul", ["x", "w"], ["h"], "mm"), node("Relu", ["h"], ["y"], "relu")], [value_info("x", ["N", 4])],
                [value_info("y", ["N", 4])], [w])
    side = 512
    large = model([node("MatMul", ["x", "w"], ["y"], "mm")], [value_info("x", [64, side])], [value_info("y", [64, side])],
                  [tensor("w", [side, side], [0.01] * (side * side))])
    free = model([node("Relu", ["x"], ["y"], "relu")], [value_info("x", ["N", "S"])], [value_info("y", ["N", "S"])])
    path = model([node("Relu", ["a/x=1"], ["b/y"], "relu")], [value_info("a/x=1", [1, 4])], [value_info("b/y", [1, 4])])
    nameless = model([node("Relu", ["x"], ["y"], "relu")], [value_info("x", ["?", 3, "?"])], [value_info("y", ["?", 3, "?"])])
    unknown = model([node("Frobnicate", ["x"], ["y"], "strange", "org.example")], [value_info("x", [1, 4])],
                    [value_info("y", [1, 4])])
    default = model([node("MatMul", ["x", "w"], ["y"], "mm")], [value_info("x", [8, 4]), value_info("w", [4, 4])],
                    [value_info("y", [8, 4])], [tensor("w", [4, 4], [1.0] * 16)])
    case = {"model.onnx": mlp, "test_data_set_0/input_0.pb": tensor("x", [1, 4], [1, 2, 3, 4])}
    good = [sum(x * float((4 * i + j) % 5) for i, x in enumerate([1, 2, 3, 4])) for j in range(4)]
    out = {"mlp.onnx": mlp, "large.onnx": large, "free.onnx": free, "path.onnx": path, "nameless.onnx": nameless, "unknown.onnx": unknown, "cut.onnx": mlp[:len(mlp) // 2],
           "noise.onnx": bytes(range(256)) * 4, "empty.onnx": b"", "x.npy": npy([1, 4], [1, 2, 3, 4]),
           "y.npy": npy([1, 4], good), "wrong.npy": npy([1, 4], [v + 1 for v in good]), "lies.npy": npy([1000, 4], [1, 2])}
    out.update({"default.onnx": default, "ones.npy": npy([8, 4], [1] * 32), "twos.npy": npy([4, 4], [2] * 16),
                "fours.npy": npy([8, 4], [4] * 32), "eights.npy": npy([8, 4], [8] * 32)})
    out.update(hostile())
    out.update(reshaped())
    out.update(tiny_gguf.files())
    out.update({"short.bin": bytes(10), "set.npz": npz(48), "spoiled.npz": npz(48, True), "none.npz": npz(0), "bare.npz": npz(48, classes=0),
                "same.npz": npz(48, classes=1), "large.npz": npz(2, classes=0, dims=(64, side)),
                "cut.npz": npz(48)[:300],
                "nan.npy": npy([1, 4], [1, float("nan"), 3, 4]), "inf.npy": npy([1, 4], [1, float("inf"), 3, 4])})
    for name, values in (("passing", good), ("failing", [v + 1 for v in good])):
        for file, data in {**case, "test_data_set_0/output_0.pb": tensor("y", [1, 4], values)}.items():
            out[f"cases/{name}/{file}"] = data
    return out
