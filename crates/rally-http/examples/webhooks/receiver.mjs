// A receiver of webhooks: verifies each event, handles it once, and answers soon.
//
// node receiver.mjs PORT, with the webhook's secret in WEBHOOK_SECRET. Port 0 takes any free one; the first line says which.

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const handled = new Set(); // in a database, in the transaction that handles the event

const server = createServer(async (request, response) => {
  // The bytes that were signed are those that came: verify them before any JSON is read.
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString("utf8");
  let event;
  try {
    event = webhook.verify(body, request.headers);
  } catch (error) {
    response.writeHead(400).end(error.message);
    return;
  }
  const id = request.headers["webhook-id"];
  if (!handled.has(id)) {
    handled.add(id);
    console.log(JSON.stringify({ id, type: event.type, sequence: event.sequence }));
  }
  response.writeHead(204).end();
});

server.listen(Number(process.argv[2]), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});
