// Files, which come and go by plain HTTP.
import { client } from "./client";
import { DocumentDownload, SignatureDownload } from "./operation";
import { authorization, refused } from "./token";

export interface Staged {
  id: string;
  filename: string | null;
  mediaType: string;
  sizeBytes: number;
}

/** Brings a file to the gateway. Throws with what it says against it. */
export async function stage(file: File): Promise<Staged> {
  const reply = await fetch(`/uploads?filename=${encodeURIComponent(file.name)}`, {
    method: "PUT",
    body: file,
    headers: { "content-type": file.type || "application/octet-stream", ...authorization() },
  });
  if (reply.status === 401) refused.value = true;
  const said = (await reply.json().catch(() => ({}))) as Staged & { problem?: { message: string } };
  if (!reply.ok) throw new Error(said.problem?.message ?? `The gateway did not take the file (${reply.status}).`);
  return said;
}

/** Saves a document, by a link that is made for this once. Throws where there are no bytes. */
export async function saveDocument(id: string): Promise<void> {
  const { data, error } = await client.query(DocumentDownload, { id }, { requestPolicy: "network-only" }).toPromise();
  save(data?.document?.download, error?.message);
}

/** Saves a signature, as `saveDocument` does. */
export async function saveSignature(id: string): Promise<void> {
  const { data, error } = await client.query(SignatureDownload, { id }, { requestPolicy: "network-only" }).toPromise();
  save(data?.node && "download" in data.node ? data.node.download : null, error?.message);
}

function save(download: { url: string; filename: string | null } | null | undefined, failure: string | undefined): void {
  if (!download) throw new Error(failure ?? "The provider has no bytes of this yet.");
  const link = document.createElement("a");
  link.href = download.url;
  link.download = download.filename ?? "";
  link.click();
}
