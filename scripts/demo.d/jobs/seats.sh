#!/bin/bash
# Holds two seats of a license server for two seconds: seats.sh PORT
/usr/bin/python3 -c '
import socket, sys, time
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for n in range(2)]
time.sleep(2)' "$1"
