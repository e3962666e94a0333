// A new product: taken into the range, with none of it until some is brought.

import { useCommand } from "deeds/react";
import { useState } from "react";

import { commands, type Details } from "../deeds-api";
import { to } from "../route";
import { Refused } from "../told";
import { DetailsFields } from "./details";

const NOTHING_SAID: Details = { name: "", category: "canned", size: "", labels: [], limit: null };

export function NewProduct() {
  const [add, adding] = useCommand(commands.AddProduct);
  const [details, setDetails] = useState(NOTHING_SAID);
  return (
    <aside className="panel card" aria-labelledby="new-title">
      <header className="head">
        <h2 id="new-title">New product</h2>
        <a className="button" href={to("admin", "stock")}>
          Close
        </a>
      </header>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          const sku = String(fields.get("sku"));
          add({ sku, barcode: String(fields.get("barcode")), ...details }).visible.then(
            ({ ok }) => ok && (location.hash = to("admin", "stock", sku)),
            () => {},
          );
        }}
      >
        <div className="fields">
          <label className="field">
            <span>SKU</span>
            <input
              name="sku"
              required
              autoFocus
              pattern="[A-Z0-9\-]{1,24}"
              title="Capital letters, digits and dashes, like RICE-1KG"
              placeholder="RICE-1KG"
            />
          </label>
          <label className="field">
            <span>Barcode</span>
            <input
              name="barcode"
              required
              inputMode="numeric"
              pattern="[0-9]{13}"
              title="13 digits"
            />
          </label>
        </div>
        <DetailsFields details={details} onChange={setDetails} />
        <Refused of={adding} />
        <div className="actions">
          <button className="primary" disabled={adding.isPending}>
            Take it into the range
          </button>
        </div>
      </form>
    </aside>
  );
}
