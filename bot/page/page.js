// Asks the authenticator and sends what it signed back to the page's own address. Decides nothing: the server checks it.
"use strict";

const act = document.getElementById("act");
const said = document.getElementById("said");

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function say(words, kind) {
  said.textContent = words;
  said.className = kind;
  if (kind !== "wait") said.focus();
}

async function asked() {
  const options = JSON.parse(act.dataset.options);
  options.challenge = toBytes(options.challenge);
  const named = (list) => (list || []).map((id) => ({ type: "public-key", id: toBytes(id) }));
  if (act.dataset.ceremony === "get") {
    options.allowCredentials = named(options.allowCredentials);
    const found = await navigator.credentials.get({ publicKey: options });
    return { id: toText(found.rawId), clientDataJSON: toText(found.response.clientDataJSON),
      authenticatorData: toText(found.response.authenticatorData), signature: toText(found.response.signature) };
  }
  options.user.id = toBytes(options.user.id);
  options.excludeCredentials = named(options.excludeCredentials);
  const made = await navigator.credentials.create({ publicKey: options });
  return { id: toText(made.rawId), clientDataJSON: toText(made.response.clientDataJSON),
    attestationObject: toText(made.response.attestationObject) };
}

async function go() {
  const button = document.getElementById("go");
  button.disabled = true;
  say("Waiting for your passkey…", "wait");
  let body;
  try {
    body = await asked();
  } catch (error) {
    const known = { NotAllowedError: "It was called off, took too long, or there is no passkey for this here. Try again.",
      InvalidStateError: "This device holds a passkey of yours for this desk already." };
    say(known[error.name] || "Your browser could not use a passkey here (" + error.name + ").", "bad");
    button.disabled = false;
    return;
  }
  say("Checking…", "wait");
  try {
    const answer = await fetch(location.pathname, { method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body), credentials: "omit", cache: "no-store" });
    const told = await answer.json();
    say(told.message, answer.ok ? "good" : "bad");
    if (answer.ok) act.hidden = true;
    else button.disabled = !told.again;
  } catch {
    say("The desk did not answer. Nothing is known to have been decided: look at the card in Slack.", "bad");
    button.disabled = false;
  }
}

for (const time of document.querySelectorAll("time[data-at]")) {
  const at = new Date(Number(time.dataset.at) * 1000);
  time.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

if (act) {
  if (window.PublicKeyCredential) document.getElementById("go").addEventListener("click", go);
  else {
    document.getElementById("go").disabled = true;
    say("This browser knows no passkeys. Open the link in another one.", "bad");
  }
}
