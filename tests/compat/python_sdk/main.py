"""Profiles itself with the Python SDK: main.py http://127.0.0.1:4040 TENANT SECONDS, of CPU time"""
import inspect
import sys
import threading
import time

import pyroscope


def find_primes(seconds):
    end, i = time.thread_time() + seconds, 2
    while time.thread_time() < end:
        all(i % j for j in range(2, 400))
        i += 1


def handle_checkout(seconds):
    find_primes(seconds)


def handle_search(seconds):
    find_primes(seconds)


def work(tags, handle, seconds):
    with pyroscope.tag_wrapper(tags):
        handle(seconds / 2)


def keep_buffers():
    return [bytearray(1 << 20) for _ in range(64)]


def main():
    url, tenant, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    newer = {"upload_interval": 1, "mem_enabled": True}
    known = inspect.signature(pyroscope.configure).parameters
    pyroscope.configure(application_name="shop.python", server_address=url, tenant_id=tenant,
                        tags={"region": "east", "host.name": "node-1"}, oncpu=True, gil_only=True, report_thread_name=True,
                        **{name: value for name, value in newer.items() if name in known})
    kept = keep_buffers()
    threads = [threading.Thread(target=work, name=f"worker-{tags['controller']}", args=(tags, handle, seconds))
               for tags, handle in [({"controller": "checkout", "span_id": "00f067aa0ba902b7"}, handle_checkout),
                                    ({"controller": "search"}, handle_search)]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pyroscope.shutdown()
    assert len(kept) == 64


main()
