"""All cores for work whose pieces know nothing of each other."""

import multiprocessing
import os
from concurrent.futures import Executor, ProcessPoolExecutor

__all__ = ["cores"]


def cores() -> Executor:
    """Return a process for each core."""
    # a decoder and an ONNX session do not survive a fork
    return ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn"))
