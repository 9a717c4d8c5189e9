"""People who keep uploading small courseware over tus, and never give up because a connection broke."""

import base64
import http.client
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

PATIENCE = 90.0
KINDS = ("film.mp4", "song.m4a", "story.txt", "notes.md", "words.srt", "sheet.pdf", "photo.png")


def make_courseware(folder: Path) -> dict[str, Path]:
    """One small file of each kind, by its name."""
    clip = ["-f", "lavfi", "-i", "testsrc=s=160x120:r=10:d=1.5", "-f", "lavfi", "-i", "sine=d=1.5"]
    quiet = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
    subprocess.run([*quiet, *clip, "-pix_fmt", "yuv420p", str(folder / "film.mp4")], check=True)
    subprocess.run([*quiet, *clip[4:], "-c:a", "aac", str(folder / "song.m4a")], check=True)
    (folder / "story.txt").write_text("第一章\n\n小麦和玉米。\n" * 20, encoding="utf-8")
    (folder / "notes.md").write_text("# 焊接\n\n先看安全。\n\n# 电弧\n\n再看电弧。\n", encoding="utf-8")
    (folder / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\n大家好\n", encoding="utf-8")
    picture = Image.new("RGB", (64, 48), "teal")
    picture.save(folder / "photo.png")
    picture.save(folder / "sheet.pdf")
    return {name: folder / name for name in KINDS}


@dataclass
class Giver:
    """Uploads files one after another; each is told as given only when the server's last answer said so."""

    address: str
    key: str
    institution: str
    given: list[str] = field(default_factory=list)  # names whose upload was acknowledged

    def give(self, name: str, path: Path) -> None:
        """Upload one file; go on after each broken connection where the server says that it is."""
        data = path.read_bytes()
        until = time.monotonic() + PATIENCE
        place = ""
        while time.monotonic() < until:
            try:
                place = place or self._create(name, len(data))
                if self._send(place, data):
                    self.given.append(name)
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.2)
        raise AssertionError(f"{name} could not be given")

    def _create(self, name: str, length: int) -> str:
        words = {"filename": name, "institution": self.institution}
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in words.items())
        answer = self._ask("POST", "/files/", {"Upload-Length": str(length), "Upload-Metadata": metadata})
        if answer.status != 201:
            raise http.client.HTTPException(f"{answer.status}")
        return urlsplit(answer.headers["Location"]).path

    def _send(self, place: str, data: bytes) -> bool:
        """Whether the upload is complete and belongs to a resource."""
        told = self._ask("HEAD", place, {})
        if told.status != 200:
            raise http.client.HTTPException(f"{told.status}")
        offset = int(told.headers["Upload-Offset"])
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        answer = self._ask("PATCH", place, headers, data[offset:]) if offset < len(data) else told
        return answer.status in (200, 204) and "Xuehai-Resource" in answer.headers

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=10)
        try:
            everywhere = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {self.key}"}
            connection.request(method, path, body or None, everywhere | headers)
            answer = connection.getresponse()
            answer.read()
            return answer
        finally:
            connection.close()


class Crowd:
    """A thread that gives file after file until told to stop."""

    def __init__(self, giver: Giver, courseware: dict[str, Path]) -> None:
        self._giver, self._courseware = giver, courseware
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._give_on)
        self.failure: AssertionError | None = None

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._enough.set()
        self._thread.join()

    def _give_on(self) -> None:
        number = 0
        try:
            while not self._enough.is_set():
                kind = KINDS[number % len(KINDS)]
                self._giver.give(f"{number:03d}-{kind}", self._courseware[kind])
                number += 1
                self._enough.wait(1.0)
        except AssertionError as failure:
            self.failure = failure
