#!/usr/bin/env bash
# A real network made smaller and faster, with the proof: what type is a file, from 2,048 of its bytes.
#
# Fetches the model, takes this machine's own files as labelled data, optimizes, and leaves a folder with the
# artifact, the ledger and report.html. `make demo-bytes` runs it; so may you, with any build of whet.
set -euo pipefail

usage() {
    cat <<'EOF'
usage: examples/demo-bytes.sh [WHET [OUTPUT]]

  WHET     the program (default: build/release/whet)
  OUTPUT   where the results go (default: build/demo-bytes)
EOF
}

case "${1-}" in -h | --help) usage && exit 0 ;; esac
[ $# -le 2 ] || { usage >&2; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
whet=${1:-$root/build/release/whet}
output=${2:-$root/build/demo-bytes}
[ -x "$whet" ] || { printf 'demo: %s is not a program\nhint: build it with: make\n' "$whet" >&2; exit 1; }

models=$("$root/tools/fetch-models" bytes)
data=$("$root/tools/make-demo-bytes")
mkdir -p "$output"

status=0
"$whet" optimize "$models/magika.onnx" --data "$data/bytes.npz" -o "$output/magika" --force || status=$?

printf '\nreport:\n  %s\n' "$output/magika/report.html"
exit "$status"
