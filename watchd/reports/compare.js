"use strict";
(function () {
  const stage = document.querySelector(".stage");
  if (!stage || stage.querySelectorAll("img").length < 2) return;
  const images = [...stage.querySelectorAll("img")];
  const after = stage.querySelector(".after img");
  const range = document.querySelector("#at");
  const width = Number(after.dataset.width), height = Number(after.dataset.height);
  document.body.classList.add("scripted");
  stage.classList.add("live");
  let scale = 1, left = 0, top = 0;
  const pointers = new Map();

  function draw() {
    for (const image of images) {
      image.style.width = width + "px";
      image.style.height = height + "px";
      image.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
      image.style.imageRendering = scale > 3 ? "pixelated" : "auto";
    }
    document.querySelector("#zoom").textContent = Math.round(scale * 100) + " %";
  }
  function fit() {
    scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    left = (stage.clientWidth - width * scale) / 2;
    top = (stage.clientHeight - height * scale) / 2;
    draw();
  }
  function zoom(factor, x, y) {
    const next = Math.min(32, Math.max(0.02, scale * factor));
    left = x - (x - left) * next / scale;
    top = y - (y - top) * next / scale;
    scale = next;
    draw();
  }
  function slide(value) {
    range.value = value;
    stage.style.setProperty("--at", range.value + "%");
  }
  function middle() { return [stage.clientWidth / 2, stage.clientHeight / 2]; }
  function within(event) {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  range.addEventListener("input", () => slide(range.value));
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, ...within(event));
  }, { passive: false });
  stage.addEventListener("dblclick", fit);
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, within(event));
  });
  stage.addEventListener("pointermove", (event) => {
    const was = pointers.get(event.pointerId);
    if (!was) return;
    const now = within(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId);
    if (other) {
      const [x, y] = other[1];
      const before = Math.hypot(was[0] - x, was[1] - y), since = Math.hypot(now[0] - x, now[1] - y);
      if (before > 0) zoom(since / before, (now[0] + x) / 2, (now[1] + y) / 2);
    } else {
      left += now[0] - was[0];
      top += now[1] - was[1];
      draw();
    }
    pointers.set(event.pointerId, now);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, (event) => pointers.delete(event.pointerId));
  }
  stage.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (event.key === "+" || event.key === "=") zoom(1.2, ...middle());
    else if (event.key === "-") zoom(1 / 1.2, ...middle());
    else if (event.key === "0") fit();
    else if (event.key in steps) { left += steps[event.key][0]; top += steps[event.key][1]; draw(); }
    else return;
    event.preventDefault();
  });
  document.querySelector("#closer").addEventListener("click", () => zoom(1.5, ...middle()));
  document.querySelector("#further").addEventListener("click", () => zoom(1 / 1.5, ...middle()));
  document.querySelector("#fit").addEventListener("click", fit);
  document.querySelector("#pixels").addEventListener("click", () => zoom(1 / scale, ...middle()));
  const hold = document.querySelector("#hold");
  let kept = null;
  function show() { if (kept === null) { kept = range.value; slide(100); } }
  function release() { if (kept !== null) { slide(kept); kept = null; } }
  hold.addEventListener("pointerdown", show);
  hold.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") show(); });
  for (const name of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) hold.addEventListener(name, release);
  addEventListener("resize", fit);
  slide(50);
  fit();
})();
