#!/bin/bash
# Compresses a log-like file. Usage: compress.sh SEED LINES
set -euo pipefail
sleep "$STAGE_IN_SECONDS"
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
awk -v seed="$1" -v n="$2" 'BEGIN { srand(seed); for (i = 0; i < n; i++) print i, rand(), "node" int(rand() * 400), "load", rand() * 64 }' >log
xz -7 -k log
xz -l log.xz | tail -1
