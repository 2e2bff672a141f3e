#!/bin/bash
# Aligns simulated reads to a simulated genome. Usage: align.sh SEED READS
set -euo pipefail
sleep "$STAGE_IN_SECONDS"
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
/usr/bin/python3 - "$1" "$2" <<'PYTHON'
import random, sys
seed, reads = map(int, sys.argv[1:])
random.seed(seed)
genome = "".join(random.choices("ACGT", k=5_000_000))
open("genome.fa", "w").write(f">chr1\n{genome}\n")
with open("reads.fq", "w") as out:
    for number in range(reads):
        start = random.randrange(len(genome) - 150)
        out.write(f"@r{number}\n{genome[start:start + 150]}\n+\n{'I' * 150}\n")
PYTHON
bwa index genome.fa 2>/dev/null
bwa mem -t 2 genome.fa reads.fq 2>/dev/null >aligned.sam
samtools flagstat aligned.sam | head -1
