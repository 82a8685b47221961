// The checkout page: an order, a payment under one Idempotency-Key, and what became of it in words.
// Whatever happens, a reload, a lost reply, the bank's page, the cure is the same: ask again with the same key.

const $ = (id) => document.getElementById(id);
const PENDING = "payments_lab.pending";
const PATIENCE = 20_000;

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const shown = (amount, currency) => {
  const format = new Intl.NumberFormat("en", { style: "currency", currency: currency.toUpperCase() });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
};

let order = null;

async function call(method, path, body, key) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (key) headers["Idempotency-Key"] = key;
  let reply;
  try {
    reply = await fetch(path, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" });
  } catch {
    note(`${method} ${path} → no answer`);
    return { status: 0, body: {}, message: "The server did not answer." };
  }
  note(`${method} ${path} → ${reply.status}`);
  const answer = reply.status === 204 ? {} : await reply.json().catch(() => ({}));
  const [error] = answer.errors ?? [];
  return { status: reply.status, body: answer, message: error?.message ?? "", code: error?.declineCode };
}

function note(line) {
  const item = document.createElement("li");
  item.textContent = line;
  $("calls").append(item);
}

function show(kind, verdict, words, facts = {}) {
  $("result").className = `result ${kind}`;
  $("verdict").textContent = verdict;
  $("words").textContent = words;
  $("facts").replaceChildren(...Object.entries(facts).flatMap(([name, value]) => {
    const term = document.createElement("dt");
    const description = document.createElement("dd");
    term.textContent = name;
    description.textContent = value;
    return [term, description];
  }));
  $("bank").hidden = $("again").hidden = true;
  $("result").hidden = false;
}

function refresh() {
  const [amount, currency] = order
    ? [order.ticket.price, order.ticket.currency]
    : document.querySelector("[name=ticket]:checked").value.split(" ");
  const open = !order || order.status === "created" || order.status === "awaiting:payment";
  $("pay").textContent = `Pay ${shown(Number(amount), currency)}`;
  $("pay").hidden = !open;
  $("tickets").disabled = Boolean(order);
  $("cancel").hidden = !order || order.status === "cancelled";
  $("another").hidden = !order || open;
}

const pending = {
  get: () => JSON.parse(sessionStorage.getItem(PENDING) ?? "null"),
  set: (value) => sessionStorage.setItem(PENDING, JSON.stringify(value)),
  clear: () => sessionStorage.removeItem(PENDING),
};

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function begin() {
  if (!order) {
    const [price, currency] = document.querySelector("[name=ticket]:checked").value.split(" ");
    const made = await call("POST", "/api/orders", { price: Number(price), currency });
    if (made.status !== 201) return refused(made);
    order = made.body;
    refresh();
  }
  const card = $("method").value;
  const means = document.querySelector("[name=way]:checked").value === "charge"
    ? { token: `tok_${card}` }
    : { paymentMethod: `pm_card_${card}` };
  pending.set({ orderId: order.id, means, key: newKey() });
  return finish();
}

// One payment, asked for until there is an answer: 404 while payments has not heard of the order, 503 while nobody knows.
async function finish() {
  const { orderId, means, key } = pending.get();
  const deadline = Date.now() + PATIENCE;
  let reply;
  do {
    reply = await call("POST", "/api/payments", { orderId, ...means }, key);
    if (![0, 404, 500, 503].includes(reply.status)) break;
    show("wait", "One moment", "The answer is still to come; the page asks again, under the same key.", { order: orderId });
    await sleep(500);
  } while (Date.now() < deadline);
  await tell(reply, orderId);
}

async function tell(reply, orderId) {
  const facts = { order: orderId };
  if (reply.status === 201) {
    pending.clear();
    return paid(reply.body.id);
  }
  if (reply.status === 202) return challenge(reply.body, facts);
  if ([0, 404, 500, 503].includes(reply.status)) {
    show("wait", "Nobody knows yet", `${reply.message} Nothing is taken twice: ask again whenever you like.`, facts);
    $("again").hidden = false;
    return $("again").focus();
  }
  pending.clear();
  if (reply.status === 402) {
    facts["decline code"] = reply.code;
    show("bad", "Declined", `${reply.message} Nothing was taken, and the order is still open: try another card.`, facts);
    return $("method").focus();
  }
  refused(reply, facts);
  return look(orderId);
}

function refused(reply, facts = {}) {
  if (reply.status === 401) return signedOut();
  const words = reply.message.charAt(0).toUpperCase() + reply.message.slice(1);
  return show("bad", "Not paid", `${words}.`, facts);
}

function challenge(payment, facts) {
  const action = payment.nextAction ?? {};
  const page = action.redirect_to_url?.url ?? action.use_stripe_sdk?.stripe_js;
  facts.payment = payment.id;
  facts.status = payment.status;
  if (!page || !/^https?:/.test(page)) {
    show("wait", "Your bank takes its time", "Nothing is to be done here; ask again later.", facts);
    $("again").hidden = false;
    return $("again").focus();
  }
  show("wait", "Your bank asks", "It wants to see that this is you (3-D Secure), and then sends you back here.", facts);
  $("bank").href = page;
  $("bank").hidden = $("again").hidden = false;
  return $("bank").focus();
}

async function look(orderId) {
  const reply = await call("GET", `/api/orders/${encodeURIComponent(orderId)}`);
  if (reply.status === 200) order = reply.body;
  refresh();
  return order;
}

async function paid(paymentId) {
  const deadline = Date.now() + PATIENCE;
  const facts = { order: order.id, payment: paymentId };
  const price = shown(order.ticket.price, order.ticket.currency);
  show("good", "Paid", `${price} has been taken once. The order hears of it by an event…`, facts);
  while ((await look(order.id)).status === "created" && Date.now() < deadline) await sleep(300);
  facts["order status"] = order.status;
  show("good", "Paid", `${price} has been taken once, and the order is ${order.status}.`, facts);
  $("result").focus();
}

async function cancel() {
  const reply = await call("DELETE", `/api/orders/${encodeURIComponent(order.id)}`);
  if (reply.status !== 200) return refused(reply);
  const wasPaid = order.status === "complete";
  order = reply.body;
  pending.clear();
  refresh();
  show("", "Cancelled", wasPaid ? "The order is off, and its money goes back." : "The order is off; it takes no money.", {
    order: order.id,
  });
  return $("another").focus();
}

function another() {
  order = null;
  pending.clear();
  $("result").hidden = true;
  refresh();
  document.querySelector("[name=ticket]:checked").focus();
}

function signedOut() {
  $("who").textContent = "Not signed in";
  $("checkout").hidden = $("sign-out").hidden = true;
  $("result").hidden = true;
  $("sign-in").hidden = false;
  $("token").focus();
}

function signedIn(user) {
  $("who").textContent = `Signed in as ${user}`;
  $("checkout").hidden = $("sign-out").hidden = false;
  $("sign-in").hidden = true;
  refresh();
}

async function signIn(token) {
  const reply = await call("POST", "/api/session", { token: token.trim() });
  if (reply.status === 200) return signedIn(reply.body.userId);
  signedOut();
  $("sign-in-result").textContent = "This server did not sign that, or it is too old. Print a new one.";
  return undefined;
}

async function busily(work) {
  $("pay").disabled = $("cancel").disabled = $("again").disabled = true;
  try {
    await work();
  } finally {
    $("pay").disabled = $("cancel").disabled = $("again").disabled = false;
  }
}

async function start() {
  const token = new URLSearchParams(location.hash.slice(1)).get("session");
  const asked = pending.get();
  // Neither a session nor what Stripe adds to our address stays in the browser's history.
  history.replaceState(null, "", "/");
  if (token) await signIn(token);
  else {
    const reply = await call("GET", "/api/session");
    if (reply.status !== 200) return signedOut();
    signedIn(reply.body.userId);
  }
  if (asked && !$("checkout").hidden && await look(asked.orderId)) await busily(finish);
  return undefined;
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  void signIn($("token").value);
});
$("sign-out").addEventListener("click", async () => {
  await call("DELETE", "/api/session");
  order = null;
  pending.clear();
  signedOut();
});
$("checkout").addEventListener("submit", (event) => {
  event.preventDefault();
  void busily(begin);
});
$("checkout").addEventListener("change", refresh);
$("cancel").addEventListener("click", () => void busily(cancel));
$("another").addEventListener("click", another);
$("again").addEventListener("click", () => void busily(finish));
void start();
