"use strict";
for (const viewer of document.querySelectorAll(".viewer")) {
  const slider = viewer.querySelector("input.slice");
  const show = () => {
    for (const frame of viewer.querySelectorAll(".frame")) {
      frame.classList.toggle("on", frame.dataset.slice === slider.value);
    }
    viewer.querySelector("output").value = Number(slider.value) + 1;
  };
  slider.addEventListener("input", show);
  viewer.querySelector(".frames").addEventListener("wheel", (event) => {
    if (!event.ctrlKey && event.shiftKey) {
      slider.value = Number(slider.value) + Math.sign(event.deltaY || event.deltaX);
      show();
      event.preventDefault();
    }
  }, { passive: false });
  for (const box of viewer.querySelectorAll("input[data-layer]")) {
    box.addEventListener("change", () => {
      for (const path of viewer.querySelectorAll(`path.layer-${box.dataset.layer}`)) {
        path.style.display = box.checked ? "" : "none";
      }
    });
  }
  const fade = viewer.querySelector("input.fade");
  const checkerboard = viewer.querySelector("input.checkerboard");
  if (fade) {
    const blend = () => {
      fade.disabled = checkerboard.checked;
      for (const top of viewer.querySelectorAll("g.top")) {
        top.style.opacity = checkerboard.checked ? 1 : fade.value / 100;
        top.style.mask = checkerboard.checked ? `url(#${top.dataset.mask})` : "";
      }
    };
    fade.addEventListener("input", blend);
    checkerboard.addEventListener("change", blend);
    blend();
  }
  for (const row of document.querySelectorAll("tr[data-slice]")) {
    const jump = () => {
      slider.value = row.dataset.slice;
      show();
      viewer.scrollIntoView({ behavior: "smooth", block: "center" });
    };
    row.addEventListener("click", jump);
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") { jump(); } });
  }
}
