// Draws a blast radius. Layers and places come from the server; the room on the page decides which way they run.
"use strict";

const PADDING_PX = 22;
const LAYER_GAP_PX = 44;
const PLACE_GAP_PX = 16;
const SMALLEST_ZOOM = 0.8;   // 13 px text stays above 10 px; what then does not fit can be scrolled to
const LARGEST_ZOOM = 1.1;

function tones(style) {
  const value = (name) => style.getPropertyValue(name).trim();
  return {
    seed: value("--tone-seed"), certain: value("--tone-certain"), likely: value("--tone-likely"),
    possible: value("--tone-possible"), recovers: value("--tone-recovers"), fix: value("--accent"),
  };
}

// Put the layers side by side (`across`) or under each other, and tell how much room that takes.
function arranged(nodes, across) {
  const along = across ? "width" : "height";
  const beside = across ? "height" : "width";
  const sizes = new Map();
  let step = 0;
  for (const node of nodes) {
    sizes.set(node.layer, Math.max(sizes.get(node.layer) ?? 0, node[along]));
    step = Math.max(step, node[beside] + PLACE_GAP_PX);
  }
  const middles = new Map();
  let end = 0;
  for (const layer of [...sizes.keys()].sort((a, b) => a - b)) {
    middles.set(layer, end + sizes.get(layer) / 2);
    end += sizes.get(layer) + LAYER_GAP_PX;
  }
  const positions = {};
  for (const node of nodes) {
    const [a, b] = [middles.get(node.layer), node.place * step];
    positions[node.id] = across ? { x: a, y: b } : { x: b, y: a };
  }
  const places = nodes.map((node) => node.place);
  const breadth = (Math.max(...places) - Math.min(...places) + 1) * step;
  const length = end - LAYER_GAP_PX;
  return { positions, width: across ? length : breadth, height: across ? breadth : length };
}

function draw(container) {
  const canvas = container.querySelector(".canvas");
  const elements = JSON.parse(document.getElementById(container.dataset.elements).textContent);
  const nodes = elements.filter((element) => !element.data.source).map((element) => element.data);
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(name).trim();
  const tone = tones(style);
  const graph = cytoscape({
    container: canvas,
    elements,
    layout: { name: "preset" },
    userZoomingEnabled: false, userPanningEnabled: false, autoungrabify: true, boxSelectionEnabled: false,
    style: [
      { selector: "node", style: {
        "shape": "round-rectangle", "width": "data(width)", "height": "data(height)", "text-wrap": "wrap",
        "label": "data(label)", "text-valign": "center", "font-size": 13, "line-height": 1.25,
        "font-family": "system-ui, sans-serif", "color": value("--ink"), "background-color": value("--surface"),
        "border-width": 2.5, "border-color": (node) => tone[node.data("tone")] } },
      { selector: "node[tone = 'seed']", style: { "background-color": tone.seed, "color": value("--tone-seed-ink") } },
      { selector: "node[tone = 'fix']", style: { "background-color": tone.fix, "color": value("--accent-ink") } },
      { selector: "edge", style: {
        "width": 1.8, "line-color": value("--soft"), "target-arrow-color": value("--soft"), "curve-style": "bezier",
        "target-arrow-shape": "triangle", "arrow-scale": 1, "opacity": 0.8 } },
      { selector: "edge[tone = 'possible']", style: { "line-style": "dashed" } },
      { selector: ".far", style: { "opacity": 0.2 } },
      { selector: ".path", style: { "opacity": 1, "width": 3 } },
    ],
  });

  function place() {
    const room = container.clientWidth - 2 * PADDING_PX;
    const across = arranged(nodes, true);
    const down = arranged(nodes, false);
    const chosen = across.width * SMALLEST_ZOOM <= room || down.width > across.width ? across : down;
    const zoom = Math.min(LARGEST_ZOOM, Math.max(SMALLEST_ZOOM, room / chosen.width));
    const width = Math.max(container.clientWidth, chosen.width * zoom + 2 * PADDING_PX);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${chosen.height * zoom + 2 * PADDING_PX}px`;
    graph.resize();
    graph.nodes().positions((node) => chosen.positions[node.id()]);
    graph.zoom(zoom);
    graph.center();
  }

  const tip = document.getElementById(container.dataset.tip);
  const plain = tip.textContent;
  const show = (node) => {
    const path = node.predecessors().union(node);
    graph.elements().removeClass("path").addClass("far");
    path.removeClass("far");
    path.edges().addClass("path");
    tip.textContent = node.data("reason");
  };
  const clear = () => {
    graph.elements().removeClass("far path");
    tip.textContent = plain;
  };
  graph.on("mouseover tap", "node", (event) => show(event.target));
  graph.on("mouseout", "node", clear);
  graph.on("tap", (event) => { if (event.target === graph) clear(); });
  document.querySelectorAll(`[data-node-of="${container.id}"]`).forEach((row) => {
    const node = graph.nodes().filter((candidate) => candidate.data("members").includes(row.dataset.node));
    row.addEventListener("focus", () => show(node));
    row.addEventListener("blur", clear);
    row.addEventListener("mouseenter", () => show(node));
    row.addEventListener("mouseleave", clear);
  });
  place();
  addEventListener("resize", place);
  container.dataset.drawn = graph.nodes().length;
}

document.querySelectorAll(".picture").forEach(draw);
