#!/usr/bin/env bash
# Two real networks made smaller and faster, with the proof: is a text line upright, and what does it say.
#
# Fetches the models, draws the labelled lines, optimizes, and leaves one folder for each model with the
# artifact, the ledger and report.html. `make demo` runs it; so may you, with any build of whet.
set -euo pipefail

usage() {
    cat <<'EOF'
usage: examples/demo-text.sh [WHET [OUTPUT]]

  WHET     the program (default: build/release/whet)
  OUTPUT   where the results go (default: build/demo)
EOF
}

case "${1-}" in -h | --help) usage && exit 0 ;; esac
[ $# -le 2 ] || { usage >&2; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
whet=${1:-$root/build/release/whet}
output=${2:-$root/build/demo}
[ -x "$whet" ] || { printf 'demo: %s is not a program\nhint: build it with: make\n' "$whet" >&2; exit 1; }

models=$("$root/tools/fetch-models" demo)
data=$("$root/tools/make-demo-data")
mkdir -p "$output"

# A gate that fails is a result, not an accident: the other model is still shown, then the exit code says so.
status=0
optimize() { # MODEL DATA NAME
    printf '\n== %s\n' "$3"
    "$whet" optimize "$models/$1" --data "$data/$2" --preprocess "$data/$2.preprocess.json" \
        -o "$output/$3" --force || status=$?
}
optimize rapidocr-cls.onnx direction direction
optimize rapidocr-v4-rec.onnx lines recognizer

printf '\nreports:\n'
find "$output" -name report.html | sort | sed 's/^/  /'
exit "$status"
