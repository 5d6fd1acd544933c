#!/usr/bin/env python3
"""Prints benchmark rows, JSON objects a line on standard input, as a table; --json FILE keeps them."""
import json
import sys


def main():
    rows = []
    for line in sys.stdin:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "metric" in row:
            rows.append(row)
    if len(sys.argv) == 3 and sys.argv[1] == "--json":
        with open(sys.argv[2], "w") as out:
            json.dump(rows, out, indent=1)
    cells = [[str(row.get(key, "")) for key in ("bench", "metric", "value", "unit", "goal")] for row in rows]
    cells.insert(0, ["bench", "metric", "value", "unit", "goal"])
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    for row in cells:
        print("  ".join(cell.rjust(w) if i == 2 else cell.ljust(w)
                        for i, (cell, w) in enumerate(zip(row, widths))).rstrip())


if __name__ == "__main__":
    main()
