"use strict";
(() => {
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Tables: a button in each heading sorts; what is unknown stays last.
  const keyOf = (row, column) => {
    const key = row.cells[column].dataset.sort;
    if (key === undefined) return null;
    const number = Number(key);
    return key === "" || Number.isNaN(number) ? key : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  const sortBy = (table, heading) => {
    const column = heading.cellIndex;
    const isNumber = heading.classList.contains("number");
    const now = heading.getAttribute("aria-sort");
    const next = now ? (now === "ascending" ? "descending" : "ascending")
      : isNumber ? "descending" : "ascending";
    const sign = next === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row, column), row]);
    rows.sort(([a], [b]) =>
      a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b));
    table.tBodies[0].append(...rows.map(([, row]) => row));
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", next);
  };
  const makeSortable = (table) => {
    for (const heading of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", () => sortBy(table, heading));
      heading.replaceChildren(button);
    }
  };

  // Search: rows whose text, or full name, holds what was typed.
  const makeSearchable = (box, table) => {
    const tools = document.createElement("div");
    const label = document.createElement("label");
    const field = document.createElement("input");
    const found = document.createElement("output");
    tools.className = "tools";
    field.type = "search";
    field.placeholder = "part of a name";
    found.setAttribute("aria-live", "polite");
    label.append("Search", field);
    tools.append(label, found);
    box.prepend(tools);
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) =>
      [...row.cells].map((cell) => `${cell.textContent} ${cell.title}`).join(" ").toLowerCase());
    const show = () => {
      const wanted = field.value.trim().toLowerCase();
      let n = 0;
      rows.forEach((row, i) => {
        row.hidden = !texts[i].includes(wanted);
        n += !row.hidden;
      });
      found.textContent = `${n} of ${rows.length} rows`;
    };
    field.addEventListener("input", show);
    show();
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const box = table.closest(".table-box");
    makeSortable(table);
    if (box.dataset.searchable === "true") makeSearchable(box, table);
  }

  // Charts: plotly and figures travel compressed; the browser unpacks them.
  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const loadPlotly = async () => {
    const packed = document.getElementById("plotly-packed");
    const script = document.createElement("script");
    script.textContent = await unpack(packed.textContent.trim());
    document.head.append(script);
    packed.remove();
    if (!window.Plotly) throw new Error("plotly did not start");
  };
  const themed = (layout) => {
    const theme = {
      "font.color": color("--ink"), "hoverlabel.bgcolor": color("--card"),
      "hoverlabel.bordercolor": color("--line"), "hoverlabel.font.color": color("--ink"),
    };
    for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      theme[`${axis}.gridcolor`] = color("--grid");
      theme[`${axis}.zerolinecolor`] = color("--line");
      theme[`${axis}.linecolor`] = color("--line");
    }
    return theme;
  };
  // Error bars take the color of text, which each theme has of its own.
  const themedTraces = (traces) => traces.map((trace) => {
    for (const axis of ["error_x", "error_y"]) {
      if (trace[axis]) trace[axis].color = color("--ink");
    }
    return trace;
  });
  const put = (layout, path, value) => {
    const keys = path.split(".");
    const last = keys.pop();
    keys.reduce((at, key) => (at[key] ??= {}), layout)[last] = value;
  };
  // Charts over the time of the window show the same stretch of it.
  const zoomTogether = (places) => {
    let busy = false;
    for (const place of places) {
      place.on("plotly_relayout", async (change) => {
        const moved = Object.keys(change).some((key) => key.startsWith("xaxis."));
        if (busy || !moved) return;
        busy = true;
        const range = [...place.layout.xaxis.range];
        const others = places.filter((other) => other !== place);
        await Promise.all(others.map((other) => window.Plotly.relayout(other, "xaxis.range", [...range])));
        busy = false;
      });
    }
  };
  const draw = async (figures) => {
    await loadPlotly();
    for (const [id, figure] of Object.entries(figures)) {
      const place = document.getElementById(id);
      const zooms = place.classList.contains("zoom");
      const layout = { ...figure.layout, dragmode: zooms ? "zoom" : false };
      for (const [path, value] of Object.entries(themed(layout))) put(layout, path, value);
      await window.Plotly.newPlot(place, themedTraces(figure.data), layout, {
        responsive: true, displaylogo: false, displayModeBar: false, showTips: false,
      });
    }
    zoomTogether(Object.keys(figures).filter((id) => figures[id].layout.meta === "window-time")
      .map((id) => document.getElementById(id)));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const [id, figure] of Object.entries(figures)) {
        themedTraces(document.getElementById(id).data);
        window.Plotly.relayout(id, themed(figure.layout));
      }
    });
  };
  const data = document.getElementById("figures");
  const done = (state) => { document.documentElement.dataset.charts = state; };
  if (!data) {
    done("none");
    return;
  }
  unpack(data.textContent.trim()).then((text) => draw(JSON.parse(text))).then(() => done("drawn"), (error) => {
    for (const place of document.querySelectorAll(".chart")) {
      const text = document.createElement("p");
      text.className = "unavailable";
      text.textContent = "This browser cannot draw the chart; its numbers are in the tables.";
      place.replaceChildren(text);
    }
    done("failed");
    console.warn(error);
  });
})();
