//! Whatever people do, in whatever order.
