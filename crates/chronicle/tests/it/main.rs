//! The chronicle's tests, one binary.

// Appending, reading, locking, guard file: on the real disk.
mod append;
// Crashes at every operation, and failing ones: on the model disk.
mod crashes;
// Every flipped bit and every cut: on the model disk.
mod damage;
// What the tests write and expect.
mod histories;
