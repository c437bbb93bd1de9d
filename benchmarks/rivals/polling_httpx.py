"""The same with watchdog's PollingObserver, as NAS guides advise it: one look at the whole folder every second."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from watchdog.events import FileCreatedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.polling import PollingObserver


class Sender(FileSystemEventHandler):
    """Hands every new file to a worker."""

    def __init__(self, out: Path, url: str) -> None:
        self._out = out
        self._url = url
        self._client = httpx.Client(timeout=60, trust_env=False)
        self._pool = ThreadPoolExecutor(8)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take what is new."""
        if isinstance(event, FileCreatedEvent | FileMovedEvent):
            self._pool.submit(self._enlarge, Path(str(event.dest_path or event.src_path)))

    def _enlarge(self, source: Path) -> None:
        files = {"image": (source.name, source.read_bytes(), "image/png")}
        headers = {"Authorization": "Bearer benchmark"}
        response = self._client.post(self._url, data={"scale": "2"}, files=files, headers=headers)
        if response.status_code == httpx.codes.OK:
            (self._out / source.name).write_bytes(response.content)


def main() -> None:
    """`polling_httpx.py HOT OUT URL`."""
    hot, out, url = sys.argv[1:4]
    observer = PollingObserver(timeout=1)
    observer.schedule(Sender(Path(out), url), hot, recursive=True)
    observer.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
