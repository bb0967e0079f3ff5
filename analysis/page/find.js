// Finding trials: a reader points at pictures, or steps through them with the arrow keys, and filters tables by words.
// Without this script the page says the same. The script stores nothing and asks nobody.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const layers = [];
  const form = document.querySelector("form.find");
  const rows = [...document.querySelectorAll("details.trials tbody tr")];
  const numberOf = (row) => Number(row.cells[0].textContent);
  const rowOf = new Map(rows.map((row) => [numberOf(row), row]));

  function make(name, attributes, parent) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  }

  // A layer over a picture: the place that a reader points at is drawn on the layer, and told below the picture.
  class Layer {
    constructor(figure, found) {
      this.found = found;
      this.lines = found[0].points.length > 2; // a line a trial; else points at each N
      this.at = -1;
      this.picture = figure.querySelector("img");
      const label = `${this.picture.alt}: arrow keys step through it, Enter finds the trial in the table`;
      this.svg = make("svg", { class: "layer", tabindex: 0, role: "application", "aria-label": label }, this.picture.parentNode);
      make("rect", { class: "veil", width: "100%", height: "100%" }, this.svg);
      this.shown = make("g", {}, this.svg);
      this.pointed = make("g", {}, this.svg);
      this.told = document.createElement("p");
      this.told.className = "told";
      this.told.setAttribute("aria-live", "polite");
      this.hint = this.lines
        ? "Point at a line, or step from the best trial to the worst with the arrow keys. Click or Enter: find it in the table."
        : "Point at the curve, or step along it with the arrow keys. Click or Enter: find its trial in the table.";
      this.told.textContent = this.hint;
      figure.querySelector(".card").after(this.told);
      this.svg.addEventListener("pointermove", (event) => this.point(this.nearest(event)));
      this.svg.addEventListener("pointerdown", (event) => this.point(this.nearest(event)));
      this.svg.addEventListener("pointerleave", () => document.activeElement !== this.svg && this.point(-1));
      this.svg.addEventListener("click", () => this.choose());
      this.svg.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => this.draw()).observe(this.picture);
      this.only = null;
    }

    get there() { // the places that can be pointed at: all, or those of trials that the filter keeps
      return this.only && this.lines ? this.found.filter((each) => this.only.has(each.trial)) : this.found;
    }

    place([x, y]) { // in pixels of the layer: the card may be padded
      const box = this.picture.getBoundingClientRect(), own = this.svg.getBoundingClientRect();
      return [box.left - own.left + x * box.width, box.top - own.top + y * box.height];
    }

    nearest(event) {
      const own = this.svg.getBoundingClientRect();
      const x = event.clientX - own.left, y = event.clientY - own.top;
      let best = -1, least = this.lines ? 30 : Infinity;
      this.found.forEach((each, k) => {
        if (this.only && this.lines && !this.only.has(each.trial)) return;
        const points = each.points.map((point) => this.place(point));
        const far = this.lines ? distance(points, x, y) : Math.abs(points[0][0] - x);
        if (far < least) [best, least] = [k, far];
      });
      return best;
    }

    point(k) {
      if (k === this.at) return;
      this.at = k;
      const each = this.found[k];
      this.told.textContent = each ? each.words : this.hint;
      this.draw();
      for (const row of document.querySelectorAll("tr.pointed")) row.classList.remove("pointed");
      if (each) rowOf.get(each.trial)?.classList.add("pointed");
    }

    choose() {
      if (this.at >= 0) ask(`trial=${this.found[this.at].trial}`);
    }

    key(event) {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) {
        const there = this.there, last = there.length - 1;
        const now = there.indexOf(this.found[this.at]);
        const next = now < 0 ? (step > 0 ? 0 : last) : Math.min(Math.max(now + step, 0), last);
        this.point(this.found.indexOf(there[next]));
      } else if (event.key === "Enter") this.choose();
      else if (event.key === "Escape") this.point(-1);
      else return;
      event.preventDefault();
    }

    show(only) {
      this.only = only;
      this.svg.classList.toggle("some", this.lines && only !== null);
      this.draw();
    }

    draw() {
      this.shown.replaceChildren();
      this.pointed.replaceChildren();
      const line = (each, parent, kind) => {
        const points = each.points.map((point) => this.place(point));
        make("polyline", { class: kind, points: points.map((point) => point.join()).join(" ") }, parent);
        if (!this.lines) for (const [cx, cy] of points) make("circle", { class: kind, cx, cy, r: 4 }, parent);
      };
      if (this.lines && this.only) for (const each of this.there) line(each, this.shown, "shown");
      const each = this.found[this.at];
      if (!each) return;
      if (!this.lines) {
        const [x] = this.place(each.points[0]);
        make("line", { class: "pointed", x1: x, x2: x, y1: 0, y2: "100%", opacity: 0.6 }, this.pointed);
      }
      line(each, this.pointed, "pointed");
    }
  }

  function distance(points, x, y) { // from a place to a line through points, in pixels
    let least = Infinity;
    for (let k = 1; k < points.length; k++) {
      const [[x0, y0], [x1, y1]] = [points[k - 1], points[k]];
      const dx = x1 - x0, dy = y1 - y0;
      const t = Math.min(Math.max(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1), 0), 1);
      least = Math.min(least, Math.hypot(x0 + t * dx - x, y0 + t * dy - y));
    }
    return least;
  }

  // `width=64 dropout<0.3 relu`: a row must meet all of the words. A column may be named by its beginning.
  function tests(text) {
    return text.trim().split(/\s+/).filter(Boolean).map((word) => {
      const [, name, sign, value] = word.match(/^([^<>=]+)(<=|>=|<|>|=)(.+)$/) ?? [];
      if (!sign) return (row) => [...row.cells].some((cell) => cell.textContent.toLowerCase().includes(word.toLowerCase()));
      const plain = (text) => text.toLowerCase().replaceAll(/[\s_]/g, "");
      const heads = rows.length ? [...rows[0].cells].map((cell) => plain(cell.dataset.head)) : [];
      const exact = heads.indexOf(plain(name));
      const k = exact >= 0 ? exact : heads.findIndex((head) => head.startsWith(plain(name)));
      return (row) => k >= 0 && holds(row.cells[k].textContent, sign, value);
    });
  }

  function holds(text, sign, value) {
    const a = Number(text), b = Number(value);
    if (Number.isNaN(a) || Number.isNaN(b) || text === "") return sign === "=" && text.toLowerCase() === value.toLowerCase();
    return { "=": a === b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b }[sign];
  }

  function ask(text) {
    if (!form) return;
    form.querySelector("input").value = text;
    filter();
    form.scrollIntoView({ block: "nearest" });
  }

  function filter() {
    const all = tests(form.querySelector("input").value);
    const kept = rows.filter((row) => all.every((test) => test(row)));
    const only = all.length ? new Set(kept.map(numberOf)) : null;
    for (const row of rows) row.hidden = only !== null && !only.has(numberOf(row));
    document.querySelector("details.trials").open = only !== null;
    for (const layer of layers) layer.show(only);
    const best = kept.length ? `, the best of them trial ${numberOf(kept[0])}` : "";
    form.querySelector("output").textContent = only
      ? `${kept.length} of ${rows.length} trials${best}`
      : `All ${rows.length} trials are shown. Conditions and words are joined by spaces, as in: ${form.querySelector("input").placeholder}`;
  }

  for (const figure of document.querySelectorAll("figure")) {
    const data = figure.querySelector("script");
    if (data) layers.push(new Layer(figure, JSON.parse(data.textContent)));
  }
  for (const row of rows) {
    const tell = (on) => () => layers.filter((layer) => layer.lines).forEach(
      (layer) => layer.point(on ? layer.found.findIndex((each) => each.trial === numberOf(row)) : -1));
    row.addEventListener("pointerenter", tell(true));
    row.addEventListener("pointerleave", tell(false));
  }
  if (form && rows.length) {
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector("input").addEventListener("input", filter);
    filter();
  }
})();
