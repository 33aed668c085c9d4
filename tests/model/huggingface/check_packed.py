#!/usr/bin/env python3
"""Folders of quantized weights: every matrix read as the numbers that its format's formula gives, to the last bit, in
the type that holds them; damaged ones refused by name.

    check_packed.py WEIGHTS_TOOL
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))
from devtools import enter_if_made, run  # noqa: E402


def tool(*words):
    return subprocess.run([sys.argv[1], *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_case(folder, values, kind, tmp):
    import numpy as np
    from safetensors.numpy import load_file
    got = tool("floats", folder, tmp / "floats.safetensors")
    if got.returncode:
        return [got.stderr.strip()]
    read = load_file(tmp / "floats.safetensors")
    (tmp / "floats.safetensors").unlink()
    shown = json.loads(tool("show", folder).stdout)["tensors"]
    faults = []
    for name, want in values.items():
        want = np.ascontiguousarray(want, np.float32) + np.float32(0)  # -0 and 0 are the same number
        if (read[name] + np.float32(0)).tobytes() != want.tobytes():
            faults.append(f"{name}: {np.abs(read[name] - want).max()} off")
        if kind and shown[name]["dtype"] != kind:
            faults.append(f"{name} is {shown[name]['dtype']}, not {kind}")
    return faults


def damaged():
    """name -> (folder, what the message must say)."""
    import numpy as np
    from packed_folders import Folder, Stored, cases
    p = "model.layers.0.self_attn.q_proj."
    def made(case, change):
        f = Folder(*cases()[case][:2])
        change(f, f.config.get("quantization") or f.config["quantization_config"], f.tensors)
        return f
    def nan(name, at=3):
        def change(f, q, t):
            t[name].x.reshape(-1)[at] = np.nan if t[name].x.dtype.kind == "f" else 255
        return change
    def put(name, x):
        return lambda f, q, t: t.__setitem__(name, x)
    say = lambda **words: lambda f, q, t: q.update(words)
    drop = lambda name: lambda f, q, t: t.pop(name)
    return {
        "mlx-bits": (made("mlx-4-64", say(bits=7)), "no 7 bits"),
        "mlx-other-bits": (made("mlx-4-64", say(bits=8)), "does not fit"),
        "mlx-group": (made("mlx-4-64", say(group_size=48)), "in groups of 48"),
        "mlx-other-group": (made("mlx-4-64", say(group_size=32)), "does not fit"),
        "mlx-text": (made("mlx-4-64", say(bits="4")), "\"bits\" of the quantization is no number"),
        "mlx-mode": (made("mlx-4-64", say(mode="x" * 9999)), "the quantization's mode 'xxx"),
        "mlx-own": (made("mlx-4-64", say(**{p[:-1]: {"bits": 3, "group_size": 64}})), "q_proj."),
        "mlx-false": (made("mlx-4-64", say(**{p[:-1]: False})), "is not quantized"),
        "mlx-no-scales": (made("mlx-4-64", drop(p + "scales")), "there is no '" + p + "scales'"),
        "mlx-no-biases": (made("mlx-4-64", drop(p + "biases")), p + "biases' is missing"),
        "mlx-no-weight": (made("mlx-4-64", drop(p + "weight")), p + "weight' is missing"),
        "mlx-nan": (made("mlx-4-64", nan(p + "scales")), "the scale of row 1, group 1 is NaN"),
        "mlx-nan-bias": (made("mlx-4-64", nan(p + "biases")), "the offset of row 1, group 1 is NaN"),
        "mlx-e8m0": (made("mlx-mxfp4", nan(p + "scales")), "the scale of row 0, group 3 is NaN"),
        "mlx-type": (made("mlx-4-64", put(p + "scales", Stored("int32", np.zeros((128, 2), np.int32)))),
                     "should be float16"),
        "gptq-bits": (made("gptq-4", say(bits=5)), "GPTQ with 5 bits"),
        "gptq-group": (made("gptq-4", say(group_size=0)), "\"group_size\" is 0"),
        "gptq-other-group": (made("gptq-4", say(group_size=32)), "should be numbers of "),
        "gptq-format": (made("gptq-4", say(checkpoint_format="marlin")), "'marlin' is not known"),
        "gptq-order": (made("gptq-4", put(p + "g_idx", Stored("int32", np.full(128, 2, np.int32)))),
                       "says group 2 of column 0"),
        "gptq-order-below": (made("gptq-4", put(p + "g_idx", Stored("int32", np.full(128, -1, np.int32)))),
                             "says group -1"),
        "gptq-no-zeros": (made("gptq-4", drop(p + "qzeros")), p + "qzeros' is missing"),
        "gptq-no-words": (made("gptq-4", drop(p + "qweight")), "there is no '" + p + "qweight'"),
        "awq-layout": (made("awq", say(version="gemv")), "'gemv' is not known"),
        "ct-shape": (made("ct-4-32", put(p + "weight_shape", Stored("int64", np.array([128, 1 << 40])))), "cannot hold"),
        "ct-groups": (made("ct-4-32", say(config_groups={})), "which no group of config.json does"),
        "ct-zero": (made("ct-4-asym", put(p + "weight_zero_point", Stored("int32", np.zeros((3, 1), np.int32)))),
                    "should be int32 of 16x1"),
        "bnb-state": (made("bnb-nf4", put(p + "weight.quant_state.bitsandbytes__nf4", Stored("uint8", np.frombuffer(
            b'{"shape":[128,129],"blocksize":64}', np.uint8)))), "does not fit the shape"),
        "bnb-json": (made("bnb-nf4", put(p + "weight.quant_state.bitsandbytes__nf4", Stored("uint8", np.frombuffer(
            b'{"shape"', np.uint8)))), "no JSON"),
        "method": (made("awq", say(quant_method="quip")), "(quip)"),
    }


def check_damaged(folder, part):
    got = tool("show", folder)
    if got.returncode != 3 or part not in got.stderr or str(folder) not in got.stderr:
        return [f"exit {got.returncode}: {got.stderr.strip()}"]
    return []


def mixed(tmp):
    """Entries of their own for single modules, and one that is left alone."""
    from packed_folders import Folder, cases
    f, other = Folder(*cases()["mlx-4-64"][:2]), Folder(*cases()["mlx-8-32"][:2])
    p = "model.layers.0.mlp.down_proj"
    f.tensors |= {n: t for n, t in other.tensors.items() if n.startswith(p)}
    f.values["blk.0.ffn_down.weight"] = other.values["blk.0.ffn_down.weight"]
    f.config["quantization"] = {"group_size": None, "bits": 4, p: {"group_size": 32, "bits": 8, "mode": "affine"},
                                "model.embed_tokens": False}
    return check_case(f.write(tmp / "mixed"), f.values, None, tmp)


def main():
    from packed_folders import Folder, cases
    passed = failed = 0
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        checks = [(n, lambda n=n, c=c: (lambda f: check_case(f.write(tmp / n), f.values, c[2], tmp))(Folder(*c[:2])))
                  for n, c in cases().items()]
        checks += [("damaged " + n, lambda n=n, d=d: check_damaged(d[0].write(tmp / ("bad-" + n)), d[1]))
                   for n, d in damaged().items()]
        for n, check in [*checks, ("mixed", lambda: mixed(tmp))]:
            faults = check()
            passed, failed = passed + (not faults), failed + bool(faults)
            print(f"{'failed' if faults else 'passed'}  {n}{': ' + '; '.join(faults[:4]) if faults else ''}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    enter_if_made("llm")
    run("check_packed", main)
