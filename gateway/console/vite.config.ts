// Build of the console. It adds operations.json, the manifest of documents for gateways that take trusted documents only, and
// build.json, hashes of the sources and of the built files, so that a test without Node sees whether they match.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { formatDocument, stringifyDocument } from "@urql/core";
import { defineConfig, type Plugin, runnerImport } from "vite";
import type * as operations from "./src/api/operations";

const here = import.meta.dirname;
const sources = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "public", "src"];
const generated = "src/api/schema.d.ts"; // by gql.tada, from the SDL

function files(path: string): string[] {
  try {
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [path];
  }
}

const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");

function hashes(roots: string[], base: string): Record<string, string> {
  const paths = roots.flatMap((root) => files(join(base, root))).map((path) => relative(base, path));
  const hashed = paths.filter((path) => path !== generated && path !== "build.json").sort();
  return Object.fromEntries(hashed.map((path) => [path, sha256(readFileSync(join(base, path)))]));
}

/** Documents by SHA-256 of their text, as urql sends it. */
async function documents(): Promise<Record<string, string>> {
  const { module } = await runnerImport<typeof operations>(join(here, "src/api/operations/index.ts"));
  const operationDocuments = Object.values(module).filter(({ definitions }) =>
    definitions.some(({ kind }) => kind === "OperationDefinition"),
  );
  const texts = operationDocuments.map((document) => stringifyDocument(formatDocument(document)));
  return Object.fromEntries(texts.map((text) => [sha256(text), text]).sort());
}

function buildManifests(): Plugin {
  return {
    name: "build-manifests",
    apply: "build",
    async closeBundle() {
      writeFileSync(join(here, "dist", "operations.json"), `${JSON.stringify(await documents(), null, 2)}\n`);
      const lines = Object.entries(hashes(sources, here)).map(([path, hash]) => `${hash}  ${path}\n`);
      const build = { sources: sha256(lines.join("")), files: hashes(["."], join(here, "dist")) };
      writeFileSync(join(here, "dist", "build.json"), `${JSON.stringify(build, null, 2)}\n`);
    },
  };
}

export default defineConfig({
  base: "/console/",
  plugins: [buildManifests()],
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0, reportCompressedSize: false },
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:8000", ws: true }, "/uploads": "http://127.0.0.1:8000" } },
});
