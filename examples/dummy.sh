#!/bin/sh
# Prints a numbered line on each of its two outputs, every second.
n=0
while :; do
	echo "STDOUT $n"
	echo "STDERR $n" >&2
	n=$((n + 1))
	sleep 1
done
