#!/bin/sh
# Prints the lines that it reads.
while IFS= read -r line || [ -n "$line" ]; do
	printf '%s\n' "$line"
done
