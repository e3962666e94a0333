//! Opening a chronicle with code that is not what wrote it.

use std::sync::Arc;

use deeds_chronicle::{Disk, Reader, RecordKind};
use deeds_engine::app::App;
use deeds_pipeline::opening::{self, OpenError, OpenOptions, Opened};
use deeds_pipeline::reply::Reply;
use deeds_sim::ModelDisk;
use deeds_values::Position;

use crate::client::{Bank, Step, open_options, unique, writer_options};

/// A later version of the app: one module a story.
macro_rules! version {
    ($module:ident as $app:literal, { $($items:item)* }, [$($event:ident),*]) => {
        #[allow(dead_code, unreachable_pub, reason = "versions that must not open are never read")]
        mod $module {
            use deeds::prelude::*;

            /// Rows of tins.
            #[state]
            pub struct Shelf {
                pub tins: Table<Tin>,
            }

            /// A tin.
            #[row(key = name)]
            pub struct Tin {
                pub name: String,
            }

            impl Audience for Tin {
                fn audience(&self) -> Keys {
                    Keys::everyone()
                }
            }

            impl Members for Shelf {
                fn roles(&self, _: &ActorId) -> Roles {
                    Roles::none()
                }

                fn keys(&self, _: &Actor) -> Keys {
                    Keys::none()
                }
            }

            $($items)*

            app! {
                Shelf as $app {
                    commands: [],
                    events: [$($event),*],
                    queries: [],
                    invariants: [],
                }
            }
        }
    };
}

version!(elsewhere as "elsewhere", {}, []);

version!(retyped as "shelf", {
    /// The count became text.
    #[event]
    pub struct Stocked {
        pub name: String,
        pub count: String,
    }

    impl Evolve<Shelf> for Stocked {
        fn evolve(self, _: &mut Shelf, _: &Meta<'_>) {}
    }
}, [Stocked]);

/// A version that cannot read what [`Stocked`](crate::shelf::Stocked) was.
pub(crate) use retyped::Shelf as Retyped;

version!(without as "shelf", {}, []);

version!(renamed as "shelf", {
    /// Tins arrived.
    #[event(alias = "Stocked")]
    pub struct Arrived {
        pub name: String,
        pub count: u32,
    }

    impl Evolve<Shelf> for Arrived {
        fn evolve(self, shelf: &mut Shelf, _: &Meta<'_>) {
            let _ = self.count;
            shelf.tins.put(Tin { name: self.name });
        }
    }
}, [Arrived]);

version!(stricter as "shelf", {
    /// Evolve has become stricter than history.
    #[event]
    pub struct Stocked {
        pub name: String,
        pub count: u32,
    }

    impl Evolve<Shelf> for Stocked {
        fn evolve(self, _: &mut Shelf, _: &Meta<'_>) {
            assert!(self.count > 10, "tins come in tens");
        }
    }
}, [Stocked]);

/// A chronicle with one `Stocked`, at the returned position.
fn stocked() -> (Arc<dyn Disk>, Position) {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let mut bank = Bank::open(Arc::clone(&disk)).expect("an empty disk");
    bank.send(unique(1), &Step::Stock);
    let position = bank.atom().position;
    bank.reopen();
    (disk, position)
}

fn open_as<A: App>(disk: &Arc<dyn Disk>, code: &str) -> Result<Opened<A>, OpenError> {
    let mut options = open_options();
    code.clone_into(&mut options.code);
    opening::open(Arc::clone(disk), || writer_options(64 << 20), &options, &mut |_, _| {})
}

fn refusal<A: App>() -> String {
    let (disk, position) = stocked();
    let error = open_as::<A>(&disk, "later").err().expect("it must not open").to_string();
    error.replace(&position.to_string(), "N")
}

#[test]
fn another_apps_chronicle_is_refused_by_name() {
    assert_eq!(
        refusal::<elsewhere::Shelf>(),
        "this chronicle belongs to the app `shelf`, not to `elsewhere`"
    );
}

#[test]
fn a_field_of_another_type_is_named_with_position_and_event() {
    let text = refusal::<retyped::Shelf>();
    assert!(text.starts_with("position N: event shelf/Stocked: invalid type: integer"), "{text}");
    assert!(text.ends_with("(at field `count`)"), "{text}");
}

#[test]
fn an_event_that_the_code_lost_is_named() {
    let text = refusal::<without::Shelf>();
    assert!(
        text.starts_with("position N: event shelf/Stocked: this code has no such event"),
        "{text}"
    );
}

#[test]
fn an_evolve_that_panics_on_history_is_an_error_that_names_the_record() {
    let text = refusal::<stricter::Shelf>();
    assert_eq!(text, "position N: event shelf/Stocked: evolve panics: tins come in tens");
}

#[test]
fn a_renamed_event_with_an_alias_reads_old_records() {
    use deeds_engine::rows::Reads;
    let (disk, _) = stocked();
    let opened = open_as::<renamed::Shelf>(&disk, "later").expect("the alias is enough");
    assert!(opened.publisher.published().state().tins.contains("beans".to_owned()));
}

#[test]
fn new_code_is_recorded_once() {
    let (disk, _) = stocked();
    let codes = |disk: &Arc<dyn Disk>| {
        let reader = Reader::open(Arc::clone(disk)).expect("a chronicle is there");
        let records = reader.stream(Position(0)).map(|record| record.expect("it is whole"));
        records.filter(|record| record.header.kind == RecordKind::Code).count()
    };
    // The numbers of code and schema in the header of what is recorded now.
    let numbers = |disk: &Arc<dyn Disk>, code: &str, id: u8| {
        let options = OpenOptions { code: code.to_owned(), ..open_options() };
        let mut bank = Bank::open_with(Arc::clone(disk), &options).expect("same types");
        let Reply::Accepted { position, .. } = bank.send(unique(id), &Step::Stock) else {
            panic!("refused")
        };
        let reader = Reader::open(Arc::clone(disk)).expect("a chronicle is there");
        let header = reader.record(position).expect("it is whole").expect("it is there").header;
        (header.code, header.schema)
    };
    assert_eq!(codes(&disk), 1);
    drop(open_as::<crate::shelf::Shelf>(&disk, "later").expect("same types"));
    assert_eq!(codes(&disk), 2);
    drop(open_as::<crate::shelf::Shelf>(&disk, "later").expect("same types"));
    assert_eq!(codes(&disk), 2);
    assert_eq!(numbers(&disk, "later", 201), (2, 1));
    assert_eq!(numbers(&disk, "latest", 202), (3, 1), "what decided it, and by which types");
    let schemas = Reader::open(disk).expect("a chronicle is there").stream(Position(0));
    let schemas = schemas.map(|record| record.expect("it is whole").header.kind);
    assert_eq!(schemas.filter(|kind| *kind == RecordKind::Schema).count(), 1, "types as before");
}
