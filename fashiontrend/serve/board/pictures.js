/** Pictures with boxes on them; a picture is loaded shortly before it becomes visible. */

import { pictureAddress } from "./api.js";
import { all, h, s } from "./dom.js";
import { t } from "./language.js";

const soon = new IntersectionObserver(
  (entries) =>
    entries
      .filter((e) => e.isIntersecting)
      .forEach(({ target }) => {
        soon.unobserve(target);
        load(/** @type {HTMLImageElement} */ (target));
      }),
  { rootMargin: "300px" },
);

/**
 * A picture from the server.
 * @param {{path: string | null, boxes: number[][], alt: string, fit?: "cover" | "contain"}} what
 *   boxes as fractions x0, y0, x1, y1
 */
export function picture({ path, boxes, alt, fit = "cover" }) {
  if (!path) return missing(alt);
  const image = /** @type {HTMLImageElement} */ (h("img", { alt, "data-path": path, decoding: "async" }));
  image.addEventListener("error", () => image.parentElement?.replaceWith(missing(alt)));
  soon.observe(image);
  return frame(image, boxes, fit);
}

/** A picture that the reader chose. @param {File} file @param {number[][]} boxes @param {string} alt */
export function ownPicture(file, boxes, alt) {
  const image = /** @type {HTMLImageElement} */ (h("img", { alt, src: URL.createObjectURL(file) }));
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  return frame(image, boxes, "contain");
}

/** Load every picture now, for printing. */
export function loadAll() {
  all("img[data-path]").forEach(load);
}

async function load(image) {
  const path = image.dataset.path;
  if (!path) return;
  delete image.dataset.path;
  try {
    image.src = await pictureAddress(path);
    await image.decode().catch(() => {});
    if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  } catch {
    image.dispatchEvent(new Event("error"));
  }
}

/**
 * The picture and its boxes get the same fit: CSS `cover` is SVG `slice`, and `contain` is `meet`. If a part is cut
 * off, it is on the side away from the garment.
 */
function frame(image, boxes, fit) {
  const framed = h("span", { class: `picture ${fit}` }, image);
  const [x0, y0, x1, y1] = boxes[0] ?? [0, 0, 1, 1];
  const [x, y] = [side((x0 + x1) / 2), side((y0 + y1) / 2)];
  image.style.objectPosition = `${x.part} ${y.part}`;
  image.addEventListener(
    "load",
    () => {
      const { naturalWidth: w, naturalHeight: height } = image;
      if (!w || !boxes.length) return;
      framed.append(
        s(
          "svg",
          {
            viewBox: `0 0 ${w} ${height}`,
            "aria-hidden": "true",
            preserveAspectRatio: `x${x.name}Y${y.name} ${fit === "cover" ? "slice" : "meet"}`,
          },
          boxes.flatMap((box) => ["halo", "box"].map((name) => outline(name, box, w, height))),
        ),
      );
    },
    { once: true },
  );
  return framed;
}

/** The alignment, for CSS and for SVG, of a picture whose garment is centred at this fraction. @param {number} centre */
function side(centre) {
  if (centre < 0.42) return { part: "0%", name: "Min" };
  return centre > 0.58 ? { part: "100%", name: "Max" } : { part: "50%", name: "Mid" };
}

function outline(name, [x0, y0, x1, y1], w, height) {
  return s("rect", {
    class: name,
    x: x0 * w,
    y: y0 * height,
    width: (x1 - x0) * w,
    height: (y1 - y0) * height,
  });
}

const missing = (alt) =>
  h(
    "span",
    { class: "picture none", role: "img", "aria-label": `${alt}. ${t("no_picture")}` },
    h("span", { "aria-hidden": "true" }, t("no_picture")),
  );
