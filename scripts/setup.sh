#!/usr/bin/env bash
# Installs the C libraries that the build needs, if they are missing. Needs root or sudo only then.
set -euo pipefail

missing=()
command -v pkg-config >/dev/null || missing+=(pkg-config)
has() { command -v pkg-config >/dev/null && pkg-config --exists "$1" 2>/dev/null; }
has hdf5 || missing+=(libhdf5-dev)
has openblas || missing+=(libopenblas-dev)
has zlib || missing+=(zlib1g-dev)

if ! command -v swift >/dev/null; then
  echo "setup: swift is not on the PATH; install Swift 6 from https://www.swift.org/install/linux" >&2
  exit 2
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "setup: install these (Debian's names) and run this again: ${missing[*]}" >&2
  exit 2
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: run as root: apt-get install ${missing[*]}" >&2
    exit 2
  fi
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
