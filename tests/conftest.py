"""Hypothesis' profiles: ``--hypothesis-profile thorough`` draws as many programs as a release is tried with."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("thorough", max_examples=2000)
