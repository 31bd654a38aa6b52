"""The process behind ``local``: llama.cpp's own HTTP server, from the xllamacpp wheel.

A script that imports nothing of this package, started by ``measure.engine`` as
``python -P llamacpp.py MODEL.gguf --alias NAME --announce FILE ...``. The system picks the port; the server's
URL is written to FILE when the model is loaded and the port is open: nobody can take it in between. With
``--port`` instead it is a server like others, for a table ``[endpoints.NAME.server]``.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

import xllamacpp


def main() -> None:
    """Serve until a signal ends the process: there is nothing to clean up."""
    options = _options()
    # C++ threads do the work and Python handlers would wait for them: die at once instead.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    server = xllamacpp.Server(_parameters(options))
    url = server.listening_address
    print(f"{options.alias} is served on {url}", flush=True)  # noqa: T201 - the log
    if options.announce is not None:
        partial = options.announce.with_suffix(".part")
        partial.write_text(url, "utf-8")
        os.replace(partial, options.announce)  # noqa: PTH105 - the atomic one
    threading.Event().wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--alias", required=True, help="the model's name in answers")
    parser.add_argument("--announce", type=Path, help="the file that gets the URL")
    parser.add_argument("--port", type=int, default=0, help="0: one that is free")
    parser.add_argument("--context-window", type=int, required=True, help="tokens for each parallel stream")
    parser.add_argument("--parallel", type=int, required=True, help="streams at the same time")
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


def _parameters(options: argparse.Namespace) -> xllamacpp.CommonParams:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(options.model)
    parameters.model_alias = {options.alias}
    parameters.port = options.port
    parameters.n_parallel = options.parallel
    parameters.n_ctx = options.context_window * options.parallel  # llama.cpp divides it among the streams
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = options.threads
    parameters.endpoint_metrics = parameters.endpoint_slots = True
    parameters.ui = False
    return parameters


if __name__ == "__main__":
    main()
