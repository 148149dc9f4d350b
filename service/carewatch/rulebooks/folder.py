"""A folder of YAML files -> the rulebook document, or every mistake in it."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import msgspec

from carewatch.domain.durations import parse_duration
from carewatch.domain.errors import ConfigError
from carewatch.domain.hours import parse_time_of_day
from carewatch.domain.ledger import LATENESS_MS
from carewatch.domain.profiles import SHIPPED
from carewatch.domain.rulebook import TARGETS, Channels, Document, Policy, Profile, Schedule, Tenant
from carewatch.rulebooks.computed import check_policy_computed
from carewatch.rulebooks.placed import Placed, check_zone
from carewatch.rulebooks.policies import check_policies, check_schedule_name
from carewatch.rulebooks.reach import check_reach
from carewatch.rulebooks.schedules import check_schedules
from carewatch.settings import FILE, RULEBOOK_KEYS, Settings
from carewatch.shape import decode, nearest
from carewatch.wire.envelope import Channel
from carewatch.yamlfile import Keys, Mistake, YamlFile, read_yaml

T = TypeVar("T")

_DURATIONS: Final = ("window_lateness", "reopen_within", "short_abandon")


def read_rulebook(folder: Path, *, only_computed: bool = True) -> Document:
    """The rulebook in a folder: its keys of carewatch.yaml, policies/, schedules/, channels.yaml.

    Only carewatch.yaml must exist, and it may hold `tenants` alone. `only_computed` also refuses
    what is valid and not computed yet. Raises ConfigError with every mistake on a line of its own.
    """
    mistakes: list[Mistake] = []
    document = read_document(folder, mistakes, only_computed=only_computed)
    if document is None:
        raise ConfigError("\n".join(str(one) for one in sorted(set(mistakes))))
    return document


def read_document(
    folder: Path, mistakes: list[Mistake], *, only_computed: bool = True
) -> Document | None:
    """The same; None after adding every mistake to `mistakes`."""
    found: list[Mistake] = []
    main = read_yaml(folder / FILE, found)
    schedule_files = _read_files(folder / "schedules", found)
    schedules = _decode_each(schedule_files, Schedule, found)
    policies = _decode_each(_read_files(folder / "policies", found), Policy, found)
    channels = _read_channels(folder / "channels.yaml", found)
    # A schedule with a mistake is still there: whoever names it makes none.
    names = {str(file.value.get("schedule")) for file in schedule_files}
    tenants = _read_tenants(main, names, found) if main is not None else {}
    duplicates_within = _read_duplicates_within(main, found) if main is not None else ""
    check_schedules(schedules)
    check_policies(policies, names)
    if only_computed:
        for policy in policies:
            check_policy_computed(policy)
    if not found:
        check_reach(policies, schedules)
    mistakes.extend(found)
    if found:
        return None
    return Document(
        tenants={name: placed.value for name, placed in sorted(tenants.items())},
        duplicates_within=duplicates_within,
        policies=sorted((one.value for one in policies), key=lambda one: (one.policy, one.version)),
        schedules=sorted(
            (one.value for one in schedules), key=lambda one: (one.schedule, one.version)
        ),
        channels=channels,
    )


def _read_files(folder: Path, found: list[Mistake]) -> list[YamlFile]:
    """Every .yaml file of a folder, in order of the names; a missing folder holds none."""
    files: list[YamlFile] = []
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        if path.suffix == ".yml":
            found.append(Mistake(str(path), 0, "", "is not read; call it .yaml"))
        file = read_yaml(path, found) if path.suffix == ".yaml" else None
        if file is not None:
            files.append(file)
    return files


def _decode_each(files: list[YamlFile], kind: type[T], found: list[Mistake]) -> list[Placed[T]]:
    """One value a file; files with mistakes are left out."""
    decoded = ((file, decode(file, file.value, (), kind, found)) for file in files)
    return [Placed(value, file, (), found) for file, value in decoded if value is not None]


def _read_tenants(
    file: YamlFile, schedules: Collection[str], found: list[Mistake]
) -> dict[str, Placed[Tenant]]:
    sections = [*RULEBOOK_KEYS, *(field.name for field in msgspec.structs.fields(Settings))]
    found.extend(
        file.mistake((key,), f"unknown key; {nearest(key, sections)}")
        for key in file.value
        if key not in sections
    )
    written: Any = file.value.get("tenants", {})
    values = decode(file, written, ("tenants",), dict[str, Tenant], found) or {}
    tenants = {
        name: Placed(value, file, ("tenants", name), found) for name, value in values.items()
    }
    for placed in tenants.values():
        _check_tenant(placed, schedules)
    return tenants


def _read_duplicates_within(file: YamlFile, found: list[Mistake]) -> str:
    key = "duplicates_within"
    written = decode(file, file.value.get(key, Document().duplicates_within), (key,), str, found)
    if written is not None:
        try:
            parse_duration(written)
        except ValueError as error:
            found.append(file.mistake((key,), str(error)))
    return written or ""


def _check_tenant(placed: Placed[Tenant], schedules: Collection[str]) -> None:
    tenant = placed.value
    placed.parsed(("timezone",), tenant.timezone, check_zone)
    placed.parsed(("day_starts_at",), tenant.day_starts_at, parse_time_of_day)
    places: list[tuple[Keys, str | None]] = [(("schedule",), tenant.schedule)]
    places += [(("queues", name, "schedule"), one.schedule) for name, one in tenant.queues.items()]
    for keys, name in places:
        if name is not None:
            placed.parsed(keys, name, lambda name: check_schedule_name(name, schedules))
    for target, limits in tenant.within.items():
        if target not in TARGETS:
            says = f"there is no target {target!r}; {nearest(target, TARGETS)}"
            placed.wrong(("within", target), says)
        for at, limit in enumerate(limits):
            placed.parsed(("within", target, at), limit, parse_duration)


def _read_channels(path: Path, found: list[Mistake]) -> Channels:
    if not path.exists():
        return Channels()
    file = read_yaml(path, found)
    value = None if file is None else decode(file, file.value, (), Channels, found)
    if file is None or value is None:
        return Channels()
    placed = Placed(value, file, (), found)
    known = [*SHIPPED, *(name for name in value.profiles if name not in SHIPPED)]
    for name, profile in value.profiles.items():
        _check_profile(placed, name, profile)
    for channel in value.channels:
        if channel not in get_args(Channel):
            says = f"there is no channel {channel!r}; {nearest(channel, get_args(Channel))}"
            placed.wrong(("channels", channel), says)
    for section in ("channels", "accounts"):
        for key, name in getattr(value, section).items():
            if name not in known:
                says = f"there is no profile {name!r}; {nearest(name, known)}"
                placed.wrong((section, key), says)
    return value


def _check_profile(placed: Placed[Channels], name: str, profile: Profile) -> None:
    if profile.idle_gap is not None and profile.idle_gap != "off":
        placed.parsed(("profiles", name, "idle_gap"), profile.idle_gap, parse_duration)
    for key in _DURATIONS:
        text = getattr(profile, key)
        if text is not None:
            parse = _parse_lateness if key == "window_lateness" else parse_duration
            placed.parsed(("profiles", name, key), text, parse)


def _parse_lateness(text: str) -> int:
    """A duration within which events are taken at all (R4), so that merge still has the window."""
    lateness = parse_duration(text)
    if lateness > LATENESS_MS:
        raise ValueError(
            f"{text!r} is longer than 24h: no event is taken that comes later than that; "
            "write 24h or less"
        )
    return lateness
