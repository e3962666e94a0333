// What is said of a product, as fields of a form, and the differences between two versions of it.

import type { Category, Details, Label } from "../deeds-api";
import { aisle, label } from "../words";

const CATEGORIES: Category[] = [
  "produce",
  "bakery",
  "dairy",
  "meat",
  "frozen",
  "grains",
  "canned",
  "baking",
  "breakfast",
  "snacks",
  "drinks",
  "baby",
  "household",
  "hygiene",
];

const LABELS: Label[] = [
  "vegetarian",
  "vegan",
  "gluten_free",
  "lactose_free",
  "halal",
  "kosher",
  "no_added_sugar",
  "low_salt",
];

interface Props {
  details: Details;
  onChange: (details: Details) => void;
}

export function DetailsFields({ details, onChange }: Props) {
  const { name, category, size, labels, limit } = details;
  const change = (part: Partial<Details>) => onChange({ ...details, ...part });
  return (
    <div className="fields">
      <label className="field whole">
        <span>Name</span>
        <input required value={name} onChange={(event) => change({ name: event.target.value })} />
      </label>
      <label className="field">
        <span>Aisle</span>
        <select
          value={category}
          onChange={(event) => change({ category: event.target.value as Category })}
        >
          {CATEGORIES.map((one) => (
            <option key={one} value={one}>
              {aisle(one)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>Size</span>
        <input
          required
          value={size}
          placeholder="1 kg"
          onChange={(event) => change({ size: event.target.value })}
        />
      </label>
      <label className="field">
        <span>Household limit a week</span>
        <input
          type="number"
          min={0}
          value={limit ?? ""}
          placeholder="no limit"
          onChange={(event) =>
            change({ limit: event.target.value === "" ? null : Number(event.target.value) })
          }
        />
      </label>
      <fieldset className="whole">
        <legend>Fit for</legend>
        <div className="checks">
          {LABELS.map((one) => (
            <label key={one} className="check">
              <input
                type="checkbox"
                checked={labels.includes(one)}
                onChange={(event) =>
                  change({
                    labels: LABELS.filter((other) =>
                      other === one ? event.target.checked : labels.includes(other),
                    ),
                  })
                }
              />
              {label(one)}
            </label>
          ))}
        </div>
      </fieldset>
    </div>
  );
}

/** A field that is not the same. */
export interface Difference {
  field: keyof Details;
  words: string;
  before: string;
  after: string;
}

const WORDS: Record<keyof Details, string> = {
  name: "Name",
  category: "Aisle",
  size: "Size",
  labels: "Fit for",
  limit: "Household limit a week",
};

const FIELDS = Object.keys(WORDS) as (keyof Details)[];

const shown = (details: Details, field: keyof Details): string => {
  if (field === "labels") return details.labels.map(label).join(", ") || "everybody";
  if (field === "limit") return String(details.limit ?? "no limit");
  return details[field];
};

/** What was changed from one version to another. */
export const differences = (before: Details, after: Details): Difference[] =>
  FIELDS.filter((field) => shown(before, field) !== shown(after, field)).map((field) => ({
    field,
    words: WORDS[field],
    before: shown(before, field),
    after: shown(after, field),
  }));
