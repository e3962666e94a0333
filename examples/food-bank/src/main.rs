//! The food bank's program: the commands, queries and verbs of every Deeds app, for [`FoodBank`].
//!
//! Start reading at `lib.rs`.

use food_bank::FoodBank;

fn main() -> std::process::ExitCode {
    deeds::main::<FoodBank>()
}
