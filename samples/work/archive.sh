#!/bin/sh
# Archives what lies in a directory of /usr, unpacks it again, and compares the two.
# Usage: archive.sh DIRECTORY
set -eu
mkdir unpacked
tar --create --gzip --file "$1.tar.gz" --directory /usr "$1"
tar --extract --file "$1.tar.gz" --directory unpacked
diff --recursive --no-dereference "/usr/$1" "unpacked/$1"
echo "$(tar --list --file "$1.tar.gz" | wc -l) entries of /usr/$1 in $(wc -c < "$1.tar.gz") bytes"
rm -r unpacked
