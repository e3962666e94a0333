//! The queue before the engine: bounded in all and per actor, and fair between actors, so that an
//! import does not starve a tablet.
//!
//! Each actor with something waiting has a line; lines are served in turn, one item each.

use std::collections::{HashMap, VecDeque};

use deeds_values::ActorId;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Commands of all actors: at 100,000 a second, 80 ms of waiting.
    pub commands_max: usize,
    /// Commands of one actor: enough to keep a pipelining client busy during a slow fsync.
    pub commands_per_actor_max: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { commands_max: 8_192, commands_per_actor_max: 2_048 }
    }
}

/// Why an item was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// This actor has its fill.
    Actor,
    /// The queue has.
    Queue,
}

/// The queue.
pub struct FairQueue<T> {
    limits: QueueLimits,
    lines: HashMap<ActorId, VecDeque<T>>,
    /// The actors with a line, in the order in which they are served next.
    turns: VecDeque<ActorId>,
    waiting: usize,
}

impl<T> FairQueue<T> {
    /// An empty queue.
    pub fn new(limits: QueueLimits) -> Self {
        assert!(limits.commands_per_actor_max > 0 && limits.commands_max > 0);
        Self { limits, lines: HashMap::new(), turns: VecDeque::new(), waiting: 0 }
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// The limits.
    pub fn limits(&self) -> QueueLimits {
        self.limits
    }

    /// Puts an item at the end of its actor's line.
    pub fn push(&mut self, actor: &ActorId, item: T) -> Result<(), Full> {
        if self.waiting >= self.limits.commands_max {
            return Err(Full::Queue);
        }
        match self.lines.get_mut(actor) {
            Some(line) if line.len() >= self.limits.commands_per_actor_max => {
                return Err(Full::Actor);
            }
            Some(line) => line.push_back(item),
            None => {
                self.lines.insert(actor.clone(), VecDeque::from([item]));
                self.turns.push_back(actor.clone());
            }
        }
        self.waiting += 1;
        Ok(())
    }

    /// Takes the item whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let actor = self.turns.pop_front()?;
        let line = self.lines.get_mut(&actor).expect("an actor with a turn has a line");
        let item = line.pop_front().expect("a line holds something");
        if line.is_empty() {
            self.lines.remove(&actor);
        } else {
            self.turns.push_back(actor);
        }
        self.waiting -= 1;
        assert_eq!(self.turns.len(), self.lines.len());
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(name: &str) -> ActorId {
        ActorId::new(name).expect("a valid name")
    }

    fn queue(commands_max: usize, commands_per_actor_max: usize) -> FairQueue<u32> {
        FairQueue::new(QueueLimits { commands_max, commands_per_actor_max })
    }

    #[test]
    fn actors_take_turns_and_each_line_keeps_its_order() {
        let mut queue = queue(10, 10);
        for item in [1, 2, 3] {
            queue.push(&actor("import"), item).expect("there is room");
        }
        queue.push(&actor("tablet"), 10).expect("there is room");
        let served: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(served, [1, 10, 2, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn one_actor_fills_its_line_and_not_the_queue() {
        let mut queue = queue(3, 2);
        queue.push(&actor("a"), 1).expect("there is room");
        queue.push(&actor("a"), 2).expect("there is room");
        assert_eq!(queue.push(&actor("a"), 3), Err(Full::Actor));
        queue.push(&actor("b"), 4).expect("there is room");
        assert_eq!(queue.push(&actor("b"), 5), Err(Full::Queue));
        assert_eq!((queue.len(), queue.is_empty()), (3, false));
    }
}
