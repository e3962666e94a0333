//! A list of things to do, shared and live: the whole app. `cargo run -- serve --dev` starts it.

use deeds::prelude::*;

/// Everything the app knows. Commands read it, and only events change it.
#[state]
struct Todo {
    tasks: Table<Task>,
}

app! {
    Todo as "todo" {
        commands: [AddTask, TickTask, DeleteTask],
        events: [TaskAdded, TaskTicked, TaskDeleted],
        queries: [Tasks],
    }
}

/// Something to do. Everyone sees all of it, and no two have the same title.
#[row(key = id, unique(title), index(added_at), audience = everyone)]
struct Task {
    id: TaskId,
    title: String,
    added_at: Timestamp,
    done_by: Option<ActorId>,
}

#[id]
struct TaskId;

/// Why not. These words are shown to whoever wanted it.
#[refusal]
enum Refusal {
    /// Say what there is to do.
    Untitled,
    /// “{title}” is on the list already.
    AlreadyThere { title: String },
    /// Somebody has deleted it.
    Gone,
}

/// Put something on the list.
#[command(by = anyone)]
fn add_task(app: &mut Deciding<'_, Todo>, title: String) -> Result<TaskId, Refusal> {
    let title = title.trim().to_owned();
    ensure!(!title.is_empty(), Refusal::Untitled);
    ensure!(app.tasks.by_title(&title).is_none(), Refusal::AlreadyThere { title });
    let id = app.new_id();
    app.emit(TaskAdded { id, title });
    Ok(id)
}

#[event]
fn task_added(app: &mut Todo, meta: &Meta<'_>, id: TaskId, title: String) {
    app.tasks.insert(Task { id, title, added_at: meta.time, done_by: None });
}

/// Say that something is done; or that it is not, after all.
#[command(by = anyone)]
fn tick_task(app: &mut Deciding<'_, Todo>, id: TaskId, done: bool) -> Result<(), Refusal> {
    ensure!(app.tasks.contains(id), Refusal::Gone);
    app.emit(TaskTicked { id, done });
    Ok(())
}

#[event]
fn task_ticked(app: &mut Todo, meta: &Meta<'_>, id: TaskId, done: bool) {
    app.tasks.update(&id, |task| task.done_by = done.then(|| meta.actor.clone()));
}

/// Take something off the list.
#[command(by = anyone)]
fn delete_task(app: &mut Deciding<'_, Todo>, id: TaskId) -> Result<(), Refusal> {
    ensure!(app.tasks.contains(id), Refusal::Gone);
    app.emit(TaskDeleted { id });
    Ok(())
}

#[event]
fn task_deleted(app: &mut Todo, id: TaskId) {
    app.tasks.remove(&id);
}

/// The list, the oldest first.
#[query(by = anyone)]
fn tasks(app: &Visible<'_, Todo>) -> Rows<'_, Task> {
    app.tasks.by_added_at_in(..)
}

impl Members for Todo {}
impl deeds::Seed for Todo {
    fn pages() -> &'static [deeds::Page] {
        deeds::pages!()
    }
}

fn main() -> std::process::ExitCode {
    deeds::main::<Todo>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_on_the_list_twice() {
        let mut app = deeds::testing::Scenario::<Todo>::new();
        app.when(AddTask { title: "Milk".to_owned() }).then_accepted();
        let refusal = Refusal::AlreadyThere { title: "Milk".to_owned() };
        app.when(AddTask { title: " Milk ".to_owned() }).then_refused(refusal);
    }

    #[test]
    fn what_somebody_has_deleted_cannot_be_ticked() {
        let mut app = deeds::testing::Scenario::<Todo>::new();
        let id = app.when(AddTask { title: "Milk".to_owned() }).then_answers();
        app.given(TaskDeleted { id }).when(TickTask { id, done: true }).then_refused(Refusal::Gone);
    }
}
