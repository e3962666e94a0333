// Made by `todo codegen typescript`; do not edit.

import { command, rowQuery } from "deeds";

export const app = { name: "todo", schema: "27c29563" } as const;

/** An actor's name. */
export type ActorId = string;

/** Put something on the list. */
export interface AddTask {
  title: string;
}

/** Take something off the list. */
export interface DeleteTask {
  id: TaskId;
}

/** Something to do. Everyone sees all of it, and no two have the same title. */
export interface Task {
  added_at: Timestamp;
  done_by: ActorId | null;
  id: TaskId;
  title: string;
}

/** An id: a UUID as text. */
export type TaskId = string;

/** The list, the oldest first. */
export type Tasks = Record<string, never>;

/** Say that something is done; or that it is not, after all. */
export interface TickTask {
  done: boolean;
  id: TaskId;
}

/** A moment in UTC with microseconds, like 2026-11-20T08:15:00.000000Z. */
export type Timestamp = string;

/** Why AddTask may be refused. */
export type AddTaskRefusal =
  | { code: "already_there"; message: string; data: { title: string } }
  | { code: "gone"; message: string; data: null }
  | { code: "untitled"; message: string; data: null };

/** Why DeleteTask may be refused. */
export type DeleteTaskRefusal =
  | { code: "already_there"; message: string; data: { title: string } }
  | { code: "gone"; message: string; data: null }
  | { code: "untitled"; message: string; data: null };

/** Why TickTask may be refused. */
export type TickTaskRefusal =
  | { code: "already_there"; message: string; data: { title: string } }
  | { code: "gone"; message: string; data: null }
  | { code: "untitled"; message: string; data: null };

export const queries = {
  /** The list, the oldest first. */
  Tasks: rowQuery<Tasks, Task>("Tasks"),
} as const;

export const commands = {
  /** Put something on the list. */
  AddTask: command<AddTask, TaskId, AddTaskRefusal>("AddTask"),
  /** Take something off the list. */
  DeleteTask: command<DeleteTask, null, DeleteTaskRefusal>("DeleteTask"),
  /** Say that something is done; or that it is not, after all. */
  TickTask: command<TickTask, null, TickTaskRefusal>("TickTask"),
} as const;
