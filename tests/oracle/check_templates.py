#!/usr/bin/env python3
"""Chat templates against Python's jinja2, set up as Hugging Face's tools do it.

    check_templates.py [FILE.jinja...]

Templates in the style of the families (templates/*.jinja) and those inside the GGUF files of the cache are rendered over
conversations with systems, tools, calls, parts and thoughts, by libwhet.so and by jinja2: the text must be equal to the
byte, or both must refuse. Prints what differs, then the count.
"""
import ctypes
import itertools
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / "tools")]
from devtools import MODELS, enter, run  # noqa: E402

BUILD = pathlib.Path(os.environ.get("WHET_BINARY_DIR", HERE.parent.parent / "build" / "release"))


def environment():
    import jinja2
    import jinja2.ext
    import jinja2.sandbox

    class Generation(jinja2.ext.Extension):
        """{% generation %}: what the assistant said; its body is written as it is."""
        tags = {"generation"}

        def parse(self, parser):
            next(parser.stream)
            return parser.parse_statements(["name:endgeneration"], drop_needle=True)

    def refuse(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                                       extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = refuse
    return env


class Whet:
    def __init__(self):
        self.lib = lib = ctypes.CDLL(str(BUILD / "libwhet.so"))
        p, n = ctypes.c_void_p, ctypes.c_size_t
        lib.wt_context_open.argtypes = [p, p, p]
        lib.wt_template_open.argtypes = [p, p, ctypes.c_char_p, n, ctypes.c_char_p, p]
        lib.wt_template_render.argtypes = [p, ctypes.c_char_p, p, p, p]
        lib.wt_template_close.argtypes = [p]
        lib.wt_template_text_free.argtypes = [p, p]
        self.context = p()
        if lib.wt_context_open(ctypes.byref(self.context), None, None):
            raise SystemExit("the context does not open")

    def render(self, source, variables):
        """The text, or None."""
        template, text, size = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
        raw = source.encode()
        if self.lib.wt_template_open(ctypes.byref(template), self.context, raw, len(raw), b"test", None):
            return None
        given = json.dumps(variables, ensure_ascii=False).encode()
        failed = self.lib.wt_template_render(template, given, ctypes.byref(text), ctypes.byref(size), None)
        out = None if failed else ctypes.string_at(text, size.value).decode()
        self.lib.wt_template_text_free(self.context, text)
        self.lib.wt_template_close(template)
        return out


TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "What the \"weather\" <now> & later is, in °C",
    "parameters": {"type": "object", "required": ["city"], "properties": {
        "city": {"type": "string", "description": "where"}, "days": {"type": "integer"},
        "hours": {"type": "array", "items": {"type": "integer"}}}}}},
    {"type": "function", "function": {"name": "now", "description": "", "parameters": {
        "type": "object", "properties": {}, "required": []}}}]
SYSTEM = {"role": "system", "content": "You are helpful. /no_think"}
TALK = [{"role": "user", "content": "What is the capital of France?\n"},
        {"role": "assistant", "content": "Paris. Ünïcödé 🎉\n\n"}, {"role": "user", "content": "  And 2+2? <b>'\"&  "}]
CALLS = [{"role": "user", "content": "Weather in 東京?"},
         {"role": "assistant", "content": "", "tool_calls": [{"id": "abcdef123", "type": "function", "function": {
             "name": "get_weather", "arguments": {"city": "東京", "days": 3, "x": [1, 2.5, None, True, {}, "a\nb"]}}}]},
         {"role": "tool", "name": "get_weather", "tool_call_id": "abcdef123", "content": "{\"t\": 21}"},
         {"role": "assistant", "content": "21 °C."}, {"role": "user", "content": "Thanks"}]
TWO_CALLS = [CALLS[0], CALLS[1] | {"tool_calls": CALLS[1]["tool_calls"] * 2}, CALLS[2], CALLS[2], CALLS[3]]
THOUGHTS = [TALK[0], {"role": "assistant", "content": "<think>\nhm\n</think>\n\nParis", "reasoning_content": "hm"},
            TALK[2], {"role": "assistant", "content": "<think>\nadd\n</think>\n\n4"}]
PARTS = [{"role": "user", "content": [{"type": "text", "text": " look "}, {"type": "image"}, {"type": "text", "text": "é"}]}]
WRONG = [TALK[1], TALK[0], TALK[2]]


def conversations():
    talks = {"talk": TALK, "calls": CALLS, "two calls": TWO_CALLS, "thoughts": THOUGHTS, "parts": PARTS, "one": TALK[:1],
             "wrong order": WRONG, "empty": [{"role": "user", "content": ""}]}
    for (name, talk), system, tools, prompt in itertools.product(talks.items(), (0, 1), (0, 1), (0, 1)):
        v = {"messages": [SYSTEM] * system + talk, "add_generation_prompt": bool(prompt), "bos_token": "<s>",
             "eos_token": "</s>"}
        if tools:
            v["tools"] = TOOLS
        yield f"{name}, system {system}, tools {tools}, prompt {prompt}", v
        if name == "thoughts":
            yield f"{name}, no thinking, {system}{tools}{prompt}", v | {"enable_thinking": False, "date_string": "1 May"}


def templates(files):
    for path in files or sorted((HERE / "templates").glob("*.jinja")):
        yield path.name, path.read_text(encoding="utf-8")
    if files:
        return
    import gguf
    for path in sorted(MODELS.glob("*.gguf")):
        field = gguf.GGUFReader(path).get_field("tokenizer.chat_template")
        if field:
            yield path.name, field.contents()


def difference(want, got):
    if want is None or got is None:
        return "whet refuses" if got is None else "jinja2 refuses"
    at = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
    return f"at {at}: jinja2 {want[max(0, at - 30):at + 40]!r}, whet {got[max(0, at - 30):at + 40]!r}"


def main():
    enter("llm")
    import jinja2
    env, whet, passed, failed, refused = environment(), Whet(), 0, 0, 0
    for name, source in templates([pathlib.Path(a) for a in sys.argv[1:]]):
        template = env.from_string(source)
        for case, variables in conversations():
            try:
                want = template.render(**variables)
            except (jinja2.exceptions.TemplateError, TypeError):
                want = None
            got = whet.render(source, variables)
            if want == got:
                passed += 1
                refused += want is None
                continue
            failed += 1
            print(f"{name}: {case}: {difference(want, got)}")
    print(f"{refused} of them refused by both")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    run("check_templates", main)
