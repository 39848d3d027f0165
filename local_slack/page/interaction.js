// What happens when someone uses an element: ask the element's own question if it has one, tell the server, and show what
// goes wrong. A second click is sent like the first one: keeping double clicks harmless is the app's job, and this page is
// where that is tried.

import { announce, toast } from "./a11y.js";
import { ApiError } from "./api.js";
import { confirmDialog } from "./dialogs.js";
import { textObject, textString } from "./inline.js";
import { shown } from "./text.js";

/** Makes block contexts (see blocks.js) for messages and views. */
export class Interactions {
  constructor({ api, store }) {
    Object.assign(this, { api, store });
  }

  /** A context for one container (a message or a view) with the values entered in it. */
  context({ container, values, errors = {} }) {
    const directory = this.store.get("directory");
    return {
      directory,
      values,
      errors,
      act: (action) => this.#act({ ...action, container, directory, values }),
      suggest: ({ block, element, query }) =>
        this.#suggest({ container, block_id: block.block_id, action_id: element.action_id, query }),
    };
  }

  async #act({ block, element, value, container, directory, values }) {
    if (element.confirm && !(await askFirst(element.confirm, directory))) {
      announce("Cancelled");
      return false;
    }
    await this.#reportEntered(container, values);
    return this.attempt("click", { container, block_id: block.block_id, action_id: element.action_id, value });
  }

  /** An action's payload carries what has been entered so far, so the server must know it before the click. */
  async #reportEntered(container, values) {
    for (const { block, element, value } of values.takeUnreported()) {
      // A half-typed address or number may be refused here; the submit will say so beside the input.
      await this.api
        .post("click", { container, block_id: block.block_id, action_id: element.action_id, value })
        .catch(() => {});
    }
  }

  /** Post to the server; a refusal becomes a notice. Resolves to whether it worked. */
  async attempt(path, body) {
    try {
      await this.api.post(path, body);
      return true;
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      toast(problem.message, "problem");
      return false;
    }
  }

  async #suggest(body) {
    const answer = await this.api.post("options", body);
    return { options: answer.options, option_groups: answer.option_groups };
  }
}

function askFirst(question, directory) {
  return confirmDialog({
    title: shown(textString(question.title)),
    body: [textObject(question.text, directory)],
    confirm: shown(textString(question.confirm) || "Yes"),
    deny: shown(textString(question.deny) || "No"),
    isDanger: question.style === "danger",
  });
}
