#!/bin/sh
# Makes a folder with Python and ONNX Runtime for aarch64, for `wsi-export verify --aarch64 ROOT`.
# Needs mmdebstrap and qemu-user-static (Debian, Ubuntu) and a Python with pip; no root.
set -eu
root=${1:?usage: sh export/aarch64.sh ROOT}
python=${PYTHON:-python3}
here=$(dirname "$0")
if [ -e "$root" ]; then
    echo "$root: is there already; remove it, or choose another folder" >&2
    exit 2
fi
mmdebstrap --quiet --variant=extract --architectures=arm64 --include=python3,libstdc++6 bookworm "$root"
"$python" -m pip install --quiet --target "$root/usr/lib/python3/dist-packages" --python-version 3.11 \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --only-binary=:all: --ignore-requires-python \
    -c "$here/../constraints.txt" onnxruntime numpy
# ONNX Runtime reads what kind of processor it is on; qemu shows it this one's. A Cortex-A72, as of a Raspberry Pi 4.
mkdir -p "$root/proc" "$root/sys/devices/system/cpu"
for list in possible present online; do echo 0 >"$root/sys/devices/system/cpu/$list"; done
cat >"$root/proc/cpuinfo" <<'END'
processor	: 0
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd08
CPU revision	: 3

END
