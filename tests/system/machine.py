"""A machine with a service manager of its own: the real systemd as process 1 of its own namespaces, for one test.

Its root is a layer in memory over the host's, which it cannot write: what it makes, starts or wipes is gone with it.
`/srv/studio` is the test's own folder, `/opt/watchd` this watchd. The network is the host's, so that a sandbox on
loopback is reached.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from tests.system.house import until

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parents[2]
SYSTEMD = Path("/lib/systemd/systemd")
STUDIO = Path("/srv/studio")
"""Where a test's own folder is, as the machine sees it."""
PROGRAM = "/opt/watchd/bin/watchd"
_BOOT = r"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$OWN"
mkdir "$OWN/over" "$OWN/work" "$OWN/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$OWN/over,workdir=$OWN/work" "$OWN/root"
cd "$OWN/root"
for place in tmp run srv home root opt var/tmp; do mkdir -p $place; mount -t tmpfs -o mode=755 tmpfs $place; done
chmod 1777 tmp var/tmp
mkdir -p "./$AT" opt/python opt/watchd opt/source
mount --bind "$STUDIO" "./$AT"
mount --bind "$PYTHON" opt/python
mount --bind "$SOURCE" opt/source
mkdir "$OWN/venv" "$OWN/beside"
mount -t overlay overlay -o "lowerdir=$VENV,upperdir=$OWN/venv,workdir=$OWN/beside" opt/watchd
sed -i 's#^home = .*#home = /opt/python/bin#' opt/watchd/pyvenv.cfg
ln -sf /opt/python/bin/python3 opt/watchd/bin/python
printf '%s\n' '#!/opt/watchd/bin/python' 'from watchd.cli.main import main' 'main()' > opt/watchd/bin/watchd
for packages in opt/watchd/lib/python3*/site-packages; do
    rm -f $packages/*watchd*.pth
    echo /opt/source > $packages/here.pth
done
echo /opt/python/lib > etc/ld.so.conf.d/000-here.conf && ldconfig -r .
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -o bind,ro proc/sys proc/sys
# The distribution's own units would wipe and start things as at a boot; here is nothing but a journal.
mkdir -p run/units
for unit in systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket; do
    cp usr/lib/systemd/system/$unit run/units
done
for target in sysinit basic multi-user network-online remote-fs local-fs shutdown exit umount final; do
    printf '%s\n' '[Unit]' 'DefaultDependencies=no' > run/units/$target.target
done
printf '%s\n' '[Unit]' 'DefaultDependencies=no' 'Wants=systemd-journald.service' > run/units/bare.target
mount --bind run/units usr/lib/systemd/system
rm -rf etc/systemd/system && mkdir -p etc/systemd/system
mkdir -p run/before
pivot_root . run/before
umount -l /run/before
mount --make-rshared / # as on any machine: what is mounted later is seen by services too
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=test \
    /lib/systemd/systemd --system --unit=bare.target --log-target=null --show-status=no
"""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")


class Machine:
    """Use it as a context manager; `root` is the folder that it sees as `/srv/studio`, or `at` another place."""

    def __init__(self, root: Path, at: Path = STUDIO) -> None:
        self.root = root
        self.at = at
        self._pid = 0

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            pytest.skip("only root may start a systemd of its own")
        if not SYSTEMD.exists():
            pytest.skip("systemd is not installed here")
        log, own = self.root / "boot.log", self.root.with_name(f"{self.root.name}-machine")
        own.mkdir()
        told = {
            "OWN": own, "STUDIO": self.root, "AT": self.at,
            "SOURCE": ROOT, "VENV": sys.prefix, "PYTHON": sys.base_prefix,
        }  # fmt: skip
        with log.open("wb") as out:
            self._unshare = subprocess.Popen(
                ["/usr/bin/unshare", *_NAMESPACES, "--fork", "--kill-child", "/bin/sh", "-c", _BOOT],
                env=os.environ | {name: str(path) for name, path in told.items()},
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        until(lambda: self._is_up() or self._unshare.poll() is not None, "systemd is up, or has ended")
        if self._unshare.poll() is not None:
            pytest.skip(f"systemd does not start in namespaces here: {log.read_text()[-300:]}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._unshare.poll() is None:
            os.kill(self._pid, signal.SIGRTMIN + 14)  # to systemd: end all, and yourself, at once
        try:
            self._unshare.wait(30)
        except subprocess.TimeoutExpired:
            self._unshare.kill()
            self._unshare.wait()

    def _is_up(self) -> bool:
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children").read_text().split()
        if not children:
            return False
        self._pid = int(children[0])
        asked = self.run("systemctl", "is-system-running", check=False)
        return asked.stdout.strip() in {"running", "degraded"}

    def command(self, *command: str) -> list[str]:
        """What runs a program there."""
        return ["/usr/bin/nsenter", f"--target={self._pid}", *_NAMESPACES, *command]

    def run(self, *command: str, check: bool = True, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a program there, as root."""
        ended = subprocess.run(
            self.command(*command), stdin=subprocess.DEVNULL, cwd="/",
            env={"PATH": _PATH, "LANG": "C.UTF-8", "SYSTEMD_PAGER": "cat", "PYTHONWARNINGS": "error"},
            capture_output=True, text=True, check=False, timeout=timeout,
        )  # fmt: skip
        assert not check or ended.returncode == 0, f"{shlex.join(command)}: {ended.stdout}{ended.stderr}"
        return ended

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def path(self, path: Path | str) -> Path:
        """A path of the machine's as the test can open it."""
        return Path(f"/proc/{self._pid}/root") / str(path).lstrip("/")

    def watchd(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run watchd there, as root."""
        return self.run(PROGRAM, *arguments, check=check)
