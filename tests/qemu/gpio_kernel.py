"""`make gpio-test`: GPIO with gpiod, rpi-lgpio and Jetson.GPIO, and PWM, on a real kernel in QEMU.

Debian's kernel, with its own GPIO and PWM cores and what they show to programs. The chips on them are the kernel's
gpio-sim, which Debian does not build, so that its source is compiled here, and pwm-sim.c. Downloads come through apt
and pip as this machine has them set up, and stay under build/gpio-test. Needs no root. `guest.py` is what runs inside.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

from initramfs import Archive, interpreter, interpreter_path

PROJECT = Path(__file__).parents[2]
BUILD = PROJECT / "build" / "gpio-test"
LIBRARIES = {"rpi-lgpio": ("rpi-lgpio==0.6", "lgpio==0.2.2.0"), "jetson": ("Jetson.GPIO==2.1.13",)}
TEST_TOOLS = (
    *("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py"),
    "gpiod",
)
TIMEOUT_S = 600
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "gcc-12": "gcc-12",
    "make": "make",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "xz": "xz-utils",
}
MAKEFILE = """obj-m := gpio-simulated.o pwm-sim.o
gpio-simulated-y := gpio-sim.o irq_sim.o
"""


def main() -> int:
    missing = {package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    if platform.machine() != "x86_64":
        print(f"gpio-test: runs on Debian 12 on x86-64; this is {platform.machine()}")
        return 2
    if missing:
        print(f"gpio-test: needs Debian 12, and: apt-get install {' '.join(sorted(missing))}")
        return 2
    BUILD.mkdir(parents=True, exist_ok=True)
    release = newest_kernel()
    kernel, configfs = kernel_of(release)
    image = BUILD / "initramfs.cpio"
    write_image(image, [configfs, *modules_for(release)])
    return boot(kernel, image)


def sh(*command: str | Path, cwd: Path | None = None) -> str:
    """What the command prints; a failure ends the test with what it said."""
    done = subprocess.run([str(each) for each in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"gpio-test: {' '.join(str(each) for each in command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def newest_kernel() -> str:
    """Release of the kernel that apt offers, or of the one that is here already."""
    here = sorted(BUILD.glob("linux-image-*_*.deb"))
    if here:
        return here[-1].name.removeprefix("linux-image-").split("_")[0]
    found = re.search(r"Depends: linux-image-(\S+)", sh("apt-cache", "depends", "linux-image-amd64"))
    if found is None:
        sys.exit("gpio-test: apt offers no linux-image-amd64; run apt-get update")
    return found[1].removesuffix("-unsigned")


def package(name: str) -> Path:
    """A Debian package, downloaded once."""
    here = sorted(BUILD.glob(f"{name}_*.deb"))
    if not here:
        print(f"gpio-test: downloading {name}", flush=True)
        sh("apt-get", "-o", "APT::Sandbox::User=root", "download", name, cwd=BUILD)
        here = sorted(BUILD.glob(f"{name}_*.deb"))
    return here[-1]


def unpacked(*names: str) -> Path:
    """The packages' files, in one folder."""
    folder = BUILD / "+".join(names)
    if not folder.is_dir():
        half = folder.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        for name in names:
            sh("dpkg-deb", "-x", package(name), half)
        half.rename(folder)
    return folder


def kernel_of(release: str) -> tuple[Path, Path]:
    files = unpacked(f"linux-image-{release}")
    return files / f"boot/vmlinuz-{release}", files / f"lib/modules/{release}/kernel/fs/configfs/configfs.ko"


def modules_for(release: str) -> list[Path]:
    """gpio-sim with the simulated interrupts that it needs, and pwm-sim, built for the kernel."""
    folder = BUILD / f"modules-{release}"
    if not folder.is_dir():
        fill(folder, ".".join(release.split(".")[:2]))
    shutil.copy2(PROJECT / "tests/qemu/pwm-sim.c", folder)
    headers = headers_of(release)
    sh("make", "-C", headers, f"M={folder}", "modules")
    return [folder / "gpio-simulated.ko", folder / "pwm-sim.ko"]


def headers_of(release: str) -> Path:
    """What modules are built with, moved from /usr/src to here."""
    files = unpacked(
        f"linux-headers-{release}",
        f"linux-headers-{release.removesuffix('-amd64')}-common",
        f"linux-kbuild-{'.'.join(release.split('.')[:2])}",
        "linux-compiler-gcc-12-x86",
    )
    headers = files / f"usr/src/linux-headers-{release}"
    makefile = headers / "Makefile"
    makefile.write_text(re.sub(r"include \S*/usr/src/", f"include {files}/usr/src/", makefile.read_text()))
    return headers


def fill(folder: Path, version: str) -> None:
    """The kernel's sources of gpio-sim into the folder, whole or not at all."""
    source = f"linux-source-{version}"
    half = folder.with_name(f"{folder.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    extract = (
        f"dpkg-deb --fsys-tarfile '{package(source)}' | tar -xO ./usr/src/{source}.tar.xz | xz -dc | "
        f"tar -x --strip-components=3 {source}/drivers/gpio/gpio-sim.c {source}/drivers/gpio/gpiolib.h "
        f"{source}/kernel/irq/irq_sim.c"
    )
    sh("sh", "-c", extract, cwd=half)
    simulated = half / "irq_sim.c"
    simulated.write_text(  # the kernel keeps irq_to_desc to itself
        simulated.read_text().replace("irq_to_desc(irqnum)", "irq_data_to_desc(irq_get_irq_data(irqnum))")
    )
    (half / "Makefile").write_text(MAKEFILE)
    half.rename(folder)


def libraries() -> Iterator[tuple[str, Path]]:
    """Name and folder of each library that is imported as RPi.GPIO; they cannot be installed together."""
    for name, wanted in LIBRARIES.items():
        folder = BUILD / "libraries" / name
        if not folder.is_dir():
            downloads = BUILD / "downloads" / name
            sh(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps",
               "--dest", downloads, *wanted)  # fmt: skip
            for file in sorted(downloads.iterdir()):
                unpack(file, folder)
        yield name, folder


def unpack(file: Path, folder: Path) -> None:
    """A wheel, or the modules of Jetson.GPIO's source distribution."""
    if file.suffix == ".whl":
        zipfile.ZipFile(file).extractall(folder)
        return
    with tarfile.open(file) as archive:
        for member in archive.getmembers():
            if (inside := member.name.partition("/lib/python/")[2]) and member.isfile():
                target = folder / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                content = archive.extractfile(member)
                assert content is not None
                target.write_bytes(content.read())


def write_image(path: Path, modules: list[Path]) -> None:
    with path.open("wb") as file:
        archive = Archive(file)
        interpreter(archive, TEST_TOOLS)
        for module in modules:
            archive.add(f"modules/{module.name}", module)
        for name, folder in libraries():
            archive.add_folder(f"libraries/{name}", folder)
        for part in ("firmware_host/gpio", "tests/qemu"):
            archive.add_folder(f"project/{part}", PROJECT / part)
        for part in ("__init__", "clock", "errors"):
            archive.add(f"project/firmware_host/{part}.py", PROJECT / f"firmware_host/{part}.py")
        archive.add("project/tests/conformance.py", PROJECT / "tests/firmware_host/gpio/conformance.py")
        archive.add_text("project/pytest.ini", "[pytest]\npythonpath = . tests tests/qemu\n")
        archive.add("init", PROJECT / "tests/qemu/guest.py", executable=True, shebang=str(interpreter_path()))
        archive.close()


def boot(kernel: Path, image: Path) -> int:
    machine = ["-M", "q35", "-cpu", "max", "-m", "1024", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio"]
    linux = ["-kernel", str(kernel), "-initrd", str(image), "-append", "console=ttyS0 quiet panic=-1"]
    command = ["qemu-system-x86_64", *machine, *linux]
    said: list[str] = []
    began = passed = False
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, errors="replace") as qemu:
        limit = threading.Timer(TIMEOUT_S, qemu.kill)
        limit.start()
        assert qemu.stdout is not None
        for line in qemu.stdout:
            began = began or "Linux " in line
            said.append(line)
            if began:
                print(line, end="", flush=True)
            passed = passed or line.startswith("GPIO TEST PASSED")
        limit.cancel()
    if not began:
        print("".join(said))
    if not passed:
        print(f"gpio-test: failed, or did not end within {TIMEOUT_S} s")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
