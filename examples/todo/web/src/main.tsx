// The page: one list, live for everybody who has it open.

import type { Sent } from "deeds";
import { DeedsProvider, useConnection, useQuery } from "deeds/react";
import { useState } from "react";
import { createRoot } from "react-dom/client";

import { client } from "./client";
import { commands, queries, type TaskId } from "./deeds-api";
import "./page.css";

function List() {
  const tasks = useQuery(queries.Tasks);
  const { status } = useConnection();
  const [why, setWhy] = useState("");
  const tell = (sent: Sent<unknown, { message: string }>) =>
    sent.durable.then(
      (outcome) => setWhy(outcome.ok ? "" : outcome.refusal.message),
      (error: Error) => setWhy(error.message),
    );
  const add = (form: FormData) =>
    tell(client.send(commands.AddTask, { title: String(form.get("title")) }));
  const tick = (id: TaskId, done: boolean) => tell(client.send(commands.TickTask, { id, done }));
  const remove = (id: TaskId) => tell(client.send(commands.DeleteTask, { id }));
  return (
    <main data-connection={status}>
      <h1>To do</h1>
      <form action={add}>
        <input name="title" aria-label="What is to be done" placeholder="What is to be done?" />
        <button>Add</button>
      </form>
      <p role="alert">{why || tasks.error?.message}</p>
      <ul aria-busy={tasks.status === "loading"}>
        {tasks.data?.map(({ id, title, done_by }) => (
          <li key={id}>
            <label>
              <input type="checkbox" checked={!!done_by} onChange={() => tick(id, !done_by)} />
              <span>{title}</span> {done_by && <small>done by {done_by}</small>}
            </label>
            <button aria-label={`Delete ${title}`} onClick={() => remove(id)}>
              ×
            </button>
          </li>
        ))}
      </ul>
      {tasks.data?.length === 0 && <p>Nothing to do. Enjoy the day!</p>}
    </main>
  );
}

createRoot(document.getElementById("page")!).render(
  <DeedsProvider client={client}>
    <List />
  </DeedsProvider>,
);
