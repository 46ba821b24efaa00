"""``[host]`` and ``[[components]]``: what they may say, how each mistake is named, and who watches what."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ess_server.config.load import ConfigError, load
from ess_server.config.settings import ComponentSettings, ComponentTlsSettings, HostSettings
from ess_server.config.show import show
from ess_server.core.evaluators import SystemHealthSettings
from tests.config.written import written

HEALTH = "[[evaluators]]\nkind = 'system_health'\n"
OMS = HEALTH + "[[components]]\nname = 'oms'\naddress = '127.0.0.1:50060'\n"

ONE_MISTAKE = {
    "host no table": ("host = 3", 1, "host", "expected a table"),
    "host read too often": ("[host]\ninterval_ms = 99", 2, "host.interval_ms", "100 ms to 3600000 ms"),
    "disk path no text": ("[host]\ndisk_paths = [3]", 2, "host.disk_paths", "expected a text"),
    "disk path empty": ("[host]\ndisk_paths = ['']", 2, "host.disk_paths", "is empty"),
    "disk path twice": ("[host]\ndisk_paths = ['/a', '/a']", 2, "host.disk_paths", '"/a" is listed twice'),
    "disk limit above 100": (HEALTH + "max_disk_percent = 101", 3, "evaluators.max_disk_percent", "at most 100"),
    "memory limit of zero": (HEALTH + "max_memory_percent = 0", 3, "evaluators.max_memory_percent", "above 0"),
    "load no number": (HEALTH + "max_load_per_core = 'x'", 3, "evaluators.max_load_per_core", "not a finite number"),
    "figures old at once": (
        HEALTH + "max_load_per_core = 8\nhost_max_age_seconds = 1.9",
        4,
        "evaluators.host_max_age_seconds",
        "less than twice host.interval_ms (1000 ms)",
    ),
    "components in one bracket": ("[components]\nname = 'x'", 1, "components", "[[components]], with two brackets"),
    "component without address": (HEALTH + "[[components]]\nname = 'oms'", 3, "components.address", "is missing"),
    "component without name": (OMS.replace("'oms'", "''"), 4, "components.name", "1 to 256 bytes"),
    "component twice": (OMS + OMS[len(HEALTH) :], 7, "components.name", '"oms" is another component already'),
    "address without port": (OMS.replace(":50060", ""), 5, "components.address", "host:port"),
    "port of zero": (OMS.replace(":50060", ":0"), 5, "components.address", "not 0"),
    "elsewhere in plain text": (
        OMS.replace("127.0.0.1", "oms.example.com"),
        5,
        "components.address",
        "set [components.tls], or insist with insecure = true",
    ),
    "service too long": (OMS + f"service = '{'x' * 257}'", 6, "components.service", "longer than 256 bytes"),
    "asked too often": (OMS + "interval_ms = 99", 6, "components.interval_ms", "100 ms to"),
    "timeout longer than interval": (OMS + "timeout_ms = 1001", 6, "components.timeout_ms", "interval_ms (1000 ms)"),
    "timeout of nothing": (OMS + "timeout_ms = 9", 6, "components.timeout_ms", "10 ms to"),
    "silence of one lost answer": (
        OMS + "max_silence_seconds = 2.4",
        6,
        "components.max_silence_seconds",
        "2.4 s is less than two intervals and a timeout (2500 ms)",
    ),
    "silence of two days": (OMS + "max_silence_seconds = 172800", 6, "components.max_silence_seconds", "than a day"),
    "asked more rarely than its evaluator waits": (
        OMS + "interval_ms = 60000",
        6,
        "components.interval_ms",
        '15 s, the max_silence_seconds of evaluator "system_health", is less than two intervals',
    ),
    "insecure beside TLS": (
        OMS + "insecure = true\n[components.tls]\nca_file = 'ca.pem'",
        6,
        "components.insecure",
        "keep one of the two",
    ),
    "certificate without key": (
        OMS + "[components.tls]\nca_file = 'ca.pem'\ncertificate = 'a.pem'",
        8,
        "components.tls.certificate",
        "name both, or none",
    ),
    "TLS without authority": (OMS + "[components.tls]", 6, "components.tls.ca_file", "is missing"),
    "watched by nobody": (
        OMS.replace("health'\n", "health'\nothers = false\ncomponents = ['router']\n"),
        6,
        "components.name",
        'is watched by no evaluator; add one of kind "system_health"',
    ),
    "no evaluator at all": (OMS[len(HEALTH) :], 2, "components.name", "is watched by no evaluator"),
}


@pytest.mark.parametrize(("text", "line", "key", "hint"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_mistake_is_named_with_its_line_key_and_remedy(
    text: str, line: int, key: str, hint: str, tmp_path: Path
) -> None:
    """A mistake is reported once, at its line, under its key, with what to do."""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    assert [(p.line, p.key) for p in caught.value.problems] == [(line, key)]
    assert hint in caught.value.problems[0].text


def test_component_is_not_called_unwatched_where_its_evaluator_is_mistaken(tmp_path: Path) -> None:
    """One mistake makes no second one: an evaluator that cannot be read might have watched it."""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, OMS.replace("'system_health'", "'system_helth'")))

    assert [p.key for p in caught.value.problems] == ["evaluators.kind"]


def test_more_components_than_one_server_asks_are_refused(tmp_path: Path) -> None:
    """200 are taken; one more is told where it begins, with a way out."""
    tables = [f"[[components]]\nname = 'c{n}'\naddress = '127.0.0.1:5'\n" for n in range(201)]
    assert len(load(written(tmp_path, HEALTH + "".join(tables[1:]))).components) == 200
    with pytest.raises(ConfigError, match="components: there are more than 200"):
        load(written(tmp_path, HEALTH + "".join(tables)))


def test_everything_that_can_be_said_is_read_and_shown_again(tmp_path: Path) -> None:
    """Units follow from the keys, paths start at the file, defaults are told, and what is shown loads to the same."""
    text = (
        "[host]\ninterval_ms = 2000\ndisk_paths = ['wal', '/srv']\n"
        + HEALTH
        + "max_disk_percent = 97.5\nmax_memory_percent = 90\nmax_load_per_core = 4\nhost_max_age_seconds = 20\n"
        + OMS[len(HEALTH) :]
        + "[[components]]\nname = 'router'\naddress = '[fd00::1]:443'\nservice = 'orders.v1'\ninterval_ms = 500\n"
        + "timeout_ms = 250\nmax_silence_seconds = 2.5\n"
        + "[components.tls]\nca_file = 'ca.pem'\ncertificate = 'a.pem'\nkey = 'a.key'\n"
    )
    settings = load(written(tmp_path, text))
    again = load(written(tmp_path, show(settings)))

    assert settings.host == HostSettings(interval=timedelta(seconds=2), disk_paths=(tmp_path / "wal", Path("/srv")))
    assert settings.evaluators == (
        SystemHealthSettings(
            max_disk_percent=Decimal("97.5"),
            max_memory_percent=Decimal(90),
            max_load_per_core=Decimal(4),
            host_max_age=timedelta(seconds=20),
        ),
    )
    assert settings.components == (
        ComponentSettings(name="oms", address="127.0.0.1:50060"),
        ComponentSettings(
            name="router",
            address="[fd00::1]:443",
            service="orders.v1",
            interval=timedelta(milliseconds=500),
            timeout=timedelta(milliseconds=250),
            max_silence=timedelta(seconds=2.5),
            tls=ComponentTlsSettings(
                ca_file=tmp_path / "ca.pem", certificate=tmp_path / "a.pem", key=tmp_path / "a.key"
            ),
        ),
    )
    assert again == settings
