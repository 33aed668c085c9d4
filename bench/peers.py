#!/usr/bin/env python3
"""Measures whet beside ONNX Runtime, OpenVINO and NNCF: same models, same inputs, one machine, one run.

For each model
  * quantization to int8 with the same samples: seconds and peak memory of `whet quantize` (entropy), of
    ONNX Runtime's quantize_static (entropy, QDQ, per channel, opset raised first) and of NNCF;
  * latency (median) in float and in int8 of whet, ONNX Runtime and OpenVINO, each int8 file its tool's own.

Every contender runs in a child process. Latencies are taken in rounds, every contender once a round, so
that a slow minute of the machine hits all of them; the figure is the median over the rounds, `+-` half
the spread between them. A peer that fails, or takes more memory than it may, is a line with its error.

Without --whet only the peers are measured.

This process stays small on purpose, without NumPy or the peers: Linux counts what a parent holds into
the peak of the child it starts, and would lift a small program's peak to ours.
"""
import argparse
import json
import os
import pathlib
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
from devtools import CACHE, MODELS, Failure, fetch, locked, run, venv  # noqa: E402

WORK = CACHE / "bench"
ENGINES = ("whet", "onnxruntime", "openvino")
QUANTIZERS = ("whet", "onnxruntime", "nncf")
QUICK = ("direction", "rec-v4", "magika", "squeezenet")


def available_bytes():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 1 << 62


def resident_bytes(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def guard(child, limit, timeout, verdict):
    """Ends a child that takes too much memory or time, before the machine does."""
    end = time.monotonic() + timeout
    while child.returncode is None and not verdict.get("over"):
        if resident_bytes(child.pid) > limit:
            verdict["error"] = f"stopped: more than {limit / 1e9:.1f} GB"
        elif time.monotonic() > end:
            verdict["error"] = f"stopped: more than {timeout:.0f} s"
        if "error" in verdict:
            child.kill()
            return
        time.sleep(0.05)


def once(command, limit, timeout):
    """Runs a child to its end: (standard output, seconds, peak resident bytes, error or None)."""
    verdict, began = {}, time.perf_counter()
    with open(WORK / "stderr.txt", "w+b") as errors:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        watch = threading.Thread(target=guard, args=(child, limit, timeout, verdict))
        watch.start()
        text = child.stdout.read().decode(errors="replace")
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        verdict["over"] = True
        watch.join()
        error = verdict.get("error")
        if error is None and child.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            error = f"exit code {child.returncode}: {said[-1][:200] if said else 'it said nothing'}"
    return text, seconds, usage.ru_maxrss * 1024, error


def last_json(text):
    lines = [line for line in text.splitlines() if line.startswith("{")]
    try:
        return json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}


class PeerClock:
    """A worker process that keeps one model loaded and times it when asked."""

    def __init__(self, python, engine, model, data, threads):
        command = [python, HERE / "peer_worker.py", "latency", engine, str(model), str(data), str(threads)]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
        self.facts = self.read()
        self.error = self.facts.get("error")

    def read(self):
        line = self.child.stdout.readline()
        try:
            return json.loads(line)
        except ValueError:
            return {"error": f"the process ended ({self.child.wait()})"}

    def time(self, seconds):
        try:
            self.child.stdin.write(f"{seconds}\n")
            self.child.stdin.flush()
        except OSError:
            return {"error": "the process ended"}
        return self.read()

    def close(self):
        self.child.stdin.close()
        self.child.wait()


class WhetClock:
    """`whet bench --json`, started anew each round."""

    def __init__(self, binary, model, shapes, threads):
        self.command = [binary, "bench", str(model), "--json", "--threads", str(threads)]
        for name, shape in shapes.items():
            if shape:
                self.command += ["--input-shape", f"{name}={'x'.join(map(str, shape))}"]
        self.error = None

    def time(self, seconds):
        text, _, _, error = once([*self.command, "--time", str(seconds)], 1 << 62, 120 + 10 * seconds)
        if error:
            return {"error": error}
        try:
            result = json.loads(text)["results"][0]
            return {"p50": result["latency_ms"]["p50"], "p95": result["latency_ms"]["p95"],
                    "runs": result["latency_ms"].get("runs")}
        except (ValueError, KeyError, IndexError, TypeError) as error:
            return {"error": f"unreadable answer: {type(error).__name__} {error}"}

    def close(self):
        pass


def rounds(clocks, args):
    """{name: {ms, spread, error}} from interleaved rounds; the order turns with each."""
    seen = {name: [] for name in clocks}
    errors = {name: clock.error for name, clock in clocks.items() if clock.error}
    for number in range(args.rounds):
        names = [n for n in clocks if n not in errors]
        shift = number % len(names) if names else 0
        for name in names[shift:] + names[:shift]:
            got = clocks[name].time(args.time)
            if "error" in got:
                errors[name] = got["error"]
            else:
                seen[name].append(got["p50"])
    for clock in clocks.values():
        clock.close()
    return {name: {"error": errors[name]} if name in errors else
            {"ms": statistics.median(seen[name]), "spread": (max(seen[name]) - min(seen[name])) / 2} for name in clocks}


def clock_all(files, model, data, args):
    """Starts a clock for each engine that has a file: {engine: path}."""
    clocks = {}
    for engine, file in files.items():
        if engine == "whet":
            clocks[engine] = WhetClock(args.whet, file, model["shapes"], args.threads)
        else:
            clocks[engine] = PeerClock(args.python, engine, file, data, args.threads)
    return rounds(clocks, args)


def quantize_all(model, folder, args):
    """{tool: {seconds, peak_bytes, bytes, file, note} or {error}}."""
    data, source, result = folder / "calibration.npz", MODELS / model["file"], {}
    for tool in QUANTIZERS:
        out = folder / f"int8-{tool}.onnx"
        if tool == "whet":
            if not args.whet:
                continue
            command = [args.whet, "quantize", source, "-o", out, "--force", "--scheme", "int8", "--method", "entropy",
                       "--data", data, "--json", "--threads", str(args.threads), *shlex.split(args.whet_flags)]
        else:
            command = [args.python, HERE / "peer_worker.py", "quantize", tool, source, data, out,
                       str(args.threads)]
        text, seconds, peak, error = once(list(map(str, command)), args.memory_limit, args.timeout)
        told = last_json(text) if tool != "whet" else {}
        error = told.get("error") or error
        if error:
            result[tool] = {"error": error, "seconds": seconds, "peak_bytes": peak}
            continue
        file = pathlib.Path(told.get("file", out))
        weights = file.with_suffix(".bin") if file.suffix == ".xml" else file
        result[tool] = {"seconds": told.get("seconds", seconds), "peak_bytes": peak, "note": told.get("note", ""),
                        "bytes": weights.stat().st_size, "file": str(file)}
    data.unlink()
    return result


def measure(model, args):
    folder = WORK / model["name"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    quantize = model["quantize"] and not args.no_quantize
    count = min(model["samples"], args.samples) if quantize else 0
    subprocess.run([args.python, HERE / "contenders.py", "write", model["name"], str(count), folder], check=True)
    one = folder / "one.npz"
    engines = [e for e in ENGINES if e != "whet" or args.whet]
    source = MODELS / model["file"]
    facts = {"name": model["name"], "file": model["file"], "bytes": source.stat().st_size,
             "float": clock_all({engine: source for engine in engines}, model, one, args)}
    if quantize:
        facts["quantize"] = quantize_all(model, folder, args) | {"samples": count}
        made_by = {"whet": "whet", "onnxruntime": "onnxruntime", "openvino": "nncf"}
        files = {engine: facts["quantize"][made_by[engine]]["file"] for engine in engines
                 if "file" in facts["quantize"].get(made_by[engine], {})}
        facts["int8"] = clock_all(files, model, one, args) if files else {}
    if not args.keep:
        shutil.rmtree(folder)
    return facts


# --- the tables -------------------------------------------------------------------------------------------------

def ms(facts):
    if not facts:
        return "-"
    if "error" in facts:
        return "failed"
    digits = 4 if facts["ms"] < 0.1 else 3 if facts["ms"] < 1 else 2 if facts["ms"] < 20 else 1
    return f"{facts['ms']:.{digits}f}+-{facts['spread'] / facts['ms'] * 100:.0f}%"


def ratio(theirs, ours, key):
    if not theirs or not ours or key not in theirs or key not in ours or "error" in theirs or "error" in ours:
        return "-"
    value = theirs[key] / ours[key]
    return f"{value:.{2 if value < 10 else 0}f}x"


def table(head, rows):
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(str(cell).ljust(w) if i == 0 else str(cell).rjust(w)
                        for i, (cell, w) in enumerate(zip(row, widths))).rstrip())
    print()


def show(results):
    for kind in ("float", "int8"):
        rows = []
        for facts in results:
            part = facts.get(kind)
            if part:
                ours = part.get("whet")
                rows.append([facts["name"], *(ms(part.get(e)) for e in ENGINES),
                             ratio(part.get("onnxruntime"), ours, "ms"), ratio(part.get("openvino"), ours, "ms")])
        if rows:
            print(f"{kind}: median latency in ms (x: how many times faster whet is)")
            table(["model", "whet", "ONNX Runtime", "OpenVINO", "x ORT", "x OV"], rows)
    rows = []
    for facts in results:
        part = facts.get("quantize")
        if not part:
            continue
        ours = part.get("whet")
        row = [facts["name"], part["samples"]]
        for tool in QUANTIZERS:
            got = part.get(tool)
            row.append("-" if not got else "failed" if "error" in got else
                       f"{got['seconds']:.1f} s {got['peak_bytes'] / 1e6:.0f} MB")
        for tool in ("onnxruntime", "nncf"):
            row += [ratio(part.get(tool), ours, "seconds"), ratio(part.get(tool), ours, "peak_bytes")]
        rows.append([*row, *(f"{part[t]['bytes'] / facts['bytes']:.2f}" if "bytes" in part.get(t, {}) else "-"
                             for t in QUANTIZERS)])
    if rows:
        print("quantization to int8: seconds and peak memory; x: time and memory of the peer over whet's; file size over float's")
        table(["model", "samples", "whet", "ORT entropy", "NNCF", "x ORT s", "MB", "x NNCF s", "MB",
               "size whet", "ORT", "NNCF"], rows)
    for facts in results:
        for kind in ("float", "quantize", "int8"):
            for name, got in (facts.get(kind) or {}).items():
                if isinstance(got, dict) and (got.get("error") or got.get("note")):
                    print(f"{facts['name']}, {kind}, {name}: {got.get('error') or got['note']}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--whet", metavar="PATH", help="the program to measure beside the peers")
    parser.add_argument("--whet-flags", default="", metavar="FLAGS", help="more flags for `whet quantize`")
    parser.add_argument("--model", action="append", metavar="NAME", help="repeatable; default: all (--list)")
    parser.add_argument("--quick", action="store_true", help="four small models, short rounds, 20 samples")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--time", type=float, default=0.5, metavar="S", help="seconds per contender and round (0.5)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=100, help="calibration samples at most (100)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-quantize", action="store_true", help="float latency only")
    parser.add_argument("--memory-limit", type=float, metavar="GB", help="for one quantizer (85 %% of what is available)")
    parser.add_argument("--timeout", type=float, default=900, metavar="S", help="for one quantizer (900)")
    parser.add_argument("--keep", action="store_true", help="keep the int8 files in the cache folder bench/")
    parser.add_argument("-o", "--output", type=pathlib.Path, metavar="FILE", help="write all figures as JSON")
    args = parser.parse_args()
    args.memory_limit = int(args.memory_limit * 1e9) if args.memory_limit else int(0.85 * available_bytes())
    if args.quick:
        args.time, args.rounds, args.samples = min(args.time, 0.3), min(args.rounds, 3), min(args.samples, 20)
    if args.whet and not os.access(args.whet, os.X_OK):
        raise Failure(f"{args.whet} is not a program", "build it with: make")
    return args


def choose(args):
    listed = subprocess.run([args.python, HERE / "contenders.py", "list"], stdout=subprocess.PIPE, check=True)
    models = json.loads(listed.stdout)
    wanted = args.model or (QUICK if args.quick else [m["name"] for m in models])
    chosen = [m for m in models if m["name"] in wanted]
    if len(chosen) != len(set(wanted)):
        raise Failure("no such model", "--list shows them")
    return chosen


def versions(args):
    code = ("import json, importlib.metadata as m; "
            "print(json.dumps({n: m.version(n) for n in ('onnxruntime', 'openvino', 'nncf')}))")
    return json.loads(subprocess.run([args.python, "-c", code], stdout=subprocess.PIPE, check=True).stdout)


def main():
    args = arguments()
    args.python = venv("peers")
    chosen = choose(args)
    if args.list:
        print("\n".join(f"{m['name']:<14} {m['file']}" for m in chosen))
        return 0
    fetch(*dict.fromkeys(m["file"] for m in chosen))
    WORK.mkdir(parents=True, exist_ok=True)
    results, known = [], versions(args)
    with locked("bench"):
        for model in chosen:
            print(f"bench: {model['name']}", file=sys.stderr)
            results.append(measure(model, args))
    print(f"{processor()}, {args.threads} threads, {args.rounds} rounds of {args.time} s; "
          + ", ".join(f"{name} {version}" for name, version in known.items()) + "\n")
    show(results)
    if args.output:
        args.output.write_text(json.dumps({"schema": "whet.peers/1", "machine": processor(), "versions": known,
                                           "threads": args.threads, "results": results}, indent=1) + "\n")
    return 0


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


if __name__ == "__main__":
    run("bench", main)
