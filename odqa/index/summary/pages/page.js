"use strict";
const tools = document.querySelector(".tools");
const nodes = [...document.querySelectorAll(".node")];
if (tools && nodes.length) {
  const box = tools.querySelector("input"), told = tools.querySelector("output");
  const own = new Map(nodes.map((node) => {
    const parts = [...node.children].filter((child) => !child.classList.contains("node"));
    return [node, parts.map((part) => part.textContent).join(" ").toLowerCase()];
  }));
  const search = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = new Set(nodes.filter((node) => words.every((word) => own.get(node).includes(word))));
    const shown = new Set();
    for (const hit of hits) for (let at = hit; at; at = at.parentElement.closest(".node")) shown.add(at);
    for (const node of nodes) {
      node.hidden = words.length > 0 && !shown.has(node);
      if (words.length && "open" in node) node.open = shown.has(node);
    }
    told.textContent = words.length ? `${hits.size} of ${nodes.length}` : "";
  };
  box.addEventListener("input", search);
  for (const button of tools.querySelectorAll("button"))
    button.addEventListener("click", () => nodes.forEach((node) => { node.open = button.value === "open"; }));
  tools.hidden = false;
}
const show = () => {
  const cited = /^#d(\d+)-(\d+)-(\d+)$/.exec(location.hash);
  document.querySelectorAll("mark.hit").forEach((mark) => mark.classList.remove("hit"));
  const target = cited && document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  for (const mark of target.closest(".text").querySelectorAll("mark"))
    if (Number(mark.dataset.s) >= Number(cited[2]) && Number(mark.dataset.e) <= Number(cited[3])) mark.classList.add("hit");
  target.scrollIntoView({ block: "center" });
};
addEventListener("hashchange", show);
show();
