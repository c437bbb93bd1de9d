"""Machines that walk at random through everything a ledger can be told, beside a model in plain Python."""

import pytest

pytest.register_assert_rewrite("tests.stateful.promises")
