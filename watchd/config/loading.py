"""A configuration file to Settings, or every problem in it at once."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from watchd.config import checks, profiling
from watchd.config.folder_sections import ProfileSection
from watchd.config.locate import read
from watchd.config.problems import Report
from watchd.config.validating import validate
from watchd.model import Api, Approval, BalanceProbe, Budget, Folder, Log, Notify, OutputFormat, Price, Settings, Web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchd.config.checks import Ready, SoundFile
    from watchd.config.json_schema import FileSection
    from watchd.config.sections import BudgetSection


def load(path: str, environ: Mapping[str, str]) -> Settings:
    """The checked configuration in the file at `path`, its paths absolute, `environ` standing in where it may.

    Raises:
        ConfigurationError: with every problem of the file, each as `FILE:LINE:COLUMN: key.path: what is wrong`.
    """
    document = read(path)
    report = Report(path, document)
    for flaw in document.flaws:
        report.add(flaw.path, flaw.text, mark=flaw.mark)
    source = posixpath.abspath(path)
    if not isinstance(document.value, dict):
        report.raise_if_any()
    checked = validate(document, report)
    if checked is None:
        report.raise_if_any()
        raise AssertionError("a file without a valid part has a problem")
    around = checks.Whereabouts(posixpath.dirname(source), environ)
    outcome = checks.check(document, checked, around, report)
    report.raise_if_any()
    return _settings(source, outcome)


def _settings(source: str, outcome: SoundFile) -> Settings:
    file = outcome.file
    return Settings(
        source=source,
        state_dir=outcome.state_dir,
        folders=tuple(_folder(ready, file) for ready in outcome.folders),
        api=_api(outcome),
        budget=_budget(file.budget),
        approval=Approval(file.approval.cost, file.approval.files) if file.approval else Approval(None, None),
        balance_probe=BalanceProbe(file.balance_probe.first, file.balance_probe.longest),
        log=Log(file.log.level, file.log.format),
        web=_web(outcome),
        notify=_notify(outcome),
    )


def _notify(outcome: SoundFile) -> Notify | None:
    section = outcome.file.notify
    if section is None:
        return None
    return Notify(tuple(section.urls), outcome.notify_urls_file, frozenset(section.on))


def _web(outcome: SoundFile) -> Web | None:
    section = outcome.file.web
    if section is None:
        return None
    host, _, port = section.listen.rpartition(":")
    return Web(
        host.strip("[]"), int(port), outcome.web_token_file, tuple(section.hosts), section.base_path,
        tuple(section.trusted_proxies),
    )  # fmt: skip


def _api(outcome: SoundFile) -> Api:
    api = outcome.file.api
    return Api(
        base_url=outcome.base_url,
        key_file=outcome.key_file,
        dialect=api.dialect,
        transfer=api.transfer,
        workers=api.workers,
        requests_per_minute=api.requests_per_minute,
        connect_timeout=api.connect_timeout,
        timeout=api.timeout,
        proxy=api.proxy,
        max_attempts=api.max_attempts,
        resend_lost=api.resend_lost,
        price=Price(api.price.up_to_2x, api.price.above_2x),
    )


def _budget(section: BudgetSection) -> Budget:
    return Budget(section.day, section.month)


def _folder(ready: Ready, file: FileSection) -> Folder:
    section = ready.section
    if isinstance(section.profile, ProfileSection):
        profile = profiling.build(section.profile, ready.name)
    else:
        profile = profiling.build(file.profiles[section.profile], section.profile)
    return Folder(
        name=ready.name,
        path=ready.path,
        profile=profile,
        output=ready.output,
        output_name=section.output_name,
        recursive=section.recursive,
        watch=section.watch,
        poll_every=section.poll_every,
        rescan_every=section.rescan_every,
        settle=section.settle,
        marker=section.marker,
        mount_marker=section.mount_marker,
        include=tuple(section.include),
        exclude=tuple(section.exclude),
        originals=section.originals,
        archive=ready.archive,
        failed=ready.failed,
        on_collision=section.on_collision,
        format=OutputFormat(**section.format.model_dump()),
        metadata=section.metadata,
        send_metadata=section.send_metadata,
        chain=section.chain,
        pages=section.pages,
        oversize=section.oversize,
        hours=section.hours,
        priority=section.priority,
        budget=_budget(section.budget),
    )
