#!/bin/bash
# Deletes the results of last week, then computes new ones. Usage: refresh.sh FOLDER SIZE
set -euo pipefail
rm -f "$1"/*
/usr/bin/python3 - "$1" "$2" <<'PYTHON'
import sys, time
import numpy
folder, size = sys.argv[1], int(sys.argv[2])
matrix = numpy.random.default_rng(1).standard_normal((size, size))
table = numpy.ones((40, size, size))
for step in range(4):
    values = numpy.linalg.norm(matrix @ matrix)
    table[step] *= values
    time.sleep(0.5)
with open(f"{folder}/this-week.txt", "w") as out:
    out.write(f"{values}\n")
PYTHON
