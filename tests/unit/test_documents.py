"""The pages for people keep up with the program: links lead somewhere, lists are complete, versions agree."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

from watchd.adapters.ledgers.sqlite import statements
from watchd.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("systemd/*.md")])
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def test_the_pages_are_found() -> None:
    names = {str(page.relative_to(ROOT)) for page in PAGES}

    assert names >= {
        "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/operating.md", "docs/nas.md",
        "docs/json.md", "docs/configuration.md", "systemd/README.md",
    }  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert [link for link in LINK.findall(_prose(page)) if not _leads_somewhere(page, link)] == []


def test_a_link_to_nowhere_would_be_noticed() -> None:
    readme = ROOT / "README.md"

    assert _leads_somewhere(readme, "docs/operating.md#backups")
    assert not _leads_somewhere(readme, "docs/operating.md#no-such-heading")
    assert not _leads_somewhere(readme, "docs/no-such-page.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_of_ours_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:tests|watchd|docs|systemd|benchmarks)/[\w./-]*)`", _prose(page))

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_tree_in_architecture_names_every_module_and_no_other() -> None:
    package = ROOT / "watchd"
    files = [*package.rglob("*.py"), *package.rglob("*.sql")]
    there = {str(path.relative_to(ROOT)) for path in files if path.name != "__init__.py"}

    assert _tree() == there


def test_every_module_in_the_tree_has_its_sentence() -> None:
    bare = [line for line in _drawing() if re.fullmatch(r"\s*\S+\.(py|sql)\s*", line)]

    assert bare == []


def test_the_newest_entry_of_the_changelog_is_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert entries[0] == project["version"]


def test_the_readme_lists_every_command() -> None:
    section = _section((ROOT / "README.md").read_text(encoding="utf-8"), "Commands")
    listed = [cell.split()[0] for cell in re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)]

    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_shell_blocks_call_only_commands_that_exist(page: Path) -> None:
    blocks = [text for kind, text in FENCED.findall(page.read_text(encoding="utf-8")) if kind in {"sh", "console"}]
    called = re.findall(r"^\s*(?:\$ |/\S*/)?watchd (?:--config \S+ )?([\w-]+)", "\n".join(blocks), re.MULTILINE)

    assert set(called) <= set(COMMANDS)


def test_the_operating_page_lists_every_action_of_the_log() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "watchd").rglob("*.py"))
    written = {*re.findall(r'"action": "(\w+)"', source), "queued", "failed", "unknown"}
    section = _section((ROOT / "docs/operating.md").read_text(encoding="utf-8"), "Logs")
    table = section[section.index("| action |") :]

    assert {
        action for cell in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for action in _ticked(cell)
    } == written


@pytest.mark.parametrize("view", ["jobs", "attempts", "balance_failures", "spending"])
def test_the_page_on_json_lists_every_column_of_a_view_in_order(view: str) -> None:
    connection = sqlite3.connect(":memory:")
    for _, script in statements.migrations():
        for statement in script:
            connection.execute(statement)
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({view})")]
    connection.close()
    section = _section((ROOT / "docs/json.md").read_text(encoding="utf-8"), view)

    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == columns


def test_every_line_of_the_unit_is_explained_and_nothing_else_is() -> None:
    unit = _unit()
    explained = _section((ROOT / "systemd/README.md").read_text(encoding="utf-8"), "Every line, and why")
    first_cells = " ".join(re.findall(r"^\| ([^|]+) \|", explained, re.MULTILINE))
    directives = {name for section in unit.sections() for name in unit[section]}

    assert set(re.findall(r"(\w+)=", first_cells)) == directives - {"Description"}


def test_the_unit_leaves_calls_in_flight_their_time() -> None:
    service = _unit()["Service"]
    call = 5 * 60 + 10  # the defaults of api.timeout and api.connect_timeout

    for name in ("TimeoutStopSec", "TimeoutStartSec", "WatchdogSec"):
        assert int(service[name].removesuffix("min")) * 60 > call, name


def _prose(page: Path) -> str:
    """A page without its fenced blocks, in which brackets and paths mean something else."""
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def _leads_somewhere(page: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return False  # the pages stand alone: no address outside can go stale
    path, _, heading = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.is_file() and (not heading or heading in _anchors(target))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def _ticked(text: str) -> list[str]:
    return [found[1] for found in re.finditer(r"`(\w+)`", text)]


def _drawing() -> list[str]:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    blocks: list[str] = [block for _, block in FENCED.findall(text)]
    return next(block for block in blocks if block.startswith("watchd/")).splitlines()


def _tree() -> set[str]:
    """The files in the drawing: two blanks for each level, folders end in a slash."""
    folders: list[str] = []
    files = set()
    for line in _drawing():
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        del folders[depth:]
        if name.endswith("/"):
            folders.append(name)
        else:
            files.add("".join(folders) + name)
    return files


def _unit() -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign] # systemd's names are told apart by case
    parser.read(ROOT / "systemd/watchd.service", encoding="utf-8")
    return parser
