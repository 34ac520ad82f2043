"""Benchmarks against what users would use instead. ``hatch run bench --help``; docs/benchmarks.md says how it measures.

- ``harness``: contests between contenders in processes of their own, claims, reports.
- What it shares with ``python -m brainevent.bench`` is in ``brainevent_core.bench``: programs and the loop that they
  run in, rounds, figures, ratios, tables, pictures.
- ``products``, ``jitc``, ``network``, ``startup``, ``threads``, ``overhead``: one benchmark each. Cases, contenders and
  claims are tables, a contender is a function that makes a program of a case, and a command measures and returns a
  report.
- ``published``: the published package of the same name, a contender in all of them.
- ``options``, ``docs``, ``__main__``: the command line, and the page that results go to.

What workers import (the ``cases`` and ``peers`` of benchmarks; ``program`` and ``loop`` of ``brainevent_core.bench``)
runs in the environments of other packages too, and needs nothing that isn't there.
"""
