# SPDX-License-Identifier: GPL-2.0
"""Two guests with a Debian, joined by a cable, that do as they are told."""

import base64
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lib.errors import RigError
from lib.machine import Machine, Spec
from lib.procs import closing, tool

ADDRESS = {"server": "192.0.2.1", "client": "192.0.2.2"}
# What is installed on both, and has nothing to do on one of them.
IDLE = {"client": ["nbd-server.service", "nfs-server.service", "rpc-statd.service"],
        "server": ["open-iscsi.service", "iscsid.socket"]}
ALWAYS_IDLE = ["proc-sys-fs-binfmt_misc.automount", "apt-daily.timer", "apt-daily-upgrade.timer",
               "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer"]
INTERFACES = """auto lo
iface lo inet loopback
auto eth0
iface eth0 inet static
\taddress {address}/24
"""
BOOT = 480      # seconds, emulated on a machine that has more to do


@dataclass
class Answer:
    status: int
    text: str


@dataclass
class Set:
    """What a guest is made from."""
    kernel: Path
    initrd: Path | None
    accel: str
    image: Path
    files: dict[str, Path]      # and what is put into the image, by the path there


def put(image: Path, files: dict[str, Path]) -> None:
    """Writes files into an ext4 that is not mounted, and the folders above them."""
    folders = sorted({str(above) for name in files for above in Path(name).parents} - {"/"})
    lines = [f'mkdir "{name}"' for name in folders]
    for name, source in files.items():
        # It writes into where it is, whatever the name.
        lines += [f'cd "{Path(name).parent}"', f'rm "{Path(name).name}"',
                  f'write "{source}" "{Path(name).name}"', f'sif "{name}" mode 0100644']
    plan = image.with_suffix(".plan")
    plan.write_text("".join(f"{line}\n" for line in lines))
    done = subprocess.run([tool("debugfs"), "-w", "-f", str(plan), str(image)], check=False,
                          capture_output=True, text=True)
    wrong = [line for line in done.stderr.splitlines() if "No space" in line or "while writ" in line]
    if done.returncode or wrong:
        raise RigError(f"debugfs cannot write into the image: {(wrong or [done.stderr])[-1]}")


class Guest:
    """One of the two; what it has on its disk survives a reboot."""

    def __init__(self, role: str, made: Set, netdev: str, folder: Path, sockets: Path) -> None:
        self.role, self.made, self.netdev = role, made, netdev
        self.folder, self.sockets = folder, sockets
        self.boots = 0
        self.machine: Machine | None = None
        self.disk = folder / f"{role}.img"
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(made.image),
                        str(self.disk)], check=True)
        interfaces = folder / f"{role}.interfaces"
        interfaces.write_text(INTERFACES.format(address=ADDRESS[role]))
        put(self.disk, {**made.files, "/etc/network/interfaces": interfaces})

    def start(self) -> None:
        """Without waiting for it."""
        self.boots += 1
        masks = " ".join(f"systemd.mask={name}" for name in IDLE[self.role] + ALWAYS_IDLE)
        spec = Spec(kernel=self.made.kernel, initrd=self.made.initrd, memory_mb=512, cpus=1,
                    accel=self.made.accel, role=self.role, netdev=self.netdev, disk=self.disk,
                    append=f"root=/dev/vda rw net.ifnames=0 systemd.show_status=1 "
                           f"systemd.status_unit_format=name "
                           f"systemd.getty_auto=0 systemd.hostname={self.role} {masks}")
        self.machine = Machine(spec, self.folder, self.sockets, f"{self.role}-{self.boots}-")

    def _line(self, seconds: float, what: str) -> str:
        assert self.machine
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for channel, line in self.machine.poll(0.5):
                if channel == "signal":
                    return line
            if not self.machine.running():
                raise RigError(f"the {self.role} ended {what}")
        raise RigError(f"the {self.role} was not done in {seconds:.0f} s {what}")

    def up(self) -> None:
        """Waits until all has come up that comes up by itself."""
        while self._line(BOOT, "while it booted") != "hello":
            pass

    def send(self, command: str) -> None:
        """Without waiting for an answer."""
        assert self.machine
        self.machine.tell(base64.b64encode(command.encode()).decode())

    def run(self, command: str, seconds: float = 600) -> Answer:
        self.send(command)
        line = self._line(seconds, f"with: {command}")
        _, status, *text = line.split(" ", 2)
        return Answer(int(status), base64.b64decode("".join(text)).decode(errors="replace").strip())

    def ended(self, seconds: float) -> bool:
        """Waits for QEMU to end by itself, which a reboot makes it do, too."""
        assert self.machine
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.machine.running() and not closing():
            list(self.machine.poll(0.5))
        return not self.machine.running()

    def console(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", self.machine.console()) if self.machine else ""

    def stop(self) -> None:
        if self.machine:
            self.machine.stop()
        self.machine = None

    def remove(self) -> None:
        self.stop()
        self.disk.unlink(missing_ok=True)


def installed(image: Path, scratch: Path) -> tuple[Path, Path]:
    """The kernel that is in an image, and its initramfs; a boot loader would find them there."""
    def debugfs(request: str) -> str:
        return subprocess.run([tool("debugfs"), "-R", request, str(image)], check=False,
                              capture_output=True, text=True).stdout

    found = []
    for name in ("vmlinuz", "initrd.img"):
        names = re.findall(rf"/({re.escape(name)}-[^/]+)/", debugfs("ls -p /boot"))
        if len(names) != 1:
            raise RigError(f"{image} has {len(names)} files {name}-* in /boot, and not one")
        found.append(scratch / name)
        debugfs(f'dump "/boot/{names[0]}" "{found[-1]}"')
        if not found[-1].exists() or not found[-1].stat().st_size:
            raise RigError(f"/boot/{names[0]} cannot be read from {image}")
    return found[0], found[1]


def modules(obj: Path, scratch: Path) -> dict[str, Path]:
    """What modprobe wants to know about a kernel that has everything built in."""
    try:
        version = (obj / "include/config/kernel.release").read_text().strip()
        folder = scratch / "modules" / "lib" / "modules" / version
        folder.mkdir(parents=True)
        for name in ("modules.builtin", "modules.builtin.modinfo"):
            shutil.copy(obj / name, folder / name)
    except OSError as error:
        raise RigError(f"{obj} is not where a kernel has been built: {error}") from error
    (folder / "modules.order").write_text("")
    done = subprocess.run([tool("depmod"), "-b", str(scratch / "modules"), version], check=False,
                          capture_output=True, text=True)
    if done.returncode:
        raise RigError(f"depmod: {done.stderr.strip()}")
    return {f"/usr/lib/modules/{version}/{path.name}": path for path in sorted(folder.iterdir())}
