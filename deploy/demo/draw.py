"""Draws slides, picture-book pages and a wall chart with Pillow and the system's Chinese type."""

import subprocess
from functools import cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

PAPER, INK, SOFT = "#faf8f4", "#1d2530", "#4a5463"
SLIDE = (1280, 720)


@cache
def typeface(size: int, *, serif: bool = False) -> ImageFont.FreeTypeFont:
    """The system's Chinese Song or Hei type at this size in pixels."""
    family = "Noto Serif CJK SC" if serif else "Noto Sans CJK SC"
    found = subprocess.run(
        ["fc-match", "-f", "%{file}\t%{index}", f"{family}:lang=zh-cn"], capture_output=True, text=True, check=True
    ).stdout
    path, index = found.split("\t")
    return ImageFont.truetype(path, size, index=int(index) & 0xFFFF)


def slide(content: dict[str, Any], colour: str, number: int) -> Image.Image:
    """A slide: a title, a rule, short lines, a number."""
    picture = Image.new("RGB", SLIDE, PAPER)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, 36, SLIDE[1]), fill=colour)
    pen.text((110, 90), content["title"], font=typeface(64, serif=True), fill=INK)
    pen.line((110, 200, 420, 200), fill=colour, width=5)
    for row, line in enumerate(content["lines"]):
        y = 260 + row * 100
        pen.ellipse((114, y + 22, 132, y + 40), fill=colour)
        pen.text((160, y), line, font=typeface(46), fill=SOFT)
    pen.text((SLIDE[0] - 90, SLIDE[1] - 70), str(number), font=typeface(30), fill=SOFT)
    return picture


def scene(colours: list[str], season: int) -> Image.Image:
    """A landscape of a sky, hills, a sun and a river, in three colours."""
    width, height = 1400, 900
    sky, hill, light = colours
    picture = Image.new("RGB", (width, height), sky)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((960 - season * 90, 70, 1140 - season * 90, 250), fill=light)
    pen.ellipse((-300, 380, 800, 1200), fill=hill)
    pen.ellipse((560, 470, 1800, 1300), fill=hill)
    pen.polygon([(620, 500), (700, 500), (840, 680), (560, 900), (1180, 900), (1000, 690)], fill="#5fa8c4")
    for step in range(12):
        x, y = 90 + step * 110, 560 + (step * 53) % 190
        pen.line((x, y, x, y + 70), fill=INK, width=5)
        pen.ellipse((x - 34, y - 50, x + 34, y + 22), fill=light)
    return picture


def wall_chart(title: str, terms: list[str]) -> Image.Image:
    """Four seasons of six terms each."""
    picture = Image.new("RGB", (1600, 1130), PAPER)
    pen = ImageDraw.Draw(picture)
    pen.text((80, 60), title, font=typeface(68, serif=True), fill=INK)
    seasons = (("春", "#2f6a4a"), ("夏", "#a8382a"), ("秋", "#8a5a00"), ("冬", "#17546f"))
    for row, (name, colour) in enumerate(seasons):
        y = 200 + row * 225
        pen.rectangle((80, y, 230, y + 190), fill=colour)
        pen.text((115, y + 40), name, font=typeface(80, serif=True), fill="#ffffff")
        for column, term in enumerate(terms[row * 6 : row * 6 + 6]):
            x = 260 + column * 212
            pen.rectangle((x, y, x + 192, y + 190), outline=colour, width=4)
            pen.text((x + 44, y + 66), term, font=typeface(50), fill=INK)
    return picture
