/** Drag an item of a list by its handle, with a mouse, a pen or a finger. */

/** Let a handle drag its item among its siblings; `done` gets the place where it is let go, counted from 0. */
export function draggable(item, handle, done) {
  handle.addEventListener("pointerdown", (down) => {
    if (down.button !== 0) return;
    handle.setPointerCapture(down.pointerId);
    item.classList.add("dragged");
    const start = down.clientY;
    const middles = [...item.parentElement.children].map((other) => middle(other));
    const from = [...item.parentElement.children].indexOf(item);
    const moving = (event) => item.style.setProperty("--by", `${event.clientY - start}px`);
    const over = (event) => {
      handle.removeEventListener("pointermove", moving);
      item.classList.remove("dragged");
      item.style.removeProperty("--by");
      const to = middles.filter((middle, place) => place !== from && middle < event.clientY).length;
      if (event.type === "pointerup" && to !== from) done(to);
    };
    handle.addEventListener("pointermove", moving);
    for (const end of ["pointerup", "pointercancel"]) handle.addEventListener(end, over, { once: true });
  });
}

function middle(element) {
  const { top, height } = element.getBoundingClientRect();
  return top + height / 2;
}
