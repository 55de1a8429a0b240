// Pictures as files: SVG as it is drawn, and PNG at twice its size. What the page's style gives becomes attributes.

const DRAWN = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "opacity",
  "stroke-linejoin", "paint-order", "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline", "visibility", "display"];
const TRANSPARENT = /^(transparent|rgba\(0, 0, 0, 0\))$/;

// One SVG of all that a figure draws, from top to bottom.
function svgOf(figure) {
  const parts = [...figure.querySelectorAll("svg")].filter((part) => !part.closest("figcaption, button"));
  const sizes = parts.map((part) => part.viewBox.baseVal);
  const width = Math.max(...sizes.map((size) => size.width));
  const height = sizes.reduce((sum, size) => sum + size.height, 0);
  const ground = getComputedStyle(document.body).backgroundColor;
  const whole = svg("svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` },
    svg("rect", { width, height, fill: TRANSPARENT.test(ground) ? "white" : ground }));
  let top = 0;
  parts.forEach((part, k) => {
    const copy = part.cloneNode(true);
    const [from, to] = [part, copy].map((one) => [one, ...one.querySelectorAll("*")]);
    from.forEach((element, i) => {
      const style = getComputedStyle(element);
      for (const name of DRAWN) if (style.getPropertyValue(name)) to[i].setAttribute(name, style.getPropertyValue(name));
      to[i].removeAttribute("class");
      to[i].removeAttribute("tabindex");
    });
    whole.append(svg("g", { transform: `translate(0 ${top})` }, [...copy.childNodes]));
    top += sizes[k].height;
  });
  return { text: new XMLSerializer().serializeToString(whole), width, height };
}

function savePng(figure, name) {
  const { text, width, height } = svgOf(figure);
  const image = new Image();
  image.onload = () => {
    const canvas = el("canvas", { width: 2 * width, height: 2 * height });
    canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
    canvas.toBlob((blob) => saveBlob(`${name}.png`, blob), "image/png");
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}

function savable(figure, name) {
  const safe = String(name).replace(/[^\w.+-]+/g, "_");
  figure.append(el("div", { class: "save" },
    el("button", { type: "button", title: "Save this picture as SVG", onclick: () => saveBlob(`${safe}.svg`, new Blob([svgOf(figure).text], { type: "image/svg+xml" })) }, "SVG"),
    el("button", { type: "button", title: "Save this picture as PNG", onclick: () => savePng(figure, safe) }, "PNG")));
}
