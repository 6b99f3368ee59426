// The audits of graphql-http, against a server over HTTP: https://github.com/graphql/graphql-http
import { auditServer } from "graphql-http";

const results = await auditServer({ url: `${process.argv[2]}/graphql` });
const failed = results.filter((each) => each.status !== "ok");
console.log(JSON.stringify({
  passed: results.length - failed.length,
  all: results.length,
  failed: failed.map((each) => `${each.status}: ${each.name}: ${each.reason}`),
}));
process.exit(0);
