#!/usr/bin/env bash
# Runs every test: ./test.sh [arguments of dotnet test]. Some tests use programs of the system: a redis-server of their
# own, mkfs.ext4 for power cuts, strace for injected errors. They are installed here where that is possible, else it is said
# how; without them those tests are skipped and say why.
set -euo pipefail
cd "$(dirname "$0")"

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
PATH="$PATH:/usr/sbin:/sbin" command -v mkfs.ext4 >/dev/null || missing+=(e2fsprogs)
command -v strace >/dev/null || missing+=(strace)
if [ "${#missing[@]}" -gt 0 ]; then
    if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
        echo "Installing ${missing[*]} ..."
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null ||
            echo "Not everything could be installed; tests that need it say so." >&2
    else
        echo "Not found: ${missing[*]}; tests that need it say so. On Debian: sudo apt-get install ${missing[*]}" >&2
    fi
fi

# One project after another: several of them measure, or start processes, on few cores.
exec dotnet test Engine.sln -c Release -m:1 "$@"
