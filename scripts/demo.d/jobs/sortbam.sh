#!/bin/bash
# Makes an unsorted SAM file and sorts it by coordinate. Usage: sortbam.sh SEED RECORDS
set -euo pipefail
sleep "$STAGE_IN_SECONDS"
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
awk -v seed="$1" -v n="$2" 'BEGIN {
    srand(seed); OFS = "\t"
    print "@HD", "VN:1.6"; print "@SQ", "SN:chr1", "LN:100000000"
    bases = "ACGTACGTTGCAACGTACGTTGCAACGTACGTTGCAACGTACGTTGCA"; quality = bases; gsub(/./, "I", quality)
    for (i = 0; i < n; i++) print "r" i, 0, "chr1", int(rand() * 99000000) + 1, 60, "48M", "*", 0, 0, bases, quality
}' >unsorted.sam
samtools sort -m 400M -o sorted.bam unsorted.sam 2>/dev/null
samtools view -c sorted.bam
