// Draws the diagrams of a page with Mermaid, and anew when the reader changes between light and dark.

const diagrams = [...document.querySelectorAll("pre.diagram")].map((place) => ({ place, text: place.textContent }));
const dark = matchMedia("(prefers-color-scheme: dark)");
const natural = { useMaxWidth: false }; // a wide one is scrolled, and stays readable

function isDark() {
  const chosen = document.body.dataset.theme;
  return chosen === "dark" || (chosen !== "light" && dark.matches);
}

async function draw() {
  const theme = isDark() ? "dark" : "neutral";
  mermaid.initialize({
    startOnLoad: false, securityLevel: "strict", theme, flowchart: natural, sequence: natural, state: natural,
  });
  for (const [index, { place, text }] of diagrams.entries()) {
    const { svg } = await mermaid.render(`diagram-${index}`, text);
    place.replaceChildren(new DOMParser().parseFromString(svg, "text/html").body.firstChild);
    place.dataset.drawn = theme;
  }
}

draw();
dark.addEventListener("change", draw);
new MutationObserver(draw).observe(document.body, { attributeFilter: ["data-theme"] });
