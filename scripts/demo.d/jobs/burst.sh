#!/bin/bash
# Holds 512M for a fifth of a second.
sleep 1
/usr/bin/python3 -c '
import time
held = bytearray(512 << 20)
held[::4096] = bytes(len(held[::4096]))
time.sleep(0.2)
del held
time.sleep(3)'
