#!/bin/bash
# Shrinks points towards their centre, measuring all distances between pairs after each step: memory
# grows with the square of their number. Its work is a step, after which the script goes on whatever became of it.
# Usage: cluster-points.sh SEED POINTS RESULT
sleep "$STAGE_IN_SECONDS"
srun --ntasks=1 /usr/bin/python3 - "$@" <<'PYTHON'
import sys
import numpy
seed, points = map(int, sys.argv[1:3])
where = numpy.random.default_rng(seed).random((points, 2))
for step in range(5):
    distance = numpy.hypot(*(where[:, None, :] - where[None, :, :]).transpose(2, 0, 1))
    print("mean distance:", distance.mean())
    where += (where.mean(axis=0) - where) / 10
numpy.savetxt(sys.argv[3], where)
PYTHON
date
