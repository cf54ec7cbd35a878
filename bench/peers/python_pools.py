#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one of Python's process pools for scripts/peers.

    python_pools.py executor|pool WORKERS

Orders come one a line: "window TASKS WINDOW SUBMITTERS", "trips N", "send BYTES ROUNDS", "fetch BYTES ROUNDS". Each is answered by one
line: "ok " and the seconds, or the nanoseconds of each trip.
"""
import concurrent.futures
import multiprocessing
import sys
import threading
import time


def give_back(number):
    return number


def submit_of(which, workers):
    """A function that submits a call and gives something whose result() or get() waits for it."""
    context = multiprocessing.get_context("fork")
    if which == "executor":
        executor = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context)
        executor.submit(give_back, 0).result()
        return executor.submit, lambda future: future.result(), executor.shutdown
    pool = context.Pool(workers)
    return (lambda function, value: pool.apply_async(function, (value,))), lambda result: result.get(), pool.terminate


def drive(submit, wait, first, tasks, window):
    total = 0
    filling = min(tasks, window)
    ring = [submit(give_back, first + i) for i in range(filling)]
    oldest = 0
    for i in range(filling, tasks):
        total += wait(ring[oldest])
        ring[oldest] = submit(give_back, first + i)
        oldest = (oldest + 1) % filling
    for i in range(filling):
        total += wait(ring[(oldest + i) % filling])
    assert total == sum(range(first, first + tasks))


def windowed(submit, wait, tasks, window, submitters):
    share = tasks // submitters
    threads = [
        threading.Thread(target=drive, args=(submit, wait, who * share, share, window))
        for who in range(1, submitters)
    ]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    drive(submit, wait, 0, share, window)
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def trips(submit, wait, count):
    times = []
    begin = time.perf_counter_ns()
    for i in range(count):
        assert wait(submit(give_back, i)) == i
        end = time.perf_counter_ns()
        times.append(end - begin)
        begin = end
    return " ".join(map(str, times))


def send(submit, wait, size, rounds):
    payload = bytes(size)
    begin = time.perf_counter()
    for _ in range(rounds):
        assert wait(submit(len, payload)) == size
    return time.perf_counter() - begin


def fetch(submit, wait, size, rounds):
    begin = time.perf_counter()
    for _ in range(rounds):
        assert len(wait(submit(bytes, size))) == size
    return time.perf_counter() - begin


def main():
    which, workers = sys.argv[1], int(sys.argv[2])
    submit, wait, end = submit_of(which, workers)
    orders = {"window": windowed, "trips": trips, "send": send, "fetch": fetch}
    for line in sys.stdin:
        name, *numbers = line.split()
        try:
            print("ok", orders[name](submit, wait, *map(int, numbers)), flush=True)
        except Exception as error:  # the asker says what went wrong
            print("failed:", repr(error), flush=True)
    end()


if __name__ == "__main__":
    main()
