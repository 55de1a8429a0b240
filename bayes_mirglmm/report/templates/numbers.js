// Numbers as readers see them, and cells as spreadsheets take them.

const MISSING = "–";

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

function withMinus(text) {
  return text.replace(/-/g, "\u2212");
}

function fixed(value, digits) {
  if (!isNumber(value)) return MISSING;
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : withMinus(text);
}

function signed(value, digits = 2) {
  if (!isNumber(value)) return MISSING;
  const text = fixed(value, digits);
  return value > 0 && Number(text) ? `+${text}` : text;
}

function probability(value) {
  if (!isNumber(value)) return MISSING;
  if (value === 0) return "0";
  return withMinus(value < 0.001 ? value.toExponential(1) : value.toFixed(3));
}

function amount(value) {
  if (!isNumber(value)) return MISSING;
  const size = Math.abs(value);
  if (size >= 1000) return withMinus(Math.round(value).toLocaleString("en"));
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

function interval(lower, upper) {
  return isNumber(lower) && isNumber(upper) ? `${signed(lower)} to ${signed(upper)}` : MISSING;
}

// A log2 fold change as a factor, in words.
function times(log2) {
  if (!isNumber(log2)) return MISSING;
  const factor = 2 ** Math.abs(log2);
  return `${factor < 10 ? factor.toFixed(2) : factor.toFixed(1)} times ${log2 < 0 ? "lower" : "higher"}`;
}

const FORMATS = {
  text: (value) => (value === null || value === undefined || value === "" ? MISSING : String(value)),
  integer: (value) => (isNumber(value) ? withMinus(Math.round(value).toLocaleString("en")) : MISSING),
  number: amount,
  ratio: (value) => fixed(value, 3),
  signed,
  p: probability,
};
FORMATS.name = FORMATS.text;
FORMATS.status = FORMATS.text;

// Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay numbers.
function csvCell(value) {
  if (value === null || value === undefined) return "NA";
  if (typeof value === "number") return String(value);
  let text = String(value);
  if (/^[=+\-@\t\r\n]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function csvText(names, rows) {
  return [names, ...rows].map((cells) => cells.map(csvCell).join(",")).join("\r\n") + "\r\n";
}
