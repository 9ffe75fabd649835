/* Looks at a page from inside: added to each one by the tests. Answers are data, so that a failure says where. */
"use strict";

window.violations = [];
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  window.violations.push(`${violatedDirective} ${blockedURI}`),
);

const FOCUSABLE = "a[href], summary, pre[tabindex='0']";

const isSeen = (element) =>
  element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true }) && !element.closest(".hidden, .skip");

const describeElement = (element) =>
  `${element.nodeName.toLowerCase()}.${element.getAttribute("class") ?? ""} ${JSON.stringify(element.textContent.trim().slice(0, 40))}`;

function channels(colour) {
  const [red = 0, green = 0, blue = 0, alpha = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return { red, green, blue, alpha };
}

function luminance({ red, green, blue }) {
  const [r, g, b] = [red, green, blue]
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function groundOf(element) {
  for (let at = element; at; at = at.parentElement) {
    const ground = channels(getComputedStyle(at).backgroundColor);
    if (ground.alpha === 1) return ground;
    if (ground.alpha !== 0) throw new Error(`a ground that is half seen through: ${describeElement(at)}`);
  }
  return channels(getComputedStyle(document.documentElement).backgroundColor);
}

function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

window.look = {
  /* What has text of its own, or is drawn, and differs too little from its ground: 4.5 for text, 3 for shapes (WCAG 2.2, 1.4.3 and 1.4.11). */
  faint() {
    const hasText = (element) =>
      [...element.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim() !== "");
    const texts = [...document.body.querySelectorAll("*")].filter((element) => hasText(element) && isSeen(element));
    const shapes = [...document.querySelectorAll("svg.shape")].filter(isSeen);
    const measure = (element, property, least, ground) => {
      const ratio = contrast(channels(getComputedStyle(element)[property]), ground);
      return ratio >= least ? [] : [`${ratio.toFixed(2)} ${describeElement(element)}`];
    };
    return {
      count: texts.length + shapes.length,
      faint: [
        ...texts.flatMap((element) => measure(element, "color", 4.5, groundOf(element))),
        ...shapes.flatMap((shape) => measure(shape, "stroke", 3, groundOf(shape.parentElement))),
      ],
    };
  },

  /* How far the page can be scrolled sideways, and what reaches out of it. */
  width() {
    const edge = document.documentElement.clientWidth;
    const out = [...document.querySelectorAll("main *, header *, footer *")].filter(
      (element) => isSeen(element) && !element.closest(".log") && element.getBoundingClientRect().right > edge + 1,
    );
    return { over: document.documentElement.scrollWidth - edge, out: out.map(describeElement) };
  },

  focusables: () =>
    [...document.querySelectorAll(FOCUSABLE)]
      .filter((element) => element.checkVisibility())
      .map((element) => describeElement(element)),

  focused() {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    return {
      what: describeElement(element),
      outline: outlineStyle === "none" ? 0 : Number.parseFloat(outlineWidth),
      contrast: contrast(channels(outlineColor), groundOf(element.parentElement)),
      isOnScreen: box.bottom > 0 && box.top < innerHeight && box.width > 1,
    };
  },

  /* What a person who listens to the page would stumble over. */
  flaws() {
    const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map(({ nodeName }) => Number(nodeName[1]));
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    const flaw = (holds, words) => (holds ? [words] : []);
    const all = (selector) => [...document.querySelectorAll(selector)];
    const isNamed = (element) => (element.getAttribute("aria-label") ?? element.textContent).trim() !== "";
    return [
      ...flaw(document.documentElement.lang !== "en", "no lang"),
      ...flaw(document.title.trim() === "", "no title"),
      ...flaw(levels.filter((level) => level === 1).length !== 1, `h1: ${levels.join(" ")}`),
      ...flaw(
        levels[0] !== 1 || levels.some((level, i) => level - (levels[i - 1] ?? 0) > 1),
        `order: ${levels.join(" ")}`,
      ),
      ...flaw(new Set(ids).size !== ids.length, `an id twice: ${ids.join(" ")}`),
      ...["header", "main", "footer"].flatMap((name) => flaw(all(`body > ${name}`).length !== 1, `not one ${name}`)),
      ...all("nav").flatMap((nav) => flaw(!nav.getAttribute("aria-label"), "a nav without a name")),
      ...all("table").flatMap((table) => flaw(!table.caption?.textContent.trim(), "a table without a caption")),
      ...all("th").flatMap((th) => flaw(!["col", "row"].includes(th.scope), `no scope: ${describeElement(th)}`)),
      ...all("th, td").flatMap((cell) => flaw(!cell.getAttribute("role"), `no role: ${describeElement(cell)}`)),
      ...all("a, summary").flatMap((one) => flaw(!isNamed(one), `no name: ${one.outerHTML}`)),
      ...all("svg").flatMap((svg) => flaw(svg.getAttribute("aria-hidden") !== "true", "a picture that is read out")),
      ...all("[aria-labelledby]").flatMap((one) =>
        flaw(
          !document.getElementById(one.getAttribute("aria-labelledby")),
          `labelled by nothing: ${describeElement(one)}`,
        ),
      ),
      ...all("dl").flatMap((dl) =>
        flaw(
          [...dl.children].some(({ nodeName }) => nodeName !== "DIV"),
          "a dl with more than its pairs",
        ),
      ),
      ...all("time").flatMap((time) => flaw(Number.isNaN(Date.parse(time.dateTime)), `no time: ${time.outerHTML}`)),
      ...all("[style], style, script:not([src])").flatMap((one) =>
        flaw(true, `in place: ${one.outerHTML.slice(0, 80)}`),
      ),
    ];
  },
};
