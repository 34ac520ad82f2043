"""Benchmarks against the alternatives. See ``hatch run bench --help``; docs/benchmarks.md describes the method.

- ``harness``: contests between contenders in separate processes, claims, reports.
- ``brainevent_core.bench`` contains the code shared with ``python -m brainevent.bench``: programs and the loop that
  they run in, rounds, figures, ratios, tables, pictures.
- ``products``, ``jitc``, ``plasticity``, ``delays``, ``devices``, ``rules``, ``connect``, ``network``,
  ``microcircuit``, ``startup``, ``threads``, ``overhead``: one benchmark each. Cases, contenders and claims are tables;
  a contender is a function that makes a program from a case; a command measures and returns a report.
- ``gpu``: checks and measurements on a machine with a GPU.
- ``published``: the published package of the same name, which many of them compare with.
- ``options``, ``docs``, ``summary``, ``__main__``: the command line, and the pages for results.

The modules that workers import (``cases`` and ``peers`` of benchmarks; ``program`` and ``loop`` of
``brainevent_core.bench``) also run in the environments of other packages, and need nothing that these don't contain.
"""
