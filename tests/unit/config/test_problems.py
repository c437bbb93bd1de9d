"""Each mistake in a file is told once, at its line and column, with what is expected and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.config.writing import ONE_FOLDER, problems
from watchd.config.loading import load
from watchd.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

FOREVER = "each result would be bought again, for ever, expected a folder outside"

IN_A_FILE_WITH_ONE_FOLDER = [
    ("wokers: 3", '4:1: wokers: unknown key here; did you mean "api.workers"?'),
    ("workers: 3", '4:1: workers: unknown key here; did you mean "api.workers"?'),
    ("  setle: 2s", '4:3: folders.0.setle: unknown key; did you mean "settle"?'),
    ("  settle: 5", ("4:11: folders.0.settle: a duration needs a unit, expected a duration such as 2s, "
     'found the number 5; did you mean "5s"?')),
    ("  settle: soon", '4:11: folders.0.settle: not a duration, expected a duration such as 2s, found "soon"'),
    ("  settle: 0.1ms", ('4:11: folders.0.settle: finer than a millisecond, '
     'expected a duration such as 2s, found "0.1ms"')),
    ("api: {timeout: 0}", "4:16: api.timeout: out of range, expected a duration from 1s to 1d, found the number 0"),
    ("api: {timeout: 12:30:00}", '4:16: api.timeout: not a duration, expected a duration such as 5m, found "12:30:00"'),
    ("api: {timeout: null}", "4:16: api.timeout: not a duration, expected a duration such as 5m, found null"),
    ("api: {workers: 0}", "4:16: api.workers: out of range, expected a whole number from 1 to 64, found the number 0"),
    ("api: {workers: 2.5}", ("4:16: api.workers: not a whole number, expected a whole number from 1 to 64, "
     "found the number 2.5")),
    ("api: {workers: yes}", '4:16: api.workers: not a whole number, expected a whole number from 1 to 64, found "yes"'),
    ("api: {workers: 010}", ("4:16: api.workers: a leading zero (octal or decimal?), "
     "expected none, or quotes if it is text")),
    ("api: {workers: 1e400}", "4:16: api.workers: not a number that can be used, expected decimal digits"),
    ("api: {dialect: enhanced}", ("4:16: api.dialect: unknown value, expected enhance or creativity, "
     'found "enhanced"; did you mean "enhance"?')),
    ("api: {base_url: ftp://x}", ("4:17: api.base_url: not an http or https address, "
     "expected an address such as https://api.venice.ai/api/v1")),
    ("api: {base_url: http://nas/api}", ("4:17: api.base_url: the key would travel in the clear, "
     "expected https (http only to this machine itself)")),
    ("api: {price: {up_to_2x: -1}}", ("4:25: api.price.up_to_2x: an amount cannot be negative, "
     "expected an amount in USD such as 10.00, found the number -1")),
    ("api: {price: {up_to_2x: 0.0000001}}", ("4:25: api.price.up_to_2x: finer than a millionth of a dollar, "
     "expected an amount in USD such as 10.00, found the number 1e-07")),
    ("web: {hosts: [nas:8787]}", ("4:15: web.hosts.0: not a name, expected one such as nas.fritz.box, without a port, "
     'found "nas:8787"')),
    ("web: {trusted_proxies: [nginx]}", ("4:25: web.trusted_proxies.0: not an address or a network, "
     'expected one such as 127.0.0.1 or 172.16.0.0/12, found "nginx"')),
    ("web: {base_path: watchd}", ("4:18: web.base_path: not a path of the page, expected one such as /watchd, "
     'found "watchd"')),
    ("web: {base_path: /a/../b}", ("4:18: web.base_path: not a path of the page, expected one such as /watchd, "
     'found "/a/../b"')),
    ("log: loud", "4:6: log: not a mapping, expected keys such as level, format, found text"),
    ("balance_probe: {first: 1h}", ("4:24: balance_probe.first: longest is shorter than first, expected at least 1h, "
     'found "30m"')),
    ("log: {level: info, level: debug}", "4:20: log.level: the key stands here twice, first in line 4"),
    ("log: !secret x", "4:6: log: a YAML tag (!), expected a plain value"),
    ("  profile: 4", "4:3: folders.0.profile: the key stands here twice, first in line 3"),
    ("  name: a/b", ("4:9: folders.0.name: not a name that can be used, expected a name of printable characters "
     'without a slash and without blanks around it, found "a/b"')),
    ("  name: 2026", "4:9: folders.0.name: not text, expected a name, found the number 2026; put it in quotes"),
    ("  output: $NOWHERE/x", ("4:11: folders.0.output: the variable $NOWHERE is not set, expected one of the "
     "environment; $$ stands for a $ itself")),
    ("  output: ~no-such-user-here/x", ("4:11: folders.0.output: no user of the name after ~ exists here, "
     "found ~'no-such-user-here'")),
    ("  output: /srv/a/out", f'4:11: folders.0.output: lies inside its own hot folder: {FOREVER}, found "/srv/a/out"'),
    ("  output: /srv/a/.", f'4:11: folders.0.output: is its own hot folder: {FOREVER}, found "/srv/a"'),
    ("  output: /srv", ("2:9: folders.0.path: lies inside its own output: results could land in it and be bought "
     "again, "
     'expected a folder outside, found "/srv/a"')),
    ("state_dir: /srv/a/state", ('4:12: state_dir: lies inside the hot folder of "a", expected a folder of its own, '
     'found "/srv/a/state"')),
    ("state_dir: /srv", ('2:9: folders.0.path: lies inside the state directory "/srv", expected a folder outside, '
     'found "/srv/a"')),
    ("  output_name: '{stm}.{ext}'", ("4:16: folders.0.output_name: unknown field, expected some of {stem}, {ext}, "
     '{name}, {folder}, {profile}, {scale}, {width}, {height}, {date}, {sha8}, found "{stm}"; did you mean "{stem}"?')),
    ("  output_name: '{stem.real}'", ("4:16: folders.0.output_name: unknown field, expected some of {stem}, {ext}, "
     '{name}, {folder}, {profile}, {scale}, {width}, {height}, {date}, {sha8}, found "{stem.real}"; '
     'did you mean "{stem}"?')),
    ("  output_name: '../{stem}'", ('4:16: folders.0.output_name: ".." leaves the output folder, '
     'expected a name below it, found "../{stem}"')),
    ("  output_name: '/x/{stem}'", ("4:16: folders.0.output_name: an absolute path, "
     'expected a name below the output folder, found "/x/{stem}"')),
    ("  output_name: '{date}: {stem}.{ext}'", ("4:16: folders.0.output_name: : in it, expected a name that SMB and "
     'Windows can hold too, found "{date}: {stem}.{ext}"')),
    ("  output_name: 'done./{stem}.{ext}'", ("4:16: folders.0.output_name: a part that ends with a dot or a blank, "
     'expected a name that SMB and Windows can hold too, found "done./{stem}.{ext}"')),
    ("  output_name: 'x.{ext}'", ("4:16: folders.0.output_name: every picture would get the same name, "
     'expected {stem} or {name} or {sha8} in it, found "x.{ext}"')),
    ("  output_name: '{stem'", ("4:16: folders.0.output_name: a brace without its partner, "
     'expected fields such as {stem}, found "{stem"')),
    ("  marker: '{name}'", ("4:11: folders.0.marker: a picture could be its own marker, "
     'expected a name such as {name}.done, found "{name}"')),
    ("  marker: '{stem}.PNG'", ("4:11: folders.0.marker: a picture could be its own marker, "
     'expected a name such as {name}.done, found "{stem}.PNG"')),
    ("  marker: done/{name}", ("4:11: folders.0.marker: a slash, expected the name of a file beside the picture, "
     'found "done/{name}"')),
    ("  mount_marker: ../x", ("4:17: folders.0.mount_marker: not the name of a file in the folder, "
     'expected one such as .watchd-mounted, found "../x"')),
    ("  include: []", "4:12: folders.0.include: empty, expected at least one entry"),
    ("  include: '*.jpg'", "4:12: folders.0.include: not a list, expected one such as [a, b], found text"),
    ("  exclude: ['*.a', 7]", ('4:20: folders.0.exclude.1: not text, expected a pattern such as "*.jpg", '
     "found the number 7; put it in quotes")),
    ("  exclude: ['../x']", ('4:13: folders.0.exclude.0: not a pattern, expected one such as "*.jpg" or "drafts/**", '
     'found "../x"')),
    ("  hours: '22:00-22:00'", ("4:10: folders.0.hours: start and end are the same (for the whole day write null), "
     'expected a window such as "22:00-06:00", found "22:00-22:00"')),
    ("  hours: 22:00", ('4:10: folders.0.hours: not a window of hours, expected a window such as "22:00-06:00", '
     'found "22:00"')),
    ("  format: {type: gif}", ("4:18: folders.0.format.type: unknown value, expected png, jpeg, webp, tiff or avif, "
     'found "gif"')),
    ("profiles: {g: {scale: 5}}", ("4:23: profiles.g.scale: out of range, expected a number from 1 to 4, "
     "found the number 5")),
    ("profiles: {g: {scale: 1}}", ("4:23: profiles.g.scale: scale 1 only enhances, expected `enhance: true` with it, "
     "or a scale above 1, found the number 1")),
    ("profiles: {g: {enhance_prompt: x}}", ("4:16: profiles.g.enhance_prompt: enhance_prompt without `enhance: true` "
     "would be paid for and ignored, expected both or neither")),
    ("profiles: {g: {creativity: 0.01}}", ("4:16: profiles.g.creativity: dialect enhance has no creativity, "
     "expected enhance_creativity, or dialect creativity in api")),
    ("profiles: {g: 2}", ("4:15: profiles.g: not a mapping, expected keys such as scale, enhance, enhance_prompt, "
     "found a single value")),
    ("profiles: {a/b: {}}", ("4:12: profiles.a/b: not a name that can be used, expected a name of printable "
     'characters without a slash and without blanks around it, found "a/b"')),
    ("approval:", "4:10: approval: nothing is written here, expected a value, or null to switch the limit off"),
    ("? [a]\n: 1", "4:3: a key that is not text, expected a name before the colon"),
    ("a: b: c", "4:5: not valid YAML: a colon out of place; put the value in quotes, or check the indentation"),
    ("log: *nowhere", "4:6: not valid YAML: an alias (*) to an anchor (&) that does not stand before it"),
    ("log: {level: [}", "4:15: not valid YAML: while parsing a flow node, did not find expected node content"),
    ("\tlog: {}", "4:1: a tab, expected spaces: YAML is indented by spaces alone"),
    ("---\n{}", "4:1: not valid YAML: a second document begins here, expected one document in the file"),
    ("  <<: 3", "4:7: folders.0.<<: expected an alias to a mapping after `<<:`"),
]  # fmt: skip

ON_THEIR_OWN = [
    ("", "1:1: the file is empty, expected at least `folders:`"),
    ("# nothing yet\n", "1:1: the file is empty, expected at least `folders:`"),
    ("- a\n", "1:1: expected keys such as `folders:` at the top, found a list"),
    ("hello\n", "1:1: expected keys such as `folders:` at the top, found a single value"),
    ("{}", "1:1: folders: no folder to watch, expected at least one with `path:` and `profile:`"),
    ("\nfolders:\n", "2:1: folders: no folder to watch, expected at least one with `path:` and `profile:`"),
    ("folders: 5\n", "1:10: folders: not a list, expected one such as [a, b], found a single value"),
    ("folders: [null]\n", "1:11: folders.0: not a mapping, expected keys such as path, name, profile, found null"),
    ("folders:\n- profile: {}\n", "2:3: folders.0.path: missing, expected this key in every folder"),
    ("folders:\n- path: /srv/a\n", "2:3: folders.0.profile: missing, expected this key in every folder"),
    ("x: \x01\n", "1:4: a character that YAML does not allow, expected printable text"),
    ("[" * 500_000, "1:21: nested too deeply, expected at most 20 levels"),
    ("folders: &f\n- <<: *f\n", "2:3: folders.0: an anchor (&) that contains its own alias (*), expected a value"),
    ("x" * 1_000_001, "1:1: too large, expected at most 1,000,000 bytes of configuration"),
    ("profiles: {gold: {}, grey: {}}\nfolders:\n- path: /srv/a\n  profile: glod\n", ("4:12: folders.0.profile: "
     'unknown profile, expected gold or grey, found "glod"; did you mean "gold"?')),
]  # fmt: skip


def test_where_nothing_is_near_the_keys_of_the_place_are_listed(tmp_path: Path) -> None:
    assert problems(tmp_path, ONE_FOLDER + "zzz: 3\n") == [
        (
            "4:1: zzz: unknown key, expected one of api, state_dir, budget, approval, balance_probe, profiles, folders,"
            " web, notify, log"
        )
    ]


@pytest.mark.parametrize(("line", "problem"), IN_A_FILE_WITH_ONE_FOLDER)
def test_one_wrong_line_is_one_problem_at_its_place(tmp_path: Path, line: str, problem: str) -> None:
    assert problems(tmp_path, f"{ONE_FOLDER}{line}\n") == [problem]


@pytest.mark.parametrize(("text", "problem"), ON_THEIR_OWN)
def test_a_file_that_is_wrong_as_a_whole_is_one_problem(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text) == [problem]


@pytest.mark.parametrize(
    "line",
    [
        "budget: {day: null}", "approval: {cost: 20.00}", "web: null", "  hours: null",
        "  format: {type: png}", "  chain: false", "  originals: keep", "  marker: null", "  budget: {}",
    ],
)  # fmt: skip
def test_a_default_may_be_written(tmp_path: Path, line: str) -> None:
    assert problems(tmp_path, f"{ONE_FOLDER}{line}\n") == []


@pytest.mark.parametrize(
    ("lines", "place", "what"),
    [
        ("  originals: archive", "4:14: folders.0.originals", "nothing says where to"),
        ("  archive: /srv/archive", "4:12: folders.0.archive", "nothing would go there"),
        ("  failed: /srv/a/failed", "4:11: folders.0.failed", 'lies inside the hot folder of "a"'),
        ("  failed: /srv", "4:11: folders.0.failed", 'the hot folder of "a" lies inside it'),
        ("  failed: /srv/a-out", "4:11: folders.0.failed", 'is the output of "a"'),
        ("  originals: archive\n  archive: /srv/a", "5:12: folders.0.archive", 'lies inside the hot folder of "a"'),
        ("  format: {type: jpeg, compression: 6}", "4:37: folders.0.format.compression", "no meaning for jpeg"),
        ("  format: {type: tiff, bit_depth: 12}", "4:35: folders.0.format.bit_depth", "expected 8 or 16"),
        ("  format: {type: webp, bit_depth: 16}", "4:35: folders.0.format.bit_depth", "no meaning for webp"),
    ],
)
def test_where_originals_go_and_what_outputs_are_has_to_fit_together(
    tmp_path: Path, lines: str, place: str, what: str
) -> None:
    (problem,) = problems(tmp_path, f"{ONE_FOLDER}{lines}\n")
    assert problem.startswith(f"{place}: ")
    assert what in problem


def test_what_listens_beyond_this_machine_needs_a_token(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"{ONE_FOLDER}web: {{listen: 0.0.0.0:8787}}\n")
    assert problem.startswith("4:15: web.listen: anybody on the network could ask")
    assert problems(tmp_path, f"{ONE_FOLDER}web: {{listen: 0.0.0.0:8787, token_file: token}}\n") == []
    assert problems(tmp_path, f"{ONE_FOLDER}web: {{}}\n") == []


TILED = "folders:\n- path: /srv/a\n  oversize: tile\n  profile: {enhance: true%s}\n"


@pytest.mark.parametrize("more", ["", ", enhance_creativity: 0.5", ", enhance_creativity: 0.21"])
def test_an_enhancer_that_invents_is_refused_for_tiles(tmp_path: Path, more: str) -> None:
    (problem,) = problems(tmp_path, TILED % more)
    assert problem.startswith("3:13: folders.0.oversize: the enhancer invents in each tile anew")
    assert "tile_enhance: true" in problem


@pytest.mark.parametrize("more", [", enhance_creativity: 0.2", ", tile_enhance: true"])
def test_an_enhancer_that_hardly_invents_or_is_told_to_may_have_tiles(tmp_path: Path, more: str) -> None:
    assert problems(tmp_path, TILED % more) == []


def test_a_byte_that_is_no_utf_8_is_told_at_its_place(tmp_path: Path) -> None:
    assert problems(tmp_path, b"a: b\nx: \xff\n") == [
        "2:4: not UTF-8 text, found the byte 0xff; save the file as UTF-8"
    ]


def test_an_alias_bomb_is_refused_after_a_bounded_walk(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    told = [problem for problem in problems(tmp_path, "\n".join(lines)) if "values" in problem]
    assert len(told) == 1
    assert told[0].endswith("more than 20,000 values, counting each use of an alias")


ELEVEN_PROBLEMS = """\
profiles:
  gold: {scale: 2, enhance: true, enhance_promt: gold}
  bad: {scale: 1}
folders:
  - path: /srv/hot/a
    profile: gld
    setle: 2s
  - path: /srv/hot/a/b
    profile: {scale: 4}
    settle: 5
    watch: event
  - profile: gold
  - path: $NOPE/x
    profile: gold
approval:
api: {workers: 0}
"""


def test_eleven_problems_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    places = [problem.split(": ")[:2] for problem in problems(tmp_path, ELEVEN_PROBLEMS)]
    assert places == [
        ["2:35", "profiles.gold.enhance_promt"],
        ["3:16", "profiles.bad.scale"],
        ["6:14", "folders.0.profile"],
        ["7:5", "folders.0.setle"],
        ["8:11", "folders.1.path"],
        ["10:13", "folders.1.settle"],
        ["11:12", "folders.1.watch"],
        ["12:5", "folders.2.path"],
        ["13:11", "folders.3.path"],
        ["15:10", "approval"],
        ["16:16", "api.workers"],
    ]


@pytest.mark.parametrize(
    "line",
    [
        "api: {key: SECRET-0123456789}",
        "api: {api_key: SECRET-0123456789}",
        "api: {token: SECRET-0123456789}",
        "api-key: SECRET-0123456789",
        "VENICE_API_KEY: SECRET-0123456789",
        "api: SECRET-0123456789",
        "api: [SECRET-0123456789]",
        "api: {key_file: SECRET-0123456789-SECRET-0123456789}",
        "api: {key_file: $SECRET}",
        "api: {key_file: [SECRET-0123456789]}",
        "api: {base_url: 'https://u:SECRET-0123456789@host/'}",
        "api: {base_url: 'https://host/?key=SECRET-0123456789'}",
        "api: {proxy: 'SECRET-0123456789'}",
        "api: {proxy: 'socks5://u:SECRET-0123456789@host:1'}",
        "api: {proxy: 'http://u:SECRET-0123456789@host:port'}",
        "api: {proxy: 'http://u:SECRET 0123456789@host:1'}",
        "api: {proxy: ['http://u:SECRET-0123456789@host:1']}",
        "api: {proxy: 'http://u:SECRET-0123456789@host:1'}\nbudget: {day: -1}",
        "api: &a SECRET-0123456789: x",
        "api: !SECRET-0123456789 x",
        "api: *SECRET-0123456789",
        "notify: {urls: tgram://SECRET-0123456789/1}",
        "web: {token: SECRET-0123456789}",
    ],
)
def test_what_may_be_a_secret_is_never_told_again(tmp_path: Path, line: str) -> None:
    told = problems(tmp_path, f"{ONE_FOLDER}{line}\n")
    assert told
    assert "SECRET" not in "".join(told)


def test_a_key_in_the_file_is_told_where_it_belongs(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, f"{ONE_FOLDER}api: {{key: abc}}\n")
    assert told.startswith(
        "4:7: api.key: a secret never stands in this file, expected the API key in a file of its own"
    )


def test_the_file_is_named_as_the_user_named_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.yaml").write_text("x: 1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        load("./my.yaml", {"HOME": "/"})
    assert caught.value.problems[0].startswith("./my.yaml:1:1: ")
