#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one of Python's process pools for scripts/peers.

    python_pools.py executor|pool WORKERS [MIB]    with so much touched memory in the program that owns the pool

Orders come one a line: "window TASKS WINDOW SUBMITTERS", "trips N", "send BYTES ROUNDS", "fetch BYTES ROUNDS", "born",
"crash TIMES". Each is answered by one line: "ok " and the seconds, or the nanoseconds of each trip, of construction and first
result, or of crash to settled (-1: never) and to the next result, one pair a crash.
"""
import concurrent.futures
import mmap
import multiprocessing
import os
import signal
import struct
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


fired_ns = mmap.mmap(-1, 8)  # shared with the workers


def die(_):
    struct.pack_into("q", fired_ns, 0, time.monotonic_ns())
    os.kill(os.getpid(), signal.SIGKILL)


def since_fired():
    return time.monotonic_ns() - struct.unpack_from("q", fired_ns)[0]


def crash(which, times):
    """A pool of one worker, so that the next result is its replacement's. An executor has none: it is made anew."""
    answers = []
    submit, wait, end = submit_of(which, 1)
    for i in range(times):
        assert wait(submit(give_back, i)) == i
        fatal = submit(die, 0)
        settled = -1
        if which == "executor":
            try:
                wait(fatal)
            except concurrent.futures.process.BrokenProcessPool:
                settled = since_fired()
            submit, wait, end = submit_of(which, 1)
        assert wait(submit(give_back, i)) == i
        answers += [settled, since_fired()]
    end()
    return " ".join(map(str, answers))


def main():
    which, workers = sys.argv[1], int(sys.argv[2])
    ballast = b"\1" * (int(sys.argv[3]) << 20 if len(sys.argv) > 3 else 0)
    begin = time.perf_counter_ns()
    submit, wait, end = submit_of(which, workers)
    constructed = time.perf_counter_ns() - begin
    assert wait(submit(give_back, 0)) == 0
    first_result = time.perf_counter_ns() - begin
    orders = {
        "window": lambda *numbers: windowed(submit, wait, *numbers),
        "trips": lambda *numbers: trips(submit, wait, *numbers),
        "send": lambda *numbers: send(submit, wait, *numbers),
        "fetch": lambda *numbers: fetch(submit, wait, *numbers),
        "born": lambda: f"{constructed} {first_result}",
        "crash": lambda times: crash(which, times),
    }
    for line in sys.stdin:
        name, *numbers = line.split()
        try:
            print("ok", orders[name](*map(int, numbers)), flush=True)
        except Exception as error:  # the asker says what went wrong
            print("failed:", repr(error), flush=True)
    end()
    del ballast


if __name__ == "__main__":
    main()
