"""P5: a whole ingest of a film costs little more CPU than the bare ffmpeg inside it, and less than a process a rung."""

import hashlib
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ingest import pipeline
from ingest.model import Facts, Product, StepInput, Surroundings
from ingest.sandbox import Sandbox
from repo_service.storage.local import LocalStore
from tests.bench.harness import Goal, Measures, Verdict, column, ratio

SECONDS, SECONDS_SMALL = 40, 12
RUNGS = ((426, 240, 400, "main"), (852, 480, 1200, "main"), (1280, 720, 2800, "high"))
CHUNK = 1 << 20

# Motion everywhere, ten seconds of it again and again; slides that change every five seconds.
DRAWN = {
    "film": "mandelbrot=s=1280x720:r=25:end_scale=0.01,loop=-1:250,noise=alls=2:allf=t,format=yuv420p",
    "lecture": "testsrc2=s=1280x720:r=25,framestep=125,fps=25,noise=alls=2,format=yuv420p",
}
CODED = {
    "film": "-c:v libx264 -preset veryfast -crf 21 -g 300 -keyint_min 300",
    "lecture": "-c:v libx264 -preset veryfast -crf 18 -g 300 -keyint_min 300",
    "copy": "-c:v libx264 -preset veryfast -b:v 2000k -maxrate 2500k -bufsize 5000k -g 50 -profile:v high -c:a copy",
}


def setup(folder: Path, small: bool) -> None:
    """Draw a film and a lecture with a tone, and make of the film one that already is what browsers play."""
    seconds = str(SECONDS_SMALL if small else SECONDS)
    for name, drawn in DRAWN.items():
        inputs = ["-f", "lavfi", "-i", drawn, "-f", "lavfi", "-i", "sine=f=330", "-t", seconds]
        sound = ["-c:a", "aac", "-b:a", "96k", "-ac", "2"]
        _ffmpeg([*inputs, *sound, *CODED[name].split(), str(folder / f"{name}.mp4")])
    _ffmpeg(["-i", str(folder / "film.mp4"), *CODED["copy"].split(), str(folder / "copy.mp4")])


def whole(folder: Path, source: str) -> None:
    """Every step that a worker does for a film, in the sandbox, and the products into the store."""
    path, scratch, store = folder / f"{source}.mp4", folder / "scratch", LocalStore(folder / "store")
    facts: dict[str, Facts] = {}
    products: list[Product] = []
    steps = [pipeline.first_step()]
    for step in steps:
        place = scratch / step.name
        place.mkdir(parents=True)
        around = Surroundings(place, Sandbox(), lambda share: None)
        found = pipeline.run(step.name, StepInput(path, path.name, facts=facts), around)
        facts[step.name] = found.facts
        products += found.products
        if step.name == pipeline.IDENTIFY:
            steps += pipeline.next_steps("source", found.facts)
    for number, product in enumerate(products):
        _put(store, str(number), product.path)


def _put(store: LocalStore, staged: str, path: Path) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    with path.open("rb") as file:
        store.write(staged, 0, iter(lambda: file.read(CHUNK), b""))
    store.keep(staged, digest.hexdigest())


def bare(folder: Path, source: str) -> None:
    """One ffmpeg that decodes once: the same renditions with the same settings, and nothing else."""
    split = "[0:v]split=3[a][b][c];" + ";".join(
        f"[{pad}]scale={width}:{height}[{pad}{pad}]" for pad, (width, height, _, _) in zip("abc", RUNGS, strict=True)
    )
    command = ["-i", str(folder / f"{source}.mp4"), "-filter_complex", split]
    for pad, rung in zip("abc", RUNGS, strict=True):
        command += ["-map", f"[{pad}{pad}]", *_coding(rung), str(folder / f"bare{rung[1]}.mp4")]
    _ffmpeg([*command, "-map", "0:a", "-c:a", "aac", "-b:a", "128k", str(folder / "bare.m4a")])


def naive(folder: Path, source: str) -> None:
    """One ffmpeg a rung, each with sound, as a loop over profiles does it."""
    for rung in RUNGS:
        command = ["-i", str(folder / f"{source}.mp4"), "-vf", f"scale={rung[0]}:{rung[1]}", *_coding(rung)]
        _ffmpeg([*command, "-c:a", "aac", "-b:a", "128k", str(folder / f"naive{rung[1]}.mp4")])


def _coding(rung: tuple[int, int, int, str]) -> list[str]:
    rate, profile = rung[2], rung[3]
    limits = f"-crf 23 -maxrate {rate}k -bufsize {2 * rate}k -profile:v {profile} -g 100 -sc_threshold 0"
    return ["-c:v", "libx264", "-preset", "veryfast", *limits.split()]


def _ffmpeg(command: Sequence[str]) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *command], check=True)


def _measured(work: Callable[[Path, str], None], *sources: str) -> Callable[[Path, bool], Measures]:
    """CPU seconds of this process and its children, and wall seconds, summed over the sources."""

    def contender(folder: Path, small: bool) -> Measures:
        begun, used = time.monotonic(), _cpu()
        for source in sources:
            work(folder, source)
            for leftover in ("scratch", "store"):
                shutil.rmtree(folder / leftover, ignore_errors=True)
        return {"cpu": _cpu() - used, "wall": time.monotonic() - begun}

    return contender


def _cpu() -> float:
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def check(runs: Mapping[str, Sequence[Measures]]) -> list[Verdict]:
    """The whole job against its peers, by CPU seconds; the copied film by the clock."""
    cpu = {name: column(of, "cpu") for name, of in runs.items()}
    wall = {name: column(of, "wall") for name, of in runs.items()}
    stated = [
        ratio(
            f"whole job of a {kind}, against one process a rung, CPU",
            cpu[kind],
            cpu[f"{kind}_naive"],
            0.8,
            at_least=False,
        )
        for kind in ("film", "lecture")
    ]
    return [
        ratio(
            "whole job of a film, against bare single-decode ffmpeg, CPU",
            cpu["film"],
            cpu["film_bare"],
            1.05,
            at_least=False,
        ),
        ratio(
            "whole job of a lecture, against the same, CPU", cpu["lecture"], cpu["lecture_bare"], 1.05, at_least=False
        ),
        *stated,
        ratio("copy-eligible film, against bare ffmpeg, wall", wall["copy"], wall["copy_bare"], 0.45, at_least=False),
    ]


GOAL = Goal(
    name="P5",
    title="HLS ladder",
    setup=setup,
    contenders={
        "film": _measured(whole, "film"),
        "film_bare": _measured(bare, "film"),
        "film_naive": _measured(naive, "film"),
        "lecture": _measured(whole, "lecture"),
        "lecture_bare": _measured(bare, "lecture"),
        "lecture_naive": _measured(naive, "lecture"),
        "copy": _measured(whole, "copy"),
        "copy_bare": _measured(bare, "copy"),
    },
    check=check,
    rounds=3,
    rounds_small=2,
)
