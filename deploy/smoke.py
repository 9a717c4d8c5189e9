#!/usr/bin/env python3
"""Tries an installation from outside: uploads, waits, publishes, finds, plays, downloads, and takes it all back.

    XUEHAI_KEY=… python3 deploy/smoke.py https://courses.example.org [--institution SLUG] [--video FILE]

The key of a system administrator publishes at once. The key of an uploader (scope `upload`) needs XUEHAI_REVIEWER_KEY
(scope `review`) beside it to be published and found; without it the rest is tried as its owner sees it. Instead of a
key: XUEHAI_EMAIL, and the password in XUEHAI_PASSWORD or as a line of standard input. Standard library only.
Exit code 0, or 1 with the reason.
"""

import argparse
import base64
import contextlib
import hashlib
import http.cookiejar
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 60
PIECE = 1024 * 1024  # of an upload
WORD = "回火防止器"
CUES = "1\n00:00:00,000 --> 00:00:02,000\n每次作业前检查回火防止器的水位。\n"
TEXT = "# {title}\n\n## 开工之前\n\n每次作业前检查回火防止器的水位。\n"


class Failed(Exception):
    """The installation does not do what it should."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to the object store without bringing it our key."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and urllib.parse.urlsplit(newurl).netloc != urllib.parse.urlsplit(req.full_url).netloc:
            following.remove_header("Authorization")
        return following


class Site:
    """The installation, as somebody with a key meets it."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url, self.key = url.rstrip("/"), key
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(_Redirects, urllib.request.HTTPCookieProcessor(self.cookies))

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[Any, bytes]:
        """Headers and body of an answer; Failed with what the service says when it refuses."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key:
            sent["Authorization"] = f"Bearer {self.key}"
        address = urllib.parse.urljoin(self.url + "/", path)
        request = urllib.request.Request(address, body, sent, method=method)
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
                return answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise Failed(f"{method} {path}: {error.code} {error.read()[:400].decode(errors='replace')}") from None
        except OSError as error:
            raise Failed(f"{method} {path}: {error}") from None

    def json(self, method: str, path: str, data: Any = None, **headers: str) -> Any:
        """The JSON of an answer."""
        body = None if data is None else json.dumps(data).encode()
        said = {"Content-Type": "application/json"} if body is not None else {}
        return json.loads(self.ask(method, path, body, **said, **headers)[1] or b"null")

    def upload(self, name: str, content: bytes, **words: str) -> str:
        """Bring a file in by tus, piece by piece; the id of its resource."""
        metadata = {"filename": name, **{key: value for key, value in words.items() if value}}
        told = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
        tus = {"Tus_Resumable": "1.0.0"}
        headers, _ = self.ask("POST", "/files/", None, **tus, Upload_Length=str(len(content)), Upload_Metadata=told)
        place, offset = headers["Location"], 0
        while offset < len(content) or not headers["Xuehai-Resource"]:
            piece = content[offset : offset + PIECE]
            octets = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": str(offset)}
            headers, _ = self.ask("PATCH", place, piece, **tus, **octets)
            offset = int(headers["Upload-Offset"])
            progress(f"{name}: {offset * 100 // max(1, len(content))} %")
        return str(headers["Xuehai-Resource"])


class Trial:
    """One run, with what it made and must take back."""

    def __init__(self, site: Site, reviewer: Site | None, given: argparse.Namespace) -> None:
        self.site, self.reviewer, self.given = site, reviewer, given
        self.token = secrets.token_hex(5)
        self.made: dict[str, tuple[str, bytes]] = {}  # kind: (id of the resource, bytes of its source)

    def run(self) -> None:
        """Everything, in order."""
        self._bring()
        self._until_processed()
        published = [self._publish(resource) for resource, _ in self.made.values()]
        if all(published):
            self._find()
        else:
            say("not published: this key may not, and XUEHAI_REVIEWER_KEY is not given; search is not tried")
        if "video" in self.made:
            self._play(self.made["video"][0])
        for kind, (resource, content) in self.made.items():
            self._download(kind, resource, content)

    def take_back(self) -> None:
        """Withdraw what was made, whatever became of it."""
        for kind, (resource, _) in self.made.items():
            try:
                state = self.site.json("GET", f"/api/v1/resources/{resource}")["state"]
                if state in ("draft", "rejected"):
                    self.site.json("POST", f"/api/v1/resources/{resource}/submit", {})
                self.site.json("POST", f"/api/v1/resources/{resource}/withdraw", {"reason": "smoke test"})
                say(f"withdrawn: {kind}")
            except Failed as error:
                say(f"left behind: {kind} {resource} ({error})")

    def _bring(self) -> None:
        sources = {"pdf": (".pdf", a_pdf()), "text": (".md", TEXT.format(title=self._title("text")).encode())}
        video = self.given.video.read_bytes() if self.given.video else a_film()
        if video is None:
            say("no video: there is no ffmpeg here to make one, and --video names none")
        else:
            sources["video"] = (".mp4", video)
        for kind, (suffix, content) in sources.items():
            title = self._title(kind)
            resource = self.site.upload(title + suffix, content, institution=self.given.institution, title=title)
            self.made[kind] = (resource, content)
            say(f"uploaded: {kind}, {len(content)} bytes, {self.site.url}/resources/{resource}")
        if "video" in self.made:
            name = f"{self._title('video')}.srt"
            self.site.upload(name, CUES.encode(), resource_id=self.made["video"][0], role="captions")
            say("uploaded: captions")

    def _until_processed(self) -> None:
        for kind, (resource, _) in self.made.items():
            record = eventually(partial(self._ended, resource), self.given.patience, f"{kind} is not processed")
            if record["processing"] != "ready":
                raise Failed(f"{kind} is {record['processing']}: {record['jobs']}")
            say(f"ready: {kind}")

    def _ended(self, resource: str) -> Any:
        record = self.site.json("GET", f"/api/v1/resources/{resource}")
        progress(" ".join(f"{job['step']}:{job['state']}" for job in record["jobs"]) or record["processing"])
        return record if record["processing"] in ("ready", "partial", "failed") else None

    def _publish(self, resource: str) -> bool:
        """Publish at once where the key may; else with the reviewer's; answer whether it is public."""
        base = f"/api/v1/resources/{resource}"
        may = self.site.json("GET", base)["can"]
        if "publish_unreviewed" in may:
            self.site.json("POST", f"{base}/publish", {})
            return True
        self.site.json("POST", f"{base}/submit", {})
        if self.reviewer is None:
            return False
        self.reviewer.json("POST", f"{base}/decisions", {"accept": True})
        self.reviewer.json("POST", f"{base}/publish", {})
        return True

    def _find(self) -> None:
        visitor = Site(self.site.url)
        wanted = {resource for resource, _ in self.made.values()}

        def found() -> bool:
            query = urllib.parse.urlencode({"q": self.token})
            return {hit["id"] for hit in visitor.json("GET", f"/api/v1/search?{query}")["hits"]} >= wanted

        eventually(found, self.given.patience, f"search for {self.token} does not find what was published")
        say(f"found by anybody: {self.token}")
        text = self.made["text"][0]
        query = urllib.parse.urlencode({"q": f"{WORD} {self.token}"})
        hits = [hit for hit in visitor.json("GET", f"/api/v1/search?{query}")["hits"] if hit["id"] == text]
        if not any(WORD in passage["text"] for hit in hits for passage in hit["passages"]):
            raise Failed(f"search for {WORD} does not show its passage")
        say(f"found to the sentence: {WORD}")

    def _play(self, resource: str) -> None:
        playback = self.site.json("GET", f"/api/v1/resources/{resource}")["playback"]
        master = playback["hls_url"]
        variant = urllib.parse.urljoin(master, first_address(self.site.ask("GET", master)[1].decode(), "master"))
        rung = self.site.ask("GET", variant)[1].decode()
        at = re.search(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", rung)
        first, size = (int(at[2]), int(at[1])) if at else (0, 1000)
        segment = urllib.parse.urljoin(variant, first_address(rung, "rung"))
        _, piece = self.site.ask("GET", segment, Range=f"bytes={first}-{first + size - 1}")
        if len(piece) != size:
            raise Failed(f"{segment}: {len(piece)} bytes came of {size}")
        captions = [self.site.ask("GET", one["url"])[1].decode() for one in playback["captions"]]
        if not any(text.startswith("WEBVTT") and WORD in text for text in captions):
            raise Failed("the captions do not come")
        say(f"played: playlist, {size} bytes of a segment, captions")

    def _download(self, kind: str, resource: str, content: bytes) -> None:
        record = self.site.json("GET", f"/api/v1/resources/{resource}")
        file = next(file for file in record["files"] if file["role"] == "source")
        headers, got = self.site.ask("GET", f"{file['url']}?download=1")
        if hashlib.sha256(got).digest() != hashlib.sha256(content).digest():
            raise Failed(f"{kind} came back changed: {len(got)} bytes of {len(content)}")
        if not headers["Content-Disposition"].startswith("attachment"):
            raise Failed(f"{kind} is not sent as an attachment: {headers['Content-Disposition']}")
        say(f"downloaded: {kind}, the same bytes")

    def _title(self, kind: str) -> str:
        return f"冒烟试验 {self.token} {kind}"


def first_address(playlist: str, what: str) -> str:
    """The first line of a playlist that is no tag."""
    for line in playlist.splitlines():
        if line and not line.startswith("#"):
            return line
    raise Failed(f"the {what} playlist names nothing")


def a_film() -> bytes | None:
    """Three seconds of picture and sound; None without ffmpeg."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(FileNotFoundError):
        made = Path(folder) / "film.mp4"
        pictures = ("-f", "lavfi", "-i", "testsrc=size=320x180:rate=12:duration=3")
        sound = ("-f", "lavfi", "-i", "sine=frequency=300:duration=3")
        form = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest")
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *pictures, *sound, *form, str(made)], check=True)
        return made.read_bytes()
    return None


def a_pdf() -> bytes:
    """One page with one line."""
    drawn = "BT /F 24 Tf 40 300 Td (A page of a smoke test) Tj ET"
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 420 400]/Contents 5 0 R/Resources<</Font<</F 4 0 R>>>>>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream",
    )
    body, table = "%PDF-1.4\n", "0000000000 65535 f \n"
    for number, one in enumerate(objects, 1):
        table += f"{len(body):010} 00000 n \n"
        body += f"{number} 0 obj{one}endobj\n"
    return f"{body}xref\n0 6\n{table}trailer<</Size 6/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF".encode()


@contextlib.contextmanager
def signed_in(url: str) -> Iterator[Site]:
    """The site with the key that is given, or with one made for this run by e-mail and password."""
    key = os.environ.get("XUEHAI_KEY", "")
    if key:
        yield Site(url, key)
        return
    email = os.environ.get("XUEHAI_EMAIL", "")
    if not email:
        raise Failed("give XUEHAI_KEY, or XUEHAI_EMAIL with XUEHAI_PASSWORD or the password on standard input")
    desk = Site(url)
    password = os.environ.get("XUEHAI_PASSWORD") or sys.stdin.readline().rstrip("\r\n")
    desk.ask("POST", "/sign-in", urllib.parse.urlencode({"email": email, "password": password}).encode())
    token = re.search(r'name="csrf_token" value="([^"]+)"', desk.ask("GET", "/account")[1].decode())
    if token is None:
        raise Failed("signing in did not lead to an account")
    csrf = {"X_CSRF_Token": str(token[1])}
    made = desk.json("POST", "/api/v1/me/keys", {"scopes": ["all"]}, **csrf)
    try:
        yield Site(url, made["key"])
    finally:
        desk.ask("DELETE", f"/api/v1/me/keys/{made['id']}", None, **csrf)


def eventually(look: Callable[[], Any], seconds: float, otherwise: str) -> Any:
    """What `look` answers as soon as it answers something."""
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            raise Failed(f"{otherwise} after {seconds:.0f} s")
        time.sleep(0.5)
    return found


def say(line: str) -> None:
    """One line of what was done."""
    progress("")
    sys.stderr.write(f"  {line}\n")


def progress(line: str) -> None:
    """One line that the next one writes over, where a person looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{line[:100]}")
        sys.stderr.flush()


def main() -> int:
    """Run the trial; say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of the site")
    parser.add_argument("--institution", default="", help="slug; the uploader's only one when not given")
    parser.add_argument("--video", type=Path, help="a film to upload instead of three seconds made by ffmpeg")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for each thing to come true")
    given = parser.parse_args()
    began = time.monotonic()
    try:
        checks = Site(given.url).json("GET", "/readyz")["checks"]
        say("ready: " + ", ".join(check["name"] for check in checks))
        reviewer = os.environ.get("XUEHAI_REVIEWER_KEY", "")
        with signed_in(given.url) as site:
            trial = Trial(site, Site(given.url, reviewer) if reviewer else None, given)
            try:
                trial.run()
            finally:
                trial.take_back()
    except (Failed, KeyError, OSError, ValueError, subprocess.CalledProcessError) as error:
        say(f"FAILED: {error!r}" if isinstance(error, KeyError) else f"FAILED: {error}")
        return 1
    say(f"everything works, in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
