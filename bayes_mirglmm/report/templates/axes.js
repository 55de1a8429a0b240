// Scales and axes.

function linear([from, to], [start, end]) {
  const span = to - from || 1;
  return (value) => start + ((value - from) / span) * (end - start);
}

function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!isNumber(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

// Round numbers between two ends, about `count` of them.
function niceTicks([from, to], count) {
  const raw = (to - from) / Math.max(count, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) || 10);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + 1e-9 * step; i += 1) {
    ticks.push({ at: i * step, text: withMinus((i * step).toFixed(digits)) });
  }
  return ticks;
}

// Ticks of a log10 axis: powers of ten, with as many values between them as it takes for three ticks.
function logTicks([from, to]) {
  const every = Math.max(1, Math.ceil((to - from) / 6));
  let ticks = [];
  for (const factors of [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]]) {
    ticks = [];
    for (let power = Math.floor(from); power <= Math.ceil(to); power += 1) {
      for (const factor of power % every ? [] : factors) ticks.push(Math.log10(factor) + power);
    }
    ticks = ticks.filter((at) => at >= from - 1e-9 && at <= to + 1e-9);
    if (ticks.length >= 3) return ticks.map((at) => ({ at, text: roundText(10 ** at) }));
  }
  const within = niceTicks([10 ** from, 10 ** to], 4);
  return within.filter(({ at }) => at > 0).map(({ at, text }) => ({ at: Math.log10(at), text }));
}

function roundText(value) {
  if (value >= 1e7 || value < 1e-3) return withMinus(value.toExponential(0));
  return Number(value.toPrecision(2)).toLocaleString("en", { maximumSignificantDigits: 2 });
}

// Ticks whose numbers have room beside those before them.
function roomy(scale, ticks) {
  let end = -Infinity;
  return ticks.filter(({ at, text }) => {
    const half = 3.6 * text.length;
    if (scale(at) - half < end + 4) return false;
    end = scale(at) + half;
    return true;
  });
}

function xAxis(scale, ticks, { left, right, top, bottom, label }) {
  return [
    ticks.map(({ at }) => svg("line", { class: "grid", x1: scale(at), x2: scale(at), y1: top, y2: bottom })),
    svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
    ticks.map(({ at, text }) => svg("text", { x: scale(at), y: bottom + 16, "text-anchor": "middle" }, text)),
    label && svg("text", { class: "title", x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle" }, label),
  ];
}

function yAxis(scale, ticks, { left, right, top, label }) {
  return [
    ticks.map(({ at }) => svg("line", { class: "grid", x1: left, x2: right, y1: scale(at), y2: scale(at) })),
    ticks.map(({ at, text }) => svg("text", { x: left - 7, y: scale(at) + 4, "text-anchor": "end" }, text)),
    label && svg("text", { class: "title", x: 0, y: top - 10 }, label),
  ];
}

function shortened(text, length) {
  const letters = [...text];
  return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : text;
}
