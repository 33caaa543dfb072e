// Adds to a page that tells everything without it: a score slider, filters, and a closer look.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const get = (id) => document.getElementById(id);
  const data = JSON.parse(get("data").textContent);
  const at = { score: data.start, label: "", truth: true, detections: true, errorsOnly: false };

  const figures = all("figure.frame").map((figure) => ({
    figure,
    item: figure.closest(".item"),
    start: Number(figure.closest(".item").dataset.start ?? data.start),
    numbers: numbersOf(figure),
    classes: all("[data-of]", figure).map((entry) => ({
      entry, label: entry.dataset.of, field: entry.querySelector("[data-count]"),
    })),
    boxes: all("[data-k]", figure).map((element) => ({
      element,
      copy: "copy" in element.dataset,
      score: element.dataset.s === undefined ? null : Number(element.dataset.s),
      foundAt: element.dataset.f === undefined ? Infinity : Number(element.dataset.f || -1),
      kind: element.dataset.k,
      label: element.dataset.c,
    })),
  }));
  const sums = new Map(all(".item").filter((item) => item.querySelector("[data-sum]")).map(
    (item) => [item, numbersOf(item.querySelector("[data-sum]"))]));

  function numbersOf(root) {
    return Object.fromEntries(all("[data-n]", root).map((field) => [field.dataset.n, field]));
  }

  function say(field, text) {
    if (field && field.textContent !== text) field.textContent = text;
  }

  function count(field, number) {
    say(field, words(number));
    const ending = field && field.nextElementSibling;
    if (ending && "plural" in ending.dataset) ending.hidden = number === 1;
  }

  function words(number, decimals = 4) {
    if (number !== 0 && Math.abs(number) < 10 ** -decimals) return number.toPrecision(3);
    return number.toLocaleString("en-GB", { maximumFractionDigits: decimals }).replace("-", "\u2212");
  }

  function threshold(score = at.score) {
    const short = score.toFixed(2);
    return Number(short) === score ? short : String(score);
  }

  // --- Boxes ---

  for (const line of all(".frame g > .line:first-child")) {
    const halo = line.cloneNode();
    halo.setAttribute("class", "halo");
    line.before(halo);
  }

  function missed(box, score) {
    return box.score === null && box.foundAt <= score;
  }

  function drawn(box, score) {
    if (at.label && box.label !== at.label) return false;
    if (box.kind === "finding") return true;
    if (box.score === null) return at.errorsOnly ? missed(box, score) : at.truth;
    return box.score > score && (at.errorsOnly ? box.kind === "false" : at.detections);
  }

  function drawBoxes() {
    const total = new Map();
    for (const { figure, item, start, numbers, classes, boxes } of figures) {
      // A rule with another threshold opens at that, until the slider is moved.
      const score = at.score === data.start ? start : at.score;
      let detections = 0, wrong = 0, truth = 0, lost = 0, labelled = !at.label;
      const over = new Map();
      for (const box of boxes) {
        box.element.classList.toggle("off", !drawn(box, score));
        box.element.classList.toggle("missed", missed(box, score));
        if (box.copy || (at.label && box.label !== at.label)) continue;
        labelled = true;
        if (box.score === null) {
          truth += 1;
          if (missed(box, score)) lost += 1;
        } else if (box.score > score) {
          detections += 1;
          over.set(box.label, (over.get(box.label) || 0) + 1);
          if (box.kind === "false") wrong += 1;
        }
      }
      figure.hidden = !labelled;
      for (const { entry, label, field } of figure.classList.contains("detected") ? classes : []) {
        const count = over.get(label) || 0;
        entry.classList.toggle("off", !count && !("annotated" in entry.dataset));
        say(field, words(count));
      }
      count(numbers.detections, detections);
      count(numbers.false, wrong);
      count(numbers.truth, truth);
      count(numbers.missed, lost);
      const sum = total.get(item) || { score, figures: 0, detections: 0, wrong: 0, truth: 0, lost: 0 };
      sum.figures += labelled ? 1 : 0;
      sum.detections += detections;
      sum.wrong += wrong;
      sum.truth += truth;
      sum.lost += lost;
      total.set(item, sum);
    }
    for (const [item, fields] of sums) {
      const sum = total.get(item);
      if (!sum) continue;
      count(fields.figures, sum.figures);
      say(fields.threshold, threshold(sum.score));
      count(fields.detections, sum.detections);
      count(fields.false, sum.wrong);
      count(fields.truth, sum.truth);
      count(fields.missed, sum.lost);
    }
  }

  // --- What rules would measure ---

  const lines = new Map();
  for (const line of all("[data-rule]")) {
    const { rule } = line.dataset;
    lines.set(rule, [...(lines.get(rule) || []), line]);
  }

  // The values of a threshold hold until the next one.
  function place(axis) {
    let found = -1;
    while (found + 1 < axis.length && axis[found + 1] <= at.score + 1e-9) found += 1;
    return found;
  }

  function measured(measure, place) {
    const value = measure.values[place], held = measure.held[place];
    const limit = (measure.relation === "<=" ? "limit " : "floor ") + words(measure.limit);
    if (held === null || held === undefined) return { text: `${measure.name} not defined, ${limit}`, passed: false };
    const passed = measure.relation === "<=" ? held <= measure.limit : held >= measure.limit;
    let said = words(held);
    if (held !== measure.limit && said === words(measure.limit)) said = String(held);
    const bound = measure.bound ? `${value === null ? "" : words(value)}, ${measure.bound} ` : "";
    return { text: `${measure.name} ${bound}${said}, ${limit}`, passed };
  }

  function judge() {
    const places = data.axes.map(place);
    const moved = at.score !== data.start;
    let failing = 0;
    for (const rule of data.rules) {
      const found = places[rule.axis];
      const told = found < 0 ? [] : rule.measures.map((measure) => measured(measure, found));
      const passes = rule.others && told.every((one) => one.passed);
      if (found >= 0 && !passes) failing += 1;
      const score = found < 0 ? null : data.axes[rule.axis][found];
      const text = found < 0
        ? `at ${threshold()}: not measured`
        : `at ${score.toFixed(2)}: ${told.map((one) => one.text).join("; ")} – would ${passes ? "pass" : "fail"}`;
      for (const line of lines.get(rule.row) || []) {
        line.hidden = !moved;
        line.classList.toggle("ok", passes);
        line.classList.toggle("bad", !passes);
        say(line, moved ? text : "");
      }
    }
    const rules = data.rules.length;
    if (!rules) return;
    const more = data.left_out ? ` (${words(data.left_out)} more are not in this page)` : "";
    const which = rules === 1 ? "the rule that depends" : `${words(failing)} of the ${words(rules)} rules that depend`;
    const would = rules === 1 && !failing ? "pass" : "fail";
    say(get("tuned"), moved
      ? `At ${threshold()}, ${which} on it would ${would}${more}. The verdict of the run stays.`
      : `${words(rules)} ${rules === 1 ? "rule depends" : "rules depend"} on this threshold${more}.`);
  }

  // --- Charts: the line that moves ---

  const charts = all("svg[data-score-axis]").map((chart) => ({
    line: chart.querySelector(".moving"),
    zero: Number(chart.dataset.x0),
    one: Number(chart.dataset.x1),
  })).filter((chart) => chart.line);

  function moveLines() {
    for (const { line, zero, one } of charts) {
      const x = (zero + at.score * (one - zero)).toFixed(1);
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
      line.setAttribute("visibility", "visible");
    }
  }

  // --- The slider ---

  const slider = get("score");
  let waiting = false;

  function update() {
    waiting = false;
    say(get("score-now"), threshold());
    get("score-reset").disabled = at.score === data.start;
    slider.setAttribute("aria-valuetext", `score over ${threshold()}`);
    drawBoxes();
    judge();
    moveLines();
  }

  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(update);
  }

  if (slider) {
    get("tuner").hidden = false;
    document.body.classList.add("tunable");
    slider.addEventListener("input", () => { at.score = Number(slider.value); soon(); });
    get("score-reset").addEventListener("click", () => {
      at.score = data.start;
      slider.value = data.start;
      slider.focus();
      soon();
    });
    for (const [id, name] of [["show-truth", "truth"], ["show-detections", "detections"], ["errors-only", "errorsOnly"]]) {
      get(id).addEventListener("input", () => {
        at[name] = get(id).checked;
        get("show-detections").disabled = get("show-truth").disabled = at.errorsOnly;
        soon();
      });
    }
    update();
  }

  // --- Filters ---

  const filters = get("filters");
  const rows = all(".ruletable tbody tr");
  const items = new Map(all(".item").map((item) => [item.id.replace("evidence-", "rule-"), item]));
  const texts = new Map();
  // Groups open for what is looked for, and close again; not for so much that it is no find.
  const parts = all(".rules > .part, .rules > .part > .part, .rules > .ruletable").map((part) => ({ part, open: false }));
  const FEW = 100;
  let searching = false;

  function filter() {
    const verdict = get("by-verdict").value;
    const wanted = get("by-text").value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      if (wanted && !texts.has(row)) texts.set(row, row.textContent.toLowerCase());
      const fits = (!verdict || row.classList.contains(`v-${verdict}`)) && (!wanted || texts.get(row).includes(wanted));
      row.hidden = !fits;
      if (fits) shown += 1;
      const item = items.get(row.id);
      if (item) item.hidden = !fits;
    }
    if (wanted && !searching) for (const one of parts) one.open = one.part.open;
    for (const { part, open } of parts) {
      const found = part.querySelectorAll("tbody tr:not([hidden])").length;
      part.hidden = !found;
      if (part.tagName === "DETAILS" && (wanted || searching)) {
        part.open = open || (wanted !== "" && found <= FEW);
      }
    }
    searching = wanted !== "";
    const every = shown === rows.length;
    say(get("filtered"), every ? "" : `Showing ${words(shown)} of ${words(rows.length)} rules`);
  }

  function byClass() {
    at.label = get("by-class").value;
    for (const row of all("tr[data-c]")) row.hidden = Boolean(at.label) && row.dataset.c !== at.label;
    drawBoxes();
  }

  if (filters) {
    filters.hidden = rows.length < 2;
    filters.open = matchMedia("(min-width: 52.01rem)").matches;
    get("by-verdict").addEventListener("input", filter);
    get("by-text").addEventListener("input", filter);
    if (get("by-class")) get("by-class").addEventListener("input", byClass);
  }

  // --- A closer look ---

  const zoom = get("zoom");
  let looking = null;

  function look(figure) {
    looking = figure;
    const stage = figure.querySelector(".stage").cloneNode(true);
    for (const button of all(".larger", stage)) button.remove();
    const caption = document.createElement("div");
    caption.append(...[...figure.querySelector("figcaption").childNodes].map((node) => node.cloneNode(true)));
    caption.className = `caption ${figure.className}`;
    get("zoom-stage").replaceChildren(stage, caption);
    const button = figure.querySelector(".larger");
    say(get("zoom-title"), button.textContent.replace("Enlarge ", ""));
    const beside = neighbours();
    get("zoom-back").disabled = !beside.back;
    get("zoom-on").disabled = !beside.on;
    if (!zoom.open) zoom.showModal();
  }

  function neighbours() {
    const among = all("figure", looking.closest(".item")).filter((figure) => !figure.hidden && figure.querySelector(".larger"));
    const place = among.indexOf(looking);
    return { back: among[place - 1], on: among[place + 1] };
  }

  function turn(to) {
    const figure = neighbours()[to];
    if (figure) look(figure);
  }

  if (zoom && typeof zoom.showModal === "function") {
    for (const button of all(".larger")) {
      button.hidden = false;
      button.closest(".stage").addEventListener("click", () => look(button.closest("figure")));
    }
    get("zoom-close").addEventListener("click", () => zoom.close());
    get("zoom-back").addEventListener("click", () => turn("back"));
    get("zoom-on").addEventListener("click", () => turn("on"));
    zoom.addEventListener("click", (event) => { if (event.target === zoom) zoom.close(); });
    zoom.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") turn("back");
      if (event.key === "ArrowRight") turn("on");
    });
    zoom.addEventListener("close", () => {
      get("zoom-stage").replaceChildren();
      looking.querySelector(".larger").focus();
    });
  }

  // --- Links into what is closed or filtered away ---

  function reveal() {
    const target = document.querySelector(":target");
    if (!target) return;
    for (let up = target; up; up = up.parentElement) {
      if (up.tagName === "DETAILS") up.open = true;
      up.hidden = false;
    }
    target.scrollIntoView();
  }

  addEventListener("hashchange", reveal);
  if (location.hash) reveal();
})();
