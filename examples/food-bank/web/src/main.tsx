// The food bank's shop. Start here: who is there (person.ts), then the shop for that person.

import { DeedsProvider } from "deeds/react";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

import { clientFor, type Person, rememberedPerson } from "./person";
import { Shop } from "./shop";
import { SignIn } from "./sign_in";
import "./shop.css";

function Page() {
  const [person, setPerson] = useState<Person | undefined>(rememberedPerson);
  return person ? <Signed key={person.actor} person={person} /> : <SignIn onPerson={setPerson} />;
}

function Signed({ person }: { person: Person }) {
  const [client, setClient] = useState<ReturnType<typeof clientFor>>();
  useEffect(() => {
    const made = clientFor(person);
    setClient(made);
    return () => made.close();
  }, [person]);
  if (!client) return null;
  return (
    <DeedsProvider client={client}>
      <Shop person={person} />
    </DeedsProvider>
  );
}

createRoot(document.getElementById("page")!).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
