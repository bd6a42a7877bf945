import hashlib
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from negatoscope.data.cache import downloads_folder
from negatoscope.data.download import download
from negatoscope.data.locator import DataLocator
from negatoscope.data.sources import OfficialFile, Source, sources
from negatoscope.errors import DataError, DataNotFoundError, OutputError

FILES = {f"{name}.bin": np.random.default_rng(seed).bytes(100_000) for seed, name in enumerate(("one", "two", "three"))}

KILLED = """
import sys
from pathlib import Path
from negatoscope.data.download import download
from negatoscope.data.sources import OfficialFile, Source
facts = OfficialFile("0" * 32, 100_000)
download(Source("tiny", "", "", "", "", (), (sys.argv[1],), {}, {"one.bin": facts}), Path(sys.argv[2]), retries=0)
"""


@dataclass
class Site:
    """A web server; `whole` pages come right, `broken` ones once stop half-way, `slow` ones never end."""

    address: str
    whole: dict[str, bytes] = field(default_factory=dict)
    broken: dict[str, bytes] = field(default_factory=dict)
    slow: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def answer(site: Site, request: BaseHTTPRequestHandler) -> None:
    name = request.path.removeprefix("/")
    site.requests.append(name)
    half = name in site.broken or name in site.slow
    content = {**site.whole, **site.broken, **site.slow}.get(name)
    if content is None:
        request.send_error(404)
        return
    request.send_response(200)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content[: len(content) // 2] if half else content)
    request.wfile.flush()
    if name in site.slow:
        site.over.wait()
    site.broken.pop(name, None)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(made, self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Site(f"http://127.0.0.1:{server.server_address[1]}/")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.over.set()
        server.shutdown()
        thread.join()


def tiny(*addresses: str, name: str = "tiny", files: dict[str, bytes] = FILES) -> Source:
    official = {file: OfficialFile(hashlib.md5(content).hexdigest(), len(content)) for file, content in files.items()}
    return Source(name, "Tiny", "Nobody 2000", "CC0 1.0", "http://example.org/", ("a",), addresses, {}, official)


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Source]:
    """Makes a source known to every locator."""

    def add(*addresses: str, name: str = "tiny", files: dict[str, bytes] = FILES) -> Source:
        source = tiny(*addresses, name=name, files=files)
        monkeypatch.setitem(sources(), name, source)
        return source

    return add


def fill(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_official_files_are_downloaded_once(site: Site, tmp_path: Path) -> None:
    site.whole = dict(FILES)
    paths = download(tiny(site.address), tmp_path / "tiny", retries=0)
    assert paths == {name: tmp_path / "tiny" / name for name in FILES}
    assert contents(tmp_path / "tiny") == FILES
    download(tiny(site.address), tmp_path / "tiny", retries=0)
    assert site.requests == list(FILES)


def test_other_bytes_than_the_official_ones_are_refused_and_removed(site: Site, tmp_path: Path) -> None:
    site.whole = {**FILES, "two.bin": FILES["one.bin"]}
    with pytest.raises(DataError, match=rf"expected the official two\.bin of tiny.*{site.address} gave other bytes"):
        download(tiny(site.address), tmp_path / "tiny", retries=0)
    assert contents(tmp_path / "tiny") == {"one.bin": FILES["one.bin"]}


def test_where_the_first_address_lacks_a_file_the_second_is_asked(site: Site, tmp_path: Path) -> None:
    site.whole = {f"second/{name}": content for name, content in FILES.items()}
    download(tiny(f"{site.address}first/", f"{site.address}second/"), tmp_path / "tiny", retries=0)
    assert contents(tmp_path / "tiny") == FILES
    assert site.requests[:2] == ["first/one.bin", "second/one.bin"]


def test_where_the_first_address_gives_other_bytes_the_second_is_asked(site: Site, tmp_path: Path) -> None:
    site.whole = {f"second/{name}": content for name, content in FILES.items()} | {"first/one.bin": b"<html>"}
    download(tiny(f"{site.address}first/", f"{site.address}second/"), tmp_path / "tiny", retries=0)
    assert contents(tmp_path / "tiny") == FILES


def test_a_connection_that_breaks_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.broken = dict(FILES)
    with pytest.raises(DataNotFoundError, match="gave a broken connection"):
        download(tiny(site.address), tmp_path / "tiny", retries=0)
    assert contents(tmp_path / "tiny") == {}


def test_a_connection_that_breaks_once_is_tried_again(site: Site, tmp_path: Path) -> None:
    site.whole, site.broken = dict(FILES), {"one.bin": FILES["one.bin"]}
    download(tiny(site.address), tmp_path / "tiny", retries=1)
    assert contents(tmp_path / "tiny") == FILES
    assert site.requests == ["one.bin", *FILES]


def test_an_address_that_falls_silent_is_reported(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("negatoscope.data.download.TIMEOUT_SECONDS", 0.2)
    site.slow = dict(FILES)
    with pytest.raises(DataNotFoundError, match=r"gave nothing for 0\.2 seconds"):
        download(tiny(site.address), tmp_path / "tiny", retries=0)
    assert contents(tmp_path / "tiny") == {}


def test_two_downloads_at_once_fetch_every_file_once(site: Site, tmp_path: Path) -> None:
    site.whole = dict(FILES)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(download, tiny(site.address), tmp_path / "tiny", retries=0) for _ in range(2)]
    assert runs[0].result() == runs[1].result()
    assert site.requests == list(FILES)
    assert contents(tmp_path / "tiny") == FILES


def test_a_damaged_download_is_fetched_again_and_the_others_stay(site: Site, tmp_path: Path) -> None:
    site.whole = dict(FILES)
    fill(tmp_path / "tiny", {**FILES, "two.bin": b"damaged"})
    download(tiny(site.address), tmp_path / "tiny", retries=0)
    assert contents(tmp_path / "tiny") == FILES
    assert site.requests == ["two.bin"]


def test_a_download_that_is_killed_leaves_nothing_under_the_files_name(site: Site, tmp_path: Path) -> None:
    site.slow = {"one.bin": bytes(1_000_000)}
    folder = tmp_path / "tiny"
    process = subprocess.Popen([sys.executable, "-c", KILLED, site.address, str(folder)])
    while not (folder.is_dir() and any(path.stat().st_size for path in folder.iterdir())):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    site.slow, site.whole = {}, dict(FILES)
    assert not set(contents(folder)) & set(FILES)
    download(tiny(site.address), folder, retries=0)
    assert {name: content for name, content in contents(folder).items() if name in FILES} == FILES


def test_a_full_disk_is_one_sentence_and_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.whole = dict(FILES)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*tiny: File too large"):
            download(tiny(site.address), tmp_path / "tiny", retries=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path / "tiny") == {}


def test_a_folder_that_cannot_be_written_is_one_sentence(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        download(tiny(site.address), tmp_path / "file" / "tiny", retries=0)
    assert site.requests == []


def test_a_terminal_sees_how_far_a_download_is(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    site.whole = dict(FILES)
    download(tiny(site.address), tmp_path / "quiet", retries=0)
    assert capfd.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    download(tiny(site.address), tmp_path / "counting", retries=0)
    out, err = capfd.readouterr()
    assert out == ""
    assert all(name in err for name in FILES)


def test_folders_are_searched_in_the_order_of_the_manual(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, publish: Callable[..., Source]
) -> None:
    publish(site.address)
    site.whole = dict(FILES)
    monkeypatch.setenv("NEGATOSCOPE_DATA_DIR", str(tmp_path / "variable"))
    named, variable, cache = tmp_path / "named", tmp_path / "variable", downloads_folder()
    for place in (named, variable):
        place.mkdir()

    def where() -> set[Path]:
        return {file.path.parent for file in DataLocator(named).find("tiny").values()}

    assert where() == {cache / "tiny"}
    assert site.requests == list(FILES)
    fill(variable / "tiny")
    assert where() == {variable / "tiny"}
    for name, content in FILES.items():
        (named / name).write_bytes(content)
    assert where() == {named}
    fill(named / "tiny")
    assert where() == {named / "tiny"}
    assert site.requests == list(FILES)


def test_every_file_is_reported_with_its_sha256_and_as_official_or_not(
    tmp_path: Path, publish: Callable[..., Source]
) -> None:
    publish()
    other = {**FILES, "two.bin": FILES["two.bin"][:-1] + b"?", "three.bin": b"shorter"}
    fill(tmp_path / "tiny", other)
    found = DataLocator(tmp_path).find("tiny")
    assert {name: file.source.official for name, file in found.items()} == {
        "one.bin": True,
        "two.bin": False,
        "three.bin": False,
    }
    for name, file in found.items():
        assert file.source.sha256 == hashlib.sha256(other[name]).hexdigest()


def test_a_missing_file_is_reported_by_name_and_place(tmp_path: Path, publish: Callable[..., Source]) -> None:
    publish("http://unused.example.org/")
    fill(tmp_path / "tiny", {name: FILES[name] for name in ("one.bin", "three.bin")})
    message = rf"expected two\.bin of tiny in {tmp_path}/tiny beside its other files.*downloading is off.*--data-dir"
    with pytest.raises(DataNotFoundError, match=message):
        DataLocator(tmp_path, download=False).find("tiny")


def test_a_dataset_that_is_nowhere_is_reported_with_every_place_and_address(
    site: Site, tmp_path: Path, publish: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("negatoscope.data.locator.RETRIES", 0)
    publish(site.address)
    with pytest.raises(DataNotFoundError) as caught:
        DataLocator(tmp_path).find("tiny")
    for message in (
        *FILES,
        str(tmp_path),
        str(downloads_folder()),
        f"{site.address} gave HTTP status 404",
        "--data-dir",
    ):
        assert message in str(caught.value)


def test_a_dataset_without_addresses_is_not_looked_for_in_the_network(publish: Callable[..., Source]) -> None:
    publish()
    with pytest.raises(DataNotFoundError, match="it has no download"):
        DataLocator().find("tiny")


def test_a_named_folder_that_is_none_is_reported_with_the_option_or_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=f"in --data-dir, got {tmp_path}/none"):
        DataLocator(tmp_path / "none").find("mnist")
    monkeypatch.setenv("NEGATOSCOPE_DATA_DIR", str(tmp_path / "nil"))
    with pytest.raises(DataError, match=f"in NEGATOSCOPE_DATA_DIR, got {tmp_path}/nil"):
        DataLocator(tmp_path).find("mnist")


def test_a_damaged_file_in_the_cache_is_reported_with_what_to_do(publish: Callable[..., Source]) -> None:
    publish()
    fill(downloads_folder() / "tiny", {**FILES, "two.bin": b"damaged"})
    with pytest.raises(DataError, match=r"two\.bin, got a damaged one; run negatoscope data fetch tiny"):
        DataLocator().find("tiny")


def test_a_damaged_file_that_cannot_be_fetched_again_is_reported_by_name(
    site: Site, publish: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("negatoscope.data.locator.RETRIES", 0)
    publish(site.address)
    folder = fill(downloads_folder() / "tiny", {**FILES, "two.bin": b"damaged", "three.bin": b"damaged"})
    message = (
        rf"^expected the official two\.bin, three\.bin of tiny in {folder}, got damaged files, and the download failed"
    )
    with pytest.raises(DataNotFoundError, match=message):
        DataLocator().fetch("tiny")


def test_files_that_another_dataset_publishes_under_the_same_names_are_not_taken(
    tmp_path: Path, publish: Callable[..., Source]
) -> None:
    publish(name="tiny", files=FILES)
    publish(name="other", files={name: content[::-1] for name, content in FILES.items()})
    fill(tmp_path / "flat")
    assert len(DataLocator(tmp_path / "flat", download=False).find("tiny")) == len(FILES)
    with pytest.raises(DataNotFoundError, match=r"of other in .*, found no copy"):
        DataLocator(tmp_path / "flat", download=False).find("other")


def test_what_is_published_about_each_dataset_is_complete() -> None:
    assert {"mnist", "fashion_mnist", "gtsrb", "mnist_sample"} <= set(sources())
    for name, source in sources().items():
        assert source.name == name
        assert source.title
        assert source.citation
        assert source.license
        assert len(source.class_names) == (43 if name == "gtsrb" else 10)
        assert set(source.counts) == {"train", "test"}
        assert all(address.startswith("http") and address.endswith("/") for address in source.addresses)
        assert all(re.fullmatch("[0-9a-f]{32}", file.md5) and file.size_bytes > 0 for file in source.files.values())


@pytest.mark.network
def test_the_published_addresses_give_the_smallest_official_files(tmp_path: Path) -> None:
    small = {"mnist": "t10k-labels-idx1-ubyte.gz", "fashion_mnist": "t10k-labels-idx1-ubyte.gz"}
    for name, file in {**small, "gtsrb": "GTSRB_Final_Test_GT.zip"}.items():
        for address in sources()[name].addresses:
            facts = sources()[name]
            one = Source(name, "", "", "", "", (), (address,), {}, {file: facts.files[file]})
            place = tmp_path / hashlib.md5(address.encode()).hexdigest()
            assert download(one, place, retries=2)[file].stat().st_size == facts.files[file].size_bytes
