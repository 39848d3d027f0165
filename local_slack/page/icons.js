// The page's own few icons, drawn here so that they look the same whatever fonts a machine has. Decoration only: every
// control that shows one has a name in words.

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  lock: "M5 9h10v7H5zM7 9V7a3 3 0 0 1 6 0v2",
  clip: "M14 7l-6 6a1.8 1.8 0 0 0 2.6 2.6l6-6a3.6 3.6 0 0 0-5.1-5.1l-6 6a5.4 5.4 0 0 0 7.6 7.6l4-4",
  eye: "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5zM10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  image: "M3 4h14v12H3zM3 13l4-4 4 4 2-2 4 4M13 7.5h.01",
  plus: "M10 4v12M4 10h12",
  smile: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM7.5 8.5h.01M12.5 8.5h.01M7 11.5c1.5 2.2 4.500 2.200 6 0",
  reply: "M8 5L4 9l4 4M4 9h7a5 5 0 0 1 5 5v1",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  close: "M5 5l10 10M15 5L5 15",
  down: "M6 8l4 4 4-4",
  back: "M12 5l-5 5 5 5",
  app: "M4 4h5v5H4zM11 4h5v5h-5zM4 11h5v5H4zM11 11h5v5h-5z",
};

/** An icon by name, hidden from assistive technology. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({
    viewBox: "0 0 20 20",
    width: "18",
    height: "18",
    class: `icon icon-${name}`,
    "aria-hidden": "true",
    focusable: "false",
  }))
    svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
