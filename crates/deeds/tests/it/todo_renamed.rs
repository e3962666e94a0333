//! What the tutorial adds to `examples/todo`: renaming a task. The code of `docs/tutorial.md`.

use deeds::prelude::*;
use deeds::testing::Scenario;

#[state]
struct Todo {
    tasks: Table<Task>,
}

app! {
    Todo as "todo" {
        commands: [AddTask, RenameTask],
        events: [TaskAdded, TaskRenamed],
        queries: [],
    }
}

#[row(key = id, unique(title), audience = everyone)]
struct Task {
    id: TaskId,
    title: String,
}

#[id]
struct TaskId;

#[refusal]
enum Refusal {
    /// Say what there is to do.
    Untitled,
    /// “{title}” is on the list already.
    AlreadyThere { title: String },
    /// Somebody has deleted it.
    Gone,
}

#[command(by = anyone)]
fn add_task(app: &mut Deciding<'_, Todo>, title: String) -> Result<TaskId, Refusal> {
    let id = app.new_id();
    app.emit(TaskAdded { id, title });
    Ok(id)
}

#[event]
fn task_added(app: &mut Todo, id: TaskId, title: String) {
    app.tasks.insert(Task { id, title });
}

/// Call it something else.
#[command(by = anyone)]
fn rename_task(app: &mut Deciding<'_, Todo>, id: TaskId, title: String) -> Result<(), Refusal> {
    let title = title.trim().to_owned();
    ensure!(app.tasks.contains(id), Refusal::Gone);
    ensure!(!title.is_empty(), Refusal::Untitled);
    let other = app.tasks.by_title(&title).is_some_and(|task| task.id != id);
    ensure!(!other, Refusal::AlreadyThere { title });
    app.emit(TaskRenamed { id, title });
    Ok(())
}

#[event]
fn task_renamed(app: &mut Todo, id: TaskId, title: String) {
    app.tasks.update(&id, |task| task.title = title);
}

impl Members for Todo {}

/// A list with two tasks on it, and their ids.
fn two_tasks() -> (Scenario<Todo>, TaskId, TaskId) {
    let mut app = Scenario::new();
    let milk = app.when(AddTask { title: "Milk".to_owned() }).then_answers();
    let bread = app.when(AddTask { title: "Bread".to_owned() }).then_answers();
    (app, milk, bread)
}

#[test]
fn a_task_is_called_something_else_from_then_on() {
    let (mut app, id, _) = two_tasks();
    let title = "Oat milk".to_owned();
    app.when(RenameTask { id, title: " Oat milk ".to_owned() })
        .then_emits(TaskRenamed { id, title: title.clone() });
    assert_eq!(app.state().tasks.get(id).unwrap().title, title);
}

#[test]
fn two_tasks_never_have_one_title() {
    let (mut app, id, _) = two_tasks();
    let title = "Bread".to_owned();
    app.when(RenameTask { id, title: title.clone() }).then_refused(Refusal::AlreadyThere { title });
    app.when(RenameTask { id, title: "Milk".to_owned() }).then_accepted();
    app.when(RenameTask { id, title: " ".to_owned() }).then_refused(Refusal::Untitled);
}

#[test]
fn what_is_not_there_is_not_renamed() {
    let (mut app, _, _) = two_tasks();
    let id = "00000000-0000-8000-8000-000000000009".parse().unwrap();
    app.when(RenameTask { id, title: "Tea".to_owned() }).then_refused(Refusal::Gone);
}
