#!/bin/sh
# Writes a table of records, compresses it, and proves that the archive gives the same bytes back.
# Usage: compress.sh RECORDS
set -eu
seq -f 'record %010.0f; state=waiting; tier=partner; attempts=0' 1 "$1" > records.txt
sha256sum < records.txt > before.sha256
gzip -9 --keep records.txt
gzip --decompress --stdout records.txt.gz | sha256sum > after.sha256
cmp before.sha256 after.sha256
echo "$1 records: $(wc -c < records.txt) bytes, compressed to $(wc -c < records.txt.gz)"
rm records.txt
