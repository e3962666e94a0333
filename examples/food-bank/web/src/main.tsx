// The food bank's pages. Start here: who is there (person.ts), where they are (route.ts), and then the
// shop, the warehouse or the office for them, all on one live connection.

import { DeedsProvider, useQuery } from "deeds/react";
import { lazy, StrictMode, Suspense, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

import { queries } from "./deeds-api";
import { type Area, Frame, type Undone } from "./frame";
import { clientFor, type Person, rememberedPerson } from "./person";
import { useRoute } from "./route";
import { Shop } from "./shop/shop";
import { SignIn } from "./sign_in";
import { Ghosts } from "./told";
import "./design.css";

// Each area is fetched when somebody goes there: a phone in the shop need not load the office.
const Warehouse = lazy(() => import("./warehouse/warehouse"));
const Admin = lazy(() => import("./admin/admin"));

function Page() {
  const [person, setPerson] = useState<Person | undefined>(rememberedPerson);
  return person ? <Signed key={person.actor} person={person} /> : <SignIn onPerson={setPerson} />;
}

function Signed({ person }: { person: Person }) {
  const [client, setClient] = useState<ReturnType<typeof clientFor>>();
  const [undone, setUndone] = useState<Undone[]>([]);
  useEffect(() => {
    const made = clientFor(person, (restored) => {
      const tell = (why: string) => setUndone((told) => [...told, { ...restored, why }]);
      restored.durable.then(
        (outcome) => !outcome.ok && tell(outcome.refusal.message),
        (error: Error) => tell(error.message),
      );
    });
    setClient(made);
    return () => made.close();
  }, [person]);
  if (!client) return null;
  return (
    <DeedsProvider client={client}>
      <Areas person={person} undone={undone} />
    </DeedsProvider>
  );
}

/** Where the person wants to be, and without a wish where their work is. */
function Areas({ person, undone }: { person: Person; undone: Undone[] }) {
  const me = useQuery(queries.Me);
  const [wanted, ...route] = useRoute();
  const roles = me.data?.roles ?? [];
  const areas: Area[] = ["shop", "warehouse"];
  // Until it is known who this is, the page stands where it was wanted.
  const isAsking = me.status === "loading";
  if (roles.includes("admin") || (isAsking && wanted === "admin")) areas.push("admin");
  const home = roles.includes("admin")
    ? "admin"
    : roles.includes("volunteer") && !roles.includes("neighbor")
      ? "warehouse"
      : "shop";
  const area = areas.find((area) => area === wanted) ?? home;
  return (
    <Frame person={person} area={area} areas={areas} undone={undone}>
      {isAsking ? (
        <main id="main" className="not-yet" aria-busy="true">
          <Ghosts count={4} />
        </main>
      ) : (
        <Suspense fallback={<main id="main" aria-busy="true" />}>
          {area === "shop" && <Shop roles={roles} />}
          {area === "warehouse" && <Warehouse me={person.actor} roles={roles} route={route} />}
          {area === "admin" && <Admin person={person} route={route} />}
        </Suspense>
      )}
    </Frame>
  );
}

createRoot(document.getElementById("page")!).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
