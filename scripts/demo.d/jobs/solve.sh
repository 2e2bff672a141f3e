#!/bin/bash
# Solves a dense linear system with numpy. Usage: solve.sh SEED SIZE
set -euo pipefail
sleep "$STAGE_IN_SECONDS"
export OPENBLAS_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
/usr/bin/python3 - "$1" "$2" <<'PYTHON'
import sys
import numpy
seed, size = map(int, sys.argv[1:])
random = numpy.random.default_rng(seed)
matrix = random.random((size, size)) + size * numpy.eye(size)
solution = numpy.linalg.solve(matrix, random.random(size))
print("largest element:", solution.max())
PYTHON
