#!/usr/bin/env bash
# Runs every test: ./test.sh [arguments of dotnet test]. Some tests start a redis-server of their own: it is installed
# here where that is possible, else it is said how.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v redis-server >/dev/null; then
    if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
        echo "Installing redis-server ..."
        DEBIAN_FRONTEND=noninteractive
        export DEBIAN_FRONTEND
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server; } >/dev/null ||
            echo "redis-server could not be installed; tests that need it say so." >&2
    else
        echo "No redis-server found; tests that need it say so. On Debian: sudo apt-get install redis-server" >&2
    fi
fi

# One project after another: several of them measure, or start processes, on few cores.
exec dotnet test Engine.sln -c Release -m:1 "$@"
