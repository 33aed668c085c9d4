#!/usr/bin/env python3
"""Decoders written as ONNX graphs and as folders of ONNX Runtime GenAI, against whet's own answers.

Small random models of every architecture (language.py has them) become ONNX files whose logits ONNX Runtime has to agree
on; what it has no operator for has to be refused, with nothing written. Where the real models are there, so are folders:
GenAI generates the same tokens, its tokenizer gives the same ids, the onnx package's checker takes the file.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]
from devtools import CACHE, MODELS, enter, run  # noqa: E402

PROMISE = 1e-5  # largest error of float computing over the logits' range
PROMPTS = ("The capital of France is", "Once upon a time there was a", "def fibonacci(n):")
MORE = 20
REFUSED = {"Experts": ("llama_moe", "granitemoe", "qwen2moe", "qwen2moe_plain", "qwen3moe", "olmoe"),
           "multiple of 8": ("gpt2", "starcoder2", "olmo2", "olmo3"), "embeddings": ("bert", "nomic_bert")}
passed = failed = skipped = 0


def row(good, text):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'passed' if good else 'FAILED'}  {text}", flush=True)


def whet(*words):
    return subprocess.run([os.environ["WHET_PROGRAM"], *map(str, words), "--no-progress"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


def exact(path):
    """The graph with activations that stay floats, beside the file."""
    import onnx
    model = onnx.load(path, load_external_data=False)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "accuracy_level":
                attribute.i = 1
    out = path.with_name("exact.onnx")
    onnx.save(model, out)
    return out


class Session:
    """ONNX Runtime with caches that go round."""

    def __init__(self, path):
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.log_severity_level = 3
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.names = [o.name for o in self.session.get_outputs()]

    def logits(self, ids, steps):
        import numpy as np
        kinds = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
        feed = {i.name: np.zeros((1, i.shape[1], 0, i.shape[3]), kinds[i.type]) for i in self.session.get_inputs()
                if i.name.startswith("past")}
        wanted, out = {i.name for i in self.session.get_inputs()}, []
        for first, last in [(0, len(ids) - steps)] + [(i, i + 1) for i in range(len(ids) - steps, len(ids))]:
            feed |= {"input_ids": np.array([ids[first:last]], np.int64), "attention_mask": np.ones((1, last), np.int64),
                     "position_ids": np.arange(first, last)[None]}
            answers = self.session.run(None, {k: v for k, v in feed.items() if k in wanted})
            out.append(answers[0][0].astype(np.float32))
            feed |= {n.replace("present", "past_key_values"): v for n, v in zip(self.names, answers) if n != "logits"}
        return np.concatenate(out)


def distance(a, b):
    import numpy as np
    return float(np.abs(a - b).max() / (b.max() - b.min()))


# --- every architecture ----------------------------------------------------------------------------------------------
def check_refused(folder, name, path, part):
    out = folder / f"{name}.onnx"
    done = whet("convert", path, "-o", out)
    row(done.returncode == 3 and part in done.stderr and "hint:" in done.stderr and not out.exists(),
        f"{name}: refused, nothing written ({part})")


def check_written(folder, name, path, model):
    import language
    import whet_language
    out = folder / f"{name}.onnx"
    done = whet("convert", path, "-o", out)
    if done.returncode:
        return row(False, f"{name}: {done.stderr.strip()}")
    ours = whet_language.Language(path, language.VOCAB, "c", model.context)
    want = ours.logits(language.tokens(), 5)
    ours.close()
    error = distance(Session(out).logits(language.tokens(), 5), want)
    return row(error < PROMISE, f"{name}: logits of ONNX Runtime are {error:.1e} of the range away")


def check_architectures(folder):
    import language
    part = {name: part for part, names in REFUSED.items() for name in names}
    even = {"gpt2_even": lambda: language.gpt2(64, 4), "starcoder2_even": lambda: language.starcoder2(96),
            "olmo2_even": lambda: language.olmo2(False, 96), "olmo3_even": lambda: language.olmo2(True, 96)}
    for name, make in (language.CASES | even).items():
        if name == "phi3_long":
            continue  # the same file as phi3_short: a graph has one set of frequencies, that of short texts
        model, path = make(), folder / f"{name}.gguf"
        language.write_gguf(path, model)
        if name in part:
            check_refused(folder, name, path, part[name])
        else:
            check_written(folder, name, path, model)


# --- real models -----------------------------------------------------------------------------------------------------
def ids_of(path, prompt):
    return json.loads(whet("tokenize", path, prompt, "--json").stdout)["ids"]


def vocabulary(folder):
    return json.loads((folder / "genai_config.json").read_text())["model"]["vocab_size"]


def check_folder(folder, path, name):
    """The file is a good one, and its logits are ours when both compute with floats."""
    import onnx
    import whet_language
    done = whet("convert", path, "--to", "genai", "-o", folder / name)
    if done.returncode:
        return row(False, f"{name}: {done.stderr.strip()}")
    onnx.checker.check_model(folder / name / "model.onnx")
    row(True, f"{name}: the checker takes the file")
    ids = ids_of(path, PROMPTS[0])
    ours = whet_language.Language(path, vocabulary(folder / name), "c")
    back = whet_language.Language(folder / name, vocabulary(folder / name), "c")
    want = ours.logits(ids, 2)
    error = distance(Session(exact(folder / name / "model.onnx")).logits(ids, 2), want)
    row(error < PROMISE, f"{name}: logits of ONNX Runtime are {error:.1e} of the range away")
    error = distance(back.logits(ids, 2), want)
    row(error < PROMISE, f"{name}: logits of whet over the folder are {error:.1e} of the range away")
    for one in (ours, back):
        one.close()
    return check_verbs(folder / name, name)


def check_verbs(folder, name):
    """Whole verbs over the folder; then without its tokenizer."""
    text = folder.parent / "text.txt"
    text.write_text("The quick brown fox jumps over the lazy dog. " * 40)
    for words in (("generate", folder, "-p", "The capital of France is", "-n", 4, "-t", 0), ("assess", folder),
                  ("perplexity", folder, "--text", text, "--ctx", 64), ("tokenize", folder, "The capital")):
        done = whet(*words)
        row(done.returncode == 0 and done.stdout, f"{name}: {words[0]} works on the folder {done.stderr.strip()[:200] if done.returncode else ''}")
    for file in ("tokenizer.json", "tokenizer.model"):
        if (folder / file).exists():
            (folder / file).rename(folder / f"{file}.away")
    done = whet("generate", folder, "-p", "The capital", "-n", 4)
    row(done.returncode == 3 and "tokenizer" in done.stderr and "hint:" in done.stderr,
        f"{name}: a folder without a tokenizer is refused {done.stderr.strip()}")
    return None


def generated(og, model, ids):
    import numpy as np
    params = og.GeneratorParams(model)
    params.set_search_options(max_length=len(ids) + MORE, do_sample=False)
    generator, out = og.Generator(model, params), []
    generator.append_tokens(np.array(ids, np.int32))
    while not generator.is_done() and len(out) < MORE:
        generator.generate_next_token()
        out.append(int(generator.get_next_tokens()[0]))
    return out


def check_generation(folder, path, name):
    """Folders of float32 weights: neither side rounds, so the likeliest tokens are the same."""
    global skipped
    try:
        import onnxruntime  # noqa: F401  GenAI's library counts on its being loaded
        import onnxruntime_genai as og
    except ImportError:
        skipped += 1
        return print("skipped onnxruntime_genai is not in this environment")
    import whet_language
    done = whet("convert", path, "--to", "genai", "--dtype", "f32", "-o", folder / f"{name}-f32")
    if done.returncode:
        return row(False, f"{name}: {done.stderr.strip()}")
    model = og.Model(str(folder / f"{name}-f32"))
    tokenizer = None
    if (folder / f"{name}-f32" / "tokenizer.json").exists():
        tokenizer = og.Tokenizer(model)
    ours = whet_language.Language(path, vocabulary(folder / f"{name}-f32"), "c")
    for prompt in PROMPTS:
        ids = ids_of(path, prompt)
        if tokenizer:
            row([int(i) for i in tokenizer.encode(prompt)] == ids, f"{name}: GenAI's tokenizer gives our ids of '{prompt}'")
        have, want = generated(og, model, ids), ours.greedy(ids, MORE)
        row(have == want[:len(have)] and have, f"{name}: GenAI goes on with our {len(have)} tokens after '{prompt}'")
    ours.close()


def main():
    if "WHET_PROGRAM" not in os.environ:
        print("skipped: WHET_PROGRAM does not say which program to test")
        return 77
    group = next((g for g in ("peers", "test") if any(CACHE.glob(f"venv-{g}-*/bin/python"))), None)
    if not group:
        print("skipped: there is no environment for the tests; tools/venv test makes it")
        return 77
    enter(group)
    global skipped
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_architectures(folder)
        for model in ("smollm2-135m-instruct.q4_1.gguf", "gemma3-270m.q4_k_m.gguf"):
            if not (MODELS / model).exists():
                skipped += 1
                print(f"skipped {model} is not there; tools/fetch-models gets it")
                continue
            check_folder(folder, MODELS / model, model.split("-")[0])
            check_generation(folder, MODELS / model, model.split("-")[0])
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    run("check_genai", main)
