"""Writes a store and is killed meanwhile: `python stored_writer.py PATH`."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from stored_example import opened, part_of, whole

if __name__ == "__main__":
    with opened(sys.argv[1], rows_each=1) as store, ThreadPoolExecutor(2) as pool:
        print("open", flush=True)
        levels = whole()
        todo = store.missing()
        for entry in pool.map(lambda part: store.write(part, part_of(levels, store, part)), todo):
            store.record(entry)
            time.sleep(0.01)
