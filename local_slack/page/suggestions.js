// The list above the composer while a command or a name is being typed: a listbox driven from the text field, which
// keeps the focus. What is suggested, and when, is the caller's business.

import { h, uniqueId } from "./dom.js";
import { shown } from "./text.js";

export class Suggestions {
  #options = [];
  #start = 0;
  #active = 0;

  /** `source(text, caret)` answers {start, options: [{insert, title, detail}]} or null. */
  constructor(input, source) {
    this.input = input;
    this.source = source;
    this.node = h("ul", {
      id: uniqueId("suggestions"),
      role: "listbox",
      class: "suggestions",
      hidden: true,
      "aria-label": "Suggestions",
      "data-testid": "suggestions",
      onmousedown: (event) => event.preventDefault(),
    });
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", this.node.id);
    input.addEventListener("input", () => this.#refresh());
    input.addEventListener("blur", () => this.#close());
  }

  /** Handle a key of the field; true if it was for the list. Enter on a finished word is the composer's. */
  onKey(event) {
    if (this.node.hidden || event.isComposing) return false;
    const last = this.#options.length - 1;
    if (event.key === "ArrowDown") this.#activate(this.#active === last ? 0 : this.#active + 1);
    else if (event.key === "ArrowUp") this.#activate(this.#active === 0 ? last : this.#active - 1);
    else if (event.key === "Escape") this.#close();
    else if ((event.key === "Tab" && !event.shiftKey) || (event.key === "Enter" && !event.shiftKey && !this.#isTyped()))
      this.#choose(this.#active);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #isTyped() {
    const typed = this.input.value.slice(this.#start, this.input.selectionStart);
    return this.#options[this.#active].insert.trim() === typed;
  }

  #refresh() {
    const found = this.source(this.input.value, this.input.selectionStart);
    if (!found?.options.length) return this.#close();
    this.#options = found.options;
    this.#start = found.start;
    this.node.replaceChildren(
      ...found.options.map((option, index) =>
        h(
          "li",
          {
            role: "option",
            id: uniqueId("suggestion"),
            class: "option",
            "data-testid": "suggestion",
            onclick: () => this.#choose(index),
          },
          h("span", { class: "option-text" }, shown(option.title)),
          h("span", { class: "option-description" }, shown(option.detail)),
        ),
      ),
    );
    this.node.hidden = false;
    this.#activate(0);
  }

  #activate(index) {
    this.#active = index;
    [...this.node.children].forEach((row, at) => {
      row.classList.toggle("is-active", at === index);
      row.setAttribute("aria-selected", String(at === index));
    });
    this.node.children[index].scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", this.node.children[index].id);
  }

  #choose(index) {
    const { insert } = this.#options[index];
    this.input.setRangeText(insert, this.#start, this.input.selectionStart, "end");
    this.#close();
  }

  #close() {
    this.node.hidden = true;
    this.node.replaceChildren();
    this.#options = [];
    this.input.removeAttribute("aria-activedescendant");
  }
}
