"""The processes that convert: a Dask cluster of this machine's own, or one that is there already.

Dask's messages are pickles, so whoever can speak to a scheduler can run code as its user. The cluster on this machine
listens on the loopback only and, where the `openssl` program is found, speaks only to holders of a key that is made
for the run. A cluster of others is theirs to guard: `tls://` addresses take the keys of Dask's own configuration.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viewer.archive.extra import require
from viewer.errors import ViewerError

_CONNECT_S = 20
_CERTIFICATE = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=triptych")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cluster:
    """Where the work is done.

    Parameters
    ----------
    workers
        Processes on this machine; 0 for this process alone; None for one a processor.
    scheduler
        Address of a Dask scheduler that is there already, else "".
    """

    workers: int | None = None
    scheduler: str = ""

    @property
    def here(self) -> bool:
        """Whether everything is done in this process."""
        return self.workers == 0 and not self.scheduler


@contextmanager
def client_of(cluster: Cluster) -> Iterator[Any]:
    """A `distributed.Client`; a cluster of this machine's own ends with the block.

    Raises
    ------
    ViewerError
        The scheduler does not answer, or the packages of the extra are missing.
    """
    require("distributed")
    from distributed import Client, LocalCluster

    # It tells of every start and end of a process; what matters comes back as outcomes.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        if cluster.scheduler:
            try:
                yield stack.enter_context(Client(cluster.scheduler, timeout=_CONNECT_S))
            except (OSError, ValueError) as error:
                raise ViewerError(f"The Dask scheduler at {cluster.scheduler} does not answer.") from error
            return
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="triptych-dask-")))
        local = LocalCluster(
            n_workers=cluster.workers or os.cpu_count() or 1,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            security=_security(folder),
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            local_directory=str(folder),
            silence_logs=logging.CRITICAL,
        )
        yield stack.enter_context(Client(stack.enter_context(local)))


def _security(folder: Path) -> Any:
    """A key and certificate for one run; None where they cannot be made."""
    from distributed import Security

    openssl = shutil.which("openssl")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    if openssl is not None:
        made = subprocess.run(
            [openssl, *_CERTIFICATE, "-keyout", str(key), "-out", str(certificate)],
            capture_output=True,
            check=False,
        )
        if made.returncode == 0:
            pair = {"cert": str(certificate), "key": str(key)}
            names = {
                f"tls_{role}_{part}": path
                for role in ("scheduler", "worker", "client")
                for part, path in pair.items()
            }
            return Security(require_encryption=True, tls_ca_file=str(certificate), **names)
    _log.warning(
        "openssl was not found: other users of this machine can reach the worker processes meanwhile"
    )
    return None
