#!/usr/bin/env python3
"""Token ids against Hugging Face's `tokenizers`, SentencePiece and llama.cpp.

    check_tokenizers.py [NAME-GLOB...] [--strings N]

For every pre-tokenizer and normalizer of the field a small tokenizer is trained with `tokenizers` (kept in the cache),
opened by libwhet.so, and asked about hostile strings and N random ones (1000; 10000 under `make test-long`); trained
models that packages carry are asked too, and GGUF files against llama.cpp where its environment is there (`tools/venv
llama`). Ids must be equal one by one, and texts must come back. Prints a row for each, then the count.
"""
import argparse
import ctypes
import fnmatch
import os
import pathlib
import random
import sys
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]
from devtools import CACHE, MODELS, enter, made, making, recipe, run  # noqa: E402

BUILD = pathlib.Path(os.environ.get("WHET_BINARY_DIR", HERE.parent.parent / "build" / "release"))
REQUIREMENTS = HERE.parent.parent / "tools" / "requirements"
TRAINED = CACHE / "oracle-tokenizers"
ADD_SPECIAL, PARSE_SPECIAL = 1, 2

HOSTILE = [
    "", " ", "  ", "\n", "\n\n\n \n", "\t\tx", "a", "Hello", " Hello world", "Hello  world   ", "\r\n\r\nx\r",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family", "\U0001f44d\U0001f3fd\U0001f44d\U0001f3ff",
    "e\u0301e\u0301\u0323 a\u0300\u0301\u0302", "a" * 1000, " " * 1000 + "x", "\n" * 300,
    "1234567890 12 3.14159 1,000,000", "I'm you're he'S THEY'LL we'd 'tis 've", "don't can't won't 'Tis ''''s",
    "\x00\x01\x02\x7f", "\ufeffBOM", "مرحبا بالعالم", "שלום עולם", "नमस्ते दुनिया", "สวัสดีชาวโลก",
    "こんにちは世界。カタカナ", "中文，测试！123", "한국어 테스트입니다", "𝕳𝖊𝖑𝖑𝖔 𝟙𝟚𝟛", "ﬁ ﬂ ½ Ⅷ ①", "İstanbul ıIiİ",
    "ß ẞ ſ K Å", "x\u200by\u200cz\u200d", "a\u00a0b\u2003c\u3000d\u0085e", "<s></s><unk><pad>[CLS][SEP]",
    "<|im_start|>user\nhi<|im_end|>\n", "▁▁ ▁x", "if (x == 0) {\n\treturn -1; // no\n}\n",
    "https://example.com/a?b=c&d=%20#e", "SHOUTING lower MixedCase camelCaseWord", "\ufffd\ufffd\ufffd",
    "\u0300\u0301start", "a\u0338b≠ ≯", "Ǆ ǅ ǆ ŉ", "\U0010ffff\U000e0001\ue000", "...!!!???---___***",
    "x" * 37 + "y" * 41 + " " + "é" * 50,
]
INVALID = [b"\xff", b"a\xc3", b"\xe2\x82", b"\xf0\x9f\x98 x", b"\xc0\xaf", b"\xed\xa0\x80", b"ok \x80\x81 ok", b"\xf5\x80"]


def strings(count, seed=1):
    """Words, marks, scripts, blanks. Only characters that Unicode 3.2 had: what came later is cut by the version of the
    tables that a library happens to have."""
    rng = random.Random(seed)
    old = unicodedata.ucd_3_2_0
    assigned = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and old.category(chr(c)) not in ("Cn", "Co")]
    known = set(assigned)
    words = ("the of and to in hello world don't it's I'm 2024 foo foo_bar naïve café Привет 世界 こんにちは مرحبا x=1; "
             "<|im_end|> </s> </world>").split()
    pools = [range(32, 127), range(0x20, 0x250), range(0x300, 0x370), range(0x370, 0x530), range(0x590, 0x700),
             range(0x900, 0xE00), range(0x2000, 0x2070), range(0x3000, 0x3100), range(0x4E00, 0x9FFF),
             range(0xAC00, 0xD7A4), range(0x1F300, 0x1F650), [9, 10, 13, 32, 32, 32, 0xA0, 0x2028], range(48, 58),
             [0x27, 115, 116, 32, 108, 76, 0x2019]]
    for _ in range(count):
        out = []
        for _ in range(rng.randint(1, 40)):
            kind = rng.random()
            if kind < 0.3:
                out.append(rng.choice(words) + (" " if rng.random() < 0.7 else ""))
            elif kind < 0.8:
                c = rng.choice(rng.choice(pools))
                out.append(chr(c) if c in known or 0x1F300 <= c < 0x1F650 else "?")
            else:
                out.append(chr(rng.choice(assigned)))
        yield "".join(out)


class Whet:
    """The library behind ctypes."""
    lib = None

    def __init__(self, path):
        if Whet.lib is None:
            p, n = ctypes.c_void_p, ctypes.c_size_t
            lib = Whet.lib = ctypes.CDLL(str(BUILD / "libwhet.so"))
            lib.wt_context_open.argtypes = [p, p, p]
            lib.wt_context_close.argtypes = lib.wt_tokenizer_close.argtypes = [p]
            lib.wt_tokenizer_close.restype = lib.wt_context_close.restype = None
            lib.wt_tokenizer_open.argtypes = [p, p, ctypes.c_char_p, p]
            lib.wt_tokenize.argtypes = [p, ctypes.c_char_p, n, ctypes.c_uint, p, n, p, p]
            lib.wt_detokenize.argtypes = [p, p, n, ctypes.c_bool, p, n, p, p]
        self.err = ctypes.create_string_buffer(2048)
        self.ctx, self.tokenizer, self.count = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
        self.cap = 1 << 20
        self.ids = (ctypes.c_int32 * self.cap)()
        self.check(self.lib.wt_context_open(ctypes.byref(self.ctx), None, self.err))
        self.check(self.lib.wt_tokenizer_open(ctypes.byref(self.tokenizer), self.ctx, str(path).encode(), self.err))

    def check(self, status):
        if status:
            words = [w.decode("utf-8", "replace") for w in self.err.raw.split(b"\0") if len(w) > 3]
            raise RuntimeError(f"{status}: {' '.join(words)}")

    def close(self):
        self.lib.wt_tokenizer_close(self.tokenizer)
        self.lib.wt_context_close(self.ctx)

    def encode(self, text, flags=ADD_SPECIAL | PARSE_SPECIAL):
        data = text if isinstance(text, bytes) else text.encode()
        self.check(self.lib.wt_tokenize(self.tokenizer, data, len(data), flags, self.ids, self.cap,
                                        ctypes.byref(self.count), self.err))
        return self.ids[:self.count.value]

    def decode(self, ids, special=True):
        array = (ctypes.c_int32 * len(ids))(*ids)
        out = ctypes.create_string_buffer(64 * len(ids) + 1)
        self.check(self.lib.wt_detokenize(self.tokenizer, array, len(ids), special, out, len(out),
                                          ctypes.byref(self.count), self.err))
        return out.raw[:self.count.value]


def pipelines():
    """name -> (normalizer, pre-tokenizer): what the field's tokenizer.json files have."""
    from tokenizers import Regex, normalizers as N, pre_tokenizers as P
    tail = r"\s*[\r\n]+|\s+(?!\S)|\s+"
    short = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    llama3 = short + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + tail
    qwen2 = llama3.replace("{1,3}", "")
    upper, lower = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    cased = rf"[^\r\n\p{{L}}\p{{N}}]?{upper}*{lower}+%s|[^\r\n\p{{L}}\p{{N}}]?{upper}+{lower}*%s|\p{{N}}%s" \
            r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + tail
    gpt4o = cased % (short + "?", short + "?", "{1,3}")
    no_han = [c[:-1] + r"&&[^\p{Han}]]" for c in (upper, lower)]
    kimi = rf"[\p{{Han}}]+|[^\r\n\p{{L}}\p{{N}}]?{no_han[0]}*{no_han[1]}+{short}?|" \
           rf"[^\r\n\p{{L}}\p{{N}}]?{no_han[0]}+{no_han[1]}*{short}?|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|" + tail
    deepseek = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|""" \
               r" ?[\p{P}\p{S}]+[\r\n]*|" + tail
    cl100k = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|" \
             r"\s*[\r\n]|\s+(?!\S)|\s"

    def split(pattern, behavior="isolated", invert=False):
        return P.Split(Regex(pattern), behavior, invert)

    def level(*steps, regex=False):
        return P.Sequence([*steps, P.ByteLevel(add_prefix_space=False, use_regex=regex)])

    words = P.WhitespaceSplit()
    return {
        "gpt2": (None, P.ByteLevel(add_prefix_space=False)),
        "gpt2-nfc": (N.NFC(), P.ByteLevel(add_prefix_space=False)),
        "roberta": (None, P.ByteLevel(add_prefix_space=True)),
        "llama3": (None, level(split(llama3))),
        "qwen2": (N.NFC(), level(split(qwen2))),
        "qwen35": (N.NFC(), level(split(qwen2.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(
            r"[^\s\p{L}\p{N}]+", r"[^\s\p{L}\p{M}\p{N}]+")))),
        "smollm": (None, level(P.Digits(individual_digits=True), regex=True)),
        "tekken": (None, level(split(cased % ("", "", "")))),
        "gpt-4o": (None, level(split(gpt4o))),
        "kimi-k2": (None, level(split(kimi))),
        "deepseek-v3": (None, level(split(r"\p{N}{1,3}"), split("[一-龥\u3040-ゟ゠-ヿ]+"), split(deepseek))),
        "deepseek-coder": (None, level(split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"),
                                       split("[一-龥ࠀ-一가-\ud7ff]+"), P.Digits(True))),
        "falcon": (None, P.Sequence([P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False),
                                     P.Digits(False), split("[0-9][0-9][0-9]")])),
        "bloom": (None, level(split(r" ?[^(\s|[.,!?…。，、।۔،])]+"))),
        "superbpe": (None, level(split(r"\p{N}+"), split(r"(?=(\d{3})+(?!\d))"))),
        "bailing": (None, level(split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|"
                                      r"\s*[\r\n]|\s+(?!\S)|\s+"))),
        "cl100k": (None, level(split(cl100k))),
        "aya": (None, level(split(r"\d{1,3}(?=(?:\d{3})*\b)"), split(gpt4o))),
        "lazy": (None, level(split(r"\S+?(?=[aeiou]|\b)|\p{^L}{2,4}?|(?<=a)b|(?<!\p{Lu})x"))),
        "split-previous": (None, level(split(r"\s", "merged_with_previous"))),
        "split-next": (None, level(split(r"\s", "merged_with_next"))),
        "split-together": (None, level(split(r"[aeiou]", "contiguous"))),
        "split-removed": (None, level(split(r"\w+|[^\w\s]+", "removed", True))),
        "split-text": (None, level(P.Split(" ", "merged_with_previous"))),
        "whitespace": (N.Lowercase(), P.Whitespace()),
        "nfkc-lower": (N.Sequence([N.NFKC(), N.Lowercase()]), words),
        "accents": (N.Sequence([N.NFD(), N.StripAccents()]), words),
        "nfkd": (N.NFKD(), words),
        "strip": (N.Sequence([N.Strip(), N.Replace(Regex(r"\s+"), " ")]), words),
        "nmt": (N.Sequence([N.Nmt(), N.Prepend("x")]), words),
        "punctuation": (N.NFC(), P.Sequence([words, P.Punctuation()])),
        "metaspace-first": (None, P.Metaspace(prepend_scheme="first")),
        "metaspace-always": (None, P.Metaspace(prepend_scheme="always")),
        "metaspace-whole": (None, P.Metaspace(prepend_scheme="never", split=False)),
        "llama2": (N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None),
        "gemma": (N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous")),
        "digits": (None, P.Sequence([words, P.Digits()])),
        "delimiter": (None, P.CharDelimiterSplit(",")),
    }


def train(folder):
    """One small tokenizer for each pipeline, and for each other model."""
    from tokenizers import AddedToken, Tokenizer, decoders as D, models, normalizers as N, pre_tokenizers as P
    from tokenizers import processors, trainers as T
    texts = [p.read_text(encoding="utf-8") for p in sorted(HERE.parent.parent.rglob("*.md"))]
    texts += [p.read_text(encoding="utf-8") for p in sorted((HERE.parent.parent / "src").rglob("*.h"))]
    plain = [line for text in texts for line in text.split("\n")]
    corpus = plain + list(strings(1500, seed=7))
    special = ["<unk>", "<s>", "</s>"]

    def finish(tokenizer, name):
        tokenizer.add_tokens([AddedToken("don't", normalized=True), AddedToken("</world>", lstrip=True, rstrip=True),
                              AddedToken("foo", single_word=True, normalized=False)])
        tokenizer.add_special_tokens([AddedToken("<|im_end|>", special=True, lstrip=True)])
        tokenizer.save(str(folder / f"{name}.json"))

    for name, (normalizer, pre) in pipelines().items():
        level = pre is not None and "ByteLevel" in pre.__getstate__().decode()
        meta = name in ("llama2", "gemma")
        tokenizer = Tokenizer(models.BPE(unk_token=None if level else "<unk>", byte_fallback=meta,
                                         fuse_unk=name in ("whitespace", "punctuation", "llama2", "gemma")))
        if normalizer:
            tokenizer.normalizer = normalizer
        # whole lines as words take the trainer long: it learns from words, with the sign in front
        tokenizer.pre_tokenizer = P.Metaspace() if meta else pre
        tokenizer.decoder = D.ByteLevel() if level else D.Metaspace()
        tokenizer.train_from_iterator(corpus, T.BpeTrainer(
            vocab_size=3000, show_progress=False,
            special_tokens=special + ([f"<0x{b:02X}>" for b in range(256)] if meta else []),
            initial_alphabet=P.ByteLevel.alphabet() if level else []))
        if meta:
            tokenizer.pre_tokenizer = pre
            tokenizer.decoder = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()] +
                                           ([D.Strip(" ", 1, 0)] if name == "llama2" else []))
        finish(tokenizer, name)

    clip = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    clip.normalizer = N.Sequence([N.NFC(), N.Replace("  ", " "), N.Lowercase()])
    clip.pre_tokenizer, clip.decoder = P.Whitespace(), D.BPEDecoder()
    clip.train_from_iterator(corpus, T.BpeTrainer(vocab_size=3000, show_progress=False, special_tokens=special,
                                                  end_of_word_suffix="</w>"))
    finish(clip, "suffix")
    bert = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    bert.normalizer, bert.pre_tokenizer = N.BertNormalizer(lowercase=False), P.BertPreTokenizer()
    bert.decoder = D.WordPiece()
    bert.train_from_iterator(corpus, T.WordPieceTrainer(vocab_size=3000, show_progress=False,
                                                        special_tokens=["[UNK]", "[CLS]", "[SEP]"]))
    bert.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    finish(bert, "wordpiece")
    word = Tokenizer(models.WordLevel(unk_token="<unk>"))
    word.pre_tokenizer = P.Whitespace()
    word.train_from_iterator(corpus, T.WordLevelTrainer(vocab_size=3000, show_progress=False, special_tokens=special))
    finish(word, "wordlevel")
    for name, fallback in (("unigram", False), ("unigram-bytes", True)):
        unigram = Tokenizer(models.Unigram())
        unigram.normalizer, unigram.pre_tokenizer = N.NFKC(), P.Metaspace()
        unigram.decoder = D.Metaspace()
        unigram.train_from_iterator(plain, T.UnigramTrainer(
            vocab_size=2000, show_progress=False, unk_token="<unk>",
            special_tokens=special + ([f"<0x{b:02X}>" for b in range(256)] if fallback else [])))
        if fallback:
            vocab = __import__("json").loads(unigram.to_str())["model"]["vocab"]
            bytes_too = Tokenizer(models.Unigram([tuple(v) for v in vocab], 0, True))
            bytes_too.normalizer, bytes_too.pre_tokenizer, bytes_too.decoder = N.NFKC(), P.Metaspace(), D.Metaspace()
            unigram = bytes_too
        finish(unigram, name)


def train_sentencepiece(folder):
    import io
    import sentencepiece
    texts = [p.read_text(encoding="utf-8") for p in sorted((HERE.parent.parent / "src").rglob("*.h"))]
    corpus = [line for text in texts for line in text.split("\n") if line.strip()] + list(strings(200, seed=7))
    whole = {"remove_extra_whitespaces": False, "normalization_rule_name": "identity"}
    user = {"user_defined_symbols": ["<sep>", "foo", "don't"]}
    kinds = {
        "spm-unigram": {"model_type": "unigram"},
        "spm-unigram-bytes": {"model_type": "unigram", "byte_fallback": True, "normalization_rule_name": "nmt_nfkc_cf"},
        "spm-unigram-user": {"model_type": "unigram", **whole, **user},
        "spm-bpe": {"model_type": "bpe"},
        "spm-bpe-llama": {"model_type": "bpe", "byte_fallback": True, "split_digits": True, **whole},
        "spm-bpe-user": {"model_type": "bpe", "byte_fallback": True, "add_dummy_prefix": False, **user},
        "spm-bpe-suffix": {"model_type": "bpe", "treat_whitespace_as_suffix": True},
    }
    for name, options in kinds.items():
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_writer=out, vocab_size=3000,
                                                 character_coverage=0.99, minloglevel=2, **options)
        (folder / f"{name}.model").write_bytes(out.getvalue())


def differences(texts, ours, theirs):
    """How many texts differ, and a word about the first."""
    count, first = 0, ""
    for text in texts:
        mine, other = ours(text), theirs(text)
        if list(mine) == list(other):
            continue
        count += 1
        at = next((i for i, pair in enumerate(zip(mine, other)) if pair[0] != pair[1]), min(len(mine), len(other)))
        first = first or f"{text[:60]!r}, place {at}: {list(mine[at:at + 5])}, not {list(other[at:at + 5])}"
    return count, first


def hugging_face(path, texts):
    from tokenizers import Tokenizer
    theirs = Tokenizer.from_file(str(path))
    theirs.no_truncation()
    theirs.no_padding()
    ours = Whet(path)
    yield "ids", differences(texts, ours.encode, lambda s: theirs.encode(s).ids)
    some = texts[:len(HOSTILE) + 200]
    yield "text", differences(some, lambda s: ours.decode(theirs.encode(s).ids, False).decode("utf-8", "replace"),
                              lambda s: theirs.decode(theirs.encode(s).ids))
    ours.close()


def sentence_piece(path, texts):
    import sentencepiece
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(path))
    ours = Whet(path)
    yield "ids", differences(texts, lambda s: ours.encode(s, 0), theirs.encode)
    yield "text", differences(texts[:len(HOSTILE) + 200],
                              lambda s: ours.decode(theirs.encode(s)).decode("utf-8", "replace"),
                              lambda s: theirs.decode(theirs.encode(s)))
    ours.close()


def llama(path, texts):
    import llama_cpp
    theirs = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    ours = Whet(path)
    yield "ids", differences(texts, ours.encode, lambda s: theirs.tokenize(s.encode(), add_bos=True, special=True))
    some = [s for s in texts[:len(HOSTILE) + 200] if "▁" not in s]  # it comes back as the blank it stands for
    yield "text", differences(some, lambda s: ours.decode(ours.encode(s, 0)),
                              lambda s: s.encode())
    ours.close()


def invalid(path):
    """Bytes that are no UTF-8 come back as they were where a tokenizer works on bytes."""
    ours = Whet(path)
    yield "bytes", differences(INVALID, lambda b: ours.decode(ours.encode(b, 0)), lambda b: b)
    ours.close()


def checks(texts, have_llama):
    for path in sorted(TRAINED.glob("*.json")):
        yield path.stem, hugging_face(path, texts)
    for path in sorted(TRAINED.glob("*.model")):
        yield path.stem, sentence_piece(path, texts)
    yield "gpt2", invalid(TRAINED / "gpt2.json")
    minilm = MODELS / "all-minilm-l6-v2" / "tokenizer.json"
    if minilm.exists():
        yield "all-minilm-l6-v2", hugging_face(minilm, texts)
    for path in sorted(MODELS.glob("*.gguf")) if have_llama else []:
        if path.name.startswith(("smollm2-135m", "gemma3-270m.q4")):
            yield path.name, llama(path, texts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", metavar="NAME-GLOB")
    parser.add_argument("--strings", type=int, default=10000 if os.environ.get("WHET_TEST_LONG") else 1000)
    args = parser.parse_args()
    group = os.environ.get("WHET_VENV") or next(
        (g for g in ("llama", "llm") if (REQUIREMENTS / f"{g}.txt").exists() and any(CACHE.glob(f"venv-{g}-*/bin/python"))),
        None)
    if not group:
        print("skipped: no environment of the group llm; tools/venv llm makes it")
        return 77
    enter(group)
    stamp = recipe(pathlib.Path(__file__))
    if not made(TRAINED, stamp):
        with making(TRAINED, stamp) as folder:
            train(folder)
            train_sentencepiece(folder)
    texts = HOSTILE + list(strings(args.strings))
    passed = failed = 0
    for name, results in checks(texts, group == "llama"):
        if args.only and not any(fnmatch.fnmatch(name, glob) for glob in args.only):
            continue
        for what, (count, first) in results:
            print(f"{name:<24} {what:<6} {'equal' if not count else f'{count} differ, such as {first}'}", flush=True)
            passed, failed = passed + (not count), failed + bool(count)
    print(f"{passed} passed, {failed} failed, {0 if group == 'llama' else 1} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    run("check_tokenizers", main)
