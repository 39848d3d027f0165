// An app's Home tab for the person who looks: what the app published for them, with working elements. Opening the tab
// tells the app, which may then publish a new view; the one that is there is shown at once.

import { h, reconcile, refill } from "./dom.js";
import { renderBlocks } from "./blocks.js";
import { avatar } from "./people.js";
import { shown } from "./text.js";
import { ValueBook } from "./values.js";

export class Home {
  #opened = null;
  #values = new ValueBook();

  constructor({ main, store, interactions, sync }) {
    Object.assign(this, { store, interactions, sync });
    this.head = h("div", { class: "pane-head" });
    this.content = h("div", {
      class: "home-content",
      tabindex: "0",
      "data-region": "home",
      "data-testid": "home",
      "aria-label": "Home tab",
      role: "region",
      "data-region-entry": true,
    });
    this.section = h("section", { class: "home", hidden: true }, this.head, this.content);
    main.append(this.section);
    store.on(["route", "home", "directory", "apps"], () => this.#draw());
  }

  #draw() {
    const { as, app: id } = this.store.get("route");
    // Only an app this person has: right after a switch the address may still name one of another company.
    const app = id && this.store.get("apps")?.find((candidate) => candidate.id === id);
    this.section.hidden = !app;
    if (!app) {
      this.#opened = null;
      return;
    }
    if (this.#opened !== `${as} ${id}`) this.#enter(as, app);
    const home = this.store.get("home");
    if (home?.app === id) this.#show(app, home.view);
  }

  #enter(as, app) {
    this.#opened = `${as} ${app.id}`;
    this.#values = new ValueBook();
    refill(
      this.head,
      avatar({ name: app.name, isApp: true }),
      h(
        "div",
        { class: "pane-title" },
        h("h2", { "data-testid": "home-title" }, shown(app.name)),
        h("p", { class: "hint" }, "Home tab · only you see this"),
      ),
    );
    refill(this.content, h("p", { class: "empty" }, "Opening…"));
    this.interactions.attempt("home/open", { app_id: app.id }).then(() => this.sync.refreshHome());
  }

  #show(app, view) {
    const signature = JSON.stringify([view?.id, view?.blocks, this.store.get("directory").version]);
    const key = view?.id ?? "none";
    this.content.dataset.viewId = key;
    reconcile(this.content, [{ key, signature, make: () => this.#make(app, view) }]);
  }

  #make(app, view) {
    if (!view) return h("p", { class: "empty" }, shown(app.name), " has not published a Home tab for you yet.");
    const ctx = this.interactions.context({ container: { type: "view", view_id: view.id }, values: this.#values });
    return h("div", { tabindex: "-1" }, renderBlocks(view.blocks, ctx));
  }
}
