// The faults panel: what goes wrong on the way to the apps, on demand. The fields follow what the server says it has, so
// a new fault needs no change here.

import { toast } from "./a11y.js";
import { ApiError } from "./api.js";
import { h, refill, uniqueId } from "./dom.js";

const WORDS = {
  duplicate: ["Duplicate", "Each event is delivered twice"],
  reorder: ["Reorder", "Events arrive in another order"],
  drop: ["Drop", "Events get lost"],
  delay_seconds: ["Delay", "Seconds before an event is delivered"],
};

/** The panel, collapsed; it asks the server for the present settings whenever it is opened. */
export function faultsPanel({ api, store }) {
  const form = h("div", { class: "stack" });
  const guarded = async (work) => {
    try {
      await work();
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      toast(problem.message, "problem");
    }
  };
  const load = () => guarded(async () => draw(form, await api.get("faults"), change));
  const change = (name, value) =>
    guarded(async () => {
      await api.post("faults", { [name]: value });
      toast("Faults changed");
    });
  const disconnect = () =>
    guarded(async () => {
      await api.post("faults/disconnect");
      toast("All app connections were cut");
    });
  const panel = h(
    "details",
    { class: "faults", "data-testid": "faults", ontoggle: () => panel.open && store.get("directory") && load() },
    h("summary", {}, "Faults"),
    h("p", { class: "hint" }, "Make delivery to apps go wrong, to see that they cope."),
    form,
    h(
      "button",
      { type: "button", class: "button button-small", "data-testid": "disconnect", onclick: disconnect },
      "Disconnect apps",
    ),
  );
  return panel;
}

function draw(form, answer, change) {
  const settings = Object.entries(answer.faults ?? answer)
    .filter(([, value]) => ["boolean", "number"].includes(typeof value))
    .filter(([name]) => name !== "ok");
  refill(
    form,
    settings.map(([name, value]) => row(name, value, change)),
  );
}

function row(name, value, change) {
  const id = uniqueId("fault");
  const hintId = uniqueId("fault-hint");
  const [label, hint] = WORDS[name] ?? [name.replaceAll("_", " "), ""];
  const isSwitch = typeof value === "boolean";
  const control = h("input", {
    id,
    type: isSwitch ? "checkbox" : "number",
    class: isSwitch ? undefined : "input input-number",
    min: isSwitch ? undefined : "0",
    step: isSwitch ? undefined : "any",
    "aria-describedby": hintId,
    "data-testid": `fault-${name}`,
    onchange: () => change(name, isSwitch ? control.checked : Number(control.value)),
  });
  if (isSwitch) control.checked = value;
  else control.value = String(value);
  return h(
    "div",
    { class: "fault" },
    h("div", { class: "fault-line" }, control, h("label", { for: id }, label)),
    h("p", { class: "hint", id: hintId }, hint),
  );
}
