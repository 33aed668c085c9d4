#!/usr/bin/env python3
"""Speed of tokenizing: ours and Hugging Face's `tokenizers`, one thread each, in turn.

    bench/tokenizers.py [--megabytes N] [--rounds N] [TOKENIZER.json...]

Text: the documentation that the system carries (/usr/share/doc, /usr/share/common-licenses), and WikiText-2 where
WHET_SHARED_DATA has it. Tokenizers: what the oracle has trained (tests/oracle/check_tokenizers.py), all-MiniLM-L6-v2,
and those that are named. Prints megabytes a second (the median of the rounds) and the ratio; ids are compared.
"""
import argparse
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:1] = [str(ROOT / "tests" / "oracle"), str(ROOT / "tools")]  # without this folder: the package has our name
from devtools import MODELS, enter, run  # noqa: E402
import check_tokenizers  # noqa: E402

NAMES = ("gpt2", "llama3", "qwen2", "smollm", "gpt-4o", "deepseek-v3", "falcon", "llama2", "wordpiece", "unigram")


def texts(limit):
    found = []
    files = [*sorted(pathlib.Path("/usr/share/common-licenses").glob("*")), *sorted(pathlib.Path("/usr/share/doc").rglob("*"))]
    size = 0
    for path in files:
        if size >= limit or not path.is_file() or path.suffix in (".gz", ".png", ".pdf"):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        found.append(text)
        size += len(text)
    yield "documentation", found
    wiki = pathlib.Path(os.environ.get("WHET_SHARED_DATA", "/nonexistent")) / "wikitext-2" / "test.txt"
    if wiki.exists():
        yield "wikitext-2", wiki.read_text(encoding="utf-8").split("\n = ")


def timed(encode, parts):
    start = time.perf_counter()
    ids = [encode(part) for part in parts]
    return time.perf_counter() - start, ids


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="TOKENIZER.json")
    parser.add_argument("--megabytes", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    enter("llm")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer
    files = args.files or [p for p in [*(check_tokenizers.TRAINED / f"{n}.json" for n in NAMES),
                                       MODELS / "all-minilm-l6-v2" / "tokenizer.json"] if p.exists()]
    print(f"{'tokenizer':<22}{'text':<16}{'ours MB/s':>10}{'theirs':>10}{'ratio':>8}  ids")
    for path in files:
        ours, theirs = check_tokenizers.Whet(path), Tokenizer.from_file(str(path))
        theirs.no_truncation()
        theirs.no_padding()
        name = path.stem if path.stem != "tokenizer" else path.parent.name
        for what, parts in texts(args.megabytes * 1e6):
            size = sum(len(part.encode()) for part in parts) / 1e6
            mine, other = [], []
            for _ in range(args.rounds):
                seconds, a = timed(ours.encode, parts)
                mine.append(seconds)
                seconds, b = timed(lambda s: theirs.encode(s).ids, parts)
                other.append(seconds)
            mine, other = statistics.median(mine), statistics.median(other)
            print(f"{name:<22}{what:<16}{size / mine:>10.1f}{size / other:>10.1f}{other / mine:>8.1f}  "
                  f"{'equal' if [list(x) for x in a] == [list(x) for x in b] else 'DIFFER'}", flush=True)
        ours.close()


if __name__ == "__main__":
    run("tokenizers", main)
