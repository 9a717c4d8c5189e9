"""deploy/compose.yaml, its image and its secrets, as far as they can be held without an engine."""

import re
import stat
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.routing import iter_route_contexts
from typer.main import get_command

from repo_service import cli
from repo_service.app import create_app
from repo_service.context import Context
from repo_service.settings import PREFIX, Settings
from tests.docs.render import ROOT

COMPOSE = ROOT / "deploy" / "compose.yaml"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
OURS = ("migrate", "api", "worker")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    with COMPOSE.open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.safe_load(file)
    return loaded


@pytest.fixture
def made_secrets(tmp_path: Path) -> Path:
    """A folder of secrets as the script makes them."""
    folder = tmp_path / "secrets"
    subprocess.run(["sh", ROOT / "deploy" / "secrets.sh", folder], check=True)
    return folder


def settings_named(environment: dict[str, str]) -> Iterator[str]:
    for name in environment:
        yield name.removeprefix(PREFIX).removesuffix("_FILE").lower()


def test_it_is_the_grown_profile(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {*OURS, "postgres", "objects", "elasticsearch", "redis"}


def test_the_environment_is_that_of_the_settings(compose: dict[str, Any]) -> None:
    for name in OURS:
        environment = compose["services"][name]["environment"]
        assert set(settings_named(environment)) <= Settings.model_fields.keys()
        assert {"database_url", "storage_url", "search_url", "queue_url"} <= set(settings_named(environment))
        for variable, value in environment.items():
            if variable.endswith("_FILE"):
                assert Path(value).name in compose["services"][name]["secrets"]
            elif said := re.fullmatch(r"\$\{(\w+):-(.*)\}", value):
                default = Settings.model_fields[variable.removeprefix(PREFIX).lower()].default
                assert said.groups() == (variable, str(default))


def test_every_secret_is_declared_made_and_read_from_its_file(compose: dict[str, Any], made_secrets: Path) -> None:
    declared = compose["secrets"]
    asked = [secret for service in compose["services"].values() for secret in service.get("secrets", ())]
    assert set(asked) == set(declared) == {path.name for path in made_secrets.iterdir()}
    assert {one["file"] for one in declared.values()} == {f"./secrets/{name}" for name in declared}
    mounted = re.findall(r"/run/secrets/(\w+)", COMPOSE.read_text(encoding="utf-8"))
    assert set(mounted) == set(declared)
    assert not re.search(r"(?i)(password|secret)\w*: *[\"']?[a-z0-9]", yaml.safe_dump(compose["services"]))


def test_the_secrets_fit_together_and_stay(compose: dict[str, Any], made_secrets: Path) -> None:
    before = {path.name: path.read_text() for path in made_secrets.iterdir()}
    for url, password in (
        ("database_url", "postgres_password"),
        ("storage_url", "s3_secret"),
        ("search_url", "elasticsearch_password"),
        ("queue_url", "redis_password"),
    ):
        assert re.fullmatch(r"[0-9a-f]{48}", before[password])
        assert f":{before[password]}@" in before[url]
        host = before[url].partition("@")[2].partition(":")[0]
        assert host in compose["services"], "the address leads to a service"
    subprocess.run(["sh", ROOT / "deploy" / "secrets.sh", made_secrets], check=True)
    assert {path.name: path.read_text() for path in made_secrets.iterdir()} == before
    assert stat.S_IMODE(made_secrets.stat().st_mode) == 0o700


def test_the_settings_take_the_secrets(
    compose: dict[str, Any], made_secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in compose["services"]["api"]["environment"].items():
        if variable.endswith("_FILE"):
            monkeypatch.setenv(variable, str(made_secrets / Path(value).name))
    taken = Settings()
    assert taken.database_url == (made_secrets / "database_url").read_text()
    assert taken.storage_url.startswith("s3://xuehai:")


def test_every_volume_is_declared(compose: dict[str, Any]) -> None:
    named = {
        volume.partition(":")[0] for service in compose["services"].values() for volume in service.get("volumes", ())
    }
    assert named == set(compose["volumes"])


def test_every_service_is_looked_after(compose: dict[str, Any], ctx: Context) -> None:
    paths = {str(route.path) for route in iter_route_contexts(create_app(ctx).routes)}
    for name, service in compose["services"].items():
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
        if name != "migrate":
            assert "healthcheck" in service, name
        for needed, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed == "migrate" else "service_healthy"
            assert how["condition"] == wanted
            assert needed == "migrate" or "test" in compose["services"][needed]["healthcheck"]
    asked = re.search(r"http://127\.0\.0\.1:8000(/\w+)", str(compose["services"]["api"]["healthcheck"]["test"]))
    assert asked is not None
    assert asked[1] in paths


def test_the_commands_are_those_of_the_program(compose: dict[str, Any]) -> None:
    known = set(getattr(get_command(cli.app), "commands", {}))
    assert 'ENTRYPOINT ["xuehai"]' in DOCKERFILE
    assert {compose["services"][name]["command"][0] for name in OURS} <= known


def test_ours_run_as_nobody_in_particular_from_a_stage_that_exists(compose: dict[str, Any]) -> None:
    stages = re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE)
    for name in OURS:
        service = compose["services"][name]
        assert service["build"]["target"] in stages
        assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        assert service["cap_drop"] == ["ALL"]
    assert stages[-1] == "xuehai"
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users[-1] not in ("root", "0")
    assert set(re.findall(r"COPY --from=(\w+)", DOCKERFILE)) <= set(stages)


def test_what_the_image_is_built_from_is_there_and_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied: set[str] = set()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        copied |= set(sources.split())
    assert copied == sent
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert not any(fnmatch("deploy/secrets/x", pattern) for pattern in sent)


def test_the_image_has_the_programs_of_ingest() -> None:
    script = 'MISSING=; need() { MISSING="$MISSING $2"; }; need_ingest; echo $MISSING'
    overridden = f". {ROOT}/deploy/setup.sh; need_fonts() {{ :; }}; need_venv() {{ :; }}; {script}"
    said = subprocess.run(["sh", "-c", overridden], check=True, capture_output=True, text=True).stdout.split()
    installed = set(re.findall(r"[\w.-]+", DOCKERFILE[DOCKERFILE.index("apt-get install") :]))
    for_samples_only = {"espeak-ng", "python3"}
    assert set(said) - installed == for_samples_only
