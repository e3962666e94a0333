//! The end of a replay: what was folded becomes an atom's state, on all cores.

// Part of the shell, like the threads of replay: the parts are the same on any number of threads.
#![allow(clippy::disallowed_methods)]

use std::sync::Mutex;
use std::thread;

use deeds_engine::freezing::{assemble, freeze_part, parts};
use deeds_engine::state::State;

/// No more threads than this: beyond, memory is what they wait for.
const THREADS_MAX: usize = 16;

/// The frozen form of a state, and what `meanwhile` gives, which is done beside.
pub(crate) fn freeze<S: State, T>(state: &S, meanwhile: impl FnOnce() -> T) -> (S, T) {
    let left = Mutex::new(parts(state).into_iter());
    let work = || {
        let mut done = Vec::new();
        loop {
            let part = left.lock().expect("nobody panics taking a part").next();
            let Some(part) = part else { return done };
            done.push((part, freeze_part(state, part)));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let helpers = cores.min(THREADS_MAX) - 1;
    thread::scope(|scope| {
        let named = |_| thread::Builder::new().name("freezes".to_owned()).spawn_scoped(scope, work);
        let helpers: Vec<_> = (0..helpers).map(named).collect();
        let other = meanwhile();
        let mut done = work();
        for helper in helpers {
            let helper = helper.expect("the system gives a thread");
            done.extend(helper.join().expect("freezing does not panic"));
        }
        (assemble(done), other)
    })
}
