// The warehouse, on a volunteer's tablet: what waits, what is in my hands, what stands at the counter.

import { useQuery } from "deeds/react";

import { queries, type ToDo } from "../deeds-api";
import { Ghosts, Live } from "../told";
import { AtTheDoor, ShiftLine } from "./door";
import { PickOrder } from "./picking";
import { Print } from "./print";
import { Counter, InOtherHands, Waiting } from "./queue";
import "./warehouse.css";

interface Props {
  me: string;
  roles: string[];
  route: string[];
}

export default function Warehouse({ me, roles, route: [page, which] }: Props) {
  const isStaff = roles.includes("volunteer") || roles.includes("admin");
  // Somebody who is none of the staff cannot be told of the rest: it is not even asked for.
  if (!isStaff) return <AtTheDoor />;
  return page === "print" ? (
    <Print order={which === undefined ? undefined : Number(which)} />
  ) : (
    <Tablet me={me} mayPick={roles.includes("volunteer")} />
  );
}

function Tablet({ me, mayPick }: { me: string; mayPick: boolean }) {
  const todo = useQuery(queries.PickList);
  return (
    <main id="main" className="warehouse">
      <ShiftLine me={me} />
      <Live of={todo} ghost={<Ghosts count={4} className="card" />}>
        {(todo) => <Board me={me} mayPick={mayPick} todo={todo} />}
      </Live>
    </main>
  );
}

function Board({ me, mayPick, todo }: { me: string; mayPick: boolean; todo: ToDo }) {
  const mine = todo.picking.filter((order) => order.picker === me);
  const others = todo.picking.filter((order) => order.picker !== me);
  return (
    <div className={mine.length > 0 ? "board busy" : "board"}>
      {mine.length > 0 && (
        <div className="mine">
          {mine.map((order) => (
            <PickOrder key={order.number} order={order} me={me} />
          ))}
        </div>
      )}
      <Waiting orders={todo.open} me={me} mayPick={mayPick} isBusy={mine.length > 0} />
      <div className="aside">
        <Counter orders={todo.at_the_counter} mayPick={mayPick} />
        <InOtherHands orders={others} />
      </div>
    </div>
  );
}
