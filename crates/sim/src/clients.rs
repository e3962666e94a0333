//! What clients do: they send, send again, err, and call their commands by clocks that lie.

use std::sync::{Arc, PoisonError};

use deeds_engine::actor::Roles;
use deeds_engine::command::Parsed;
use deeds_engine::duplicates::WINDOW_US;
use deeds_pipeline::reply::{Caller, Submission};
use deeds_values::CommandId;

use crate::larder::{Larder, PutBack, Role, Stock, Stumble, Take};
use crate::life::{Life, START};
use crate::model::UNKNOWN;
use crate::oracle::{Broken, Content, actor, milliseconds};
use crate::plan::{NAMES, Stamp, Wish};
use crate::tallies::Group;

impl Life<'_> {
    /// Looks whether ids may have become too old by now.
    pub(crate) fn age(&mut self) {
        let unique =
            self.sent.iter().flatten().filter(|(id, _)| matches!(id, CommandId::Unique(_)));
        let overflows = unique.count() > self.plan.setting.window_commands;
        let day_passed = self.now.wall.0 - START.0 > WINDOW_US;
        self.oracle.may_forget |= overflows || day_passed;
    }

    pub(crate) fn stamp(&mut self, client: usize, stamp: Stamp) -> CommandId {
        let wall_ms = milliseconds(self.now.wall);
        let ms = match stamp {
            Stamp::Now => wall_ms,
            Stamp::Ahead { ms } => {
                self.oracle.clock_was_set = true;
                wall_ms + ms
            }
            Stamp::Behind { ms } => wall_ms - ms,
            Stamp::Numbered { skip } => {
                let number = self.numbers.entry(client).or_default();
                *number += 1 + skip;
                return CommandId::Numbered { source: "import".to_owned(), number: *number };
            }
        };
        self.ids += 1;
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
        (bytes[6], bytes[8]) = (0x70, 0x80);
        bytes[9] = client as u8;
        bytes[10..].copy_from_slice(&self.ids.to_be_bytes()[2..]);
        CommandId::unique(bytes).expect("version and variant are set")
    }

    pub(crate) fn send(&mut self, client: usize, id: CommandId, wish: &Wish) -> Result<(), Broken> {
        self.sent[client].push((id.clone(), wish.clone()));
        self.age();
        self.tallies.count(Group::Reply, "(commands sent)");
        self.submit(client, id, wish)
    }

    pub(crate) fn send_again(
        &mut self,
        client: usize,
        back: usize,
        changed: Option<&Wish>,
    ) -> Result<(), Broken> {
        let sent = &self.sent[client];
        let Some(place) = sent.len().checked_sub(back + 1) else { return Ok(()) };
        let (id, wish) = sent[place].clone();
        self.submit(client, id, changed.unwrap_or(&wish))
    }

    pub(crate) fn submit(
        &mut self,
        client: usize,
        id: CommandId,
        wish: &Wish,
    ) -> Result<(), Broken> {
        let command = parsed(wish, client);
        let (arguments, personal) = (command.arguments.clone(), command.personal.clone());
        let content = Content { wish: wish.clone(), arguments, personal };
        let at_us = self.now.monotonic_us;
        let sending = self.oracle.send(client, id.clone(), content, at_us);
        // The first client may not take anything.
        let roles = if client == 0 { Roles::none() } else { Roles::none().and(&Role::Taker) };
        let caller = Caller { actor: actor(client), roles, credential: "simulated".to_owned() };
        let replies = Arc::clone(&self.replies);
        let reply = Box::new(move |reply| {
            let mut replies = replies.lock().unwrap_or_else(PoisonError::into_inner);
            replies.push((sending, reply));
        });
        let name = caller.actor.clone();
        let submission = Submission { caller, id, command, reply };
        if self.queue.push(&name, submission).is_err() {
            self.tallies.count(Group::Reply, "busy");
            self.oracle.busy(sending);
        }
        Ok(())
    }
}

fn parsed(wish: &Wish, client: usize) -> Parsed<Larder> {
    let by = actor(client).as_str().to_owned();
    match wish {
        Wish::Stock { name, count } => {
            Parsed::new(0, Stock { name: NAMES[*name].to_owned(), count: *count })
        }
        Wish::Take { name, count } => {
            Parsed::new(1, Take { name: NAMES[*name].to_owned(), count: *count, by })
        }
        Wish::TakeUnknown => Parsed::new(1, Take { name: UNKNOWN.to_owned(), count: 1, by }),
        Wish::PutBack { number } => Parsed::new(2, PutBack { number: *number }),
        Wish::Stumble => Parsed::new(3, Stumble {}),
    }
}
