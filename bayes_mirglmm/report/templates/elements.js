// Making elements. Names from the data only ever become text nodes or attribute values, never HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function byId(id) {
  return document.getElementById(id);
}

// A canvas of width x height user units that fills its container, and scales with it in print.
function drawing(width, height, label, ...children) {
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label }, ...children);
}

// The width that a picture has on the screen; a sensible one where there is no layout (hidden, print).
function widthOf(element, otherwise = 540) {
  return Math.max(240, Math.round(element.clientWidth || otherwise));
}

const tooltip = {
  show(lines, x, y) {
    const box = byId("tooltip");
    (document.querySelector("dialog[open]") || document.body).append(box);  // above a dialog, not behind it
    box.replaceChildren(el("b", {}, lines[0]), ...lines.slice(1).map((line) => el("div", {}, line)));
    box.hidden = false;
    const { width, height } = box.getBoundingClientRect();
    const left = x + 14 + width > innerWidth - 6 ? x - 14 - width : x + 14;
    const top = y + 14 + height > innerHeight - 6 ? y - 14 - height : y + 14;
    box.style.left = `${Math.max(6, left)}px`;
    box.style.top = `${Math.max(6, top)}px`;
  },
  showAt(element, lines) {
    const box = element.getBoundingClientRect();
    this.show(lines, box.right, box.bottom);
  },
  hide() {
    byId("tooltip").hidden = true;
  },
};

function download(name, text) {
  saveBlob(name, new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
}

function saveBlob(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// Call after the last of a burst of calls.
function settled(action, wait = 150) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, wait);
  };
}
