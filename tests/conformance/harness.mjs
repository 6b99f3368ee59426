// Test harness of the stock clients: shared operations, a TCP proxy whose connections can be cut, and a runner of checks.
import { readFile } from "node:fs/promises";
import net from "node:net";

export const [address, document] = process.argv.slice(2);
export const endpoint = `${address}/graphql`;
const credentials = process.env.AUTHORIZATION ? { authorization: process.env.AUTHORIZATION } : {};
export const VIEWER = "query Viewer { viewer { id scopes } }";
export const CREATE = `mutation Create($input: CreateSessionInput!) {
  createSession(input: $input) { session { id title } problems { code message } }
}`;
export const UPLOAD = "mutation Upload($file: Upload!) { uploadFile(file: $file) { upload { id sizeBytes } problems { code message } } }";
export const EVENTS = "subscription Events($after: String) { sessionEvents(after: $after) { cursor type session { id title } } }";

export function assert(condition, message) {
  if (!condition) throw new Error(message);
}

export async function readPdf() {
  return new File([await readFile(document)], "lease.pdf", { type: "application/pdf" });
}

export async function uploadDocument() {
  const body = await readFile(document);
  const response = await fetch(`${address}/uploads?filename=lease.pdf`, { method: "PUT", body, headers: { "content-type": "application/pdf", ...credentials } });
  assert(response.status === 201, `an upload came to ${response.status}`);
  return (await response.json()).id;
}

export async function createInput(title) {
  const ada = { firstName: "Ada", lastName: "Lovelace", email: "ada@people.example" };
  return { provider: "easyink", title, start: false, documents: [{ upload: await uploadDocument() }], participants: [ada] };
}

/** Creates a session by plain HTTP, without the client under test, so that it has an event to receive. */
export async function createSession(title) {
  const body = JSON.stringify({ query: CREATE, variables: { input: await createInput(title) } });
  const response = await fetch(endpoint, { method: "POST", body, headers: { "content-type": "application/json", ...credentials } });
  const { data } = await response.json();
  assert(data.createSession.problems.length === 0, JSON.stringify(data.createSession.problems));
}

/** Starts a TCP proxy to the gateway; `cut` destroys every connection through it. */
export async function startProxy() {
  const open = new Set();
  const target = new URL(address);
  const server = net.createServer((downstream) => {
    const upstream = net.connect(Number(target.port), target.hostname);
    for (const [one, other] of [[downstream, upstream], [upstream, downstream]]) {
      open.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => { open.delete(one); other.destroy(); });
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    address: `127.0.0.1:${server.address().port}/graphql`,
    cut: () => { for (const each of open) each.destroy(); },
    close: () => { server.close(); for (const each of open) each.destroy(); },
  };
}

/**
 * Asserts that a subscription which resumes by cursor receives each event exactly once through three cuts.
 * `subscribe(after, next, lost)` subscribes behind a cursor, calls `next` for each event and `lost` when the connection is
 * lost; it returns the function that unsubscribes.
 */
export async function assertResumesThroughCuts(subscribe, cut, name) {
  const received = [];
  let wake = () => {};
  let unsubscribe = () => {};
  let cursor;
  let stopped = false;
  const resubscribe = async () => {
    if (stopped) return;
    unsubscribe = await subscribe(cursor, (event) => {
      cursor = event.cursor;
      if (event.type === "CREATED" && event.session.title.startsWith(name)) received.push(event.session.title);
      wake();
    }, () => setTimeout(resubscribe, 50));
  };
  const untilReceived = async (count) => {
    const deadline = Date.now() + 15_000;
    while (received.length < count) {
      assert(Date.now() < deadline, `${name}: ${received.length} of ${count} events came: ${received}`);
      await new Promise((done) => { wake = done; setTimeout(done, 100); });
    }
  };
  await resubscribe();
  await new Promise((done) => setTimeout(done, 300));
  await createSession(`${name} 0`);
  await untilReceived(1);
  for (let number = 1; number < 4; number++) {
    cut();
    await createSession(`${name} ${number}`);
    await untilReceived(number + 1);
  }
  stopped = true;
  unsubscribe();
  assert(received.join() === [0, 1, 2, 3].map((number) => `${name} ${number}`).join(), `${name}: ${received}`);
  return `${received.length} events through 3 cuts, each once`;
}

/** Polls a condition until it holds, for half a minute at most. */
export async function waitUntil(condition, describe) {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    assert(Date.now() < deadline, describe());
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Runs checks in order and prints their names, with what they return, as JSON. The first failure ends the process. */
export async function runChecks(checks) {
  const done = [];
  for (const [name, check] of Object.entries(checks)) {
    const detail = await check();
    done.push(typeof detail === "string" ? `${name} (${detail})` : name);
  }
  console.log(JSON.stringify(done));
  process.exit(0);
}
