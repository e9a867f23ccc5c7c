"""Measure every figure of the design beside a floor of hand-written SQL, in the same run."""
