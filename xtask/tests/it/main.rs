//! The tasks as one calls them: words understood, mistakes refused with what was meant.

// What a verb does with its arguments, and its exit codes.
mod command_line;
