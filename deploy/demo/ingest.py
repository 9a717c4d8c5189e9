"""Brings the sample courseware into an empty installation through the public commands, and prints the accounts.

python deploy/demo/ingest.py SAMPLE_FOLDER
"""

import json
import secrets
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from curate import curate

CONTENT = Path(__file__).parent / "content"
XUEHAI = str(Path(sys.executable).with_name("xuehai"))
PEOPLE = (
    ("uploader@example.org", "王上传", "uploader", "zz-vocational-college"),
    ("librarian@example.org", "李馆员", "curator", "zz-library"),
    ("reviewer@example.org", "张审核", "reviewer", "zz-vocational-college"),
    ("learner@example.org", "赵学习", "learner", ""),
    ("admin@example.org", "陈管理", "system_admin", ""),
)

REVIEWED = "zz-vocational-college"  # its files go the way of review; an operator publishes the others
ACTING = {"system_admin": "upload", "reviewer": "review", "curator": "curate"}


def xuehai(*arguments: str, given: str = "", show: bool = False) -> str:
    """Run one command; its words for people go to the terminal only when ``show``."""
    done = subprocess.run(
        [XUEHAI, *arguments], input=given, text=True, stdout=subprocess.PIPE, stderr=None if show else subprocess.PIPE
    )
    if done.returncode:
        sys.exit(f"xuehai {' '.join(arguments[:2])} failed:\n{done.stderr or ''}{done.stdout}")
    return done.stdout


def institutions() -> list[str]:
    """Create the institutions; answer their slugs."""
    listed = tomllib.loads((CONTENT / "institutions.toml").read_text(encoding="utf-8"))["institution"]
    for one in listed:
        xuehai(
            "institution", "create", "--slug", one["slug"], "--name", one["name"],
            "--kind", one["kind"], "--division", one["division"],
        )  # fmt: skip
    return [one["slug"] for one in listed]


def people() -> list[str]:
    """Create an account for each kind of person, each with a password of its own; answer lines to print."""
    lines = []
    for email, name, role, institution in PEOPLE:
        password = secrets.token_urlsafe(9)
        place = ("--institution", institution) if institution else ()
        xuehai("user", "create", "--email", email, "--name", name, "--role", role, *place, "--password-stdin",
               given=password)  # fmt: skip
        lines.append(f"{role:<13} {email:<24} {password}")
    return lines


def keys() -> dict[str, str]:
    """An API key for each of those who act in the sample, by role."""
    made = {}
    for email, _, role, _ in PEOPLE:
        if role in ACTING:
            scopes = f"read,{ACTING[role]}"
            made[role] = json.loads(xuehai("key", "create", "--email", email, "--scopes", scopes, "--json"))["key"]
    return made


def main() -> None:
    """Institutions, accounts, files, the pipeline until nothing is left to do, then review and collections."""
    sample = Path(sys.argv[1])
    slugs = institutions()
    lines = people()
    for slug in slugs:
        folder = sample / slug
        files = sorted(str(path) for path in folder.iterdir() if path.name != "metadata.json")
        publish = () if slug == REVIEWED else ("--publish",)
        xuehai("deposit", *files, "--institution", slug, "--metadata", str(folder / "metadata.json"), *publish)
    xuehai("worker", "--until-idle", show=True)
    curate(XUEHAI, keys(), REVIEWED)
    held = json.loads(xuehai("verify", "--json"))
    print(f"{held['resources']} resources are ready.", file=sys.stderr)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
