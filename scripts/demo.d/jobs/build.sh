#!/bin/bash
# Writes a small C program of many files and builds it with make. Usage: build.sh SEED FILES
set -euo pipefail
sleep "$STAGE_IN_SECONDS"
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
for file in $(seq "$2"); do
    for function in $(seq 40); do
        echo "double f${file}_$function(double x) { for (int i = 0; i < $1; i++) x = x * 1.0$function + i; return x; }"
    done >"part$file.c"
done
echo 'int main(void) { return 0; }' >main.c
printf 'program: %s main.o\n\tcc -o $@ $^\n' "$(seq -f 'part%g.o' -s ' ' "$2")" >Makefile
make -s -j2 CFLAGS=-O2 program
size program | tail -1
