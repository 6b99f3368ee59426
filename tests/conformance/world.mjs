// What every client asks, and a way to it that can be cut.
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

export function expect(so, what) {
  if (!so) throw new Error(what);
}

export async function pdf() {
  return new File([await readFile(document)], "lease.pdf", { type: "application/pdf" });
}

export async function staged() {
  const body = await readFile(document);
  const reply = await fetch(`${address}/uploads?filename=lease.pdf`, { method: "PUT", body, headers: { "content-type": "application/pdf", ...credentials } });
  expect(reply.status === 201, `an upload came to ${reply.status}`);
  return (await reply.json()).id;
}

export async function order(title) {
  const ada = { firstName: "Ada", lastName: "Lovelace", email: "ada@people.example" };
  return { provider: "easyink", title, start: false, documents: [{ upload: await staged() }], participants: [ada] };
}

/** Makes a session by no client at all, so that something happens. */
export async function happen(title) {
  const body = JSON.stringify({ query: CREATE, variables: { input: await order(title) } });
  const reply = await fetch(endpoint, { method: "POST", body, headers: { "content-type": "application/json", ...credentials } });
  const { data } = await reply.json();
  expect(data.createSession.problems.length === 0, JSON.stringify(data.createSession.problems));
}

/** A way to the gateway; ``cut`` breaks every connection that goes through it. */
export async function way() {
  const open = new Set();
  const target = new URL(address);
  const server = net.createServer((near) => {
    const far = net.connect(Number(target.port), target.hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
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
 * Follows events through cuts, and makes sure that each is told once. ``subscribe(after, next, lost)`` begins anew behind a
 * cursor, calls ``next`` for each event and ``lost`` when the connection is; it gives a function that ends it.
 */
export async function follows(subscribe, cut, name) {
  const told = [];
  let waiting = () => {};
  let end = () => {};
  let cursor;
  let over = false;
  const begin = async () => {
    if (over) return;
    end = await subscribe(cursor, (event) => {
      cursor = event.cursor;
      if (event.type === "CREATED" && event.session.title.startsWith(name)) told.push(event.session.title);
      waiting();
    }, () => setTimeout(begin, 50));
  };
  const until = async (count) => {
    const ends = Date.now() + 15_000;
    while (told.length < count) {
      expect(Date.now() < ends, `${name}: ${told.length} of ${count} events came: ${told}`);
      await new Promise((done) => { waiting = done; setTimeout(done, 100); });
    }
  };
  await begin();
  await new Promise((done) => setTimeout(done, 300));
  await happen(`${name} 0`);
  await until(1);
  for (let number = 1; number < 4; number++) {
    cut();
    await happen(`${name} ${number}`);
    await until(number + 1);
  }
  over = true;
  end();
  expect(told.join() === [0, 1, 2, 3].map((number) => `${name} ${number}`).join(), `${name}: ${told}`);
  return `${told.length} events through 3 cuts, each once`;
}

/** Waits until something is so. */
export async function settles(so, what) {
  const ends = Date.now() + 30_000;
  while (!so()) {
    expect(Date.now() < ends, what());
    await new Promise((done) => setTimeout(done, 20));
  }
}

export async function report(checks) {
  const done = [];
  for (const [name, check] of Object.entries(checks)) {
    const came = await check();
    done.push(typeof came === "string" ? `${name} (${came})` : name);
  }
  console.log(JSON.stringify(done));
  process.exit(0);
}
