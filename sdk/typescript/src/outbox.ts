// The outbox: commands on their way are kept here until they have an outcome, so that a page that is
// loaded again sends them again. Their ids make that safe: each runs once, however often it is sent,
// also by two tabs of one person that share an outbox.

/** A command as it is kept. */
export interface Kept {
  readonly id: string;
  readonly name: string;
  readonly args: unknown;
  /** When it was first sent, in milliseconds since 1970. */
  readonly at: number;
}

/** Where commands on their way are kept. One for each person: nobody sends what another wanted. */
export interface Outbox {
  /** What was on its way when the page went, in the order in which it was sent. */
  load(): Promise<Kept[]>;
  keep(command: Kept): void;
  forget(id: string): void;
}

const STORE = "commands";

/** An outbox in the browser's own database. What cannot be kept there is sent all the same. */
export function indexedDbOutbox(name: string): Outbox {
  const opened = new Promise<IDBDatabase>((resolve, reject) => {
    const opening = indexedDB.open(`deeds outbox ${name}`, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "id" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error as DOMException);
  });
  // Storage may be full or forbidden: then commands do not survive a reload, and nothing else is lost.
  opened.catch(() => {});
  const change = (make: (store: IDBObjectStore) => void) =>
    void opened
      .then((db) => make(db.transaction(STORE, "readwrite").objectStore(STORE)))
      .catch(() => {});
  return {
    async load() {
      const db = await opened;
      // Ids begin with the time they were minted, so their order is that of the commands.
      const reading = db.transaction(STORE).objectStore(STORE).getAll();
      return new Promise((resolve, reject) => {
        reading.onsuccess = () => resolve(reading.result as Kept[]);
        reading.onerror = () => reject(reading.error as DOMException);
      });
    },
    keep: (command) => change((store) => store.put(command)),
    forget: (id) => change((store) => store.delete(id)),
  };
}
