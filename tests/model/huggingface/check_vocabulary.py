#!/usr/bin/env python3
"""The tokenizer's files of a folder written from GGUF, read by the packages `tokenizers` and `sentencepiece`: the ids that
`whet tokenize` gives for the GGUF file.

    check_vocabulary.py WEIGHTS_TOOL

The vocabularies are those of real models, put into a GGUF file with tiny weights.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))
from devtools import MODELS, enter_if_made, run  # noqa: E402

TEXTS = ["Hello world 1234, how's it going?", "Café naïve — 日本語, über! \n\n  two  spaces\ttab", "def f(x):\n    return x**2",
         "🙂 emoji", "a"]


def with_vocabulary_of(model, path):
    import gguf
    from tiny_folders import families
    family = families()["llama"]
    writer = gguf.GGUFWriter(path, family.arch)
    for key, value in family.keys.items():
        {int: writer.add_uint32, float: writer.add_float32}[type(value)](f"{family.arch}.{key}", value)
    for name, field in gguf.GGUFReader(model).fields.items():
        if name.startswith("tokenizer."):
            kinds = [*field.types, None]
            writer.add_key_value(name, field.contents(), kinds[0], kinds[1])
    for name, (_, x) in family.expected().items():
        writer.add_tensor(name, x.astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def encoder(folder):
    if (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    import sentencepiece
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    assert processor.bos_id() >= 0 and processor.eos_id() >= 0
    return processor.encode


def main():
    tool, whet = sys.argv[1], os.environ["WHET_PROGRAM"]
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name in ("smollm2-135m-instruct.q4_1", "gemma3-270m.q4_k_m"):
            model, path, folder = MODELS / f"{name}.gguf", pathlib.Path(tmp) / f"{name}.gguf", pathlib.Path(tmp) / name
            if not model.is_file():
                skipped += 1
                print(f"skipped  {model.name} was not fetched")
                continue
            with_vocabulary_of(model, path)
            subprocess.run([tool, "export", path, folder], check=True)
            encode = encoder(folder)
            for text in TEXTS:
                ids = subprocess.run([whet, "tokenize", model, "--no-special", text], stdout=subprocess.PIPE, check=True,
                                     text=True).stdout
                good = encode(text) == [int(i) for i in ids.split()]
                passed, failed = passed + good, failed + (not good)
                print(f"{'passed' if good else 'failed'}  {name}: {text!r}" + ("" if good else f" {encode(text)} {ids}"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


if __name__ == "__main__":
    enter_if_made("llm")
    run("check_vocabulary", main)
