"use strict";
// What can be pressed on a report. Everything else on the page stands without it.
const numbers = JSON.parse(document.getElementById("numbers").textContent);
const { samples, answers, pictures, report } = numbers;
const MOST = 120, FEW = 24; // pictures of a cell, and of the worst before all are asked for
const get = (id) => document.getElementById(id);

function make(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content.filter((each) => each !== null));
  return made;
}

function picture(index, says) {
  const made = make("span", "pic none");
  if (pictures === null) return made;
  const place = index % (pictures * pictures);
  made.className = `pic s${Math.floor(index / (pictures * pictures))}`;
  made.style.setProperty("--c", place % pictures);
  made.style.setProperty("--r", Math.floor(place / pictures));
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", says);
  return made;
}

function tile(index, kind) {
  const said = answers[kind].said[index];
  const line = make("span", "said", samples.truth[index]);
  if (said !== null) {
    const arrow = make("span", "", "→");
    arrow.setAttribute("role", "img");
    arrow.setAttribute("aria-label", "answer:");
    line.append(" ", arrow, " ", make("b", "", said), make("span", "sure", ` ${answers[kind].sure[index]}`));
  }
  const file = make("span", "file", samples.file[index].split("/").pop());
  file.title = samples.file[index];
  const where = make("span", "file", samples.set[index]);
  const caption = make("figcaption", "", line, file, where);
  return make("figure", "tile", picture(index, `${samples.file[index]}: ${samples.truth[index]}`), caption);
}

// A cell of a matrix opens its pictures.
let opened = null;
for (const cell of document.querySelectorAll(".matrix button")) {
  cell.setAttribute("aria-expanded", "false");
  cell.setAttribute("aria-controls", "cell");
  cell.addEventListener("click", () => {
    const view = get("cell");
    if (opened) opened.setAttribute("aria-expanded", "false");
    view.replaceChildren();
    if (opened === cell) {
      opened = null;
      return;
    }
    opened = cell;
    cell.setAttribute("aria-expanded", "true");
    const { kind, set, truth, said } = cell.dataset;
    const found = samples.file.map((_, index) => index).filter(
      (index) => samples.set[index] === set && samples.truth[index] === truth && answers[kind].said[index] === said,
    );
    const count = Number(cell.textContent.replace(/\D/g, ""));
    const shown = found.slice(0, MOST);
    const few = shown.length < count ? `, ${shown.length} of them shown` : "";
    view.append(
      make("h3", "", `${cell.getAttribute("aria-label")}${few}`),
      make("div", "tiles", ...shown.map((index) => tile(index, kind))),
    );
    view.scrollIntoView({ block: "nearest" });
  });
}

// The worst answers, by set and by what they are.
const filters = document.querySelectorAll(".filters select");
let few = FEW;
function filter() {
  const tiles = [...get("worst").children];
  const fits = (each) => [...filters].every((select) => !select.value || each.dataset[select.dataset.by] === select.value);
  const found = tiles.filter(fits);
  for (const each of tiles) each.hidden = true;
  for (const each of found.slice(0, few)) each.hidden = false;
  get("shown").textContent = `${Math.min(few, found.length)} of ${found.length} shown`;
  get("more").parentElement.hidden = found.length <= few;
}
if (filters.length) {
  for (const select of filters) select.addEventListener("change", filter);
  get("more").addEventListener("click", () => {
    const next = get("worst").children[few];
    few = Infinity;
    filter();
    next.scrollIntoView({ block: "nearest" });
  });
  document.querySelector(".filters").hidden = false;
  filter();
}

// The explorer: the dot that is nearest to the pointer, or the next one in the direction of an arrow key.
const plane = get("plane");
if (plane) {
  const dots = [...plane.querySelectorAll("[data-p]")].map((dot) => ({
    dot, index: Number(dot.dataset.p), x: dot.cx.baseVal.value, y: dot.cy.baseVal.value,
  }));
  const cursor = plane.querySelector(".cursor");
  let current = null, alone = null;
  const candidates = () => dots.filter((each) => alone === null || samples.group[each.index] === alone);
  const show = (each) => {
    if (!each || each === current) return;
    current = each;
    cursor.setAttribute("cx", each.x);
    cursor.setAttribute("cy", each.y);
    get("pointed").replaceChildren(tile(each.index, "int8"));
  };
  const nearest = (x, y, within, allowed = () => true) => {
    let best = null, least = within;
    for (const each of candidates()) {
      const far = Math.hypot(each.x - x, each.y - y);
      if (far < least && allowed(each)) [best, least] = [each, far];
    }
    return best;
  };
  const point = (event) => {
    const box = plane.getBoundingClientRect(), size = plane.viewBox.baseVal.width;
    show(nearest(((event.clientX - box.left) / box.width) * size, ((event.clientY - box.top) / box.height) * size, 30));
  };
  plane.addEventListener("pointermove", point);
  plane.addEventListener("pointerdown", point);
  const ahead = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  plane.addEventListener("keydown", (event) => {
    const way = ahead[event.key];
    if (!way) return;
    event.preventDefault();
    if (!current) return show(nearest(280, 280, Infinity));
    show(nearest(current.x, current.y, Infinity, (each) => {
      const x = each.x - current.x, y = each.y - current.y, along = x * way[0] + y * way[1];
      return along > 0 && along >= Math.abs(x * way[1] - y * way[0]);
    }));
  });
  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const group = Number(button.dataset.group);
      alone = alone === group ? null : group;
      for (const other of document.querySelectorAll(".legend button")) {
        other.setAttribute("aria-pressed", String(Number(other.dataset.group) === alone));
      }
      for (const { dot, index } of dots) dot.classList.toggle("dim", alone !== null && samples.group[index] !== alone);
    });
  }
}

// A threshold to try.
const threshold = get("threshold");
if (threshold) {
  const { answered, right } = report.trust.thresholds[threshold.dataset.set];
  const share = (value) => (value === null ? "none" : `${(100 * value).toFixed(1)} %`);
  const tell = () => {
    const step = Number(threshold.value), value = (step / answered.length).toFixed(2);
    const says = `${value}: ${share(answered[step])} answered, ${share(right[step])} of those right`;
    get("at-threshold").textContent = says;
    threshold.setAttribute("aria-valuetext", says);
  };
  threshold.addEventListener("input", tell);
  threshold.parentElement.hidden = false;
  tell();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = get(button.dataset.copy);
    getSelection().selectAllChildren(text);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected: press Ctrl-C";
    }
  });
}

// Paper shows what is folded away.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => (each.open = true)));
