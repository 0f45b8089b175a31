// Draws a blast radius. Positions come from the server; this only shows them and answers the pointer.
"use strict";

const COLOURS = {
  seed: "#b3261e", certain: "#d9643f", likely: "#d8a031", possible: "#9aa7a2", recovers: "#2f8f5b",
};

function draw(container) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const soft = style.getPropertyValue("--soft").trim();
  const surface = style.getPropertyValue("--surface").trim();
  const elements = JSON.parse(document.getElementById(container.dataset.elements).textContent);
  const rows = elements.map((element) => element.position?.y).filter((y) => y !== undefined);
  const height = Math.max(...rows) - Math.min(...rows) + 150;
  container.style.height = `${Math.min(520, Math.max(190, height))}px`;
  const graph = cytoscape({
    container,
    elements,
    layout: { name: "preset", padding: 28, fit: true },
    minZoom: 0.25, maxZoom: 2.5, userZoomingEnabled: false, autoungrabify: true, boxSelectionEnabled: false,
    style: [
      { selector: "node", style: {
        "shape": "round-rectangle", "width": "data(width)", "height": 42, "text-max-width": "220px",
        "text-wrap": "wrap", "label": "data(label)", "text-valign": "center", "font-size": 12,
        "font-family": "system-ui, sans-serif", "color": ink, "background-color": surface, "border-width": 2.5,
        "border-color": (node) => COLOURS[node.data("tone")] } },
      { selector: "node[tone = 'seed']", style: { "background-color": COLOURS.seed, "color": "#ffffff", "font-weight": "bold" } },
      { selector: "edge", style: {
        "width": 1.6, "line-color": soft, "target-arrow-color": soft, "target-arrow-shape": "triangle",
        "curve-style": "bezier", "arrow-scale": 0.9, "opacity": 0.75 } },
      { selector: "edge[tone = 'possible']", style: { "line-style": "dashed" } },
      { selector: ".far", style: { "opacity": 0.18 } },
      { selector: ".path", style: { "opacity": 1, "width": 3 } },
    ],
  });
  const tip = document.getElementById(container.dataset.tip);
  const plain = tip.textContent;
  const show = (node) => {
    const path = node.predecessors().union(node);
    graph.elements().addClass("far");
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
  addEventListener("resize", () => graph.fit(undefined, 28));
}

document.querySelectorAll(".picture").forEach(draw);
