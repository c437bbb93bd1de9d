"""The figures of watchd, beside what a user would write instead: `python -m benchmarks`, docs/benchmarks.md."""
