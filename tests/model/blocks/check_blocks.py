#!/usr/bin/env python3
"""Block codecs against other implementations, on random rows.

    check_blocks.py BLOCKS_PIPE

Decoding against the `gguf` package (the `llm` environment): random bytes, equal bit by bit. Encoding against llama.cpp's
ggml_quantize_chunk where the `llama` environment is there already (`tools/venv llama` builds it): equal byte by byte,
with and without importance. llama.cpp may have been compiled with fused multiply-add, which moves near ties of the
searches: where bytes differ, the share of such blocks and the error of both must stay within bounds.
"""
import ctypes
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))
from devtools import CACHE, enter_if_made, run  # noqa: E402

EXACT = {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "mxfp4", "nvfp4", "tq1_0", "tq2_0", "q1_0", "q2_0", "f16", "bf16"}
WEIGHTED = {"q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs"}
MOST_DIFFERENT = 0.05  # of the blocks of a search format, under fused multiply-add
COLUMNS, ROWS = 1024, 1500


def pipe(program, words, data):
    return subprocess.run([program, *words], input=data, stdout=subprocess.PIPE, check=True).stdout


def find_ggml():
    """llama.cpp's base library, if its environment was ever made."""
    for lib in sorted(CACHE.glob("venv-llama-*/lib/python3*/site-packages/llama_cpp/lib/libggml-base.so*")):
        return ctypes.CDLL(str(lib))
    return None


def ggml_encode(lib, number, x, importance):
    import numpy as np
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    lib.ggml_row_size.restype = ctypes.c_size_t
    lib.ggml_row_size.argtypes = [ctypes.c_int, ctypes.c_int64]
    rows, columns = x.shape
    out = np.zeros((rows, lib.ggml_row_size(number, columns)), np.uint8)
    weights = importance.ctypes.data_as(ctypes.c_void_p) if importance is not None else None
    lib.ggml_quantize_chunk(ctypes.c_int(number), x.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p),
                            ctypes.c_int64(0), ctypes.c_int64(rows), ctypes.c_int64(columns), weights)
    return out


def random_rows(rng):
    """Rows as weights are: Gaussian of many sizes, heavy tails, sparse, constant, of one sign."""
    import numpy as np
    x = rng.standard_normal((ROWS, COLUMNS)) * np.exp(rng.uniform(-8, 3, (ROWS, 1)))
    x[::5] **= 3
    x[1::7] = np.abs(x[1::7])
    x[2::7] *= rng.random((len(x[2::7]), COLUMNS)) < 0.1
    x[3::11] = x[3::11, :1]
    x[4::13] = np.round(x[4::13] * 8) / 8
    return x.astype(np.float32)


def check_decode(program, name, rng):
    import numpy as np
    from gguf import GGMLQuantizationType, GGML_QUANT_SIZES
    from gguf.quants import dequantize
    kind = GGMLQuantizationType[name.upper()]
    block, size = GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (400, size * (1024 // block)), np.uint8)
    with np.errstate(all="ignore"):
        want = dequantize(data, kind).astype(np.float32).reshape(-1)
    got = np.frombuffer(pipe(program, ["decode", name, "1024"], data.tobytes()), np.float32)
    same = (got.view(np.uint32) == want.view(np.uint32)) | (np.isnan(got) & np.isnan(want))
    # numpy keeps no sign of zero times a negative in some of its forms; the value is what counts
    same |= (got == 0) & (want == 0)
    return None if same.all() else f"{(~same).sum()} of {same.size} numbers differ, the first at {np.argmin(same)}"


def check_encode(program, lib, name, rng, weighted):
    import numpy as np
    from gguf import GGMLQuantizationType, GGML_QUANT_SIZES
    kind = GGMLQuantizationType[name.upper()]
    block, size = GGML_QUANT_SIZES[kind]
    x = random_rows(rng)
    importance = rng.gamma(1, 1, COLUMNS).astype(np.float32) if weighted else None
    want = ggml_encode(lib, int(kind), x, importance)
    data = (importance.tobytes() if weighted else b"") + x.tobytes()
    out = pipe(program, ["encode", name, str(COLUMNS), *(["important"] if weighted else [])], data)
    got = np.frombuffer(out, np.uint8).reshape(want.shape)
    different = (got != want).reshape(-1, size).any(axis=1)
    if not different.any():
        return None, 0.0
    share = different.mean()
    if name in EXACT and not weighted:
        return f"{share:.2%} of the blocks differ, the first is {np.argmax(different)}", share
    ours, theirs = (np.frombuffer(pipe(program, ["decode", name, str(COLUMNS)], b.tobytes()), np.float32)
                    for b in (got, want))
    error = [((y - x.reshape(-1)).astype(np.float64) ** 2).sum() for y in (ours, theirs)]
    worse = error[0] > 1.001 * error[1]
    return (f"{share:.2%} of the blocks differ, error {error[0]:.6g} against {error[1]:.6g}"
            if share > MOST_DIFFERENT or worse else None), share


def main():
    import numpy as np
    from gguf.quants import _type_traits
    program = sys.argv[1]
    counts = {"passed": 0, "failed": 0}

    def note(what, fault, detail=""):
        counts["failed" if fault else "passed"] += 1
        print(f"{'failed' if fault else 'passed'}  {what}{': ' + fault if fault else detail}")

    for kind in _type_traits:
        name = kind.name.lower()
        if name != "bf16":
            note(f"decode {name}", check_decode(program, name, np.random.default_rng(int(kind))))
    lib = find_ggml()
    skipped = 0 if lib else 1
    if not lib:
        print("skipped  encode: no llama.cpp (tools/venv llama builds it)")
    for name in sorted((EXACT | WEIGHTED) - {"f16", "bf16"}) if lib else []:
        from gguf import GGMLQuantizationType
        if name.upper() not in GGMLQuantizationType.__members__:
            continue
        for weighted in [False] + [True] * (name in WEIGHTED):
            rng = np.random.default_rng(len(name) + weighted)
            fault, share = check_encode(program, lib, name, rng, weighted)
            note(f"encode {name}{' with importance' if weighted else ''}", fault,
                 f" ({share:.3%} of the blocks differ by fused multiply-add)" if share else "")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {skipped} skipped")
    return counts["failed"] > 0


if __name__ == "__main__":
    enter_if_made("llm")
    run("check_blocks", main)
