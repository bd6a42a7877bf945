/** Numbers with their units, as the report writes them. */

const SPACE = "\u00a0";

/** A share in [0, 1] as "48.3 %"; what would be rounded to 0 or 100 and is neither, as "<0.1 %" or ">99.9 %". */
export function percent(share, decimals = 1) {
  const [text, least] = [(100 * share).toFixed(decimals), 10 ** -decimals];
  const shown = share > 0 && Number(text) === 0 ? `<${least.toFixed(decimals)}` : share < 1 && Number(text) === 100 ? `>${(100 - least).toFixed(decimals)}` : text;
  return `${shown}${SPACE}%`;
}

/** A difference of two shares in points, with its sign: "−51.2 points". */
export function points(difference) {
  const rounded = Math.abs(100 * difference).toFixed(1);
  const sign = rounded === "0.0" ? "±" : difference < 0 ? "−" : "+";
  return `${sign}${rounded}${SPACE}points`;
}

/** A size in pixels. */
export const pixels = (width, height) => `${width}${SPACE}×${SPACE}${height}${SPACE}px`;

/** How many of something: "1 picture", "1,200 pictures". */
export const counted = (n, noun) => `${n.toLocaleString("en-US")}${SPACE}${noun}${n === 1 ? "" : "s"}`;

const signed = (text) => String(text).replace("-", "−");
const decimals = (value) => (Math.abs(value) >= 10 ? 1 : 2);
const plain = (value) => signed(value.toFixed(decimals(value)));

const UNITS = {
  degrees: (value) => `${signed(Number(value.toFixed(1)))}°`,
  share: (value) => percent(value, 0),
  probability: (value) => `${percent(value, 0)} of values`,
  right: (value) => `${signed(percent(value, 0))} of the width`,
  down: (value) => `${signed(percent(value, 0))} of the height`,
  bits: (value) => `${value}${SPACE}${value === 1 ? "bit" : "bits"}`,
  factor: (value) => `×${SPACE}${plain(value)}`,
  threshold: (value) => `${plain(value)} of white`,
  middle: (value) => `${plain(value)} of white`,
  l2: (value) => `L2 norm ${plain(value)}`,
  exponent: (value) => `power ${plain(value)}`,
};

/** The value of a parameter with its unit; what has none (a slope, a seed) is a bare number. */
export function valued(name, value) {
  if (typeof value !== "number") return String(value).replaceAll("_", " ");
  return UNITS[name] ? UNITS[name](value) : Number.isInteger(value) ? signed(value) : plain(value);
}

/** A name of code in words: "hue_shift" is "hue shift". */
export const words = (name) => name.replaceAll("_", " ");
