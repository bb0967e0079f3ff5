// The faults of a page that a person would see, as sentences handed to the last argument.
const done = arguments[arguments.length - 1];
const found = [];
const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) found.push(`the page is wider than the page's window: ${root.scrollWidth} px`);
const seen = (element) => element.checkVisibility() && !element.closest("thead");
for (const element of document.querySelectorAll("body *")) {
  if (!seen(element) || element.closest("svg")) continue;
  const box = element.getBoundingClientRect();
  const words = `${element.tagName} ${element.className}`;
  if (box.right > root.clientWidth + 1 || box.left < -1) found.push(`${words} is wider than the page: to ${box.right} px`);
  else if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display === "block")
    found.push(`${words} holds what is wider than the page lets it: ${element.scrollWidth} px`);
}
for (const inner of document.querySelectorAll(".card *")) {
  const box = inner.getBoundingClientRect(), card = inner.closest(".card").getBoundingClientRect();
  if (/^(img|svg|DIV)$/i.test(inner.tagName) && box.bottom > card.bottom + 1) found.push(`${inner.tagName} reaches out of its card`);
}

function light([r, g, b]) {
  const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}
const colour = (text) => text.match(/[\d.]+/g).map(Number);
function ground(element) {
  for (let at = element; at; at = at.parentElement) {
    const own = colour(getComputedStyle(at).backgroundColor);
    if (own.length < 4 || own[3] === 1) return own;
  }
  return [255, 255, 255];
}
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || !element.checkVisibility() || /^(SCRIPT|STYLE)$/.test(element.tagName)) continue;
  const pair = [light(colour(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a);
  const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
  if (contrast < 4.5) found.push(`a contrast of ${contrast.toFixed(2)}: ${node.data.trim().slice(0, 40)}`);
}

const sources = [...document.images].map((image) => image.src);
sources.push(...[...document.querySelectorAll("svg image")].map((image) => image.getAttribute("href")));
if (!sources.length) found.push("no picture at all");
for (const use of document.querySelectorAll("svg use"))
  if (!document.querySelector(use.getAttribute("href"))) found.push(`no picture ${use.getAttribute("href")}`);
Promise.all(
  sources.map(async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode().catch(() => {});
    if (!image.naturalWidth) found.push(`no picture: ${source.slice(0, 40)}`);
  }),
).then(() => done(found));
