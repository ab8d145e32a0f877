"use strict";
(() => {
  const known = JSON.parse(document.getElementById("details").textContent);
  const dialog = document.getElementById("atom");
  const at = (name) => dialog.querySelector(`[data-part="${name}"]`);
  const show = (key) => {
    const atom = known.atoms[key];
    at("title").textContent = atom.title;
    at("picture").src = atom.picture;
    at("picture").alt = atom.title;
    at("note").textContent = atom.note;
    at("samples").replaceChildren(...atom.samples.map(([sample, caption]) => {
      const figure = document.createElement("figure");
      const picture = document.createElement("img");
      const text = document.createElement("figcaption");
      picture.src = known.samples[sample];
      picture.alt = caption;
      text.textContent = caption;
      figure.append(picture, text);
      return figure;
    }));
    dialog.showModal();
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-atom]");
    if (button) show(button.dataset.atom);
    if (event.target === dialog) dialog.close();
  });
})();
