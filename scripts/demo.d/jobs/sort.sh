#!/bin/bash
# Sorts random numbers. Usage: sort.sh SEED LINES
set -euo pipefail
sleep "$STAGE_IN_SECONDS"
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
awk -v seed="$1" -v n="$2" 'BEGIN { srand(seed); for (i = 0; i < n; i++) print rand(), i }' >numbers
sort -S 300M --parallel=1 numbers | sha256sum
