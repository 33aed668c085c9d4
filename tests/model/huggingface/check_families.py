#!/usr/bin/env python3
"""Hugging Face folders as GGUF's tensors and keys: tiny random models of every family against tiny_folders.py.

    check_families.py WEIGHTS_TOOL

Each is read; written again, from the folder and from a GGUF file of the `gguf` package; and, by the program of the
variable WHET_PROGRAM, converted to GGUF and back.
"""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))
from devtools import enter_if_made, run  # noqa: E402

NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


class Tool:
    def __init__(self, program):
        self.program = program

    def __call__(self, *words):
        return subprocess.run([self.program, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def show(self, path):
        done = self("show", path)
        if done.returncode:
            raise ValueError(f"refused: {done.stderr.strip()}")
        return json.loads(done.stdout)


def compare_tensors(got, expected):
    from tiny_folders import to_bytes
    faults = [f"{n} is missing" for n in expected.keys() - got.keys()] + [f"{n} is too much"
                                                                          for n in got.keys() - expected.keys()]
    for name in expected.keys() & got.keys():
        dtype, x = expected[name]
        g = got[name]
        if (g["dtype"], g["shape"]) != (NAMES[dtype], list(x.shape)):
            faults.append(f"{name}: {g['dtype']} {g['shape']}, expected {NAMES[dtype]} {list(x.shape)}")
        elif name.startswith("rope_f"):  # a pow() of another library may round otherwise
            if any(abs(a - b) > 1e-6 * abs(b) for a, b in zip(g["first"], x.tolist(), strict=True)):
                faults.append(f"{name}: {g['first']}, expected {x.tolist()}")
        elif g["sha256"] != hashlib.sha256(to_bytes(x, dtype)).hexdigest():
            faults.append(f"{name}: other bytes")
    return faults


def compare_keys(got, family):
    faults = []
    for key, want in ({"^general.architecture": family.arch} | family.keys).items():
        name = key[1:] if key[0] == "^" else f"{family.arch}.{key}"
        if name not in got:
            faults.append(f"{name} is missing")
            continue
        kind, value = got[name]["type"], got[name]["values"][0]
        expected = {bool: "bool", int: "u32", float: "f32", str: "string"}[type(want)]
        close = value == want if not isinstance(want, float) else abs(value - want) <= 1e-6 * abs(want)
        if kind != expected or not close:
            faults.append(f"{name}: {kind} {value}, expected {expected} {want}")
    return faults


def check_views(got):
    """Nothing that is the same in both worlds is copied."""
    name = "token_embd.weight"
    return [] if got[name]["view"] else [f"{name} is a copy"]


def check_export(tool, family, source, folder, show):
    """What is written has the bytes that the reference writer gives the original, and reads as the same model."""
    from tiny_folders import save
    done = tool("export", source, folder)
    if done.returncode:
        return [f"export of {source.name} refused: {done.stderr.strip()}"]
    want = folder / "want.safetensors"
    save({name.removeprefix("language_model."): x for name, x in family.tensors.items() if name not in family.drop},
         family.dtype, want)
    faults = [] if (folder / "model.safetensors").read_bytes() == want.read_bytes() else [
        f"export of {source.name}: other bytes"]
    again = tool.show(folder)
    if again["tensors"] != show["tensors"]:
        faults.append(f"export of {source.name} has other tensors")
    faults += [f"export of {source.name}: {key} is {again['keys'].get(key)}, was {value}"
               for key, value in show["keys"].items()
               if key not in ("general.name", f"{family.arch}.pooling_type") and again["keys"].get(key) != value]
    return faults


def write_gguf(family, path):
    import gguf
    from gguf import quants
    writer = gguf.GGUFWriter(path, family.arch)
    for key, value in family.keys.items():
        name = key[1:] if key[0] == "^" else f"{family.arch}.{key}"
        {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}[
            type(value)](name, value)
    for name, (dtype, x) in family.expected().items():
        kind = gguf.GGMLQuantizationType[dtype]
        writer.add_tensor(name, quants.quantize(x, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_family(tool, family, folder):
    family.write(folder)
    got = tool.show(folder)
    faults = (compare_tensors(got["tensors"], family.expected()) + compare_keys(got["keys"], family) +
              check_views(got["tensors"]))
    if faults:
        return faults
    gguf = folder.with_suffix(".gguf")
    write_gguf(family, gguf)
    return (check_export(tool, family, folder, folder.with_suffix(".again"), got) +
            check_export(tool, family, gguf, folder.with_suffix(".back"), got) + check_convert(family, folder))


def check_convert(family, folder):
    """`whet convert` to GGUF, which the gguf package reads, and from there back to the folder's bytes."""
    from gguf import GGUFReader
    from tiny_folders import to_bytes
    whet = os.environ.get("WHET_PROGRAM")
    if not whet:
        return []
    gguf, back = folder.with_suffix(".whet.gguf"), folder.with_suffix(".whet")
    for words in (["convert", folder, "-o", gguf], ["convert", gguf, "-o", back, "--to", "safetensors"]):
        done = subprocess.run([whet, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            return [f"convert: {done.stderr.strip()}"]
    read = {t.name: (t.tensor_type.name, t.data.tobytes()) for t in GGUFReader(gguf).tensors}
    want = {name: (dtype, to_bytes(x, dtype)) for name, (dtype, x) in family.expected().items()}
    faults = [f"convert: {name} has other bytes in GGUF" for name in read.keys() | want.keys()
              if read.get(name) != want.get(name) and not name.startswith("rope_f")]
    first = folder.with_suffix(".again") / "model.safetensors"
    return faults + ([] if (back / "model.safetensors").read_bytes() == first.read_bytes() else ["convert: other bytes"])


def check_blocks(tool, family, folder):
    """A GGUF file of blocks becomes what the gguf package decodes from it, rounded to float16."""
    import gguf
    import numpy as np
    from gguf import quants
    from safetensors.numpy import load_file
    from tiny_folders import HEADS, KV, pairs
    q8 = gguf.GGMLQuantizationType.Q8_0
    folder.mkdir()
    writer = gguf.GGUFWriter(folder / "q8.gguf", family.arch)
    for key, value in family.keys.items():
        {int: writer.add_uint32, float: writer.add_float32}[type(value)](f"{family.arch}.{key}", value)
    decoded = {}
    for name, (_, x) in family.expected().items():
        kind = q8 if x.ndim == 2 and x.shape[1] % 32 == 0 else gguf.GGMLQuantizationType.F32
        data = quants.quantize(x, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
        decoded[name] = quants.dequantize(data, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    done = tool("export", folder / "q8.gguf", folder / "out")
    if done.returncode:
        return [f"refused: {done.stderr.strip()}"]
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, family.keys["block_count"])
    faults = []
    for name, got in load_file(folder / "out" / "model.safetensors").items():
        want = decoded[names.get_name(name, try_suffixes=(".weight",))]
        for which, heads in (("q_proj", HEADS), ("k_proj", KV)):
            if which in name:  # the inverse of pairs()
                d = want.shape[0] // heads
                want = want.reshape(heads, d // 2, 2, -1).swapaxes(1, 2).reshape(want.shape)
                assert (pairs(want, heads) == decoded[names.get_name(name, try_suffixes=(".weight",))]).all()
        if not np.array_equal(got, want.astype(got.dtype)):
            faults.append(f"{name}: other numbers")
    return faults


def main():
    tool = Tool(sys.argv[1])
    from tiny_folders import families
    passed = failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        checks = [(name, check_family, family) for name, family in families().items()]
        for name, check, family in [*checks, ("blocks", check_blocks, families()["llama"])]:
            try:
                faults = check(tool, family, pathlib.Path(tmp) / name)
            except ValueError as error:
                faults = [str(error)]
            passed, failed = passed + (not faults), failed + bool(faults)
            print(f"{'failed' if faults else 'passed'}  {name}{': ' + '; '.join(faults[:6]) if faults else ''}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    enter_if_made("llm")
    run("check_families", main)
