/** Specs, the project's one name of a configured thing: "hue_shift(degrees=30.0) | negative". */

const literal = (value) =>
  typeof value === "boolean" ? (value ? "True" : "False") : typeof value === "number" ? String(value) : `'${value}'`;

/** A stack as text. */
export const written = (stack) =>
  stack
    .map(({ name, parameters }) => {
      const settings = Object.entries(parameters).map(([key, value]) => `${key}=${literal(value)}`);
      return settings.length ? `${name}(${settings.join(", ")})` : name;
    })
    .join(" | ");

function value(text) {
  const quoted = /^(['"])(.*)\1$/.exec(text);
  if (quoted) return quoted[2];
  if (text === "True" || text === "False") return text === "True";
  return Number(text);
}

/** A text as a stack; what is no spec is left out, as an address may hold anything. */
export function parsed(text) {
  const stages = text.split("|").map((part) => /^\s*(\w+)\s*(?:\((.*)\))?\s*$/.exec(part));
  return stages.filter(Boolean).map(([, name, settings]) => ({
    name,
    parameters: Object.fromEntries(
      [...(settings ?? "").matchAll(/(\w+)\s*=\s*('[^']*'|"[^"]*"|[^,\s]+)/g)].map(([, key, text]) => [key, value(text)]),
    ),
  }));
}
