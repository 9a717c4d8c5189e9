"""LibreOffice as a converter to PDF: started in the sandbox, each time with a fresh profile that is thrown away."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.errors import IngestError
from ingest.sandbox import Sandbox
from ingest.watch import Limits

_LIMITS = Limits(wall=120, cpu=120, memory=3 * 2**30, output=512 * 2**20, processes=48)
_CRASHED = 128
_OFFICE = "/org.openoffice.Office"

# No macro runs, no link is followed or updated, nothing asks for anything.
_SETTINGS = (
    ("Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Common/Misc", "FirstRun", "false"),
    ("Writer/Content/Update", "Link", "0"),
    ("Calc/Content/Update", "Link", "1"),
    ("Common/Font/Substitution", "Replacement", "true"),
)
# Fonts of Chinese offices that free systems lack, by what they look like: else all become Hei.
_FONTS = {
    "Noto Serif CJK SC": (
        *("宋体", "新宋体", "SimSun", "NSimSun", "华文宋体", "STSong"),
        *("仿宋", "仿宋_GB2312", "FangSong", "华文仿宋", "楷体", "楷体_GB2312", "KaiTi", "华文楷体"),
    ),
    "Noto Sans CJK SC": ("黑体", "SimHei", "微软雅黑", "等线", "华文黑体", "华文细黑", "STHeiti"),
}
_ITEM = '<item oor:path="{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
{items}
</oor:items>
"""


def to_pdf(source: Path, folder: Path, sandbox: Sandbox, *, poll: Callable[[], None]) -> Path:
    """The PDF of an Office file, in ``folder``. The suffix of ``source`` says which kind it is.

    Raises IngestError document_unreadable, preview_crashed, and those of `Sandbox.run`.
    """
    profile = folder / "profile"
    _write_profile(profile)
    done = sandbox.run(
        [
            "soffice",
            f"-env:UserInstallation={profile.absolute().as_uri()}",
            *("--headless", "--norestore", "--nolockcheck", "--nodefault", "--convert-to", "pdf"),
            *("--outdir", str(folder.absolute()), str(source.absolute())),
        ],
        inputs=[source],
        output=folder,
        limits=_LIMITS,
        poll=poll,
    )
    shutil.rmtree(profile, ignore_errors=True)
    result = folder / f"{source.stem}.pdf"
    if result.is_file() and result.stat().st_size:
        return result
    if done.status >= _CRASHED:
        raise IngestError("preview_crashed", f"soffice: status {done.status}: {done.stderr}", retryable=True)
    raise IngestError("document_unreadable", f"soffice: {done.stderr or done.stdout.decode('utf-8', 'replace')}")


def _write_profile(profile: Path) -> None:
    settings = (_ITEM.format(path=f"{_OFFICE}.{path}", name=name, value=value) for path, name, value in _SETTINGS)
    (profile / "user").mkdir(parents=True)
    text = _PROFILE.format(items="\n".join([*settings, *_font_pairs()]))
    (profile / "user" / "registrymodifications.xcu").write_text(text, encoding="utf-8")


def _font_pairs() -> Iterator[str]:
    pairs = ((theirs, ours) for ours, names in _FONTS.items() for theirs in names)
    for number, (theirs, ours) in enumerate(pairs):
        values = {"ReplaceFont": theirs, "SubstituteFont": ours, "Always": "true", "OnScreenOnly": "false"}
        properties = "".join(
            f'<prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop>' for name, value in values.items()
        )
        yield (
            f'<item oor:path="{_OFFICE}.Common/Font/Substitution/FontPairs">'
            f'<node oor:name="_{number}" oor:op="replace">{properties}</node></item>'
        )
