// Registering: who is known here may order.

import { useCommand } from "deeds/react";

import { commands } from "../deeds-api";
import { Refused } from "../told";

export function Register() {
  const [register, registering] = useCommand(commands.Register);
  return (
    <section className="card register" aria-labelledby="register-title">
      <h2 id="register-title">Register your household</h2>
      <p className="quiet">You can look at everything. To order, tell us who gets it.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          const text = (name: string) => String(fields.get(name)).trim();
          register({ name: text("name"), phone: text("phone"), address: text("address") });
        }}
      >
        <label className="field">
          <span>Name</span>
          <input name="name" required autoComplete="name" />
        </label>
        <label className="field">
          <span>Phone</span>
          <input name="phone" type="tel" required autoComplete="tel" />
        </label>
        <label className="field">
          <span>Address</span>
          <input name="address" required autoComplete="street-address" />
        </label>
        <button className="primary" disabled={registering.isPending}>
          {registering.isPending ? "Registering …" : "Register"}
        </button>
        <Refused of={registering} />
      </form>
    </section>
  );
}
