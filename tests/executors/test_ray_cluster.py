"""What a Ray cluster loses, a worker, a node or the command itself, is made again to the same rows."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from negatoscope.auditing.run import AuditProgress
from negatoscope.errors import JobsError
from negatoscope.executors.ray_process import RayProcess

from .conftest import Run, begin, pools_begun, rows_of

ray: Any = pytest.importorskip("ray", reason="needs the extra ray")
pytestmark = [
    pytest.mark.slow,
    # Python closes the file of images when it collects what an error held on to, and says so.
    pytest.mark.filterwarnings("ignore:.*bars.npz:pytest.PytestUnraisableExceptionWarning"),
]

DRIVER = """
import negatoscope as ng

ng.audit(
    "bar_models:Slow", "bars.npz", transforms=["negative", "pixel_flips(probability=0.2)"], suite="none",
    name="reader", size=64, interpolation="nearest", channels="gray", out="there", executor="ray", workers=2,
)
"""


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes of one processor each, on this machine."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def test_two_nodes_make_the_same_rows(run: Run, cluster: Any) -> None:
    run(out="here", threads=1)
    run(out="there", executor="ray", workers=2, address=cluster.address)
    assert rows_of("there") == rows_of("here")


def test_what_a_lost_node_had_is_made_again_on_another(run: Run, cluster: Any) -> None:
    run(out="here", threads=1)
    second = next(node for node in cluster.list_all_nodes() if not node.head)
    lost = list[bool]()

    def lose(progress: AuditProgress) -> None:
        if progress.stage == "images" and progress.images and not lost:
            lost.append(True)
            cluster.remove_node(second, allow_graceful=False)
            cluster.add_node(num_cpus=1)

    run(out="there", executor="ray", workers=2, address=cluster.address, progress=lose)
    assert lost
    assert rows_of("there") == rows_of("here")


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[RayProcess]:
    """Those that an audit begins."""
    return pools_begun(RayProcess, monkeypatch)


def test_where_ray_ends_its_process_a_sentence_says_so(run: Run, pools: list[RayProcess]) -> None:
    def end(progress: AuditProgress) -> None:
        if progress.stage == "images" and progress.images:
            pools[0].process.kill()

    with pytest.raises(JobsError, match=r"expected Ray on this machine to stay, but .* exit code -9; the same"):
        run(executor="ray", workers=2, progress=end)
    run(out="here", threads=1)
    run(executor="ray", workers=1)
    assert rows_of("out") == rows_of("here")


def test_an_audit_that_is_stopped_ends_what_it_began(run: Run, pools: list[RayProcess]) -> None:
    def stop(progress: AuditProgress) -> None:
        if progress.stage == "images" and 0 < progress.images < progress.total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(executor="ray", workers=2, progress=stop)
    assert pools[0].process.returncode == 0
    run(out="here", threads=1)
    run(executor="ray", workers=1)
    assert rows_of("out") == rows_of("here")


def test_questions_are_not_read_by_what_a_model_starts(run: Run) -> None:
    run(out="here", threads=1)
    run("Asking", out="there", executor="ray", workers=1)
    assert rows_of("there") == rows_of("here")


def test_a_command_that_is_killed_resumes_to_the_same_rows(run: Run) -> None:
    run(out="here", threads=1)
    command = begin("-c", DRIVER)
    while command.poll() is None and not list(Path("there").glob("parts/*/done.json")):
        time.sleep(0.05)
    command.kill()
    _, error = command.communicate()
    assert command.returncode == -9, error
    assert not Path("there/done.json").exists()
    again = begin("-c", DRIVER)
    _, error = again.communicate()
    assert again.returncode == 0, error
    assert rows_of("there") == rows_of("here")
