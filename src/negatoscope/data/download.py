"""Official files, downloaded and verified."""

from pathlib import Path
from typing import TYPE_CHECKING

from negatoscope.data.cache import lock_of
from negatoscope.data.sources import Source
from negatoscope.errors import DataError, DataNotFoundError
from negatoscope.files import holding, write_errors

if TYPE_CHECKING:
    import requests

TIMEOUT_SECONDS = 30
"""How long a download waits for the next bytes."""


def download(source: Source, folder: Path, *, retries: int) -> dict[str, Path]:
    """Fetch a dataset's files into `folder`: each verified before it takes its name, and only those not there yet.

    Two processes at once download once: the second waits.

    Raises:
        DataNotFoundError: No address gives a file; the message says what each gave instead.
        DataError: Every address that answers gives something else than the official file.
        OutputError: The folder cannot be written.
    """
    with holding(lock_of(folder)), write_errors(folder):
        folder.mkdir(exist_ok=True)
        return {name: _download(source, name, folder, retries) for name in source.files}


def _download(source: Source, name: str, folder: Path, retries: int) -> Path:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    failures = []
    for address in source.addresses:
        known = {name: f"md5:{source.files[name].md5}"}
        store = pooch.create(path=folder, base_url=address, registry=known, retry_if_failed=retries)
        try:
            return Path(store.fetch(name, downloader=_stream))
        except requests.RequestException as error:
            failures.append(f"{address} gave {_reason(error)}")
        except ValueError:
            failures.append(f"{address} gave other bytes")
    if any(failure.endswith("other bytes") for failure in failures):
        raise DataError(f"expected the official {name} of {source.name}, but {', '.join(failures)}; try again later")
    raise DataNotFoundError(", ".join(failures))


def _stream(url: str, output_file: str, _store: object) -> None:
    """Download, called as pooch calls it, with a progress bar on a terminal."""
    import requests
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    request = requests.get(url, stream=True, timeout=TIMEOUT_SECONDS, headers={"Accept-Encoding": "identity"})
    with request as response, progress, Path(output_file).open("wb") as file:
        response.raise_for_status()
        size_bytes = int(response.headers.get("Content-Length", 0)) or None
        task = progress.add_task(url.rpartition("/")[2], total=size_bytes)
        for block in response.iter_content(1 << 16):
            progress.advance(task, file.write(block))


def _reason(error: "requests.RequestException") -> str:
    import requests

    if error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"nothing for {TIMEOUT_SECONDS} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "a broken connection"
    return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__
