//! A second app to measure: accounts with money that is passed on, and notes that change nothing. Its
//! rows are small and their keys are numbers, as in the benchmarks that other databases publish.

#![allow(missing_docs, reason = "as in an app: a name that says it needs none")]

use deeds::prelude::*;

/// Accounts that money is passed between.
pub(crate) const ACCOUNTS: u32 = 100_000;

/// What each begins with: with up to [`AMOUNT_MAX`] at a time some run short, and are refused.
pub(crate) const BALANCE: u32 = 100;

/// The most that is passed on at once.
pub(crate) const AMOUNT_MAX: u32 = 10;

/// The accounts.
#[state]
pub(crate) struct Ledger {
    pub accounts: Table<Account>,
}

/// Somebody's money.
#[row(key = number)]
pub(crate) struct Account {
    pub number: u32,
    pub balance: u32,
}

impl Audience for Account {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

impl Members for Ledger {
    fn roles(&self, _: &ActorId) -> Roles {
        Roles::none()
    }

    fn keys(&self, _: &Actor) -> Keys {
        Keys::everyone()
    }
}

/// Open many accounts, numbered on from the last.
#[command]
pub(crate) struct OpenAccounts {
    pub count: u32,
    pub balance: u32,
}

impl Decide<Ledger> for OpenAccounts {
    type Answer = ();
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Ledger) -> Access {
        Access::Allowed
    }

    fn decide(self, ledger: &mut Deciding<'_, Ledger>) -> Result<(), Never> {
        let first = u32::try_from(ledger.accounts.len()).expect("far fewer") + 1;
        ledger.emit(AccountsOpened { first, count: self.count, balance: self.balance });
        Ok(())
    }
}

/// Accounts were opened.
#[event]
pub(crate) struct AccountsOpened {
    pub first: u32,
    pub count: u32,
    pub balance: u32,
}

impl Evolve<Ledger> for AccountsOpened {
    fn evolve(self, ledger: &mut Ledger, _: &Meta<'_>) {
        for number in self.first..self.first + self.count {
            ledger.accounts.insert(Account { number, balance: self.balance });
        }
    }
}

/// Pass money on.
#[command]
pub(crate) struct Transfer {
    pub from: u32,
    pub to: u32,
    pub amount: u32,
}

/// Why no money is passed on.
#[refusal]
pub(crate) enum TransferRefusal {
    /// There is no account {number}.
    UnknownAccount { number: u32 },
    /// There are only {balance}.
    Short { balance: u32 },
}

impl Decide<Ledger> for Transfer {
    type Answer = ();
    type Refusal = TransferRefusal;

    fn authorize(&self, _: &Actor, _: &Ledger) -> Access {
        Access::Allowed
    }

    fn decide(self, ledger: &mut Deciding<'_, Ledger>) -> Result<(), TransferRefusal> {
        let Self { from, to, amount } = self;
        let unknown = |number| TransferRefusal::UnknownAccount { number };
        let balance = ledger.accounts.get(from).ok_or(unknown(from))?.balance;
        ensure!(ledger.accounts.contains(to), unknown(to));
        ensure!(balance >= amount, TransferRefusal::Short { balance });
        ledger.emit(Transferred { from, to, amount });
        Ok(())
    }
}

/// Money was passed on.
#[event]
pub(crate) struct Transferred {
    pub from: u32,
    pub to: u32,
    pub amount: u32,
}

impl Evolve<Ledger> for Transferred {
    fn evolve(self, ledger: &mut Ledger, _: &Meta<'_>) {
        let Self { from, to, amount } = self;
        ledger.accounts.update(&from, |account| account.balance -= amount);
        ledger.accounts.update(&to, |account| account.balance += amount);
    }
}

/// Write something down.
#[command]
pub(crate) struct Note {
    pub text: String,
}

impl Decide<Ledger> for Note {
    type Answer = ();
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Ledger) -> Access {
        Access::Allowed
    }

    fn decide(self, ledger: &mut Deciding<'_, Ledger>) -> Result<(), Never> {
        ledger.emit(Noted { text: self.text });
        Ok(())
    }
}

/// Something was written down.
#[event]
pub(crate) struct Noted {
    pub text: String,
}

impl Evolve<Ledger> for Noted {
    /// It is in the chronicle; no row knows of it.
    fn evolve(self, _: &mut Ledger, _: &Meta<'_>) {}
}

app! {
    Ledger as "ledger" {
        commands: [OpenAccounts, Transfer, Note],
        events: [AccountsOpened, Transferred, Noted],
        queries: [],
        invariants: [],
    }
}
