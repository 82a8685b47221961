// Stripe's own library for Node against the local Stripe: node stripe_node.mjs URL. Prints what came of it as JSON.
import { createServer } from "node:http";
import Stripe from "stripe";

const { hostname, port } = new URL(process.argv[2]);
const stripe = new Stripe("sk_test_node", { host: hostname, port, protocol: "http", maxNetworkRetries: 2 });
const said = {};

const charge = await stripe.charges.create({ amount: 2000, currency: "usd", source: "tok_visa" });
said.charge = [charge.status, charge.amount];

try {
  await stripe.charges.create({ amount: 2000, currency: "usd", source: "tok_visa_chargeDeclinedInsufficientFunds" });
} catch (error) {
  said.decline = [error.type, error.code, error.decline_code, error.statusCode];
}

const key = { idempotencyKey: `node-${charge.id}` };
const twice = [];
for (let n = 0; n < 2; n += 1) {
  twice.push((await stripe.charges.create({ amount: 700, currency: "usd", source: "tok_visa" }, key)).id);
}
said.idempotent = twice[0] === twice[1];
try {
  await stripe.charges.create({ amount: 800, currency: "usd", source: "tok_visa" }, key);
} catch (error) {
  said.otherParameters = error.type;
}

const intent = await stripe.paymentIntents.create({
  amount: 3000,
  currency: "usd",
  automatic_payment_methods: { enabled: true, allow_redirects: "never" },
});
const paid = await stripe.paymentIntents.confirm(intent.id, { payment_method: "pm_card_visa" });
said.intent = [intent.status, paid.status, paid.amount_received];

const refund = await stripe.refunds.create({ charge: charge.id, amount: 500 });
said.refund = [refund.status, refund.amount, (await stripe.charges.retrieve(charge.id)).amount_refunded];

const owner = await stripe.customers.create({ source: "tok_visa" });
for (let n = 0; n < 5; n += 1) await stripe.charges.create({ amount: 500 + n, currency: "usd", customer: owner.id });
said.paged = [];
for await (const each of stripe.charges.list({ customer: owner.id, limit: 2 })) said.paged.push(each.amount);

const heard = new Promise((resolve) => {
  const hook = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      response.end();
      hook.close();
      resolve({ body: Buffer.concat(parts).toString(), signature: request.headers["stripe-signature"] });
    });
  });
  hook.listen(0, "127.0.0.1", async () => {
    const url = `http://127.0.0.1:${hook.address().port}/hook`;
    said.endpoint = await stripe.webhookEndpoints.create({ url, enabled_events: ["charge.succeeded"] });
    await stripe.charges.create({ amount: 900, currency: "usd", source: "tok_visa" });
  });
});
const { body, signature } = await heard;
const { id, secret } = said.endpoint;
delete said.endpoint;
await stripe.webhookEndpoints.del(id);
const event = stripe.webhooks.constructEvent(body, signature, secret);
said.webhook = [event.type, event.data.object.amount];
try {
  stripe.webhooks.constructEvent(body.replace("900", "1"), signature, secret);
} catch (error) {
  said.altered = error.type;
}

console.log(JSON.stringify(said));
process.exit(0);
