"""What a file loads to: defaults, units, places, profiles, and folders that keep apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.config.writing import ENVIRON, ONE_FOLDER, problems, settings
from watchd.config.json_schema import all_keys
from watchd.config.loading import load
from watchd.config.starter import render as starter
from watchd.errors import ConfigurationError, UsageError
from watchd.model import Api, Approval, Budget, Folder, Hours, Profile, Settings

EXAMPLE = Path(__file__).parents[3] / "config.example.yaml"


def test_a_minimal_file_has_the_defaults_of_the_model(tmp_path: Path) -> None:
    assert settings(tmp_path, ONE_FOLDER) == Settings(
        source=str(tmp_path / "watchd.yaml"),
        state_dir="/home/operator/.local/state/watchd",
        folders=(Folder(name="a", path="/srv/a", profile=Profile("a"), output="/srv/a-out"),),
    )


def test_the_example_loads_as_it_is_with_two_folders() -> None:
    loaded = load(str(EXAMPLE), ENVIRON)
    assert [(folder.name, folder.profile.name) for folder in loaded.folders] == [
        ("portraits", "gold"),
        ("scans", "plain-2x"),
    ]
    assert loaded.api == Api()


def test_the_example_mentions_every_key() -> None:
    text = EXAMPLE.read_text()
    assert [key for key in all_keys() if f"{key}:" not in text] == []


@pytest.mark.parametrize("hot", ["/srv/hot/in", "hot", "~mine", '/srv/a "b" $HOME {x}: y', "/srv/ä # ü"])
def test_the_starter_file_watches_the_very_folder_it_was_made_for(tmp_path: Path, hot: str) -> None:
    (folder,) = settings(tmp_path, starter(hot)).folders
    assert folder.path == str(tmp_path / hot)
    assert folder.output == folder.path + "-out"


def test_a_starter_file_for_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(UsageError, match="not valid UTF-8"):
        starter("/srv/\udcff")


def test_every_unit_is_read_as_written(tmp_path: Path) -> None:
    text = """
api: {timeout: 1h30m, connect_timeout: 500ms, requests_per_minute: null, price: {up_to_2x: "0.02", above_2x: 1e-1}}
balance_probe: {first: 90s, longest: 1d}
folders:
- {path: /srv/a, profile: {scale: 4}, settle: 0, poll_every: 0.5s, rescan_every: 10m, recursive: no, send_metadata: YES}
"""
    loaded = settings(tmp_path, text)
    assert (loaded.api.timeout, loaded.api.connect_timeout, loaded.api.requests_per_minute) == (5400, 0.5, 0)
    assert (loaded.api.price.up_to_2x, loaded.api.price.above_2x) == (20_000, 100_000)
    assert (loaded.balance_probe.first, loaded.balance_probe.longest) == (90, 86_400)
    folder = loaded.folders[0]
    assert (folder.settle, folder.poll_every, folder.rescan_every) == (0, 0.5, 600)
    assert (folder.recursive, folder.send_metadata) == (False, True)
    assert folder.profile == Profile("a", scale=4)


@pytest.mark.parametrize("proxy", ["http://proxy:3128", "https://user:p%40ss@proxy.example/"])
def test_a_proxy_is_taken_as_it_stands_with_its_credentials(tmp_path: Path, proxy: str) -> None:
    assert settings(tmp_path, f'{ONE_FOLDER}api: {{proxy: "{proxy}"}}\n').api.proxy == proxy


def test_every_kind_of_value_fills_the_model(tmp_path: Path) -> None:
    text = """
budget: {day: 10.00, month: 100.10}
approval: {cost: null, files: 500}
folders:
- {path: /srv/a, profile: {}, marker: "{name}.done", chain: yes, hours: 22:00-24:00, budget: {day: 2}}
"""
    loaded = settings(tmp_path, text)
    assert loaded.budget == Budget(10_000_000, 100_100_000)
    assert loaded.approval == Approval(None, 500)
    folder = loaded.folders[0]
    assert (folder.marker, folder.chain, folder.hours) == ("{name}.done", True, Hours(1320, 1440))
    assert folder.budget == Budget(2_000_000, None)


def test_how_the_page_is_reached_is_read_as_it_is_meant(tmp_path: Path) -> None:
    keys = "{hosts: [NAS.fritz.box, watchd], base_path: /watchd/, trusted_proxies: [127.0.0.1, 172.16.1.9/12, '::1']}"
    web = settings(tmp_path, f"{ONE_FOLDER}web: {keys}\n").web
    assert web is not None
    assert web.hosts == ("nas.fritz.box", "watchd")
    assert web.base_path == "/watchd"
    assert web.trusted_proxies == ("127.0.0.1/32", "172.16.0.0/12", "::1/128")


def test_null_switches_the_approval_limit_off(tmp_path: Path) -> None:
    assert settings(tmp_path, f"{ONE_FOLDER}approval: null\n").approval == Approval(None, None)
    assert settings(tmp_path, f"{ONE_FOLDER}approval: {{files: 3}}\n").approval == Approval(20_000_000, 3)


def test_chained_folders_may_feed_each_other_but_never_in_a_circle(tmp_path: Path) -> None:
    chain = """
folders:
- {path: /srv/a, profile: {}, output: /srv/b}
- {path: /srv/b, profile: {}, output: /srv/c, chain: true}
"""
    assert len(settings(tmp_path, chain).folders) == 2
    assert [line.split(" ")[1] for line in problems(tmp_path, chain.replace("true", "false"))] == ["folders.0.output:"]
    circle = chain.replace("output: /srv/b", "chain: true, output: /srv/b").replace("/srv/c", "/srv/a")
    told = problems(tmp_path, circle)
    assert len(told) == 2
    assert all("come back to it through chained folders" in line for line in told)
    own = "folders:\n- {path: /srv/a, profile: {}, output: /srv/a/x, chain: true}\n"
    assert len(problems(tmp_path, own)) == 1


def test_a_key_named_on_is_a_key_and_not_true(tmp_path: Path) -> None:
    assert problems(tmp_path, f"{ONE_FOLDER}notify:\n  on: [paused, failed]\n") == []


def test_words_that_yaml_1_1_takes_for_other_things_stay_text(tmp_path: Path) -> None:
    text = "profiles: {no: {enhance: on, enhance_prompt: off}}\nfolders:\n- {path: /srv/a, name: yes, profile: no}\n"
    folder = settings(tmp_path, text).folders[0]
    assert folder.name == "yes"
    assert folder.profile == Profile("no", enhance=True, enhance_prompt="off")


def test_paths_are_relative_to_the_folder_of_the_file_and_expand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    text = """
api: {key_file: secrets/venice.key}
state_dir: ~/state
folders:
- {path: hot/./x/../in, profile: {}, output: "${DEST}/$SUB/$$x"}
"""
    loaded = settings(tmp_path, text, {"HOME": "/home/op", "DEST": "/d", "SUB": "s"})
    assert loaded.api.key_file == f"{tmp_path}/secrets/venice.key"
    assert loaded.state_dir == "/home/op/state"
    assert (loaded.folders[0].path, loaded.folders[0].output) == (f"{tmp_path}/hot/in", "/d/s/$x")


def test_a_key_file_of_null_is_none(tmp_path: Path) -> None:
    assert settings(tmp_path, f"{ONE_FOLDER}api: {{key_file: null}}\n").api.key_file is None


def test_the_environment_overrides_the_address_of_the_service(tmp_path: Path) -> None:
    loaded = settings(tmp_path, ONE_FOLDER, {**ENVIRON, "WATCHD_BASE_URL": "http://127.0.0.1:8080/api/v1/"})
    assert loaded.api.base_url == "http://127.0.0.1:8080/api/v1"


def test_a_bad_address_in_the_environment_is_told_without_quoting_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, ONE_FOLDER, {**ENVIRON, "WATCHD_BASE_URL": "http://nas:81/SECRET"})
    assert caught.value.problems == [
        (
            "$WATCHD_BASE_URL: api.base_url: the key would travel in the clear, "
            "expected https (http only to this machine itself)"
        )
    ]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1:80", "[::1]:8080"])
def test_plain_http_is_taken_for_this_machine(tmp_path: Path, host: str) -> None:
    assert problems(tmp_path, f"{ONE_FOLDER}api: {{base_url: 'http://{host}/api/v1'}}\n") == []


@pytest.mark.parametrize("host", ["localhost.example.org", "10.0.0.1", "127.0.0.1.nip.io", "[::2]", "2130706433"])
def test_plain_http_is_refused_for_every_other(tmp_path: Path, host: str) -> None:
    assert len(problems(tmp_path, f"{ONE_FOLDER}api: {{base_url: 'http://{host}/api/v1'}}\n")) == 1


def test_what_the_file_says_of_state_dir_wins_over_systemd(tmp_path: Path) -> None:
    environ = {**ENVIRON, "STATE_DIRECTORY": "/var/lib/watchd:/var/lib/other"}
    assert settings(tmp_path, ONE_FOLDER, environ).state_dir == "/var/lib/watchd"
    assert settings(tmp_path, f"{ONE_FOLDER}state_dir: /x\n", environ).state_dir == "/x"


def test_a_profile_is_used_by_name_and_others_do_no_harm(tmp_path: Path) -> None:
    text = """
profiles:
  gold: {scale: 2, enhance: true, enhance_prompt: gold, enhance_creativity: 0.25, replication: 1}
  idle: {scale: 3}
folders: [{path: /srv/a, profile: gold}]
"""
    assert settings(tmp_path, text).folders[0].profile == Profile("gold", 2, True, "gold", 0.25, 1)


def test_dialect_creativity_takes_scale_and_creativity_alone(tmp_path: Path) -> None:
    head = "api: {dialect: creativity}\nfolders:\n- path: /srv/a\n  profile: "
    assert settings(tmp_path, head + "{scale: 4, creativity: 0.02}").folders[0].profile == Profile(
        "a", scale=4, creativity=0.02
    )
    told = problems(
        tmp_path, head + "{scale: 1, enhance: true, enhance_prompt: x, enhance_creativity: 0, replication: 0.5}"
    )
    assert [line.split(": ")[1].rsplit(".", 1)[1] for line in told] == [
        "scale", "enhance", "enhance_prompt", "enhance_creativity", "replication",
    ]  # fmt: skip
    assert all("dialect creativity" in line for line in told)


def test_a_prompt_of_1500_characters_passes_and_one_more_does_not(tmp_path: Path) -> None:
    head = "folders:\n- path: /srv/a\n  profile: {enhance: true, enhance_prompt: "
    assert problems(tmp_path, f"{head}{'x' * 1500}}}") == []
    assert problems(tmp_path, f"{head}{'x' * 1501}}}") == [
        "3:44: folders.0.profile.enhance_prompt: too long, expected at most 1500 characters, found 1501"
    ]


def test_anchors_and_merges_serve_several_folders(tmp_path: Path) -> None:
    text = """
folders:
- &first {path: /srv/a, profile: {scale: 4}, settle: 7s}
- {<<: *first, path: /srv/b}
"""
    first, second = settings(tmp_path, text).folders
    assert (second.name, second.settle) == ("b", 7)
    assert second.profile == replace(first.profile, name="b")


def test_folders_that_overlap_through_a_link_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real" / "in").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    for one, other, said in (
        ("real/in", "link/in", "the same folder as"),
        ("real", "link/in", "lies inside the hot folder of"),
        ("link/in", "real", 'the hot folder of "x" lies inside it'),
    ):
        folders = [
            f"- {{path: {path}, name: {name}, profile: {{}}, output: /o}}" for path, name in ((one, "x"), (other, "y"))
        ]
        text = "\n".join(["folders:", *folders])
        (told,) = problems(tmp_path, text)
        assert told.startswith("3:10: folders.1.path: ")
        assert said in told


def test_an_output_that_leads_into_a_hot_folder_through_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hot" / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere").symlink_to("hot/sub")
    (told,) = problems(tmp_path, "folders:\n- {path: hot, profile: {}, output: elsewhere/deep}\n")
    assert "bought again, for ever" in told


def test_a_state_directory_that_is_a_hot_folder_through_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hot").mkdir()
    (tmp_path / "state").symlink_to("hot")
    (told,) = problems(tmp_path, "folders:\n- {path: hot, profile: {}}\nstate_dir: state\n")
    assert told.startswith('3:12: state_dir: lies inside the hot folder of "hot"')


def test_two_folders_may_share_an_output_and_a_prefix_of_a_name_is_no_overlap(tmp_path: Path) -> None:
    text = "folders:\n- {path: /srv/a, profile: {}, output: /o}\n- {path: /srv/ab, profile: {}, output: /o}\n"
    assert problems(tmp_path, text) == []


def test_two_folders_of_one_name_are_told_to_take_a_name(tmp_path: Path) -> None:
    text = "folders:\n- {path: /x/a, profile: {}}\n- {path: /y/a, profile: {}}\n"
    assert problems(tmp_path, text) == [
        '3:10: folders.1.path: the folder in line 2 is called "a" too, expected a `name:` of its own'
    ]
    assert problems(tmp_path, text.replace("/y/a,", "/y/a, name: b,")) == []


@pytest.mark.parametrize("section", ["api", "profiles", "log", "balance_probe"])
def test_a_section_whose_keys_are_all_commented_out_is_one_of_defaults(tmp_path: Path, section: str) -> None:
    assert settings(tmp_path, f"{ONE_FOLDER}{section}:\n  # nothing\n") == settings(tmp_path, ONE_FOLDER)


def test_a_file_that_cannot_be_read_is_told_as_such(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigurationError, match=said):
            load(str(path), ENVIRON)
