//! Simulation: the model disk and its faults.

#![forbid(unsafe_code)]
