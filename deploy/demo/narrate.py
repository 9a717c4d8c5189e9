"""Speaks sentences with espeak-ng and puts them together with ffmpeg; captions get their times from the speech."""

import re
import subprocess
import wave
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from pypinyin import Style, lazy_pinyin

PAUSE = 0.35  # seconds of silence after a sentence
RATE = 22050  # espeak-ng speaks at this rate, 16 bit, mono


def speak(sentence: str, language: str, path: Path) -> float:
    """Write the sentence as WAV with its pause; answer the seconds of speech."""
    if language.startswith("zh"):
        voice, words = "cmn-latn-pinyin", pinyin(sentence)
    else:
        voice, words = language, sentence
    subprocess.run(["espeak-ng", "-v", voice, "-s", "165", "-w", str(path), words], check=True, capture_output=True)
    with wave.open(str(path)) as spoken:
        frames, rate = spoken.readframes(spoken.getnframes()), spoken.getframerate()
    assert rate == RATE, rate
    with wave.open(str(path), "wb") as padded:
        padded.setparams((1, 2, RATE, 0, "NONE", ""))
        padded.writeframes(frames + b"\0\0" * round(PAUSE * RATE))
    return len(frames) / 2 / RATE


def pinyin(sentence: str) -> str:
    """Numbered pinyin with the pauses of the sentence, as the voice reads it."""
    spelled = " ".join(lazy_pinyin(sentence, style=Style.TONE3, neutral_tone_with_five=True))
    return re.sub(r"\s*[，。、；：？！]\s*", ", ", spelled).strip(", ") + "."


def timed(
    sentences: list[str], language: str, folder: Path, start: float = 0.0
) -> list[tuple[float, float, str, Path]]:
    """(start, end, sentence, WAV) one after another."""
    cues = []
    for number, sentence in enumerate(sentences):
        path = folder / f"{start:09.3f}-{number}.wav"
        seconds = speak(sentence, language, path)
        cues.append((start, start + seconds, sentence, path))
        start += seconds + PAUSE
    return cues


def join(parts: list[Path], target: Path) -> None:
    """One WAV of many."""
    with wave.open(str(target), "wb") as whole:
        whole.setparams((1, 2, RATE, 0, "NONE", ""))
        for part in parts:
            with wave.open(str(part)) as spoken:
                whole.writeframes(spoken.readframes(spoken.getnframes()))


def captions(cues: list[tuple[float, float, str, Path]], target: Path) -> Path:
    """The cues as SubRip."""

    def clock(seconds: float) -> str:
        whole, milliseconds = divmod(round(seconds * 1000), 1000)
        return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{milliseconds:03}"

    rows = [f"{n}\n{clock(a)} --> {clock(b)}\n{text}\n" for n, (a, b, text, _) in enumerate(cues, 1)]
    target.write_text("\n".join(rows), encoding="utf-8")
    return target


def lecture(pictures: list[Image.Image], said: list[list[str]], language: str, target: Path) -> list[Path]:
    """`target`.mp4 with each picture for as long as its sentences last, and `target`.srt."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        cues: list[tuple[float, float, str, Path]] = []
        show = ["ffconcat version 1.0"]
        at = 0.0
        for number, (picture, sentences) in enumerate(zip(pictures, said, strict=True)):
            picture.save(folder / f"{number}.png")
            spoken = timed(sentences, language, folder, at)
            show += [f"file {number}.png", f"duration {spoken[-1][1] + PAUSE - at:.3f}"]
            at = spoken[-1][1] + PAUSE
            cues += spoken
        show.append(f"file {len(pictures) - 1}.png")
        (folder / "show.ffconcat").write_text("\n".join(show))
        join([cue[3] for cue in cues], folder / "speech.wav")
        video = target.with_suffix(".mp4")
        picture = ("-r", "12.5", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "50")
        sound = ("-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart")
        ffmpeg(
            ["-i", str(folder / "show.ffconcat"), "-i", str(folder / "speech.wav")],
            [*picture, *sound, "-t", f"{at:.3f}", str(video)],
        )
        return [video, captions(cues, target.with_suffix(".srt"))]


def audio(sentences: list[str], language: str, target: Path) -> list[Path]:
    """`target`.mp3 and `target`.srt."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        cues = timed(sentences, language, folder)
        join([cue[3] for cue in cues], folder / "speech.wav")
        sound = target.with_suffix(".mp3")
        ffmpeg(["-i", str(folder / "speech.wav")], ["-c:a", "libmp3lame", "-b:a", "64k", str(sound)])
        return [sound, captions(cues, target.with_suffix(".srt"))]


def ffmpeg(inputs: list[str], outputs: list[str]) -> None:
    """Run ffmpeg quietly; what it makes replaces what is there."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, *outputs], check=True)
