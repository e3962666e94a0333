// Charts: small drawings of numbers, each with the numbers beside it for whoever cannot see it.

export interface Bar {
  label: string;
  value: number;
  /** What is said of it when one points at it. */
  about: string;
}

const WIDTH = 640;
const HEIGHT = 200;
const LEFT = 34;
const BOTTOM = 24;
const TOP = 18;

/** The next round number: a scale that ends there has lines at whole numbers. */
function roundUp(most: number): number {
  const steps = [4, 8, 12, 20, 40, 60, 80, 100];
  const power = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, most))) - 1);
  return power * (steps.find((step) => step * power >= most) ?? 100);
}

/** Bars over time, the last one now. */
export function BarsOverTime({
  title,
  bars,
  every,
}: {
  title: string;
  bars: Bar[];
  every: number;
}) {
  const most = roundUp(Math.max(0, ...bars.map((bar) => bar.value)));
  const step = (WIDTH - LEFT) / bars.length;
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
  return (
    <figure className="card chart">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        {[0, most / 2, most].map((line) => (
          <g key={line}>
            <line className="grid" x1={LEFT} x2={WIDTH} y1={y(line)} y2={y(line)} />
            <text x={LEFT - 8} y={y(line) + 4} textAnchor="end">
              {line}
            </text>
          </g>
        ))}
        {bars.map(({ label, value, about }, place) => {
          const x = LEFT + place * step;
          const isNow = place === bars.length - 1;
          // The last one would be cut off where the drawing ends.
          const isWide = isNow && label.length > 3;
          return (
            <g key={place} className={isNow ? "bar-now" : "bar-then"}>
              <title>{about}</title>
              <rect className="whole" x={x} y={TOP} width={step} height={HEIGHT - TOP - BOTTOM} />
              <rect
                className="part"
                x={x + step * 0.16}
                y={y(value)}
                width={step * 0.68}
                height={y(0) - y(value)}
                rx={Math.min(3, step * 0.15)}
              />
              {(bars.length - 1 - place) % every === 0 && (
                <text
                  x={isWide ? WIDTH : x + step / 2}
                  y={HEIGHT - 6}
                  textAnchor={isWide ? "end" : "middle"}
                >
                  {label}
                </text>
              )}
            </g>
          );
        })}
      </svg>
      <Numbers title={title} bars={bars} />
    </figure>
  );
}

/** Bars side by side, the longest first. */
export function BarsByName({ title, bars }: { title: string; bars: Bar[] }) {
  const most = Math.max(1, ...bars.map((bar) => bar.value));
  return (
    <figure className="card chart">
      <figcaption>{title}</figcaption>
      <ul className="named-bars">
        {bars.map(({ label, value, about }) => (
          <li key={label} title={about}>
            <span>{label}</span>
            <span className="number">{value}</span>
            <progress value={value} max={most} aria-hidden="true" />
          </li>
        ))}
      </ul>
    </figure>
  );
}

function Numbers({ title, bars }: { title: string; bars: Bar[] }) {
  return (
    <table className="unseen">
      <caption>{title}</caption>
      <tbody>
        {bars.map(({ label, about }, place) => (
          <tr key={place}>
            <th scope="row">{label}</th>
            <td>{about}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
